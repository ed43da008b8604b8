"""Parameters that several layers read count once, are read each time, and belong to the trunk where it reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from profiles_by_hand import layer
from profiles_by_hand import profile as by_hand
from torch import nn

from simulator.devices.card import load_card
from simulator.profiling.check import contradictions
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.sources import Blueprint
from simulator.profiling.fileformat import decode
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import INPUT, ModelProfile

pytestmark = pytest.mark.torch


def profile(module: nn.Module, *shape: int, dtype: str = "float32") -> ModelProfile:
    return assemble(Blueprint("small", "tests:small", lambda: module, shape, input_dtype=dtype))


class Again(nn.Module):
    """The same layer over and over."""

    def __init__(self, times: int, width: int) -> None:
        super().__init__()
        self.fc, self._times = nn.Linear(width, width), times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self._times):
            x = self.fc(x)
        return x


def test_weights_that_are_used_twelve_times_are_read_twelve_times() -> None:
    """One layer of 2048 x 2048 called twelve times takes as long as twelve of them, with a twelfth of the weights."""
    again, twelve = (
        profile(Again(12, 2048), 1, 2048),
        profile(nn.Sequential(*(nn.Linear(2048, 2048) for _ in "x" * 12)), 1, 2048),
    )
    assert 12 * again.params == twelve.params == 12 * (2048 * 2048 + 2048)
    pi = load_card("raspberry-pi-4")
    assert pi.layer_times_s(again).sum() == pi.layer_times_s(twelve).sum()
    assert MemoryNeeds(again, again.trunk, 4).before(12)[0] == 4 * again.params


class Tied(nn.Module):
    """Tokens of width 16 out of 1000, and a head that compares with every one."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(1000, 16), nn.Linear(16, 1000, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(tokens))


def test_a_tied_head_reads_the_whole_table() -> None:
    """The embedding looks up one row; the head reads 1000 x 16 numbers that are counted with the embedding."""
    model = profile(Tied(), 1, 1, dtype="int64")
    assert model.params == 16_000
    embed, head = model.graph
    assert (embed.param_bytes, head.params, head.shared) == (64_000, 0, ((0, 64_000),))
    assert model.sha256 == ModelProfile(**decode(model.text, "a file")[0]).sha256


class SharedClassifier(nn.Module):
    """One classifier for an early exit and the end."""

    exit_names = ("early",)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.classify = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        middle = self.a(x)
        return self.classify(middle), self.classify(self.b(middle))


def test_a_classifier_that_exits_share_is_the_trunks() -> None:
    """4 x 8 + 8, 8 x 8 + 8 and 8 x 3 + 3 parameters in the trunk; the head of the exit reads the last ones too."""
    model = profile(SharedClassifier(), 1, 4)
    assert model.params == 40 + 72 + 27
    ((head,),) = (one.layers for one in model.exits)
    assert (model.graph[head].params, model.graph[head].shared) == (0, ((model.trunk[-1], 4 * 27),))


def shared_by_hand() -> ModelProfile:
    """Three layers of 400 bytes of weights; the last one also reads 300 of the first one's."""
    layers = [
        replace(layer(name, [k - 1 if k else INPUT]), param_bytes=400, params=100) for k, name in enumerate("abc")
    ]
    layers[2] = replace(layers[2], shared=((0, 300),))
    return replace(by_hand(layers), params=300)


def test_either_side_of_a_cut_holds_what_it_reads() -> None:
    """All weights are 1200 bytes; behind the first layer the last one's 700 and the middle one's 400 are needed."""
    model = shared_by_hand()
    assert contradictions(model) == []
    needs = MemoryNeeds(model, model.trunk, 4)
    assert [needs.before(place)[0] for place in range(4)] == [0, 400, 800, 1200]
    assert [needs.after(place)[0] for place in range(4)] == [1200, 1100, 700, 0]


@pytest.mark.parametrize("shared", [(2, 4), (7, 4), (0, 401)])
def test_what_is_shared_is_there(shared: tuple[int, int]) -> None:
    """Nobody shares with itself, with a layer that does not exist, or more than there is."""
    model = shared_by_hand()
    damaged = replace(model, graph=(*model.graph[:2], replace(model.graph[2], shared=(shared,))))
    (problem,) = contradictions(damaged)
    assert "shares" in problem.message
