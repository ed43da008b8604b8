"""Target P11: compressed models of a survey of lightweight networks (arXiv 2404.07236, tables 4 and 5)."""

from __future__ import annotations

import pytest

from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import load_profile
from simulator.profiling.variants import variants

#: ResNet-50 on ImageNet: top-1 before and after structured pruning, and multiply-accumulates removed, in percent
PRUNED = {
    "SFP": (76.15, 74.61, 41.8),
    "FPGM": (76.15, 75.59, 42.2),
    "LFPC": (76.15, 74.46, 60.8),
    "ASTER": (76.15, 75.27, 63.2),
    "CCP": (76.15, 75.50, 48.8),
    "GFP": (76.79, 76.42, 50.6),
    "SCP": (75.89, 74.20, 54.3),
    "CATRO": (75.98, 75.84, 45.8),
}
#: ResNet-18 on ImageNet: top-1 before and after quantisation in percent, and bits, None for mixed
QUANTISED = {
    ("QIL", 4): (70.2, 70.1),
    ("Liu 2021", 4): (69.8, 61.7),
    ("LLT", 4): (69.8, 70.4),
    ("LLT", 3): (69.8, 69.5),
    ("HAWQ-V3", None): (71.5, 68.5),
    ("TWN", 2): (65.4, 61.8),
    ("TTQ", 2): (69.6, 66.6),
    ("XNOR-Net", 1): (69.3, 51.2),
    ("least squares", 1): (69.8, 63.4),
}


def test_the_table_has_the_published_numbers():
    """Every row of both tables, none more."""
    of = {model: [row for row in variants() if row.model == model] for model in ("resnet50", "resnet18")}
    percent = [
        (row, round(100 * (row.baseline_top1 or 0), 4), round(100 * (row.top1 or 0), 4)) for row in of["resnet50"]
    ]
    assert {row.method: (old, new, round(100 * row.macs_removed, 4)) for row, old, new in percent} == PRUNED
    percent = [
        (row, round(100 * (row.baseline_top1 or 0), 4), round(100 * (row.top1 or 0), 4)) for row in of["resnet18"]
    ]
    assert {(row.method, row.bits): (old, new) for row, old, new in percent} == QUANTISED
    assert all("2404.07236" in row.source for rows in of.values() for row in rows)


@pytest.mark.parametrize("row", [row for row in variants() if row.kind == "pruned"], ids=lambda row: row.name)
def test_a_pruned_network_has_the_published_share_of_its_work(row):
    """All of its layers together to one multiply-accumulate, and its accuracy."""
    whole, pruned = load_profile(row.model), load_profile(f"{row.model}@{row.name}")
    before, after, removed = PRUNED[row.method]
    assert abs(pruned.macs - (1 - removed / 100) * whole.macs) <= 1
    assert pruned.top1 == pytest.approx(after / 100)
    assert f"{before:g} % before" in pruned.top1_source


@pytest.mark.parametrize("row", [row for row in variants() if row.model == "resnet18"], ids=lambda row: row.name)
def test_a_quantised_network_has_its_accuracy_and_all_of_its_work(row):
    """Fewer bits, as many multiply-accumulates and parameters."""
    whole, quantised = load_profile(row.model), load_profile(f"{row.model}@{row.name}")
    assert (quantised.macs, quantised.params) == (whole.macs, whole.params)
    assert quantised.top1 == pytest.approx(QUANTISED[row.method, row.bits][1] / 100)


@pytest.mark.parametrize("model", ["mobilenet_v2", "resnet50", "vgg16"])
def test_int8_weights_are_up_to_four_times_smaller(model):
    """Weights of convolutions and linear layers take a quarter; norms and nothing else stay as they are."""
    sizes = []
    for name in (model, f"{model}@int8"):
        profile = load_profile(name)
        sizes.append(MemoryNeeds(profile, profile.trunk, 4).before(len(profile.trunk))[0])
    assert 3.8 < sizes[0] / sizes[1] <= 4
