"""Both engines give the same bytes over any route: two and three tiers, stations visited again, changes of route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from generated import MAX_REQUESTS, channels, lone_plan, losses, servings
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engines_agree import differences

from simulator.engines import fast, reference
from simulator.plan.medium import LinkPlan
from simulator.plan.plan import Plan
from simulator.plan.routes import INPUT_LOST, NO_REASON, Visits, make_routes
from simulator.plan.stages import BACKHAUL_DOWN, BACKHAUL_UP, CLOUD, DEVICE, DOWNLINK, EDGE, LINK, SERVER, UPLINK, Stage
from simulator.workload import Workload

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


@st.composite
def routed(draw: Any) -> tuple[Plan, Workload]:
    """A few options over a walk, of which each leaves stages out; full queues turn back or drop."""
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))
    exact = draw(st.integers(0, 3)) > 0
    walk, devices = draw(walks()), draw(st.integers(1, 3))

    def times(size: int, most: int) -> np.ndarray:
        eighths = generator.integers(0, most + 1, size) * (generator.random(size) < 0.7) / 8
        return eighths if exact else eighths * generator.random(size)

    turns_back, lossy = draw(st.booleans()), draw(st.booleans())
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
        servers={"edge": draw(servings()), "cloud": draw(servings())},
        horizon_s=draw(st.sampled_from([np.inf, np.inf, 2.0, 8.0])),
        order=draw(st.sampled_from(["arrival", "deadline"])),
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
