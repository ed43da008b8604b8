"""Who finds the edge server's queue full: both engines against a simulation from the rule's wording, and its laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from generated import lone_plan, remade
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engines import fast, reference
from simulator.engines.log import DROPPED, RequestLog
from simulator.physics.queueing import has_room, left_waiting
from simulator.plan.plan import Plan
from simulator.plan.routes import QUEUE_FULL, TURNED_BACK
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.workload import Workload

engines = pytest.mark.parametrize("run", [reference.run, fast.run], ids=["reference", "fast"])
Run = Callable[[Plan, Workload], RequestLog]


@dataclass
class Server:
    """The rule in plain Python; times are whole numbers of eighths of a second, and no service is of zero length."""

    rules: ServingPlan
    urgency: list[float]
    services: list[int]

    def starts(self, waiting: list[tuple[int, int]], idle: int, now: int) -> tuple[list[list[int]], list[int], int]:
        """Batches that start now, who is left, and how many workers stay idle."""
        batches, queue = [], sorted(waiting, key=lambda entry: (self.urgency[entry[1]], entry[0], entry[1]))
        while idle and queue:
            oldest = min(joined for joined, _ in queue)
            if len(queue) < self.rules.max_batch and now < oldest + 8 * self.rules.max_wait_s:
                break  # the idle worker gathers a batch
            batches.append([request for _, request in queue[: self.rules.max_batch]])
            queue, idle = queue[self.rules.max_batch :], idle - 1
        return batches, [request for _, request in queue], idle

    def run(self, arrivals: list[int]) -> tuple[set[int], dict[int, int]]:
        """Who is turned away, and when the others start."""
        waiting: list[tuple[int, int]] = []
        ends: list[int] = []
        refused: set[int] = set()
        started: dict[int, int] = {}
        for now in range(max(arrivals) + sum(self.services) * self.rules.max_batch + 8 * 200):
            ends = [end for end in ends if end > now]
            idle = self.rules.workers - len(ends)
            come = sorted((k for k, at in enumerate(arrivals) if at == now), key=lambda k: (self.urgency[k], k))
            # as many of those who come as leave nobody without a start, a batch to join, or a place
            for admitted in range(len(come), -1, -1):
                everybody = waiting + [(now, k) for k in come[:admitted]]
                batches, left, still_idle = self.starts(everybody, idle, now)
                if still_idle > 0 or len(left) <= self.rules.queue_limit:
                    break
            refused |= set(come[admitted:])
            for batch in batches:
                started |= dict.fromkeys(batch, now)
                mean = sum(self.services[k] for k in batch) / len(batch)
                ends.append(now + int(mean * self.rules.batch_factor[len(batch)]))
            waiting = [entry for entry in everybody if entry[1] in left]
        assert not waiting
        return refused, started


@st.composite
def systems(draw: Any, instants: int = 40) -> tuple[ServingPlan, list[int], list[int], str, list[float]]:
    """Rules, arrivals at the server in eighths of a second, service, order, and urgency of each device."""
    max_batch = draw(st.sampled_from([1, 1, 2, 3, 8]))
    rules = ServingPlan(
        workers=draw(st.integers(1, 4)),
        max_batch=max_batch,
        max_wait_s=draw(st.sampled_from([0.0, 0.25, 1.0])) if max_batch > 1 else 0.0,
        queue_limit=draw(st.sampled_from([0, 1, 2, 3, 5])),
        fallback=False,
        # whole batches take as long as their mean request, or twice that
        batch_factor=np.array([0.0, 1.0, *(draw(st.sampled_from([1.0, 2.0])) for _ in range(max_batch - 1))]),
    )
    arrivals = sorted(draw(st.lists(st.integers(0, instants), min_size=1, max_size=30)))
    service = draw(st.integers(1, 12))
    order = draw(st.sampled_from(["arrival", "priority"]))
    priorities = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(arrivals), max_size=len(arrivals)))
    return rules, arrivals, [service] * len(arrivals), order, priorities


def laid_out(
    rules: ServingPlan, arrivals: list[int], services: list[int], order: str, priorities: list[float], **more: Any
) -> tuple[Plan, Workload]:
    """One device for each request, over an instant link."""
    count = len(arrivals)
    plan = remade(
        lone_plan(count),
        edge_s=np.array(services) / 8,
        serving=rules,
        order=order,
        priority=np.array(priorities),
        **more,
    )
    ones, device = np.ones(count), np.arange(count, dtype=np.int32)
    return plan, Workload(np.array(arrivals) / 8, device, np.zeros(count, dtype=np.int64), ones, ones)


@engines
@settings(max_examples=300)
@given(system=systems())
def test_the_rule_as_it_is_worded(run: Run, system: tuple[ServingPlan, list[int], list[int], str, list[float]]) -> None:
    """Who is dropped and when the others start, against the simulation above."""
    rules, arrivals, services, order, priorities = system
    urgency = priorities if order == "priority" else [0.0] * len(arrivals)
    refused, started = Server(rules, urgency, services).run(arrivals)
    log = run(*laid_out(*system))
    assert set(np.flatnonzero(log.reason == QUEUE_FULL).tolist()) == refused
    assert set(np.flatnonzero(log.status == DROPPED).tolist()) == refused
    assert {k: round(8 * at) for k, at in enumerate(log.start_s["edge"].tolist()) if at == at} == started


@engines
@settings(max_examples=200)
@given(system=systems(), seed=st.integers(0, 99))
def test_the_order_of_those_who_come_at_one_instant_does_not_change_how_many_are_dropped(
    run: Run, system: tuple[ServingPlan, list[int], list[int], str, list[float]], seed: int
) -> None:
    """Priorities change places among those of one instant, so that another one of them goes first."""
    rules, arrivals, services, order, priorities = system
    shuffled = list(priorities)
    generator = np.random.Generator(np.random.PCG64(seed))
    for at in set(arrivals):
        here = [k for k, instant in enumerate(arrivals) if instant == at]
        for k, other in zip(here, generator.permutation(here).tolist(), strict=True):
            shuffled[k] = priorities[other]
    one, other = (run(*laid_out(rules, arrivals, services, order, given)) for given in (priorities, shuffled))
    assert (one.status == DROPPED).sum() == (other.status == DROPPED).sum()


@engines
@settings(max_examples=200)
@given(system=systems())
def test_nobody_is_dropped_beside_an_idle_worker(
    run: Run, system: tuple[ServingPlan, list[int], list[int], str, list[float]]
) -> None:
    """When somebody is dropped all workers are busy afterwards, those that start a full batch then included."""
    rules, arrivals, *_ = system
    log = run(*laid_out(*system))
    leaders = np.flatnonzero(log.batch == np.arange(log.batch.size))
    for k in np.flatnonzero(log.status == DROPPED):
        at = arrivals[k] / 8
        assert ((log.start_s["edge"][leaders] <= at) & (log.end_s["edge"][leaders] > at)).sum() == rules.workers


@engines
@settings(max_examples=100)
@given(system=systems())
def test_who_turns_back_is_who_would_have_been_dropped(
    run: Run, system: tuple[ServingPlan, list[int], list[int], str, list[float]]
) -> None:
    """The rule is the same, whatever becomes of those it is applied to; they start on their idle devices at once."""
    rules, *rest = system
    dropped = run(*laid_out(rules, *rest))
    returned = run(*laid_out(replace(rules, fallback=True), *rest))
    back = returned.reason == TURNED_BACK
    assert (back == (dropped.reason == QUEUE_FULL)).all()
    assert (returned.start_s["fallback"][back] == np.array(rest[0])[back] / 8).all()


@engines
def test_a_queue_without_places_still_fills_batches(run: Run) -> None:
    """One worker, batches of three, no places: three of four at 0 s go together, and the fourth finds no room.

    At 1 s two are gathered, a third completes the batch at 1.5 s, and a fourth at that instant is dropped.
    """
    rules = ServingPlan(1, 3, 2.0, 0, False, np.ones(4))
    log = run(*laid_out(rules, [0, 0, 0, 0, 8, 8, 12, 12], [4] * 8, "arrival", [0.0] * 8))
    assert (log.status == DROPPED).tolist() == [False] * 3 + [True] + [False] * 3 + [True]
    assert log.start_s["edge"][[0, 1, 2, 4, 5, 6]].tolist() == [0.0, 0.0, 0.0, 1.5, 1.5, 1.5]


@engines
def test_services_of_zero_length_make_room_at_their_instant(run: Run) -> None:
    """One worker and no place: five that take no time are all served, one after the other."""
    rules = ServingPlan(1, 1, 0.0, 0, False, np.array([0.0, 1.0]))
    log = run(*laid_out(rules, [8] * 5, [0] * 5, "arrival", [0.0] * 5))
    assert (log.status == 0).all()


@given(
    waiting=st.integers(0, 50), idle=st.integers(0, 5), max_batch=st.integers(1, 9), limit=st.sampled_from([0, 1, 7])
)
def test_room_is_one_more_who_needs_no_place_that_is_not_there(
    waiting: int, idle: int, max_batch: int, limit: int
) -> None:
    """Twin: deal those who wait, and one more, to the batches of idle workers, and count who is left."""
    left = waiting + 1
    for _ in range(idle):
        for _ in range(max_batch):
            left -= left > 0
    assert left_waiting(waiting + 1, idle, max_batch) == left
    assert has_room(waiting, idle, max_batch, limit) == (left <= limit)
    assert has_room(waiting, idle, max_batch, UNLIMITED)
