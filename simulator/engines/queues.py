"""Heaps and first-come queues, in the subset of Python that numba compiles.

A heap is a pair of arrays (instants, owners) ordered by instant, then owner; its size is the caller's. A first-come
queue is a chain through ``follower`` of its requests, from ``head`` to ``tail`` of its station.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.steps import NOBODY

Ints = NDArray[Any]
Floats = NDArray[np.float64]


def push(times: Floats, owners: Ints, size: int, instant: float, owner: int) -> None:
    """Put (instant, owner) into a binary heap of ``size`` entries; there must be room for one more."""
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if times[parent] < instant or (times[parent] == instant and owners[parent] < owner):
            break
        times[k] = times[parent]
        owners[k] = owners[parent]
        k = parent
    times[k] = instant
    owners[k] = owner


def sink(times: Floats, owners: Ints, size: int, instant: float, owner: int) -> None:
    """Put (instant, owner) in the place of the first entry of a heap of ``size`` entries and restore its order."""
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            times[other] < times[child] or (times[other] == times[child] and owners[other] < owners[child])
        ):
            child = other
        if instant < times[child] or (instant == times[child] and owner < owners[child]):
            break
        times[k] = times[child]
        owners[k] = owners[child]
        k = child
    times[k] = instant
    owners[k] = owner


def drop_first(times: Floats, owners: Ints, size: int) -> None:
    """Take the first entry out of a binary heap of ``size`` entries."""
    sink(times, owners, size - 1, times[size - 1], owners[size - 1])


def queue_up(station: Any, at: Any, request: int, now: float) -> None:
    """Append a request to a first-come queue; of those that join at one instant the smaller number goes first.

    Parameters
    ----------
    station : record
    at : records, one for each request
    request : int
    now : float
    """
    at[request].joined_s = now
    at[request].follower = NOBODY
    station.waiting += 1
    last = station.tail
    if last == NOBODY:
        station.head = request
        station.tail = request
    elif at[last].joined_s < now or last < request:
        at[last].follower = request
        station.tail = request
    else:
        before = NOBODY
        here = station.head
        while at[here].joined_s < now or here < request:
            before = here
            here = at[here].follower
        at[request].follower = here
        if before == NOBODY:
            station.head = request
        else:
            at[before].follower = request


def leave_queue(station: Any, at: Any) -> int:
    """Take the first request out of a first-come queue."""
    request = station.head
    station.waiting -= 1
    station.head = at[request].follower
    if station.head == NOBODY:
        station.tail = NOBODY
    return int(request)
