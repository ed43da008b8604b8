"""Servers: several workers that take batches from one queue of limited length, ordered by urgency or first come.

Who comes to a server of limited length stands at its door until the completions of the instant are over, and joins the
queue as far as there is room, in the order of the queue. Who is still at the door when nothing else can start at that
instant is turned away. An idle worker takes up to ``max_batch`` requests, as soon as that many wait or the
longest-waiting one has waited ``max_wait_s``.

Both engines use these functions, written in the subset of Python that numba compiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.queues import leave_queue, queue_up
from simulator.engines.records import FLAG, INT, LONG, REAL, table
from simulator.engines.steps import NOBODY
from simulator.physics.queueing import has_room
from simulator.plan.serving import UNLIMITED, ServingPlan

#: lines of each server: heap of who stands at the door, heap of who waits where it goes by urgency, and who has joined
#: in order of time where batches wait, with the leg for which it was
_DOOR, _URGENT, _BY_AGE, _FOR_LEG = range(4)
_LINES = 4


class Hall(NamedTuple):
    """All stations, who is where, and the rules of the servers; arrays, or lists for plain Python.

    Attributes
    ----------
    stations : records, shape (stations,)
        ``head``, ``tail``: ends of the queue. ``waiting``: how many
        stand there. ``free``: servers that are idle. ``stage``: the first that it serves.
    at : records, shape (requests,)
        ``joined_s``: when a request joined the queue that it stands in; ``follower``: who is next there. ``leg``:
        of its route; ``what``: its next event. ``batch``: first of its batch; ``unfinished``: of that batch;
        ``is_taken``: whether a worker has taken it. ``status``, ``reason``.
    servers : records, shape (servers,)
        ``station``, ``visits``, ``max_batch``, ``max_wait_s``, ``queue_limit``, ``is_limited``, ``is_urgent``.
        ``first_factor``: where the factors of its batches begin. ``waiting``, ``at_door``: how many; ``oldest``,
        ``youngest``: ends of who has joined, by age.
    batch_factor : array of float
        Time of a batch of b requests over the time of one, of all servers.
    urgency : array of float, shape (requests,)
        Smaller goes first.
    lines : array of int, shape (4 servers, visits)
    """

    stations: Any
    at: Any
    servers: Any
    batch_factor: Any
    urgency: Any
    lines: Any


def make_servers(rules: Sequence[ServingPlan], stations: Sequence[int], visits: Sequence[int], is_urgent: bool) -> Any:
    """Servers before the first request, as records; ``visits`` is how often a request can come to each."""
    sizes = [rule.batch_factor.size for rule in rules]
    limits = np.array([rule.queue_limit for rule in rules], dtype=np.int64)
    return table(
        len(rules),
        max_wait_s=(REAL, [rule.max_wait_s for rule in rules]),
        queue_limit=(LONG, limits),
        station=(INT, stations),
        max_batch=(INT, [rule.max_batch for rule in rules]),
        visits=(INT, visits),
        first_factor=(INT, np.cumsum([0, *sizes])[:-1]),
        waiting=(INT, 0),
        at_door=(INT, 0),
        oldest=(INT, 0),
        youngest=(INT, 0),
        is_limited=(FLAG, limits < UNLIMITED),
        is_urgent=(FLAG, is_urgent),
    )


def make_lines(servers: Any, requests: int) -> NDArray[np.int32]:
    """Room for the lines of all servers; none where no server needs any."""
    needs = servers["is_limited"].any() or servers["is_urgent"].any() or (servers["max_wait_s"] > 0).any()
    room = requests * int(servers["visits"].max()) if needs else 0
    return np.empty((_LINES * servers.size, room), dtype=np.int32)


def come(hall: Any, k: int, request: int, now: float) -> None:
    """A request comes to the door of server k, or joins a queue that has no limit."""
    server = hall.servers[k]
    if not server.is_limited:
        enter(hall, k, request, now)
        return
    hall.at[request].joined_s = now
    push_urgent(hall, _LINES * k + _DOOR, server.at_door, request)
    server.at_door += 1


def enter(hall: Any, k: int, request: int, now: float) -> None:
    """A request joins the queue."""
    server = hall.servers[k]
    if server.is_urgent:
        hall.at[request].joined_s = now
        push_urgent(hall, _LINES * k + _URGENT, server.waiting, request)
    else:
        queue_up(hall.stations[server.station], hall.at, request, now)
    server.waiting += 1
    hall.at[request].is_taken = 0
    if server.max_wait_s > 0:
        hall.lines[_LINES * k + _BY_AGE][server.youngest] = request
        hall.lines[_LINES * k + _FOR_LEG][server.youngest] = hall.at[request].leg
        server.youngest += 1


def admits(hall: Any, k: int) -> bool:
    """Whether there is room for the first at the door."""
    server = hall.servers[k]
    free = hall.stations[server.station].free
    return server.at_door > 0 and has_room(server.waiting, free, server.max_batch, server.queue_limit)


def leave_door(hall: Any, k: int) -> int:
    """Take the first away from the door."""
    server = hall.servers[k]
    server.at_door -= 1
    return pop_urgent(hall, _LINES * k + _DOOR, server.at_door + 1)


def has_batch(hall: Any, k: int, now: float) -> bool:
    """Whether a worker is free for a batch that is full or has waited long enough."""
    server = hall.servers[k]
    if hall.stations[server.station].free == 0 or server.waiting == 0:
        return False
    if server.waiting >= server.max_batch or server.max_wait_s <= 0:
        return True
    by_age, for_leg = hall.lines[_LINES * k + _BY_AGE], hall.lines[_LINES * k + _FOR_LEG]
    # who comes again stands there twice
    while hall.at[by_age[server.oldest]].is_taken or hall.at[by_age[server.oldest]].leg != for_leg[server.oldest]:
        server.oldest += 1
    return bool(now >= hall.at[by_age[server.oldest]].joined_s + server.max_wait_s)


def take_batch(hall: Any, k: int) -> int:
    """A worker takes the first waiting requests, chained through ``follower``; returns the first one."""
    server = hall.servers[k]
    station = hall.stations[server.station]
    station.free -= 1
    size = min(server.max_batch, server.waiting)
    leader = NOBODY
    last = NOBODY
    for _ in range(size):
        if server.is_urgent:
            request = pop_urgent(hall, _LINES * k + _URGENT, server.waiting)
        else:
            request = leave_queue(station, hall.at)
        server.waiting -= 1
        if leader == NOBODY:
            leader = request
        else:
            hall.at[last].follower = request
        hall.at[request].is_taken = 1
        hall.at[request].batch = leader
        last = request
    hall.at[last].follower = NOBODY
    hall.at[leader].unfinished = size
    return leader


def batch_s(hall: Any, k: int, total_s: float, leader: int) -> float:
    """Time of a batch whose requests would take so long one after the other."""
    size = hall.at[leader].unfinished
    return float(total_s / size * hall.batch_factor[hall.servers[k].first_factor + size])


def complete(hall: Any, k: int, request: int) -> None:
    """One request of a batch completes; the last one frees the worker."""
    leader = hall.at[hall.at[request].batch]
    leader.unfinished -= 1
    if leader.unfinished == 0:
        hall.stations[hall.servers[k].station].free += 1


def goes_before(hall: Any, a: int, b: int) -> bool:
    """Whether request ``a`` goes before ``b``: the more urgent one, then who joined first, then by number."""
    if hall.urgency[a] != hall.urgency[b]:
        return bool(hall.urgency[a] < hall.urgency[b])
    if hall.at[a].joined_s != hall.at[b].joined_s:
        return bool(hall.at[a].joined_s < hall.at[b].joined_s)
    return a < b


def push_urgent(hall: Any, line: int, size: int, request: int) -> None:
    """Put a request into a heap of ``size`` entries."""
    heap = hall.lines[line]
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if goes_before(hall, heap[parent], request):
            break
        heap[k] = heap[parent]
        k = parent
    heap[k] = request


def pop_urgent(hall: Any, line: int, size: int) -> int:
    """Take the most urgent request out of a heap of ``size`` entries."""
    heap = hall.lines[line]
    first = int(heap[0])
    last = size - 1
    request = heap[last]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= last:
            break
        other = child + 1
        if other < last and goes_before(hall, heap[other], heap[child]):
            child = other
        if goes_before(hall, request, heap[child]):
            break
        heap[k] = heap[child]
        k = child
    heap[k] = request
    return first
