"""The plain system, up to the edge, as a minimal hand-written numba event loop, for comparison in `make bench`.

One binary heap of (instant, request), one linked queue for each station; constants instead of options, one latency
for each request instead of a log, no rule for ties. It shows what generality costs the fast engine.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True)
def push(times, owners, size, time, owner):  # type: ignore[no-untyped-def]
    """Add an event to the heap."""
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if times[parent] <= time:
            break
        times[k], owners[k] = times[parent], owners[parent]
        k = parent
    times[k], owners[k] = time, owner


@numba.njit(cache=True)
def pop(times, owners, size):  # type: ignore[no-untyped-def]
    """Remove the first event of the heap."""
    time, owner = times[size - 1], owners[size - 1]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size - 1:
            break
        if child + 1 < size - 1 and times[child + 1] < times[child]:
            child += 1
        if time <= times[child]:
            break
        times[k], owners[k] = times[child], owners[child]
        k = child
    times[k], owners[k] = time, owner


@numba.njit(cache=True)
def latencies(  # type: ignore[no-untyped-def]
    arrival_s: NDArray[np.float64],
    device: NDArray[np.int32],
    devices: int,
    device_s: float,
    uplink_s: float,
    workers: int,
    edge_s: float,
):
    """Latency of every request in seconds, shape (requests,)."""
    count = arrival_s.size
    stage = np.zeros(count, dtype=np.int8)
    latency = np.empty(count)
    follower = np.full(count, -1, dtype=np.int32)
    head = np.full(2 * devices + 1, -1, dtype=np.int32)
    tail = np.full(2 * devices + 1, -1, dtype=np.int32)
    free = np.ones(2 * devices + 1, dtype=np.int64)
    free[2 * devices] = workers
    times, owners = np.empty(count + 1), np.empty(count + 1, dtype=np.int32)
    service = np.array([device_s, uplink_s, edge_s])
    size, following = 0, 0
    while following < count or size > 0:
        if size == 0 or (following < count and arrival_s[following] < times[0]):
            request, now = following, arrival_s[following]
            following += 1
            joins = device[request]
        else:
            request, now = owners[0], times[0]
            pop(times, owners, size)
            size -= 1
            left = device[request] + devices * stage[request] if stage[request] < 2 else 2 * devices
            if head[left] >= 0:
                other = head[left]
                head[left] = follower[other]
                push(times, owners, size, now + service[stage[request]], other)
                size += 1
            else:
                free[left] += 1
            stage[request] += 1
            if stage[request] == 3:
                latency[request] = now - arrival_s[request]
                continue
            joins = device[request] + devices if stage[request] == 1 else 2 * devices
        if free[joins] > 0:
            free[joins] -= 1
            push(times, owners, size, now + service[stage[request]], request)
            size += 1
        elif head[joins] < 0:
            head[joins] = tail[joins] = request
            follower[request] = -1
        else:
            follower[tail[joins]] = request
            tail[joins] = request
            follower[request] = -1
    return latency
