"""Both engines give the same bytes over any route: two and three tiers, stations visited again, changes of route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated import MAX_REQUESTS, channels, lone_plan, losses, servings
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engines_agree import differences

from simulator.engines import fast, reference
from simulator.engines.forward import is_forward
from simulator.physics.link import Channel
from simulator.plan.medium import LinkPlan
from simulator.plan.plan import Plan
from simulator.plan.routes import INPUT_LOST, NO_REASON, Visits, make_routes
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.plan.stages import BACKHAUL_DOWN, BACKHAUL_UP, CLOUD, DEVICE, DOWNLINK, EDGE, LINK, SERVER, UPLINK, Stage
from simulator.workload import Workload

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

_OPTIONS = 3


def again(stage: Stage, time: int) -> Stage:
    """Another visit to the stations of a stage."""
    return replace(stage, name=f"{stage.name} {time}", served_by=stage.name)


@st.composite
def walks(draw: Any) -> list[Stage]:
    """Two or three tiers, once or twice, so that the second walk meets the stations of the first."""
    tiers = draw(st.sampled_from([(), (BACKHAUL_UP, CLOUD, BACKHAUL_DOWN)]))
    once = [DEVICE, UPLINK, EDGE, *tiers, DOWNLINK]
    return once if draw(st.booleans()) else [*once, *(again(stage, 2) for stage in once)]


def first_come(draw: Any) -> ServingPlan:
    """One to three workers without batches and limits."""
    return ServingPlan(draw(st.integers(1, 3)), 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0]))


@st.composite
def routed(draw: Any, plain: bool = False) -> tuple[Plan, Workload]:
    """A few options over a walk, of which each leaves stages out; full queues turn back or drop.

    Plain ones have first-come queues without limits, and meet each station once.
    """
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))
    exact = draw(st.integers(0, 3)) > 0
    walk, devices = draw(walks()), draw(st.integers(1, 3))
    if plain:
        walk = [stage for stage in walk if not stage.served_by]

    def times(size: int, most: int) -> np.ndarray:
        eighths = generator.integers(0, most + 1, size) * (generator.random(size) < 0.7) / 8
        return eighths if exact else eighths * generator.random(size)

    turns_back, lossy = draw(st.booleans()) and not plain, draw(st.booleans()) and not plain
    visits = []
    for stage in walk:
        met = generator.random(_OPTIONS) < 0.7
        met |= stage is walk[0]  # nobody has an empty route
        loss = np.where(generator.random(_OPTIONS) < 0.5, INPUT_LOST, NO_REASON).astype(np.int8)
        visits.append(
            Visits(
                stage,
                met,
                4.0 * generator.integers(0, 9, _OPTIONS) if stage.kind == LINK else times(_OPTIONS, 8),
                times(_OPTIONS, 2),
                loss if stage.kind == LINK else None,
                rest_s=times(_OPTIONS, 8) if stage.kind == SERVER and turns_back else None,
                back_s=times(_OPTIONS, 2) if stage.kind == SERVER and turns_back else None,
            )
        )
    stages, routes = make_routes(visits)
    links = {
        stage.name: LinkPlan(
            tuple(draw(channels()) for _ in range(1 if stage.shared else devices)),
            np.zeros(devices, np.int32) if stage.shared else np.arange(devices, dtype=np.int32),
            losses(generator, devices, 0.5) if lossy and stage.has_radio else None,
        )
        for stage in walk
        if stage.kind == LINK
    }
    plan = replace(
        lone_plan(devices),
        stages=stages,
        routes=routes,
        partition=tuple(f"cut{k}" for k in range(_OPTIONS)),
        exit=tuple(f"exit{k}" for k in range(_OPTIONS)),
        chosen_row=np.zeros(devices, dtype=np.int32),
        final=np.zeros(devices, dtype=np.int32),
        taken=(np.arange(_OPTIONS),) * devices,
        links=links,
        servers={name: first_come(draw) if plain else draw(servings()) for name in ("edge", "cloud")},
        horizon_s=draw(st.sampled_from([np.inf, np.inf, 2.0, 8.0])),
        order="arrival" if plain else draw(st.sampled_from(["arrival", "deadline"])),
        deadline_s=times(devices, 20),
    )
    count = draw(st.integers(1, MAX_REQUESTS))
    arrival, device = np.sort(times(count, 20)), generator.integers(0, devices, count).astype(np.int32)
    order = np.lexsort((device, arrival))
    ones = [np.ones(count) if exact else generator.exponential(1.0, count) for _ in range(3)]
    return plan, Workload(arrival[order], device[order], generator.integers(0, _OPTIONS, count), *ones)


@settings(max_examples=1000)
@given(case=routed())
def test_both_engines_give_the_same_bytes_over_any_route(case: tuple[Plan, Workload]) -> None:
    assert differences(reference.run(*case), fast.run(*case)) == []


@settings(max_examples=300)
@given(case=routed())
def test_nobody_is_at_two_stations_at_once(case: tuple[Plan, Workload]) -> None:
    """The visits of a request follow one another."""
    plan, workload = case
    log = fast.run(plan, workload)
    for request in range(workload.size):
        instants = [workload.arrival_s[request]]
        for stage in plan.stages:
            start, end = log.start_s[stage.name][request], log.end_s[stage.name][request]
            instants += [instant for instant in (start, end) if not np.isnan(instant)]
        assert instants == sorted(instants)


@settings(max_examples=1000)
@given(case=routed(plain=True))
def test_passes_without_an_event_list_give_the_same_bytes_or_give_up(case: tuple[Plan, Workload]) -> None:
    assert is_forward(case[0])
    passed = fast.passed(*case)
    if passed is not None:
        assert differences(reference.run(*case), passed) == []


def test_what_people_run_over_plain_links_takes_the_passes() -> None:
    """Ten devices with a head each, an edge of four workers, times that are no multiples of each other."""
    legs = [(DEVICE, 0.011), (UPLINK, 0.13), (EDGE, 0.0071), (DOWNLINK, 0.03)]
    one = np.ones(1, dtype=bool)
    stages, routes = make_routes([Visits(stage, one, np.array([work]), np.array([0.005])) for stage, work in legs])
    device = np.arange(2000, dtype=np.int32) % 10
    generator = np.random.Generator(np.random.PCG64(1))
    link = LinkPlan((Channel.constant(8.0),), np.zeros(10, np.int32))
    plan = replace(
        lone_plan(10),
        stages=stages,
        routes=routes,
        partition=("cut",),
        exit=("final",),
        chosen_row=np.zeros(10, dtype=np.int32),
        links={"uplink": link, "downlink": link},
        servers={"edge": ServingPlan(4, 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0]))},
    )
    arrival = np.cumsum(generator.exponential(0.002, device.size))
    ones = np.ones(device.size)
    workload = Workload(arrival, device, np.zeros(device.size, dtype=np.int64), ones, ones)
    passed = fast.passed(plan, workload)
    assert passed is not None
    assert differences(reference.run(plan, workload), passed) == []
