"""Closed sets as options of a group: the columns of the table of cuts, and which sets are worth a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worlds import card

import simulator
from simulator.plan.candidates import candidates
from simulator.plan.graph_split import set_columns, worthwhile_sets
from simulator.plan.prepare import prepare
from simulator.plan.system import Group, System
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.graph_cut import cheapest_cut
from simulator.profiling.set_cut import set_cut
from simulator.scenario.load import load_scenario

pytestmark = pytest.mark.engine_free


DOCUMENT: dict[str, Any] = {
    "name": "sets",
    "model": "googlenet",
    "device": "raspberry-pi-4",
    "server": "t4-triton",
    "link": {"uplink": {"rate": "10 Mbit/s"}, "downlink": {"rate": "20 Mbit/s"}},
    "workload": {"arrivals": "poisson", "rate": "0.1 /s", "requests": 1},
    "policies": [{"kind": "local"}],
}


def world(model: str, device: str = "raspberry-pi-4", **changes: Any) -> System:
    link = DOCUMENT["link"] | changes.pop("link", {})
    document = DOCUMENT | {"model": model, "device": device, "link": link}
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


@pytest.mark.parametrize("objective", ["latency", "energy", "throughput", "energy_delay"])
@pytest.mark.parametrize("model", ["googlenet", "inception_v3", "densenet121"])
def test_more_cuts_are_never_worse_for_a_policy(model: str, objective: str) -> None:
    """With the cuts that are no prefix the best is at most what it is without."""
    policies = [{"kind": "split", "best": objective}, {"kind": "split", "best": objective, "graph": True}]
    _, plans = prepare(load_scenario(DOCUMENT | {"model": model, "policies": policies}))
    some, more = (plan.choices[0] for plan in plans)
    assert more.scored(objective)[more.cut] <= some.scored(objective)[some.cut]
    assert more.table.names[: len(some.table.names)] == some.table.names


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_a_cut_that_is_no_prefix_runs_as_it_is_predicted(engine: str, tmp_path: Path) -> None:
    """The server is faster at some branches of GoogLeNet's last block, the device at all else before its end.

    A lone request takes what was predicted.
    """
    profile = simulator.load_profile("googlenet")
    last = ("inception5b.branch1", "inception5b.branch3", "inception5b.branch4", "avgpool", "fc")
    written = {}
    for role, fast_here in (("device", True), ("server", False)):
        times = {
            layer.name: ("1 ms" if layer.name.startswith(last) != fast_here else "40 ms")
            for layer in profile.graph
            if layer.fused_into is None and layer.kind != "reshape"
        }
        written[role] = card(tmp_path, role, role, times, model="googlenet")
    link = {"uplink": {"rate": "1 Gbit/s"}, "downlink": {"rate": "1 Gbit/s"}}
    policies = [{"kind": "split", "best": "latency"}, {"kind": "split", "best": "latency", "graph": True}]
    document = DOCUMENT | written | {"model": "googlenet", "policies": policies, "link": link}
    _, plans = prepare(load_scenario(document))
    some, more = (plan.choices[0] for plan in plans)
    assert more.table.names[more.cut].startswith("only ")
    assert more.latency_s[more.cut] < some.latency_s[some.cut]
    rows = simulator.run(document, engine=engine).requests.set_index("policy")
    assert rows.loc["best graph split (latency)", "latency_s"] == pytest.approx(more.latency_s[more.cut])
    assert rows.loc["best graph split (latency)", "partition"] == more.table.names[more.cut]
