"""The bound is never beaten: by naive queues, by an engine on generated plans, by the policies of a scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated import cases, lora_cases, remade
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import card, chain, radio, scenario

from simulator.accounts.energy import attribute, end_of_run_s
from simulator.engines import reference
from simulator.engines.log import COMPLETED
from simulator.physics.bound import (
    above_idle_j,
    caused_j,
    mean_energy_j,
    mean_of_fewest,
    mean_over,
    shortest_service_s,
)
from simulator.physics.link import Channel, transfer_s
from simulator.plan import alone as walked
from simulator.plan.alone import alone_s, best_rate_bps, least_alone
from simulator.plan.alone_energy import idle_w, least_energy_alone
from simulator.plan.channels import with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.routes import NO_ROW
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.plan.sources import sources
from simulator.plan.stages import UPLINK
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

#: what double precision may lose over sums of some hundred seconds
ROUNDING_S = 1e-9


def serve(
    joins: list[float], workers: int, most: int, service: Callable[[list[int], float], float], pick: Any
) -> list[float]:
    """Ends at a station that takes whom it likes of those who wait, up to ``most`` at once, as soon as it is free."""
    ends, waiting = [0.0] * len(joins), list(range(len(joins)))
    free = [0.0] * workers
    while waiting:
        worker = free.index(min(free))
        now = max(free[worker], min(joins[k] for k in waiting))
        there = [k for k in waiting if joins[k] <= now]
        taken = pick(there)[: int(min(most, len(there)))]
        free[worker] = now + service(taken, now)
        for k in taken:
            ends[k] = free[worker]
            waiting.remove(k)
    return ends


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1))
def test_naive_queues_never_beat_it(seed: int) -> None:
    """Device, link of a varying rate, server with batches; any order of service; every request takes any option."""
    generator = np.random.default_rng(seed)
    requests, options, most = (
        int(generator.integers(1, 25)),
        int(generator.integers(1, 5)),
        int(generator.integers(1, 5)),
    )
    arrival = np.sort(generator.uniform(0, generator.choice([1.0, 10.0, 100.0]), requests))
    device, edge = generator.exponential(0.5, (2, requests, options))
    bits = generator.integers(0, 9, options).astype(float)
    lengths, rates = generator.uniform(0.1, 3, 5), generator.choice([0.0, 1.0, 8.0], 5)
    rates[0] = 2.0
    channel = Channel(np.concatenate(([0.0], np.cumsum(lengths))), rates)
    link = channel.edges_s, channel.rates_bps, channel.cumulative_bits
    growth = generator.choice([0.0, 0.2, 1.0])
    factor = np.array([0.0, *(1 + growth * k for k in range(most))])
    shortest = shortest_service_s(edge, float(edge.min()), factor)
    bounds = np.zeros((requests, options))
    for k, option in np.ndindex(requests, options):
        ready = arrival[k] + device[k, option]
        sent = ready + transfer_s(ready, bits[option], *link)
        bounds[k, option] = sent + shortest[k, option] - arrival[k]
    chosen = generator.integers(0, options, requests)

    def pick(there: list[int]) -> list[int]:
        return generator.permutation(there).tolist()

    computed = serve(arrival.tolist(), 1, 1, lambda k, _: device[k[0], chosen[k[0]]], pick)
    sent = serve(computed, 1, 1, lambda k, now: transfer_s(now, bits[chosen[k[0]]], *link), pick)
    workers = int(generator.integers(1, 3))
    ends = serve(sent, workers, most, lambda k, _: factor[len(k)] * np.mean([edge[j, chosen[j]] for j in k]), pick)
    latency, least = np.array(ends) - arrival, bounds.min(axis=1)
    assert (latency >= least - ROUNDING_S).all()
    kept = generator.random(requests) < 0.7
    if kept.any():
        assert latency[kept].mean() >= mean_over(least, kept) - ROUNDING_S
        assert latency[kept].mean() >= mean_of_fewest(least, int(kept.sum())) - ROUNDING_S


@given(st.lists(st.floats(0, 9), min_size=1, max_size=6), st.lists(st.floats(1, 3), min_size=5, max_size=5))
def test_no_batch_serves_a_request_faster(works: list[float], growth: list[float]) -> None:
    """All batches of up to six requests with any factors: each takes at least what the bound says."""
    factor = np.array([0.0, 1.0, *growth])
    for size in range(1, len(works) + 1):
        batch_s = factor[size] * np.mean(works[:size])
        assert (shortest_service_s(np.array(works[:size]), min(works), factor) <= batch_s + ROUNDING_S).all()


def bound_of(plan: Plan, workload: Workload) -> np.ndarray:
    """Of the row that each request takes, or of the one that takes over where it turns back."""
    row = plan.rows(workload)
    least = alone_s(plan, workload, row)
    for k, of in enumerate(row.tolist()):
        legs = plan.routes.legs[plan.routes.first[of] : plan.routes.first[of + 1]]
        for other in legs["full_row"][legs["full_row"] != NO_ROW].tolist():
            least[k] = min(least[k], alone_s(plan, workload, np.array([other]), np.array([k]))[0])
    return least


@settings(max_examples=400)
@given(cases())
def test_no_run_beats_it(case: tuple[Plan, Workload]) -> None:
    """Queues, batches, losses, cells, radios that wake, fleets: latency of each request, and its time on air."""
    plan, workload = case
    log = reference.run(plan, workload)
    done = log.status == COMPLETED
    latency = log.finish_s - workload.arrival_s
    assert (latency[done] >= bound_of(plan, workload)[done] - ROUNDING_S).all()
    if "uplink" in log.start_s:
        least_s = plan.work("uplink")[plan.rows(workload)] / best_rate_bps(plan, UPLINK)[workload.device]
        assert not (log.end_s["uplink"] - log.start_s["uplink"] < least_s - ROUNDING_S).any()


@settings(max_examples=80)
@given(lora_cases())
def test_no_run_over_lora_beats_it(case: tuple[Plan, Workload]) -> None:
    plan, workload = case
    log = reference.run(plan, workload)
    done = log.status == COMPLETED
    assert ((log.finish_s - workload.arrival_s)[done] >= bound_of(plan, workload)[done] - ROUNDING_S).all()


@settings(max_examples=200)
@given(cases(lossy=0.0), st.data())
def test_requests_far_apart_meet_it(case: tuple[Plan, Workload], data: st.DataObject) -> None:
    """One request every 1000 s over radios that never sleep: whatever each takes, it takes as long as alone."""
    plan, workload = case
    groups = plan.propagation_s.size
    plan = remade(
        plan,
        serving=ServingPlan(1, 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0])),
        tail_ends_s=(np.empty(0),) * groups,
        wake_delays_s=(np.zeros(1),) * groups,
        horizon_s=np.inf,
    )
    workload = replace(workload, arrival_s=workload.arrival_s + 1000.0 * np.arange(workload.size))
    log = reference.run(plan, workload)
    expected = alone_s(plan, workload, plan.rows(workload))
    assert log.finish_s - workload.arrival_s == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("block", [1, 3, 64])
@settings(max_examples=100)
@given(case=cases(), data=st.data())
def test_the_least_is_that_of_all_options(block: int, case: tuple[Plan, Workload], data: st.DataObject) -> None:
    """Twin: walk every option for every request; the earliest of the best ones is named."""
    plan, workload = case
    seed = np.random.default_rng(data.draw(st.integers(0, 1000)))
    ways = data.draw(st.integers(1, plan.routes.rows))
    options = seed.integers(0, plan.routes.rows - ways + 1, data.draw(st.integers(1, 8)))
    asked = seed.integers(0, workload.size, data.draw(st.integers(1, 20)))
    way = seed.integers(0, ways, asked.size)
    every = np.array([alone_s(plan, workload, row + way, asked) for row in options])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walked, "BLOCK", block)
        found = least_alone(plan, workload, options, way, asked)
    assert found.latency_s.tolist() == every.min(axis=0).tolist()
    assert found.row.tolist() == (options[every.argmin(axis=0)] + way).tolist()


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_no_schedule_of_a_device_takes_less_energy(seed: int) -> None:
    """A processor, an uplink and a downlink in steps of time, whoever uses them when; power by what is in use."""
    generator = np.random.default_rng(seed)
    requests, steps = int(generator.integers(1, 6)), 400
    work, up, down = generator.integers(0, 20, (3, requests))
    idle, active, radio_idle, radio_active = np.sort(generator.uniform(0, 5, 4))[[0, 2, 1, 3]]
    bit_up, bit_down = generator.uniform(0, 1, 2)
    busy = np.zeros((3, steps), dtype=int)
    for place, loads in enumerate((work, up, down)):
        slots = generator.permutation(steps if generator.random() < 0.5 else 120)[: loads.sum()]
        busy[place, np.sort(slots)] = 1 + generator.permutation(np.repeat(np.arange(requests), loads))
    on_air = (busy[1:] > 0).any(axis=0)
    total = np.where(busy[0] > 0, active, idle).sum() + np.where(on_air, radio_active, radio_idle).sum()
    total += bit_up * up.sum() + bit_down * down.sum()
    times = work.astype(float), up.astype(float)
    above = above_idle_j(*times, up, down, active, idle, radio_active, radio_idle, bit_up, bit_down)
    assert total / requests >= mean_energy_j(above, np.array([idle + radio_idle]), steps) - 1e-9
    charged = caused_j(*times, down.astype(float), up, down, active, radio_active, bit_up, bit_down)
    shared = radio_active / np.maximum((busy[1:] > 0).sum(axis=0), 1)
    for k in range(requests):
        mine = active * (busy[0] == k + 1).sum() + (shared * (busy[1:] == k + 1).sum(axis=0)).sum()
        assert mine + bit_up * up[k] + bit_down * down[k] >= charged[k] - 1e-9


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """A chain of two layers that shrink, a phone with a radio that has tails, every policy there is for it."""
    model = chain(folder, {"head": 800, "tail": 40}, input_bytes=4000)
    device = card(folder, "device", "device", {"head": "100 ms", "tail": "400 ms"})
    server = card(folder, "server", "server", {"head": "10 ms", "tail": "40 ms"})
    states = {
        "up": "10 nJ/bit",
        "active": "3 W",
        "idle": "0.5 W",
        "promotion": ("40 ms", "1.5 W"),
        "tail": [("1 s", "1 W")],
    }
    link = {"uplink": {"rate": "200 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "radio": radio(folder, **states)}
    policies = [
        {"kind": "local"},
        {"kind": "edge", "encoding": "uint8"},
        {"kind": "split", "at": "head"},
        {"kind": "split", "best": "energy"},
    ]
    workload = {"arrivals": "poisson", "rate": "3 /s", "requests": 60}
    return scenario(model, device, server, link=link, workload=workload, policies=policies) | changes


@pytest.mark.parametrize("rate", ["0.01 /s", "1 /s", "20 /s"])
def test_no_policy_of_a_scenario_beats_it(tmp_path: Path, rate: str) -> None:
    """Mean latency and mean energy of each policy, as they are accounted, against the least over all cuts."""
    document = world(tmp_path)
    document["workload"]["rate"] = rate
    system, plans = prepare(load_scenario(document))
    workload = draw(sources(system), 1, 0)
    latencies = []
    for plan in with_drawn_channels(plans, system, 0, 1e6):
        options, way = np.arange(plan.options), np.zeros(workload.size, dtype=np.int64)
        least = least_alone(plan, workload, options, way).latency_s
        energy = least_energy_alone(system, plan, workload, options, way)
        log = reference.run(plan, workload)
        assert (log.status == COMPLETED).all()
        latency = log.finish_s - workload.arrival_s
        total_j = attribute(system, plan, workload, log).total_j
        assert (latency >= least - ROUNDING_S).all()
        ends_s = end_of_run_s(plan, workload, log)
        assert total_j.mean() >= mean_energy_j(energy.above_j, idle_w(system, workload), ends_s) - ROUNDING_S
        assert (total_j >= energy.caused_j - ROUNDING_S).all()
        latencies.append(latency.mean() / least.mean())
    if rate == "0.01 /s":
        # alone: the best policy is the bound, but for the waking of its radio
        assert min(latencies) < 1.5
