"""Heaps and queues of the compiled event loop, in the subset of Python that numba compiles.

A heap is a pair of arrays (instants, requests) ordered by instant, then request number; its size is the caller's. A
first-come queue is a chain through ``follower`` from ``head`` to ``tail`` of its station. The queue of the edge server,
where urgency comes first, is a heap of requests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]
Floats = NDArray[np.float64]

#: stands for no request
NOBODY = -1


def push(times: Floats, requests: Ints, size: int, instant: float, request: int) -> None:
    """Put (instant, request) into a binary heap of ``size`` entries; there must be room for one more."""
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if times[parent] < instant or (times[parent] == instant and requests[parent] < request):
            break
        times[k] = times[parent]
        requests[k] = requests[parent]
        k = parent
    times[k] = instant
    requests[k] = request


def sink(times: Floats, requests: Ints, size: int, instant: float, request: int) -> None:
    """Put (instant, request) in the place of the first entry of a heap of ``size`` entries and restore its order."""
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            times[other] < times[child] or (times[other] == times[child] and requests[other] < requests[child])
        ):
            child = other
        if instant < times[child] or (instant == times[child] and request < requests[child]):
            break
        times[k] = times[child]
        requests[k] = requests[child]
        k = child
    times[k] = instant
    requests[k] = request


def drop_first(times: Floats, requests: Ints, size: int) -> None:
    """Take the first entry out of a binary heap of ``size`` entries."""
    sink(times, requests, size - 1, times[size - 1], requests[size - 1])


def queue_up(head: Ints, tail: Ints, follower: Ints, joined: Floats, station: int, request: int, now: float) -> None:
    """Append a request to a first-come queue; of those that join at one instant the smaller number goes first."""
    joined[request] = now
    follower[request] = NOBODY
    last = tail[station]
    if last == NOBODY:
        head[station] = request
        tail[station] = request
    elif joined[last] < now or last < request:
        follower[last] = request
        tail[station] = request
    else:
        before = NOBODY
        here = head[station]
        while joined[here] < now or here < request:
            before = here
            here = follower[here]
        follower[request] = here
        if before == NOBODY:
            head[station] = request
        else:
            follower[before] = request


def leave_queue(head: Ints, tail: Ints, follower: Ints, station: int) -> int:
    """Take the first request out of a first-come queue."""
    request = int(head[station])
    head[station] = follower[request]
    if head[station] == NOBODY:
        tail[station] = NOBODY
    return request


def more_urgent(urgency: Floats, joined: Floats, a: int, b: int) -> bool:
    """Whether request ``a`` goes before ``b`` in the queue of the edge server."""
    if urgency[a] != urgency[b]:
        return bool(urgency[a] < urgency[b])
    if joined[a] != joined[b]:
        return bool(joined[a] < joined[b])
    return a < b


def push_urgent(queue: Ints, size: int, urgency: Floats, joined: Floats, request: int) -> None:
    """Put a request into the edge server's heap of ``size`` entries."""
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if more_urgent(urgency, joined, queue[parent], request):
            break
        queue[k] = queue[parent]
        k = parent
    queue[k] = request


def enter_urgent(urgent: Ints, size: int, urgency: Floats, joined: Floats, request: int, now: float) -> Ints:
    """Queue a request in the edge server's heap of ``size`` entries; returns the heap, which may have grown."""
    if size == urgent.size:
        urgent = np.concatenate((urgent, np.empty(size, dtype=urgent.dtype)))
    joined[request] = now
    push_urgent(urgent, size, urgency, joined, request)
    return urgent


def pop_urgent(queue: Ints, size: int, urgency: Floats, joined: Floats) -> int:
    """Take the most urgent request out of the edge server's heap of ``size`` entries."""
    first = int(queue[0])
    last = size - 1
    request = queue[last]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= last:
            break
        other = child + 1
        if other < last and more_urgent(urgency, joined, queue[other], queue[child]):
            child = other
        if more_urgent(urgency, joined, request, queue[child]):
            break
        queue[k] = queue[child]
        k = child
    queue[k] = request
    return first
