"""The event loop of the fast engine, in the subset of Python that numba compiles.

It obeys the same event-order rule as the readable engine (`engines.base`) with the same additions in the same order;
what differs is only how it remembers: a heap of (instant, request) for completions, a pointer into the sorted
arrivals, linked lists for first-come queues. Time-outs of the edge server are looked up rather than remembered.

Nothing here is called without being compiled: `engines.fast` does that and checks the types.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.queues import NOBODY, drop_first, leave_queue, pop_urgent, push, push_urgent, queue_up
from simulator.physics.link import transfer_s
from simulator.physics.rrc import wake_s

#: what a request's next completion is
DEVICE_END, UPLINK_END, REACH_EDGE, EDGE_END, DOWNLINK_END, TURN_BACK, FALLBACK_END = range(7)
COMPLETED, DROPPED, QUEUE_FULL, TURNED_BACK = 0, 1, 1, 2


def transfer_over(channels: Any, channel: int, now: float, bits: float) -> float:
    """`transfer_s` over one of the channels that `engines.fast` has laid end to end."""
    first, last, edges_s, rates_bps, cumulative_bits = channels
    a, b = first[channel], last[channel]
    if b - a == 1:  # views of the arrays would cost more than the division
        return float(bits / rates_bps[a])
    return transfer_s(now, bits, edges_s[a : b + 1], rates_bps[a:b], cumulative_bits[a : b + 1])


def wake_of(radios: Any, device: int, now: float, quiet_since: float, awake_from: float) -> float:
    """`wake_s` of the radio of a device; `engines.fast` has laid those of all groups end to end."""
    group_of, first, last, ends_s, delays_s = radios
    a, b = first[group_of[device]], last[group_of[device]]
    return wake_s(now, quiet_since, awake_from, ends_s[a:b], delays_s[a : b + 1])


def transfer_end(
    now: float, bits: float, device: int, channels: Any, channel: int, radios: Any, awake: Any, wakes: bool
) -> tuple[float, float]:
    """Promotion delay and end of a transfer that starts now; keeps the radio of the device awake until then."""
    quiet_since, awake_from = awake
    delay = 0.0
    begin = now
    if wakes and bits > 0:
        delay = wake_of(radios, device, now, quiet_since[device], awake_from[device])
        begin = now + delay
        awake_from[device] = begin
    end = begin + transfer_over(channels, channel, begin, bits)
    if bits > 0:
        quiet_since[device] = max(quiet_since[device], end)
    return delay, end


def simulate(requests: Any, options: Any, system: Any, uplinks: Any, downlinks: Any, serving: Any, log: Any) -> None:
    """Run one policy over one workload; see `engines.fast.run` for what the tuples hold."""
    arrival_s, device, row, device_factor, edge_factor, urgency, urgent_first = requests
    device_s, bits_up, edge_s, bits_down, fallback_s, on_device, offloaded = options
    uplink_of, downlink_of, propagation_s, horizon_s, wakes, radios = system
    workers, max_batch, max_wait_s, queue_limit, fallback, batch_factor = serving
    (
        status,
        reason,
        batch,
        device_start,
        device_end,
        uplink_start,
        uplink_end,
        edge_start,
        edge_end,
        downlink_start,
        downlink_end,
        fallback_start,
        fallback_end,
        uplink_wake,
        downlink_wake,
        finish,
    ) = log
    count = arrival_s.size
    devices = uplink_of.size
    awake = (np.full(devices, -np.inf), np.full(devices, -np.inf))
    edge = 2 * devices
    stations = 3 * devices + 1

    stage = np.zeros(count, dtype=np.int8)
    head = np.full(stations, NOBODY, dtype=np.int32)
    tail = np.full(stations, NOBODY, dtype=np.int32)
    follower = np.empty(count, dtype=np.int32)
    joined = np.empty(count)
    free = np.ones(stations, dtype=np.int64)
    free[edge] = workers
    due = np.zeros(stations, dtype=np.bool_)
    due_at = np.zeros(stations + 1)
    due_station = np.empty(stations + 1, dtype=np.int64)
    due_size = 0
    times = np.empty(64)
    owners = np.empty(64, dtype=np.int64)
    size = 0
    waiting = 0
    urgent = np.empty(64 if urgent_first else 1, dtype=np.int32)
    by_age = np.empty(count if max_wait_s > 0 else 1, dtype=np.int32)
    oldest = 0
    youngest = 0
    left_in_batch = np.zeros(count if max_batch > 1 else 1, dtype=np.int32)
    following = 0
    now = 0.0

    while True:
        coming = times[0] if size > 0 else np.inf
        is_arrival = following < count and arrival_s[following] < coming
        if is_arrival:
            coming = arrival_s[following]

        # a time-out of the edge server: its longest-waiting request has waited long enough while a worker is idle
        if max_wait_s > 0 and waiting > 0 and free[edge] > 0 and not due[edge]:
            while not np.isnan(edge_start[by_age[oldest]]):
                oldest += 1
            timeout = joined[by_age[oldest]] + max_wait_s
            if timeout > now and timeout < coming and due_size == 0:
                if timeout > horizon_s:
                    return
                now = timeout
            if timeout <= now:
                due[edge] = True
                push(due_at, due_station, due_size, 0.0, edge)
                due_size += 1

        if due_size > 0 and coming > now:
            station = due_station[0]
            drop_first(due_at, due_station, due_size)
            due_size -= 1
            due[station] = False
            free[station] -= 1
            if station == edge:
                taken = min(max_batch, waiting)
                total = 0.0
                leader = NOBODY
                last = NOBODY
                for _ in range(taken):
                    if urgent_first:
                        request = pop_urgent(urgent, waiting, urgency, joined)
                    else:
                        request = leave_queue(head, tail, follower, edge)
                    waiting -= 1
                    if leader == NOBODY:
                        leader = request
                    else:
                        follower[last] = request
                    last = request
                    edge_start[request] = now
                    batch[request] = leader
                    stage[request] = EDGE_END
                    total += edge_s[row[request]] * edge_factor[request]
                follower[last] = NOBODY
                if max_batch > 1:
                    left_in_batch[leader] = taken
                ends = now + total / taken * batch_factor[taken]
                request = leader
                while request != NOBODY:
                    if size == times.size:
                        times = np.concatenate((times, np.empty(size)))
                        owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
                    push(times, owners, size, ends, request)
                    size += 1
                    request = follower[request]
                if (free[edge] > 0 and waiting >= max_batch) or (free[edge] > 0 and waiting > 0 and max_wait_s <= 0):
                    due[edge] = True
                    push(due_at, due_station, due_size, 0.0, edge)
                    due_size += 1
                continue
            request = leave_queue(head, tail, follower, station)
            if station < devices:
                if stage[request] == TURN_BACK:
                    fallback_start[request] = now
                    stage[request] = FALLBACK_END
                    ends = now + fallback_s[row[request]] * device_factor[request]
                else:
                    device_start[request] = now
                    stage[request] = DEVICE_END
                    ends = now + device_s[row[request]] * device_factor[request]
            elif station < edge:
                uplink_start[request] = now
                stage[request] = UPLINK_END
                here = device[request]
                bits = bits_up[row[request]]
                delay, ends = transfer_end(now, bits, here, uplinks, uplink_of[here], radios, awake, wakes)
                if wakes:
                    uplink_wake[request] = delay
            else:
                downlink_start[request] = now
                stage[request] = DOWNLINK_END
                here = device[request]
                bits = bits_down[row[request]]
                delay, ends = transfer_end(now, bits, here, downlinks, downlink_of[here], radios, awake, wakes)
                if wakes:
                    downlink_wake[request] = delay
            if size == times.size:
                times = np.concatenate((times, np.empty(size)))
                owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
            push(times, owners, size, ends, request)
            size += 1
            continue

        if not (coming <= horizon_s and coming < np.inf):
            return
        now = coming
        freed = NOBODY
        entered = NOBODY
        if is_arrival:
            request = following
            following += 1
            here = device[request]
            entered = here if on_device[row[request]] else devices + here
        else:
            request = owners[0]
            here = device[request]
            what = stage[request]
            if what == UPLINK_END and propagation_s[here] == 0.0:
                uplink_end[request] = now
                freed = devices + here
                stage[request] = REACH_EDGE
                # no propagation: the request reaches the edge at this same instant, as the next completion
            else:
                drop_first(times, owners, size)
                size -= 1
                if what == DEVICE_END:
                    device_end[request] = now
                    freed = here
                    if offloaded[row[request]]:
                        entered = devices + here
                    else:
                        finish[request] = now
                        status[request] = COMPLETED
                elif what == UPLINK_END:
                    uplink_end[request] = now
                    freed = devices + here
                    stage[request] = REACH_EDGE
                    push(times, owners, size, now + propagation_s[here], request)
                    size += 1
                elif what == REACH_EDGE:
                    if waiting >= queue_limit:
                        if fallback:
                            reason[request] = TURNED_BACK
                            stage[request] = TURN_BACK
                            push(times, owners, size, now + propagation_s[here], request)
                            size += 1
                        else:
                            reason[request] = QUEUE_FULL
                            status[request] = DROPPED
                    else:
                        if urgent_first:
                            if waiting == urgent.size:
                                urgent = np.concatenate((urgent, np.empty(waiting, dtype=np.int32)))
                            joined[request] = now
                            push_urgent(urgent, waiting, urgency, joined, request)
                        else:
                            queue_up(head, tail, follower, joined, edge, request, now)
                        waiting += 1
                        if max_wait_s > 0:
                            by_age[youngest] = request
                            youngest += 1
                        entered = edge
                elif what == EDGE_END:
                    edge_end[request] = now
                    if max_batch > 1:
                        leader = batch[request]
                        left_in_batch[leader] -= 1
                        if left_in_batch[leader] == 0:
                            freed = edge
                    else:
                        freed = edge
                    entered = edge + 1 + here
                elif what == DOWNLINK_END:
                    downlink_end[request] = now
                    freed = edge + 1 + here
                    ends = now + propagation_s[here]
                    if ends <= horizon_s:
                        finish[request] = ends
                        status[request] = COMPLETED
                elif what == TURN_BACK:
                    entered = here
                else:
                    fallback_end[request] = now
                    freed = here
                    finish[request] = now
                    status[request] = COMPLETED
        if entered != NOBODY and entered != edge:
            queue_up(head, tail, follower, joined, entered, request, now)
            if free[entered] > 0 and not due[entered]:
                due[entered] = True
                push(due_at, due_station, due_size, 0.0, entered)
                due_size += 1
        if freed != NOBODY:
            free[freed] += 1
            if freed != edge and head[freed] != NOBODY and not due[freed]:
                due[freed] = True
                push(due_at, due_station, due_size, 0.0, freed)
                due_size += 1
        looks = (entered == edge or freed == edge) and free[edge] > 0 and not due[edge]
        if looks and (waiting >= max_batch or (waiting > 0 and max_wait_s <= 0)):
            due[edge] = True
            push(due_at, due_station, due_size, 0.0, edge)
            due_size += 1
