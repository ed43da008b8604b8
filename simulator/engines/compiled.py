"""The event loop of the fast engine, in the subset of Python that numba compiles.

It obeys the same event-order rule as the readable engine (`engines.base`) with the same additions in the same order;
what differs is only how it remembers: a heap of (instant, request) for completions, a pointer into the sorted
arrivals, linked lists for first-come queues. Time-outs of the edge server are looked up rather than remembered.

Nothing here is called without being compiled: `engines.fast` does that and checks the types.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.cells import airtime_left_s, enter_cell, leave_cell
from simulator.engines.compiled_lora import (
    answer_over,
    answer_ready,
    ask,
    asked,
    frame_over,
    has_to_ask,
    send_answer,
    take_up,
)
from simulator.engines.frames import FRAME_COLUMNS
from simulator.engines.lorawan import end_frame, next_start_s, note_frame, start_frame
from simulator.engines.queues import NOBODY, drop_first, enter_urgent, leave_queue, pop_urgent, push, queue_up
from simulator.engines.steps import (
    ANSWER_END,
    DEVICE_END,
    DOWNLINK_END,
    DOWNLINK_ENTERS,
    EDGE_END,
    FALLBACK_END,
    FRAME_END,
    FRAME_START,
    GONE,
    NOTHING,
    REACH_EDGE,
    TURN_BACK,
    UPLINK_END,
    UPLINK_ENTERS,
)
from simulator.engines.transfers import sent_bits, transfer_over, wake
from simulator.physics.queueing import has_room

COMPLETED, DROPPED, QUEUE_FULL, TURNED_BACK, INPUT_LOST, ANSWER_LOST = 0, 1, 1, 2, 3, 4


def simulate(requests: Any, options: Any, system: Any, uplinks: Any, downlinks: Any, serving: Any, log: Any) -> Any:
    """Run one policy over one workload; see `engines.fast.run` for what the tuples hold; returns LoRa's frames."""
    arrival_s, device, row, device_factor, edge_factor, urgency, urgent_first = requests
    device_s, bits_up, edge_s, bits_down, fallback_s, on_device, offloaded = options
    uplink_of, downlink_of, propagation_s, horizon_s, wakes, radios, medium = system
    cell_of, cells, has_cells, uplink_losses, downlink_losses, counts_bits, tolerates_loss, talk, has_lora = medium
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
        uplink_sent,
        uplink_lost,
        uplink_missing,
        downlink_sent,
        downlink_lost,
        downlink_missing,
        airtime_left,
        finish,
    ) = log
    count = arrival_s.size
    devices = uplink_of.size
    awake = (np.full(devices, -np.inf), np.full(devices, -np.inf), np.zeros(devices, dtype=np.int64))
    quiet_since, _, on_air = awake
    uplink_position = np.zeros(devices, dtype=np.int64)
    downlink_position = np.zeros(devices, dtype=np.int64)
    airtime = np.empty(count if has_cells else 1)
    frames = np.zeros((64, FRAME_COLUMNS))
    frame_count = 0
    uplink = (uplink_start, uplink_end, uplink_sent, uplink_lost, uplink_missing)
    downlink = (downlink_start, downlink_end, downlink_sent, downlink_lost, downlink_missing)
    edge = 2 * devices
    stations = 3 * devices + 1

    stage = np.zeros(count, dtype=np.int8)
    head = np.full(stations, NOBODY, dtype=np.int32)
    tail = np.full(stations, NOBODY, dtype=np.int32)
    follower = np.empty(count, dtype=np.int32)
    joined = np.empty(count)
    free = np.ones(stations, dtype=np.int64)
    free[edge] = workers
    # the door of the edge server, where who finds no room is turned away, comes after all stations
    door = stations
    limited = queue_limit < count
    at_door = np.empty(64, dtype=np.int64)
    door_urgency = np.empty(64)
    door_size = 0
    due = np.zeros(stations + 1, dtype=np.bool_)
    due_at = np.zeros(stations + 2)
    due_station = np.empty(stations + 2, dtype=np.int64)
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
                    break
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
            if station == edge and door_size > 0:
                while door_size > 0 and has_room(waiting, free[edge], max_batch, queue_limit):
                    request = at_door[0]
                    drop_first(door_urgency, at_door, door_size)
                    door_size -= 1
                    if urgent_first:
                        urgent = enter_urgent(urgent, waiting, urgency, joined, request, now)
                    else:
                        queue_up(head, tail, follower, joined, edge, request, now)
                    waiting += 1
                    if max_wait_s > 0:
                        by_age[youngest] = request
                        youngest += 1
                if free[edge] == 0 or (waiting < max_batch and max_wait_s > 0) or waiting == 0:
                    continue
            if station == door:
                while door_size > 0:
                    request = at_door[0]
                    drop_first(door_urgency, at_door, door_size)
                    door_size -= 1
                    if fallback:
                        reason[request] = TURNED_BACK
                        stage[request] = TURN_BACK
                        if size == times.size:
                            times = np.concatenate((times, np.empty(size)))
                            owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
                        push(times, owners, size, now + propagation_s[device[request]], request)
                        size += 1
                    else:
                        reason[request] = QUEUE_FULL
                        status[request] = DROPPED
                continue
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
            if has_lora and head[station] == NOBODY:
                request, stage_of_ask, ends = ask(talk, downlink, station - devices, now)
                stage[request] = stage_of_ask
                if size == times.size:
                    times = np.concatenate((times, np.empty(size)))
                    owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
                push(times, owners, size, ends, request)
                size += 1
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
            elif has_lora and talk.plan.uses[device[request]]:
                here = device[request]
                stage[request], ends = take_up(talk, uplink, request, here, now, bits_up[row[request]])
            else:
                here = device[request]
                upwards = station < edge
                bits = bits_up[row[request]] if upwards else bits_down[row[request]]
                delay = wake(now, bits, here, radios, awake, wakes)
                sent = bits
                if upwards:
                    uplink_start[request] = now
                    stage[request] = UPLINK_END
                    if wakes:
                        uplink_wake[request] = delay
                    if counts_bits:
                        sent = sent_bits(
                            bits,
                            here,
                            request,
                            uplink_losses,
                            uplink_position,
                            uplink_sent,
                            uplink_lost,
                            uplink_missing,
                        )
                else:
                    downlink_start[request] = now
                    stage[request] = DOWNLINK_END
                    if wakes:
                        downlink_wake[request] = delay
                    if counts_bits:
                        sent = sent_bits(
                            bits,
                            here,
                            request,
                            downlink_losses,
                            downlink_position,
                            downlink_sent,
                            downlink_lost,
                            downlink_missing,
                        )
                ends = now + delay
                if has_cells and cell_of[here] >= 0 and bits > 0:
                    on_air[here] += 1
                    quiet_since[here] = np.inf
                    stage[request] = UPLINK_ENTERS if upwards else DOWNLINK_ENTERS
                    rates_bps = uplinks[3] if upwards else downlinks[3]
                    first = uplinks[0][uplink_of[here]] if upwards else downlinks[0][downlink_of[here]]
                    airtime[request] = sent / rates_bps[first]
                else:
                    if upwards:
                        ends = ends + transfer_over(uplinks, uplink_of[here], ends, sent)
                    else:
                        ends = ends + transfer_over(downlinks, downlink_of[here], ends, sent)
                    if bits > 0:
                        quiet_since[here] = max(quiet_since[here], ends)
            if size == times.size:
                times = np.concatenate((times, np.empty(size)))
                owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
            push(times, owners, size, ends, request)
            size += 1
            continue

        if not (coming <= horizon_s and coming < np.inf):
            break
        now = coming
        freed = NOBODY
        entered = NOBODY
        follows = NOTHING
        ends = np.inf
        sent_to = NOBODY
        answer_ends = np.inf
        answered = False
        asker = NOBODY
        if is_arrival:
            request = following
            following += 1
            here = device[request]
            entered = here if on_device[row[request]] else devices + here
        else:
            request = owners[0]
            if request >= count:  # a cell
                drop_first(times, owners, size)
                size -= 1
                cell = request - count
                if now != cells[6][cell]:
                    continue  # somebody has come or gone since this end was foreseen
                request = leave_cell(cells, cell, now)
                if size + 2 > times.size:
                    times = np.concatenate((times, np.empty(size)))
                    owners = np.concatenate((owners, np.empty(size, dtype=np.int64)))
                if cells[6][cell] < np.inf:
                    push(times, owners, size, cells[6][cell], count + cell)
                    size += 1
                on_air[device[request]] -= 1
                if on_air[device[request]] == 0:
                    quiet_since[device[request]] = now
                stage[request] = UPLINK_END if stage[request] == UPLINK_ENTERS else DOWNLINK_END
                # the request itself completes next, before any other cell of this instant
                push(times, owners, size, now, request)
                size += 1
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
                elif what in (UPLINK_ENTERS, DOWNLINK_ENTERS):
                    cell = cell_of[here]
                    push(times, owners, size, enter_cell(cells, cell, now, airtime[request], request), count + cell)
                    size += 1
                elif what == REACH_EDGE:
                    if counts_bits and uplink_missing[request] > 0 and not tolerates_loss[here]:
                        reason[request] = INPUT_LOST
                        status[request] = DROPPED
                    elif limited:
                        if door_size == at_door.size:
                            at_door = np.concatenate((at_door, np.empty(door_size, dtype=np.int64)))
                            door_urgency = np.concatenate((door_urgency, np.empty(door_size)))
                        push(door_urgency, at_door, door_size, urgency[request] if urgent_first else 0.0, request)
                        door_size += 1
                        if not due[door]:
                            due[door] = True
                            push(due_at, due_station, due_size, 0.0, door)
                            due_size += 1
                        entered = edge
                    else:
                        if urgent_first:
                            urgent = enter_urgent(urgent, waiting, urgency, joined, request, now)
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
                    if not (has_lora and talk.plan.uses[here]):
                        entered = edge + 1 + here
                    elif answer_ready(talk, downlink, request, here, now, bits_down[row[request]]):
                        if talk.first[here] == request:
                            sent_to = request
                            answer_ends = send_answer(
                                talk, frames, downlink, sent_to, here, now, propagation_s[here], horizon_s
                            )
                        asker = devices + here
                    else:
                        answered = True
                elif what == FRAME_START:
                    if talk.asking[request] and head[devices + here] != NOBODY:
                        # a message has come meanwhile, and goes first
                        talk.asking[request] = False
                        freed = devices + here
                    elif now < talk.radios.ready_s[here]:  # an answer has taken longer than was thought
                        follows = FRAME_START
                        ends = next_start_s(talk.plan, talk.radios, here, now)
                    else:
                        if frame_count == frames.shape[0]:
                            frames = np.concatenate((frames, np.zeros_like(frames)))
                        ends = start_frame(talk.plan, talk.radios, here, now)
                        note_frame(talk.radios, frames, frame_count, request, here, now)
                        frame_count += 1
                        follows = FRAME_END
                elif what == FRAME_END:
                    comes = end_frame(talk.plan, talk.radios, frames, here, now)
                    sent_to = talk.first[here]
                    if sent_to != NOBODY:
                        answer_ends = send_answer(
                            talk, frames, downlink, sent_to, here, now, propagation_s[here], horizon_s
                        )
                    if talk.asking[request]:
                        follows, ends = asked(talk, downlink, request, here, now, comes)
                    else:
                        follows, ends = frame_over(talk, uplink, request, here, now, comes)
                        if follows == REACH_EDGE:
                            ends = now + propagation_s[here]
                    if follows != FRAME_START:
                        freed = devices + here
                elif what == ANSWER_END:
                    answered = answer_over(talk, downlink, request, here, now)
                    asker = devices + here
                elif what == DOWNLINK_END:
                    downlink_end[request] = now
                    freed = edge + 1 + here
                    ends = now + propagation_s[here]
                    if counts_bits and downlink_missing[request] > 0:
                        reason[request] = ANSWER_LOST
                        status[request] = DROPPED
                    elif ends <= horizon_s:
                        finish[request] = ends
                        status[request] = COMPLETED
                elif what == TURN_BACK:
                    entered = here
                else:
                    fallback_end[request] = now
                    freed = here
                    finish[request] = now
                    status[request] = COMPLETED
                if answer_ends < np.inf:
                    stage[sent_to] = ANSWER_END
                    if size + 2 > times.size:
                        times = np.concatenate((times, np.empty(size + 1)))
                        owners = np.concatenate((owners, np.empty(size + 1, dtype=np.int64)))
                    push(times, owners, size, answer_ends, sent_to)
                    size += 1
                if answered and now + propagation_s[here] <= horizon_s:
                    finish[request] = now + propagation_s[here]
                    status[request] = COMPLETED
                if follows == GONE:
                    reason[request] = ANSWER_LOST
                    status[request] = DROPPED
                elif follows != NOTHING:
                    stage[request] = follows
                    push(times, owners, size, ends, request)
                    size += 1
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
            if has_lora and freed == devices + here:
                asker = freed
        if asker != NOBODY and free[asker] > 0 and not due[asker] and has_to_ask(talk, here):
            due[asker] = True
            push(due_at, due_station, due_size, 0.0, asker)
            due_size += 1
        looks = (entered == edge or freed == edge) and not due[edge]
        has_batch = free[edge] > 0 and (waiting >= max_batch or (waiting > 0 and max_wait_s <= 0))
        if looks and (door_size > 0 or has_batch):
            due[edge] = True
            push(due_at, due_station, due_size, 0.0, edge)
            due_size += 1

    if has_cells and horizon_s < np.inf:
        airtime_left_s(cells, horizon_s, airtime_left)
    return frames[:frame_count]
