"""Closed sets as options of a group: the columns of the table of cuts, and which sets are worth a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator.plan.candidates import candidates
from simulator.plan.graph_split import set_columns, worthwhile_sets
from simulator.plan.prepare import prepare
from simulator.plan.system import Group, System
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.graph_cut import cheapest_cut
from simulator.profiling.set_cut import set_cut
from simulator.scenario.load import load_scenario

pytestmark = pytest.mark.engine_free


def world(model: str, device: str = "raspberry-pi-4", **changes: Any) -> System:
    link = {"uplink": {"rate": "10 Mbit/s"}, "downlink": {"rate": "20 Mbit/s"}}
    document = {
        "name": "sets",
        "model": model,
        "device": device,
        "server": "t4-triton",
        "link": link | changes.pop("link", {}),
        "workload": {"arrivals": "poisson", "rate": "0.1 /s", "requests": 1},
        "policies": [{"kind": "local"}],
    }
    return prepare(load_scenario(document | changes))[0]


def uneven(system: System, seed: int) -> Group:
    """A device that is faster than the server at some layers and slower at others, ten times either way."""
    group = system.groups[0]
    factor = 10 ** np.random.default_rng(seed).uniform(-1, 1, len(group.profile.graph))

    class Uneven:
        def __getattr__(self, name: str) -> Any:
            return getattr(group.card, name)

        def layer_times_s(self, profile: Any) -> Any:
            return system.server.layer_times_s(profile) * factor

    return replace(group, card=Uneven())


@pytest.mark.parametrize("model", ["googlenet", "yolov8n", "resnet50_fpn_backbone", "bert-base"])
@pytest.mark.parametrize("changes", [{}, {"link": {"packets": {"mtu": "1500 B"}}}, {"result_size": "7 B"}])
def test_a_prefix_as_a_set_costs_what_it_costs_as_a_cut(model: str, changes: dict[str, Any]) -> None:
    """Every column of every cut point, by the table of all cuts."""
    system = world(model, **changes)
    group, profile = system.groups[0], system.groups[0].profile
    table = candidates(group, (system.server,), (1.25,), profile.input_dtype, False)
    cuts = [set_cut(profile, profile.trunk[: cut.layers]) for cut in profile.cut_points]
    found = set_columns(group, system.server, 1.25, profile.input_dtype, cuts)
    for name in ("device_s", "edge_s", "bytes_up", "bytes_down", "fallback_s"):
        assert getattr(found, name) == pytest.approx(getattr(table, name)[:, 0], rel=1e-12, abs=1e-15), name
    assert tuple(cut.name for cut in cuts) == table.names


def test_what_a_set_needs_of_memory_is_what_its_layers_need() -> None:
    """On a microcontroller the cut points that fit as cuts fit as sets, for the same reason or none."""
    system = world("resnet8", "stm32l4r5")
    group, profile = system.groups[0], system.groups[0].profile
    table = candidates(group, (system.server,), (1.0,), profile.input_dtype, False)
    cuts = [set_cut(profile, profile.trunk[: cut.layers]) for cut in profile.cut_points]
    assert set_columns(group, system.server, 1.0, profile.input_dtype, cuts).misfit == table.misfit
    big = world("resnet18", "stm32l4r5", policies=[{"kind": "edge", "encoding": "float32"}])
    group, profile = big.groups[0], big.groups[0].profile
    table = candidates(group, (big.server,), (1.0,), profile.input_dtype, False)
    cuts = [set_cut(profile, profile.trunk[: cut.layers]) for cut in profile.cut_points]
    assert any(table.misfit)
    assert set_columns(group, big.server, 1.0, profile.input_dtype, cuts).misfit == table.misfit


@pytest.mark.parametrize(("model", "seed"), [("googlenet", 6), ("inception_v3", 7), ("resnet50_fpn_backbone", 3)])
def test_with_the_sets_worth_a_row_the_table_holds_the_best_cut_of_every_link(model: str, seed: int) -> None:
    """Cut points and these sets: the least time or energy is that of the min-cut at any price of a byte."""
    system = world(model)
    group = uneven(system, seed)
    profile = group.profile
    sets = worthwhile_sets(group, system.server, 1.0, profile.input_dtype)
    cuts = [*(set_cut(profile, profile.trunk[: cut.layers]) for cut in profile.cut_points), *sets]
    table = set_columns(group, system.server, 1.0, profile.input_dtype, cuts)
    layers_s = group.card.layer_times_s(profile), system.server.layer_times_s(profile)
    chosen = set()
    for here_w, there_w in ((1.0, 1.0), (group.card.active_w, group.card.idle_w)):
        for price in 10.0 ** np.arange(-14, -4, 0.25):
            total = here_w * table.device_s + there_w * table.edge_s + price * (table.bytes_up + table.bytes_down / 2)
            sent = float(profile.sent_input_bytes)
            costs = CutCosts(here_w * layers_s[0], there_w * layers_s[1], price, sent, per_byte_back=price / 2)
            assert total.min() == pytest.approx(cheapest_cut(profile, costs).value, rel=1e-9)
            chosen.add(cuts[int(total.argmin())])
    assert not chosen.isdisjoint(sets)


def test_a_chain_has_no_sets_worth_a_row() -> None:
    """VGG and DenseNet have one order, in which every cut is a prefix."""
    for model in ("vgg16", "densenet121"):
        system = world(model)
        assert worthwhile_sets(system.groups[0], system.server, 1.0, system.groups[0].profile.input_dtype) == ()
