"""The states of a radio account for its energy: power times time is what requests are charged plus the idle energy."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from generated import cases
from hypothesis import given

from simulator import paths
from simulator.accounts.energy import end_of_run_s
from simulator.accounts.radio_energy import charge
from simulator.accounts.timeline import Segments, radio_segments
from simulator.engines import reference
from simulator.engines.log import RequestLog
from simulator.links.radio import Radio
from simulator.plan.channels import with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw


def card(tail_ends_s: Any, wake_delays_s: Any, bits_cost: bool = True) -> Radio:
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
        "uplink_energy_per_bit": stated(0.11 * bits_cost, "J/bit"),
        "downlink_energy_per_bit": stated(0.07 * bits_cost, "J/bit"),
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


def system_of(plan: Plan, bits_cost: bool = True) -> Any:
    """What energy asks of the system of a generated plan: a radio for each group."""
    groups = []
    for g in range(len(plan.tail_ends_s)):
        radio = card(plan.tail_ends_s[g], plan.wake_delays_s[g], bits_cost)
        devices = np.flatnonzero(plan.group_of == g).tolist()
        groups.append(SimpleNamespace(radio=radio, cellular=radio, lora=None, devices=devices))
    return SimpleNamespace(groups=groups, devices=plan.group_of.size)


@given(cases())
def test_segments_add_up_to_the_radio_energy_of_generated_runs(case: tuple[Plan, Workload]) -> None:
    """Ties, outages, losses, shared cells, promotions out of every stage, runs that end in the middle of a transfer."""
    plan, workload = case
    check(system_of(plan), plan, workload)


class Transfer(NamedTuple):
    """A request that takes the radio, and until when it wakes and transfers."""

    request: int
    start_s: float
    bits_from_s: float
    end_s: float


def transfers(plan: Plan, workload: Workload, log: RequestLog, device: int, end_s: float) -> list[Transfer]:
    """All of a device, in the order in which they start; the uplink's first."""
    found = []
    for stage in ("uplink", "downlink"):
        for request in np.flatnonzero(workload.device == device).tolist():
            start, over, wake = (float(part[stage][request]) for part in (log.start_s, log.end_s, log.wake_s))
            if math.isnan(start) or plan.work(stage)[log.row[request]] == 0:
                continue
            over = end_s if math.isnan(over) else over
            awake = start if math.isnan(wake) else start + wake
            found.append(Transfer(request, start, min(awake, over), over))
    return sorted(found, key=lambda transfer: transfer.start_s)


def walked_charges(radio: Radio, transfers: list[Transfer], end_s: float, requests: int) -> tuple[list[float], float]:
    """What each request is charged and what the idle radio draws: walk from one change to the next."""
    tails = radio.tail_ends_s.tolist()
    instants = {0.0, end_s, *(instant for transfer in transfers for instant in transfer[1:])}
    instants |= {min(transfer.end_s + tail, end_s) for transfer in transfers for tail in tails}
    charges, idle = [0.0] * requests, 0.0

    def stage(at_s: float) -> int:
        quiet = at_s - max((one.end_s for one in transfers if one.end_s <= at_s), default=-math.inf)
        return sum(quiet >= tail for tail in tails)

    for begin, stop in pairwise(sorted(instants)):
        length, middle = stop - begin, (begin + stop) / 2
        flowing = [one for one in transfers if one.bits_from_s <= middle < one.end_s]
        waking = [one for one in transfers if one.start_s <= middle < one.bits_from_s]
        before = [one for one in transfers if one.end_s <= middle]
        after = [one for one in transfers if one.start_s > middle]
        if flowing:
            for one in flowing:
                charges[one.request] += radio.active_power.value * length / len(flowing)
        elif waking:
            for one in waking:
                charges[one.request] += radio.wake_powers_w[stage(one.start_s)] * length / len(waking)
        elif stage(middle) == len(tails):
            idle += radio.idle_power.value * length
        else:
            # of those that end last, the one that started last; then the next, if it comes within the whole tail
            last = max(enumerate(before), key=lambda numbered: (numbered[1].end_s, numbered[0]))[1]
            payers = [last, *(one for one in after[:1] if one.start_s - last.end_s < tails[-1])]
            for one in payers:
                charges[one.request] += radio.tail_powers_w[stage(middle)] * length / len(payers)
    return charges, idle


@given(cases())
def test_each_request_is_charged_what_a_walk_through_the_states_gives_it(case: tuple[Plan, Workload]) -> None:
    """Twin: at each instant look up who transfers, else who wakes, else whose tail it is; bits cost nothing here."""
    plan, workload = case
    log = reference.run(plan, workload)
    end = end_of_run_s(plan, workload, log)
    system = system_of(plan, bits_cost=False)
    charged = charge(system, plan, workload, log, end)
    expected = np.zeros(workload.size)
    for device in range(system.devices):
        radio = system.groups[plan.group_of[device]].cellular
        moves = transfers(plan, workload, log, device, end)
        charges, idle = walked_charges(radio, moves, end, workload.size)
        expected += charges
        assert charged.idle_j[device] == pytest.approx(idle, rel=1e-9, abs=1e-9)
    assert charged.caused_j.tolist() == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-9)


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
