"""A shorter way through the common case: one pass for each stage, without an event list.

Where stations are first-come queues without batches or limits, no radio sleeps, nothing is lost or shared on the air,
nobody comes to a station twice, and nothing is decided anew, the instants at a stage follow from the order in which
requests reach it: those of a single server from the request before (Lindley 1952), those of several servers from who
ends first (Kiefer and Wolfowitz 1955). A station that all devices share takes their streams merged.

The order of events is that of `engines.log`. Where somebody comes to a station out of the order in which a device's
requests left the stage before, the function gives up, and `engines.fast` runs the event loop.

Nothing here is called without being compiled: `engines.fast` does that and checks the types.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.log import CENSORED, COMPLETED, Book, Columns
from simulator.engines.media.own_channel import Air, make_air, transfer_time_s
from simulator.engines.queues import drop_first, push, sink
from simulator.engines.steps import NOBODY
from simulator.engines.world import Traffic, arrange, slot, stage_table
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, SERVER
from simulator.workload import Workload

Floats = NDArray[np.float64]
Ints = NDArray[Any]


class Passage(NamedTuple):
    """One policy over one workload, and what the passes keep.

    Attributes
    ----------
    traffic, first, legs, stages, air, book, horizon_s
        As in `simulator.engines.world.World`.
    workers : array of int, shape (stages,)
    status : array of int8, shape (requests,)
    batch, leg, order, follower : array of int32, shape (requests,)
        Batch as in the log; the leg that a request is on, -1 when it goes no further; requests in the order in which
        they left the last stage; who is next in the stream of a device.
    reach_s : array of float, shape (requests,)
        When a request reaches the queue of its leg.
    free_s, joined_s : array of float, shape (devices,)
        When the station of a device is free, and when somebody joined it last.
    begin, last : array of int32, shape (devices,)
        Ends of the stream of a device; ``last`` is also who joined its station last.
    times, owners : array, shape (devices + 1,)
        Heap of the streams.
    ends_s, served : array, shape (most workers + 1,)
        Heap of who is served at a shared station.
    """

    traffic: Traffic
    first: Any
    legs: Any
    stages: Any
    air: Air
    book: Book
    horizon_s: float
    workers: Ints
    status: NDArray[np.int8]
    batch: Ints
    leg: Ints
    order: Ints
    follower: Ints
    reach_s: Floats
    free_s: Floats
    joined_s: Floats
    begin: Ints
    last: Ints
    times: Floats
    owners: Ints
    ends_s: Floats
    served: Ints


def is_forward(plan: Plan) -> bool:
    """Whether a plan has none of what needs the event loop."""
    plain = all(plan.servers[stage.station].plain for stage in plan.stages if stage.kind == SERVER)
    once = not any(stage.served_by for stage in plan.stages)
    alone = not plan.decides_anew and not plan.wakes and not plan.counts_bits
    return plain and once and plan.order == "arrival" and alone


def way_through(plan: Plan) -> str:
    """Which of the ways through `engines.fast` a plan takes first: ``passes``, ``events`` or ``decisions``."""
    if plan.decides_anew:
        return "decisions"
    return "passes" if is_forward(plan) else "events"


def make_passage(plan: Plan, workload: Workload, rows: Ints, columns: Columns, book: Book) -> Passage:
    """The state before the first stage."""
    devices, size = plan.group_of.size, workload.size
    layout = arrange(plan)
    workers = np.array([layout.free[layout.station[stage.name]] for stage in plan.stages])
    return Passage(
        traffic=Traffic(size, workload.arrival_s, workload.device, rows, workload.factors),
        first=plan.routes.first,
        legs=plan.routes.legs,
        stages=stage_table(plan, columns, layout),
        air=make_air(plan),
        book=book,
        horizon_s=plan.horizon_s,
        workers=workers,
        status=np.full(size, CENSORED, dtype=np.int8),
        batch=np.full(size, NOBODY, dtype=np.int32),
        leg=np.empty(size, dtype=np.int32),
        order=np.arange(size, dtype=np.int32),
        follower=np.empty(size, dtype=np.int32),
        reach_s=workload.arrival_s.copy(),
        free_s=np.empty(devices),
        joined_s=np.empty(devices),
        begin=np.empty(devices, dtype=np.int32),
        last=np.empty(devices, dtype=np.int32),
        times=np.empty(devices + 1),
        owners=np.empty(devices + 1, dtype=np.int64),
        ends_s=np.empty(workers.max() + 1),
        served=np.empty(workers.max() + 1, dtype=np.int64),
    )


def pass_through(p: Any) -> bool:
    """Run one policy over one workload; False when it cannot tell the order of events, the log then being worthless."""
    for request in range(p.traffic.size):
        p.leg[request] = p.first[p.traffic.row[request]]
    for number in range(len(p.stages)):
        fits = pass_shared(p, number) if p.stages[number].shared else pass_own(p, number)
        if not fits:
            return False
    return True


def pass_own(p: Any, number: int) -> bool:
    """A stage at which each device has a station with one server."""
    stage = p.stages[number]
    p.free_s[:] = 0.0
    p.joined_s[:] = 0.0
    p.last[:] = NOBODY
    for request in p.order:
        if p.leg[request] == NOBODY or p.legs[p.leg[request]].stage != number:
            continue
        device, now = p.traffic.device[request], p.reach_s[request]
        if now < p.joined_s[device] or (now == p.joined_s[device] and request < p.last[device]):
            return False
        p.joined_s[device] = now
        p.last[device] = request
        now = max(now, p.free_s[device])
        if now > p.horizon_s:
            p.leg[request] = NOBODY
            continue
        end = now + service_s(p, stage, request, now)
        p.free_s[device] = end
        p.book.block[stage.column, request] = now
        leave(p, stage, request, end)
    return True


def pass_shared(p: Any, number: int) -> bool:
    """A stage with one station for all devices."""
    stage, workers = p.stages[number], p.workers[number]
    streams = make_streams(p, number)
    if streams < 0:
        return False
    busy = 0
    left = 0
    while streams > 0:
        request, now = p.owners[0], p.times[0]
        following = p.follower[request]
        if following == NOBODY:
            drop_first(p.times, p.owners, streams)
            streams -= 1
        else:
            sink(p.times, p.owners, streams, p.reach_s[following], following)
        if now > p.horizon_s or (busy == workers and p.ends_s[0] > p.horizon_s):
            p.leg[request] = NOBODY
            p.order[left] = request
            left += 1
            continue
        start = now
        # who has ended by now leaves; when all workers are busy, the request waits for the first to end
        while busy > 0 and (p.ends_s[0] <= now or busy == workers):
            start = max(now, p.ends_s[0])
            left = leave_shared(p, stage, left)
            drop_first(p.ends_s, p.served, busy)
            busy -= 1
        end = start + service_s(p, stage, request, start)
        p.book.block[stage.column, request] = start
        if stage.kind == SERVER:
            p.batch[request] = request
        push(p.ends_s, p.served, busy, end, request)
        busy += 1
    while busy > 0:
        left = leave_shared(p, stage, left)
        drop_first(p.ends_s, p.served, busy)
        busy -= 1
    return True


def make_streams(p: Any, number: int) -> int:
    """Chain the requests of each device that reach a stage, and put them into a heap.

    Those that do not come here stand behind those that do from now on. Returns the number of streams, -1 where one is
    out of order.
    """
    p.begin[:] = NOBODY
    comes = 0
    for request in p.order:
        if p.leg[request] == NOBODY or p.legs[p.leg[request]].stage != number:
            continue
        comes += 1
        device, now = p.traffic.device[request], p.reach_s[request]
        p.follower[request] = NOBODY
        if p.begin[device] == NOBODY:
            p.begin[device] = request
        else:
            before = p.last[device]
            if now < p.reach_s[before] or (now == p.reach_s[before] and request < before):
                return -1
            p.follower[before] = request
        p.last[device] = request
    if comes < p.traffic.size:
        step_aside(p, number)
    streams = 0
    for device in range(len(p.begin)):
        if p.begin[device] != NOBODY:
            push(p.times, p.owners, streams, p.reach_s[p.begin[device]], p.begin[device])
            streams += 1
    return streams


def step_aside(p: Any, number: int) -> None:
    """Put those that do not come to a stage at the end of the order; who leaves it fills the places before them."""
    place = p.traffic.size - 1
    for k in range(p.traffic.size - 1, -1, -1):
        request = p.order[k]
        if p.leg[request] == NOBODY or p.legs[p.leg[request]].stage != number:
            p.order[place] = request
            place -= 1


def service_s(p: Any, stage: Any, request: int, now: float) -> float:
    """Time that a request takes of a station that begins it now."""
    work = p.legs[p.leg[request]].work
    if stage.kind == LINK:
        return transfer_time_s(p.air, p.air.wires[stage.place + slot(stage, p.traffic.device[request])], now, work)
    return float(work * p.traffic.factors[stage.draw][request])


def leave_shared(p: Any, stage: Any, left: int) -> int:
    """The first to end leaves a shared station; returns how many have left."""
    p.order[left] = p.served[0]
    leave(p, stage, p.served[0], p.ends_s[0])
    return left + 1


def leave(p: Any, stage: Any, request: int, end: float) -> None:
    """A request has been served: it goes on to its next leg, or its answer is there."""
    if end > p.horizon_s:
        p.leg[request] = NOBODY
        return
    p.book.block[stage.column + 1, request] = end
    leg = p.legs[p.leg[request]]
    now = end + leg.delay_s
    if not leg.is_last:
        p.reach_s[request] = now
        p.leg[request] += 1
        if now > p.horizon_s:
            p.leg[request] = NOBODY
        return
    p.leg[request] = NOBODY
    if now <= p.horizon_s:
        p.book.block[p.book.finish, request] = now
        p.status[request] = COMPLETED
