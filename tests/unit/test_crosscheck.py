"""Profiles against PyTorch's own counter: hand counts of what differs, and rows of docs/models.md made again."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from simulator.profiling.extract import crosscheck as checking
from simulator.profiling.extract.capture import Captured, capture
from simulator.profiling.extract.crosscheck import crosscheck, differences
from simulator.profiling.extract.environment import prepare
from simulator.profiling.extract.sources import Blueprint

pytestmark = pytest.mark.torch
DOCS = Path(__file__).parents[2] / "docs"


class Written(nn.Module):
    """Two linear layers, and a function of them and the input."""

    def __init__(self, function) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False)
        self.second = nn.Linear(8, 8, bias=False)
        self._function = function

    def forward(self, tensor):
        return self._function(self, tensor)


def outcome(monkeypatch: pytest.MonkeyPatch, function, *shape: int, lost: int = 0) -> checking.Outcome:
    """What the check says of a module; ``lost`` MACs are added to what PyTorch's counter has seen."""
    plan = Blueprint("small", "tests:small", lambda: Written(function), shape)

    def captured(given: Blueprint) -> Captured:
        found = capture(given)
        return replace(found, eager_macs=found.eager_macs + lost)

    monkeypatch.setattr(checking, "blueprint", lambda *_: plan)
    monkeypatch.setattr(checking, "capture", captured)
    return crosscheck("tests:small")


def test_equal_counts_are_exact(monkeypatch):
    """Rows of 8 through 8 x 8 twice: 3 x 64 x 2 = 384 on both sides."""
    found = outcome(monkeypatch, lambda m, x: m.second(m.first(x)), 3, 8)
    assert (found.outcome, found.macs, found.counter_macs, found.reason) == ("exact", 384, 384, "")


@pytest.mark.parametrize(
    ("function", "macs", "seen", "reason"),
    [
        # 3 x 64, and 3 x 8 with a vector, which the counter ignores
        (lambda m, x: torch.mv(m.first(x), m.second.weight[0]), 216, 192, "+24 of products of vectors"),
        # every element of 24 with each of 2
        (lambda m, x: torch.kron(m.first(x), m.second.weight[:1, :2]), 240, 192, "+48 of products of vectors"),
        # 2.5 x 8 x log2(8) = 60 for each of three rows, of which one side is real: 90
        (lambda m, x: torch.fft.rfft(m.first(x)).abs(), 282, 192, "+90 of Fourier transforms"),
        # 8 x 8 x 8 from parameters alone; then 3 x 64
        (lambda m, x: x @ (m.first.weight @ m.second.weight), 192, 704, "-512 from parameters alone"),
    ],
)
def test_what_differs_has_a_reason_and_a_number(monkeypatch, function, macs, seen, reason):
    """The parts add up to the difference between the two counts."""
    found = outcome(monkeypatch, function, 3, 8)
    assert (found.outcome, found.macs, found.counter_macs) == ("explained", macs, seen)
    assert found.reason.startswith(reason)


def test_a_difference_without_a_reason_is_a_disagreement(monkeypatch):
    """The counter has seen 5 fewer than the operands of the layers say: nothing explains that."""
    found = outcome(monkeypatch, lambda m, x: m.first(x), 3, 8, lost=-5)
    assert (found.outcome, found.reason) == ("disagrees", "+5 without a reason")


def test_what_the_graph_has_lost_is_not_complete(monkeypatch):
    """The counter has seen 5 more than the graph has."""
    found = outcome(monkeypatch, lambda m, x: m.first(x), 3, 8, lost=5)
    assert found.outcome == "not complete"


def test_an_operator_that_the_counter_knows_gets_no_reason(monkeypatch):
    """A linear layer is in the list only for vectors; with a matrix both count it, so a wrong count would show."""
    plan = Blueprint("small", "tests:small", lambda: Written(lambda m, x: m.first(x)), (3, 8))
    assert differences(capture(plan)) == {}


def test_a_refused_model_is_told_in_its_own_words():
    """A detector of torchvision."""
    prepare()
    pytest.importorskip("torchvision")
    found = crosscheck("torchvision:ssdlite320_mobilenet_v3_large")
    assert found.outcome == "refused"
    assert "selects boxes by their values" in found.reason


#: quick models of the table, of each kind of network: plain, depthwise, attention, windows, tokens, Fourier transforms
SAMPLE = (
    "torchvision:alexnet",
    "torchvision:resnet18",
    "torchvision:mobilenet_v3_small",
    "timm:botnet26t_256",
    "timm:mobileone_s0",
    "timm:cait_xxs24_224",
    "timm:convnext_atto",
    "timm:coat_lite_mini",
    "timm:convit_tiny",
    "timm:crossvit_tiny_240",
    "timm:lambda_resnet26t",
    "hf:bert",
    "hf:distilbert",
)


@pytest.mark.parametrize("source", SAMPLE)
def test_the_table_says_what_is_found_again(source):
    """The same outcome and the same numbers as the row of the table."""
    prepare()
    pytest.importorskip({"hf": "transformers"}.get(source.partition(":")[0], source.partition(":")[0]))
    lines = (DOCS / "models.csv").read_text(encoding="utf-8").splitlines()[1:]
    (row,) = [one for one in csv.DictReader(lines) if one["source"] == source]
    found = crosscheck(source)
    assert (found.outcome, found.macs, found.counter_macs, found.params) == (
        row["outcome"],
        *(int(row[column]) for column in ("macs", "counter_macs", "params")),
    )
