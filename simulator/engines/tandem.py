"""A shorter way through the common case, in the subset of Python that numba compiles.

Where the edge server is a plain first-come queue (no batches, no limit, nobody turns back) and no radio sleeps, device
processor and uplink form a tandem of single servers, whose instants follow from the previous request of the same
device (Lindley 1952), and several workers take requests in the order in which they reach the edge (Kiefer and
Wolfowitz 1955). No event list is needed: a merge of the devices' streams and a heap as long as the number of workers
do.

The order of events is that of `engines.base`: within a device requests keep their order, at the edge they go by
(instant, request number), and completions leave the heap in that order too. The one case in which this differs is an
edge service so short that it ends at the instant of its start; then the function gives up, and `engines.fast` runs
the full event loop instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.compiled import COMPLETED
from simulator.engines.queues import NOBODY, drop_first, push, sink
from simulator.engines.transfers import transfer_over


def front(requests: Any, options: Any, system: Any, uplinks: Any, log: Any, streams: Any) -> None:
    """Device processors and uplinks of all requests, and for each device the chain of requests that go on to the edge.

    ``streams`` holds ``reach_s`` (requests,), ``follower`` (requests,) and ``first`` (devices,): the instant at which
    a request reaches the edge, the next such request of its device, and the first one of each device.
    """
    arrival_s, device, row, device_factor = requests[0], requests[1], requests[2], requests[3]
    device_s, bits_up, on_device, offloaded = options[0], options[1], options[5], options[6]
    uplink_of, propagation_s, horizon_s = system[0], system[2], system[3]
    status, device_start, device_end = log[0], log[3], log[4]
    uplink_start, uplink_end, finish = log[5], log[6], log[22]
    reach_s, follower, first = streams
    devices = uplink_of.size
    processor_free = np.zeros(devices)
    uplink_free = np.zeros(devices)
    last = np.full(devices, NOBODY, dtype=np.int32)
    for request in range(arrival_s.size):
        now = arrival_s[request]
        if now > horizon_s:
            return
        d = device[request]
        r = row[request]
        if on_device[r]:
            now = max(now, processor_free[d])
            if now > horizon_s:
                continue
            device_start[request] = now
            now = now + device_s[r] * device_factor[request]
            processor_free[d] = now
            if now > horizon_s:
                continue
            device_end[request] = now
            if not offloaded[r]:
                finish[request] = now
                status[request] = COMPLETED
                continue
        now = max(now, uplink_free[d])
        if now > horizon_s:
            continue
        uplink_start[request] = now
        now = now + transfer_over(uplinks, uplink_of[d], now, bits_up[r])
        uplink_free[d] = now
        if now > horizon_s:
            continue
        uplink_end[request] = now
        reach_s[request] = now + propagation_s[d]
        if last[d] == NOBODY:
            first[d] = request
        else:
            follower[last[d]] = request
        last[d] = request
        follower[request] = NOBODY


def back(request: int, requests: Any, options: Any, system: Any, downlinks: Any, log: Any, downlink_free: Any) -> None:
    """The answer's way from the edge to the device, once the edge has completed the request."""
    device, row = requests[1], requests[2]
    bits_down = options[3]
    downlink_of, propagation_s, horizon_s = system[1], system[2], system[3]
    status, edge_end, downlink_start, downlink_end, finish = log[0], log[8], log[9], log[10], log[22]
    d = device[request]
    now = max(edge_end[request], downlink_free[d])
    if now > horizon_s:
        return
    downlink_start[request] = now
    now = now + transfer_over(downlinks, downlink_of[d], now, bits_down[row[request]])
    downlink_free[d] = now
    if now > horizon_s:
        return
    downlink_end[request] = now
    now = now + propagation_s[d]
    if now <= horizon_s:
        finish[request] = now
        status[request] = COMPLETED


def tandem(requests: Any, options: Any, system: Any, uplinks: Any, downlinks: Any, serving: Any, log: Any) -> bool:
    """Run one policy over one workload; False when it cannot tell the order of events, the log then being worthless."""
    row, edge_factor = requests[2], requests[4]
    edge_s = options[2]
    horizon_s = system[3]
    workers = serving[0]
    batch, edge_start, edge_end = log[2], log[7], log[8]
    count = row.size
    devices = system[0].size
    reach_s = np.empty(count)
    follower = np.empty(count, dtype=np.int32)
    first = np.full(devices, NOBODY, dtype=np.int32)
    front(requests, options, system, uplinks, log, (reach_s, follower, first))

    stream_at = np.empty(devices + 1)
    stream = np.empty(devices + 1, dtype=np.int64)
    streams = 0
    for d in range(devices):
        if first[d] != NOBODY:
            push(stream_at, stream, streams, reach_s[first[d]], first[d])
            streams += 1
    ends_at = np.empty(workers + 1)
    serving_now = np.empty(workers + 1, dtype=np.int64)
    busy = 0
    downlink_free = np.zeros(devices)
    while streams > 0:
        request = stream[0]
        now = stream_at[0]
        if now > horizon_s:
            break
        following = follower[request]
        if following == NOBODY:
            drop_first(stream_at, stream, streams)
            streams -= 1
        else:
            sink(stream_at, stream, streams, reach_s[following], following)
        if busy == workers and ends_at[0] > horizon_s:
            break
        start = now
        # who has ended by now leaves; when all workers are busy, the request waits for the first to end
        while busy > 0 and (ends_at[0] <= now or busy == workers):
            ended = serving_now[0]
            start = max(now, ends_at[0])
            edge_end[ended] = ends_at[0]
            drop_first(ends_at, serving_now, busy)
            busy -= 1
            back(ended, requests, options, system, downlinks, log, downlink_free)
        edge_start[request] = start
        batch[request] = request
        end = start + edge_s[row[request]] * edge_factor[request]
        if not end > start:
            return False
        push(ends_at, serving_now, busy, end, request)
        busy += 1
    while busy > 0:
        ended = serving_now[0]
        instant = ends_at[0]
        drop_first(ends_at, serving_now, busy)
        busy -= 1
        if instant <= horizon_s:
            edge_end[ended] = instant
            back(ended, requests, options, system, downlinks, log, downlink_free)
    return True
