"""The states of a radio account for its energy: power times time is what requests are charged plus the idle energy."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from generated import cases
from hypothesis import given

from simulator import paths
from simulator.accounts.energy import end_of_run_s
from simulator.accounts.radio_energy import charge
from simulator.accounts.timeline import Segments, radio_segments
from simulator.engines import reference
from simulator.links.radio import Radio
from simulator.plan.channels import with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw


def card(tail_ends_s: Any, wake_delays_s: Any) -> Radio:
    """A radio with the states of a plan, every power another."""

    def stated(value: float, unit: str) -> dict[str, str]:
        return {"value": f"{value!r} {unit}", "source": "tests"}

    def promotion(k: int) -> dict[str, Any]:
        return {"delay": stated(float(wake_delays_s[k]), "s"), "power": stated(3.0 + k / 3, "W")}

    lengths = np.diff(tail_ends_s, prepend=0.0).tolist()
    tail = [
        {"duration": stated(length, "s"), "power": stated(1.0 / (k + 2), "W"), "promotion": promotion(k)}
        for k, length in enumerate(lengths)
    ]
    content = {
        "name": "generated",
        "title": "generated",
        "uplink_energy_per_bit": stated(0.11, "J/bit"),
        "downlink_energy_per_bit": stated(0.07, "J/bit"),
        "active_power": stated(1.7, "W"),
        "idle_power": stated(0.013, "W"),
        "promotion": promotion(len(lengths)),
        "tail": tail,
    }
    return Radio.model_validate(content)


def check(system: Any, plan: Plan, workload: Workload) -> None:
    """Segments of every device fill the run without gaps and add up to its energy; a shorter look sees the same."""
    log = reference.run(plan, workload)
    end = end_of_run_s(plan, workload, log)
    if end == 0:
        return
    charged = charge(system, plan, workload, log, end)
    for device in range(system.devices):
        segments = radio_segments(system, plan, workload, log, device, end, end)
        assert (segments.start_s[0], segments.end_s[-1]) == (0.0, end)
        assert np.array_equal(segments.start_s[1:], segments.end_s[:-1])
        assert (segments.start_s < segments.end_s).all()
        total = charged.caused_j[workload.device == device].sum() + charged.idle_j[device]
        assert segments.energy_j == pytest.approx(total, rel=1e-9, abs=1e-12)
        part, same = radio_segments(system, plan, workload, log, device, end, end / 3), segments.between(0.0, end / 3)
        for field in fields(Segments):
            assert np.array_equal(getattr(part, field.name), getattr(same, field.name))


@given(cases())
def test_segments_add_up_to_the_radio_energy_of_generated_runs(case: tuple[Plan, Workload]) -> None:
    """Ties, outages, losses, shared cells, promotions out of every stage, runs that end in the middle of a transfer."""
    plan, workload = case
    groups = []
    for g in range(len(plan.tail_ends_s)):
        radio = card(plan.tail_ends_s[g], plan.wake_delays_s[g])
        devices = np.flatnonzero(plan.group_of == g).tolist()
        groups.append(SimpleNamespace(radio=radio, cellular=radio, lora=None, devices=devices))
    check(SimpleNamespace(groups=groups, devices=plan.group_of.size), plan, workload)


@pytest.mark.parametrize("name", ["3g-commute", "lte-drone", "quickstart"])
def test_segments_add_up_to_the_radio_energy_of_scenarios(name: str) -> None:
    """Rates drawn from generators, and a recording from a drawn instant on, in every replication, to 1e-9."""
    system, plans = prepare(load_scenario(paths.find("scenario", name)))
    for replication in range(system.scenario.statistics.replications):
        workload = draw(sources(system), system.scenario.seed, replication)
        for plan in with_drawn_channels(plans, system, replication):
            check(system, plan, workload)


@pytest.mark.parametrize("horizon", ["300 ms", "1 s", "1.42 s", "8 h"])
def test_segments_add_up_to_the_radio_energy_of_lora(horizon: str) -> None:
    """Runs that end in a frame, between a frame and its windows, in a window, and after hundreds of frames."""
    document = {
        "name": "sensors",
        "model": "mobilenet_v2",
        "device": "raspberry-pi-4",
        "server": "t4-tensorrt",
        "count": 3,
        "link": {"uplink": {"region": "EU868", "distance": "1.5 km", "confirmed": True}, "radio": "sx1272"},
        "workload": {"arrivals": "poisson", "rate": "4 /h", "duration": "8 h"},
        "policies": [{"kind": "edge", "encoding": "jpeg"}],
        "horizon": horizon,
        "result_size": "2 B",
    }
    if horizon != "8 h":
        document["workload"] = {"arrivals": "periodic", "phase": "0 s", "rate": "4 /h", "requests": 1}
    system, plans = prepare(load_scenario(document))
    for replication in range(2):
        workload = draw(sources(system), 1, replication)
        for plan in with_drawn_channels(plans, system, replication):
            check(system, plan, workload)
