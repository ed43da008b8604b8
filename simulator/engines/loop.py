"""The event loop of the fast engine: routes walked from event to event, in the subset of Python that numba compiles.

It obeys the event-order rule of `engines.log` and does the same additions in the same order as the readable engine.
What comes is a heap of (instant, owner): a request below the number of requests, then shared media, then servers whose
batches have waited long enough. Starts need no events: a station that can start is due, and starts when nothing else is
left at an instant. Doors of servers are due after all stations.

Nothing here is called without being compiled: `engines.fast` does that and checks the types.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.deciding import HAS_RULE, note_answer, note_batch, note_come, note_gone, settle
from simulator.engines.log import COMPLETED, DROPPED
from simulator.engines.media.doors import (
    begins,
    close,
    comes,
    goes_on,
    happens,
    has_line,
    is_full,
    shared,
    starts,
    wants,
)
from simulator.engines.queues import drop_first, leave_queue, push, queue_up
from simulator.engines.serving import admits, batch_s, come, complete, enter, has_batch, leave_door, take_batch
from simulator.engines.steps import AGAIN, END, GONE, IS_OVER, IS_THERE, LOSE, NOBODY, OVER, REACH
from simulator.engines.world import World, slot
from simulator.plan.routes import ANSWER_LOST, NO_REASON, NO_ROW
from simulator.plan.stages import LINK, PROCESSOR, SERVER

Ints = NDArray[Any]
Floats = NDArray[np.float64]

#: entries of `Agenda.counts`: events that come, stations that are due, requests that have arrived
COMING, DUE, ARRIVED = range(3)


class Agenda(NamedTuple):
    """What comes.

    Attributes
    ----------
    times, owners : array
        Heap of events.
    is_due : array of int, shape (stations + servers,)
    keys, due : array
        Heap of the stations that are due; all keys are 0.
    counts : array of int, shape (3,)
    now_s : array of float, shape (1,)
    """

    times: Floats
    owners: Ints
    is_due: Ints
    keys: Floats
    due: Ints
    counts: Ints
    now_s: Floats


def make_agenda(w: World) -> Agenda:
    """Nothing has happened yet.

    A request has one event at a time, besides a time-out of each visit and what shared media foresee when a transfer
    begins and ends. Memory that is not reached is not used.
    """
    stations = w.hall.stations.size + w.hall.servers.size
    waits = int(w.hall.servers["visits"][w.hall.servers["max_wait_s"] > 0].sum())
    foreseen = 2 * int((w.stages["kind"] == LINK).sum()) if shared(w) else 0
    most = w.traffic.size * (1 + waits + foreseen) + 2
    return Agenda(
        times=np.empty(most),
        owners=np.empty(most, dtype=np.int64),
        is_due=np.zeros(stations, dtype=np.int8),
        keys=np.zeros(stations + 2),
        due=np.empty(stations + 2, dtype=np.int64),
        counts=np.zeros(3, dtype=np.int64),
        now_s=np.zeros(1),
    )


def simulate(w: Any, agenda: Any) -> bool:
    """Run until nothing is left to happen, or the horizon; False if the log of frames needs room to go on."""
    arrival_s, count, size = w.traffic.arrival_s, agenda.counts, w.traffic.size
    now = agenda.now_s[0]
    while True:
        if is_full(w):
            agenda.now_s[0] = now
            return False
        coming = agenda.times[0] if count[COMING] > 0 else np.inf
        following = count[ARRIVED]
        arrives = following < size and arrival_s[following] < coming
        if arrives:
            coming = arrival_s[following]
        if count[DUE] > 0 and coming > now:
            start_first(w, agenda, now)
            continue
        if not (coming <= w.horizon_s and coming < np.inf):
            break
        now = coming
        if arrives:
            count[ARRIVED] += 1
            if HAS_RULE:
                settle(w, following, now)
            w.hall.at[following].leg = w.first[w.traffic.row[following]]
            join(w, agenda, following, now)
            continue
        owner = agenda.owners[0]
        drop_first(agenda.times, agenda.owners, count[COMING])
        count[COMING] -= 1
        if owner < size:
            happen(w, agenda, owner, now)
        else:
            happen_elsewhere(w, agenda, owner - size, now)
    close(w)
    return True


def schedule(agenda: Any, when: float, owner: int) -> None:
    """Something comes."""
    push(agenda.times, agenda.owners, agenda.counts[COMING], when, owner)
    agenda.counts[COMING] += 1


def expect(w: Any, agenda: Any, request: int, what: int, when: float) -> None:
    """The next event of a request."""
    w.hall.at[request].what = what
    schedule(agenda, when, request)


def make_due(agenda: Any, station: int) -> None:
    """A station can start once nothing else is left at this instant."""
    if not agenda.is_due[station]:
        agenda.is_due[station] = 1
        push(agenda.keys, agenda.due, agenda.counts[DUE], 0.0, station)
        agenda.counts[DUE] += 1


def consider(w: Any, agenda: Any, station: int) -> None:
    """Note that a processor or a link can start."""
    waiting = w.hall.stations[station]
    if waiting.free > 0 and (waiting.head != NOBODY or wants(w, station)):
        make_due(agenda, station)


def consider_server(w: Any, agenda: Any, k: int, now: float) -> None:
    """Note that server k can let somebody in, or start a batch."""
    if w.hall.servers[k].at_door > 0 or has_batch(w.hall, k, now):
        make_due(agenda, w.hall.servers[k].station)


def join(w: Any, agenda: Any, request: int, now: float) -> None:
    """A request reaches the queue of its leg."""
    leg, device = w.legs[w.hall.at[request].leg], w.traffic.device[request]
    stage = w.stages[leg.stage]
    if stage.kind == SERVER:
        come(w.hall, stage.place, request, now)
        if w.hall.servers[stage.place].is_limited:
            make_due(agenda, len(w.hall.stations) + stage.place)
        else:
            await_batch(w, agenda, stage.place, now)
        consider_server(w, agenda, stage.place, now)
    elif stage.kind == LINK and has_line(w.air.wires[stage.place + slot(stage, device)]):
        follow(w, agenda, request, comes(w, request, device, now, leg.work), now)
    else:
        station = stage.station + slot(stage, device)
        queue_up(w.hall.stations[station], w.hall.at, request, now)
        if HAS_RULE:
            note_come(w, request)
        consider(w, agenda, station)


def await_batch(w: Any, agenda: Any, k: int, now: float) -> None:
    """A request that has joined server k now waits only so long for its batch to fill."""
    if w.hall.servers[k].max_wait_s > 0:
        schedule(agenda, now + w.hall.servers[k].max_wait_s, w.traffic.size + shared(w) + k)


def start_first(w: Any, agenda: Any, now: float) -> None:
    """The first station that is due starts something."""
    number = agenda.due[0]
    drop_first(agenda.keys, agenda.due, agenda.counts[DUE])
    agenda.counts[DUE] -= 1
    agenda.is_due[number] = 0
    if number >= len(w.hall.stations):
        turn_away(w, agenda, number - len(w.hall.stations), now)
        return
    station = w.hall.stations[number]
    stage = w.stages[station.stage]
    if stage.kind == SERVER:
        start_server(w, agenda, stage, now)
        return
    station.free -= 1
    if station.head == NOBODY:
        request, what, when = starts(w, number, now)
        expect(w, agenda, request, what, when)
    else:
        serve(w, agenda, leave_queue(station, w.hall.at), now)


def serve(w: Any, agenda: Any, request: int, now: float) -> None:
    """A processor or a link takes a request."""
    leg = w.legs[w.hall.at[request].leg]
    stage = w.stages[leg.stage]
    w.book.block[stage.column, request] = now
    if stage.kind == PROCESSOR:
        expect(w, agenda, request, END, now + leg.work * w.traffic.factors[stage.draw][request])
        return
    device = w.traffic.device[request]
    wire = w.air.wires[stage.place + slot(stage, device)]
    what, when = begins(w, request, device, stage, wire, leg.work, now)
    expect(w, agenda, request, what, when)


def start_server(w: Any, agenda: Any, stage: Any, now: float) -> None:
    """A server lets in who finds room, and a worker takes a batch if there is one."""
    hall, k = w.hall, stage.place
    while admits(hall, k):
        enter(hall, k, leave_door(hall, k), now)
        await_batch(w, agenda, k, now)
    if not has_batch(hall, k, now):
        return
    leader = take_batch(hall, k)
    if HAS_RULE:
        note_batch(w, k, leader, now)
    total = 0.0
    request = leader
    while request != NOBODY:
        leg = w.legs[hall.at[request].leg]
        w.book.block[w.stages[leg.stage].column, request] = now
        total += leg.work * w.traffic.factors[stage.draw][request]
        request = hall.at[request].follower
    end = now + batch_s(hall, k, total, leader)
    request = leader
    while request != NOBODY:
        expect(w, agenda, request, END, end)
        request = hall.at[request].follower
    if has_batch(hall, k, now):
        make_due(agenda, hall.servers[k].station)


def turn_away(w: Any, agenda: Any, k: int, now: float) -> None:
    """Who still stands at the door of server k leaves its route: for the row that takes over, or dropped."""
    while w.hall.servers[k].at_door > 0:
        request = leave_door(w.hall, k)
        leg = w.legs[w.hall.at[request].leg]
        if leg.full_row == NO_ROW:
            drop(w, request, leg.full)
        else:
            w.hall.at[request].reason = leg.full
            w.hall.at[request].leg = w.first[leg.full_row]
            travel(w, agenda, request, leg.back_s, now)


def travel(w: Any, agenda: Any, request: int, delay: float, now: float) -> None:
    """A request reaches the queue of its leg after a delay."""
    if delay > 0.0:
        expect(w, agenda, request, REACH, now + delay)
    else:
        join(w, agenda, request, now)


def happen(w: Any, agenda: Any, request: int, now: float) -> None:
    """The next event of a request has come."""
    what = w.hall.at[request].what
    if what == END:
        release(w, agenda, request, now)
        end_leg(w, agenda, request, now)
    elif what == IS_OVER:
        end_leg(w, agenda, request, now)
    elif what == REACH:
        join(w, agenda, request, now)
    elif what == LOSE:
        drop(w, request, w.legs[w.hall.at[request].leg].loss)
    elif what == IS_THERE:
        answered(w, request, now)
    else:
        follow(w, agenda, request, goes_on(w, request, w.traffic.device[request], what, now), now)


def follow(w: Any, agenda: Any, request: int, done: Any, now: float) -> None:
    """Do what a medium wants after one of its events."""
    if done.other != NOBODY:
        if done.other < w.traffic.size:
            w.hall.at[done.other].what = done.other_what
        schedule(agenda, done.other_s, done.other)
    if done.outcome == AGAIN:
        expect(w, agenda, request, done.what, done.when_s)
    elif done.outcome == OVER:
        expect(w, agenda, request, IS_OVER, now)
    elif done.outcome == GONE:
        drop(w, request, ANSWER_LOST)
    if done.freed != NOBODY:
        w.hall.stations[done.freed].free += 1
        consider(w, agenda, done.freed)
    if done.looks != NOBODY:
        consider(w, agenda, done.looks)


def happen_elsewhere(w: Any, agenda: Any, number: int, now: float) -> None:
    """Something happens that belongs to no request: an end in a shared medium, or a batch has waited long enough."""
    media = shared(w)
    if number >= media:
        consider_server(w, agenda, number - media, now)
        return
    request, due_s = happens(w, number, now)
    if request == NOBODY:
        return
    if due_s < np.inf:
        schedule(agenda, due_s, w.traffic.size + number)
    release(w, agenda, request, now)
    end_leg(w, agenda, request, now)


def release(w: Any, agenda: Any, request: int, now: float) -> None:
    """The station that has served a request is free again."""
    stage = w.stages[w.legs[w.hall.at[request].leg].stage]
    if stage.kind == SERVER:
        complete(w.hall, stage.place, request)
        consider_server(w, agenda, stage.place, now)
        return
    station = stage.station + slot(stage, w.traffic.device[request])
    w.hall.stations[station].free += 1
    consider(w, agenda, station)


def end_leg(w: Any, agenda: Any, request: int, now: float) -> None:
    """A leg is over: the request goes on to the next one, or its answer is there."""
    number = w.hall.at[request].leg
    leg = w.legs[number]
    stage = w.stages[leg.stage]
    w.book.block[stage.column + 1, request] = now
    if HAS_RULE:
        note_gone(w, request, now)
    is_short = False
    if leg.loss != NO_REASON and stage.bits_column >= 0:
        is_short = w.book.block[stage.bits_column + 2, request] > 0
    if is_short and leg.is_last:
        drop(w, request, leg.loss)
    elif is_short:
        expect(w, agenda, request, LOSE, now + leg.delay_s)
    elif not leg.is_last:
        w.hall.at[request].leg = number + 1
        travel(w, agenda, request, leg.delay_s, now)
    elif HAS_RULE:
        expect(w, agenda, request, IS_THERE, now + leg.delay_s)
    elif now + leg.delay_s <= w.horizon_s:
        answered(w, request, now + leg.delay_s)


def answered(w: Any, request: int, now: float) -> None:
    """The answer is on the device."""
    w.book.block[w.book.finish, request] = now
    w.hall.at[request].status = COMPLETED
    if HAS_RULE:
        note_answer(w, request)


def drop(w: Any, request: int, reason: int) -> None:
    """A request ends without an answer."""
    w.hall.at[request].reason = reason
    w.hall.at[request].status = DROPPED
