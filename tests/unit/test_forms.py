"""Networks whose branches are merged for inference: a profile says which form it is of, and the other can be had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from worlds import card, scenario

pytest.importorskip("torch")

import torch
from torch import nn

from simulator.errors import ExtractionError
from simulator.profiling.extract import extract
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.sources import Blueprint
from simulator.profiling.model import load_profile
from simulator.scenario.load import load_scenario
from simulator.studies.check import check

pytestmark = pytest.mark.torch


class Block(nn.Module):
    """A convolution of 3 x 3 beside one of 1 x 1; one of 3 x 3 when merged."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.slim = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.deploy = False

    def switch_to_deploy(self) -> None:
        self.deploy = True
        self.wide.weight = nn.Parameter(self.wide.weight + nn.functional.pad(self.slim.weight, (1, 1, 1, 1)))
        del self.slim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.wide(x) if self.deploy else self.wide(x) + self.slim(x)


class Latent(nn.Module):
    """A method of the same name that draws from a distribution merges nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def reparameterize(self, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        return mean + variance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reparameterize(self.fc(x), x)


def plan(deployed: bool, build: Any = lambda: nn.Sequential(Block(), Block())) -> Blueprint:
    return Blueprint("blocks", "mine:blocks", build, (1, 4, 8, 8), deployed=deployed)


def test_each_form_counts_what_it_has() -> None:
    """Two blocks at 8 x 8 with 4 channels: ten taps in training, nine when merged."""
    training, deployed = assemble(plan(deployed=False)), assemble(plan(deployed=True))
    assert (training.form, training.macs, training.params) == ("training", 2 * 64 * 16 * 10, 2 * (16 * 10 + 8))
    assert (deployed.form, deployed.macs, deployed.params) == ("deployed", 2 * 64 * 16 * 9, 2 * (16 * 9 + 4))


def test_the_form_for_training_is_said_before_a_run(tmp_path: Path) -> None:
    """With the command for the other form, which needs no word itself."""
    cards = [card(tmp_path, role, role, {"0": "1 ms", "1": "1 ms"}, model="blocks") for role in ("device", "server")]
    for deployed, words in ((False, ["offload-sim profile mine:blocks:deployed"]), (True, [])):
        file = tmp_path / f"{deployed}.json"
        made = replace(assemble(plan(deployed)), name="blocks")
        made.save(file)
        assert load_profile(file).form == made.form
        said = check(load_scenario(scenario(str(file), *cards)))[1]
        assert [word in sentence for word, sentence in zip(words, said, strict=True)] == [True] * len(words)


def test_networks_of_one_form_have_no_other() -> None:
    """A latent that is drawn, or a plain network, is refused the ending."""
    assert assemble(replace(plan(deployed=False, build=Latent), input_shape=(1, 8))).form == ""
    with pytest.raises(ExtractionError, match="has no other form for inference"):
        extract("torchvision:resnet18:deployed")


def test_mobileone_in_either_form() -> None:
    """Vasu et al., arXiv 2206.04040: MobileOne-S0 has 275 M MACs and 2.1 M parameters when deployed."""
    deployed = extract("timm:mobileone_s0:deployed")
    assert (deployed.name, deployed.source) == ("mobileone_s0_deployed", "timm:mobileone_s0:deployed")
    assert deployed.macs / 1e6 == pytest.approx(275, abs=0.5)
    assert deployed.params / 1e6 == pytest.approx(2.1, abs=0.05)
    assert extract("timm:mobileone_s0").macs / 1e6 == pytest.approx(1052, abs=0.5)
