"""Routes of any shape: stations that are visited again, switches between two tiers, tiers that cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from generated import lone_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engines import fast, reference
from simulator.engines.log import COMPLETED, RequestLog
from simulator.physics.link import Channel
from simulator.plan.medium import LinkPlan
from simulator.plan.plan import Plan
from simulator.plan.routes import Visits, make_routes
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.plan.stages import BACKHAUL_DOWN, BACKHAUL_UP, CLOUD, DEVICE, DOWNLINK, EDGE, LINK, UPLINK, Stage
from simulator.workload import Workload

Run = Callable[[Plan, Workload], RequestLog]
engines = pytest.mark.parametrize("run", [reference.run, fast.run], ids=["reference", "fast"])


def again(stage: Stage, time: int) -> Stage:
    """Another visit to the stations of a stage."""
    return replace(stage, name=f"{stage.name} {time}", served_by=stage.name)


def plan_over(legs: Sequence[tuple[Stage, float, float]], devices: int = 1, rate_bps: float = 8.0) -> Plan:
    """One option over stages with their work and the delay after them; one worker at each server."""
    plain, group = lone_plan(devices), np.zeros(devices, dtype=np.int32)
    one = np.ones(1, dtype=bool)
    stages, routes = make_routes([Visits(s, one, np.array([work]), np.array([delay])) for s, work, delay in legs])
    link = LinkPlan((Channel.constant(rate_bps),), group)
    return replace(
        plain,
        stages=stages,
        routes=routes,
        partition=("cut",),
        exit=("final",),
        chosen_row=np.zeros(1, dtype=np.int32),
        final=np.zeros(1, dtype=np.int32),
        taken=(None,),
        group_of=group,
        propagation_s=np.zeros(1),
        tail_ends_s=(np.empty(0),),
        wake_delays_s=(np.zeros(1),),
        deadline_s=np.full(1, np.inf),
        priority=np.zeros(1),
        tolerates_loss=np.zeros(1, dtype=bool),
        links={stage.name: link for stage, _, _ in legs if stage.kind == LINK},
        servers=dict.fromkeys(("edge", "cloud"), plain.servers["edge"]),
    )


def at(arrival_s: Sequence[float], device: Sequence[int] | None = None) -> Workload:
    """Requests of constant work."""
    count = len(arrival_s)
    ones, whose = np.ones(count), np.zeros(count, dtype=np.int32) if device is None else np.array(device, np.int32)
    return Workload(np.array(arrival_s), whose, np.zeros(count, dtype=np.int64), ones, ones)


@engines
def test_a_device_that_computes_before_and_after_the_edge(run: Run) -> None:
    """Work 1 s, 1 s of uplink, 2 s at the edge, an instant downlink, 1 s of work again; requests at 0 s and 3.5 s.

    The first is back at 4 s and finds the device with the head of the second, which lasts until 4.5 s: it ends at
    5.5 s. The second one's edge work is over at 7.5 s, and its last work at 8.5 s.
    """
    legs = [
        (DEVICE, 1.0, 0.0),
        (UPLINK, 8.0, 0.0),
        (EDGE, 2.0, 0.0),
        (DOWNLINK, 0.0, 0.0),
        (again(DEVICE, 2), 1.0, 0.0),
    ]
    log = run(plan_over(legs), at([0.0, 3.5]))
    assert log.start_s["device"].tolist() == [0.0, 3.5]
    assert log.start_s["edge"].tolist() == [2.0, 5.5]
    assert log.start_s["device 2"].tolist() == [4.5, 7.5]
    assert log.finish_s.tolist() == [5.5, 8.5]


@engines
def test_five_switches_between_two_tiers(run: Run) -> None:
    """Half a second at each tier in turn, 1 s up and 1/2 s down, propagation 1/8 s; two devices at 0 s and 1/2 s.

    Alone a request needs 6 x 1/2 s of work, 3 s up, 3 x 1/2 s down and 6 x 1/8 s of propagation. The second follows
    half a second behind the first and meets the edge when it has just left: both take 8.25 s.
    """
    legs = []
    for time in (1, 2, 3):
        legs += [
            (stage if time == 1 else again(stage, time), work, delay)
            for stage, work, delay in (
                (DEVICE, 0.5, 0.0),
                (UPLINK, 8.0, 0.125),
                (EDGE, 0.5, 0.0),
                (DOWNLINK, 4.0, 0.125),
            )
        ]
    log = run(plan_over(legs, devices=2), at([0.0, 0.5], [0, 1]))
    assert log.finish_s.tolist() == [8.25, 8.75]
    assert log.start_s["edge"].tolist() == [1.625, 2.125]
    assert log.start_s["edge 3"].tolist() == [7.125, 7.625]
    assert (log.status == COMPLETED).all()


@engines
def test_a_route_over_three_tiers(run: Run) -> None:
    """Two devices send at once; the backhaul and the cloud, which they share, serve them one after the other.

    Up 1 s each, the edge 1/4 s each from 1 s on, the backhaul 1/2 s each from 1.25 s on, the cloud 1 s each.
    """
    legs = [
        (UPLINK, 8.0, 0.0),
        (EDGE, 0.25, 0.0),
        (BACKHAUL_UP, 4.0, 0.25),
        (CLOUD, 1.0, 0.0),
        (BACKHAUL_DOWN, 0.0, 0.25),
        (DOWNLINK, 0.0, 0.0),
    ]
    log = run(plan_over(legs, devices=2), at([0.0, 0.0], [0, 1]))
    assert log.start_s["edge"].tolist() == [1.0, 1.25]
    assert log.start_s["backhaul_up"].tolist() == [1.25, 1.75]
    assert log.start_s["cloud"].tolist() == [2.0, 3.0]
    assert log.finish_s.tolist() == [3.25, 4.25]


@engines
def test_who_comes_to_a_server_again_waits_anew_for_its_batch(run: Run) -> None:
    """One worker, batches of four that wait for 1 s and take 1/2 s; two visits each, from 0 s, 0 s and 1.375 s on.

    The first two go together from 1 s to 1.5 s, and come again behind the third, which has waited long enough at
    2.375 s: all go together until 2.875 s. The third comes again then, and is served from 3.875 s on.
    """
    visits = [(EDGE, 0.5, 0.0), (again(EDGE, 2), 0.5, 0.0)]
    plan = plan_over([(UPLINK, 0.0, 0.0), *visits, (DOWNLINK, 0.0, 0.0)], devices=3)
    rules = ServingPlan(1, 4, 1.0, UNLIMITED, False, np.array([0.0, 1.0, 1.0, 1.0, 1.0]))
    log = run(replace(plan, servers={"edge": rules}), at([0.0, 0.0, 1.375], [0, 1, 2]))
    assert log.start_s["edge"].tolist() == [1.0, 1.0, 2.375]
    assert log.start_s["edge 2"].tolist() == [2.375, 2.375, 3.875]
    assert log.finish_s.tolist() == [2.875, 2.875, 4.375]


arrivals = st.lists(st.integers(0, 40), min_size=1, max_size=12).map(lambda eighths: sorted(k / 8 for k in eighths))


@engines
@settings(max_examples=100)
@given(arrival_s=arrivals)
def test_a_tier_that_takes_no_time_changes_nothing(run: Run, arrival_s: list[float]) -> None:
    two = [(DEVICE, 0.25, 0.0), (UPLINK, 4.0, 0.125), (EDGE, 0.5, 0.0), (DOWNLINK, 2.0, 0.125)]
    forwarded = [(BACKHAUL_UP, 0.0, 0.0), (CLOUD, 0.0, 0.0), (BACKHAUL_DOWN, 0.0, 0.0)]
    near, far = run(plan_over(two), at(arrival_s)), run(plan_over([*two[:3], *forwarded, two[3]]), at(arrival_s))
    assert near.finish_s.tobytes() == far.finish_s.tobytes()


@engines
@settings(max_examples=100)
@given(arrival_s=arrivals)
def test_two_visits_back_to_back_are_one(run: Run, arrival_s: list[float]) -> None:
    """On an edge that is idle when they come: requests a second and more apart."""
    apart = [at_s + 2 * k for k, at_s in enumerate(arrival_s)]
    one = [(UPLINK, 4.0, 0.0), (EDGE, 0.5, 0.0), (DOWNLINK, 0.0, 0.0)]
    two = [(UPLINK, 4.0, 0.0), (EDGE, 0.25, 0.0), (again(EDGE, 2), 0.25, 0.0), (DOWNLINK, 0.0, 0.0)]
    assert run(plan_over(one), at(apart)).finish_s.tolist() == run(plan_over(two), at(apart)).finish_s.tolist()
