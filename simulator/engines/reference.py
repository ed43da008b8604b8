"""The readable engine: one SimPy event for each completion, in the order that `engines.log` states.

A request joins the queue of its leg, its station begins it, it ends, it travels to the next leg. Stations are driven
by callbacks rather than one process for each request: a process costs several events and a generator for each stage.
Starts need no events: they happen when nothing else is left at an instant. What servers and media do is the business
of `engines.serving` and `engines.media`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import Event

from simulator.engines.log import COMPLETED, DROPPED, RequestLog, closed_log, columns_of, empty_book
from simulator.engines.media import doors
from simulator.engines.media.cells import note_airtime_left
from simulator.engines.media.frames import FrameLog
from simulator.engines.media.lorawan import needs_room, with_room
from simulator.engines.queues import leave_queue, queue_up
from simulator.engines.serving import admits, batch_s, come, complete, enter, has_batch, leave_door, take_batch
from simulator.engines.steps import AGAIN, END, GONE, IS_OVER, LOSE, NOBODY, OVER, REACH, Step
from simulator.engines.world import in_objects, make_world, slot
from simulator.physics.queueing import left_waiting
from simulator.plan.plan import Plan
from simulator.plan.routes import ANSWER_LOST, NO_REASON, NO_ROW
from simulator.plan.stages import LINK, PROCESSOR, SERVER
from simulator.policies.online import Observation, OnlinePolicy
from simulator.workload import Workload

#: added to the number of a cell, so that its end comes after the other completions of its instant
_CELL = 1 << 39
#: added to the request number of a decision, so that it comes after every completion of its instant
_DECISION = 1 << 40
#: a time-out comes last: it only asks a server to look again
_TIMEOUT = 2 << 40

Callbacks = list[Callable[[Any], None]]


class Moment(Event):
    """Something happens to one request, cell or server."""

    def __init__(self, agenda: Agenda, owner: int, callbacks: Callbacks) -> None:
        self.env = agenda
        self.callbacks = callbacks
        self.owner = owner
        self._ok = True
        self._value = None


class Agenda(simpy.Environment):
    """A SimPy environment that takes absolute instants, so that an arrival happens exactly when it was drawn."""

    def at(self, instant_s: float, priority: int, owner: int, callbacks: Callbacks) -> None:
        """Let something happen at an instant; at equal instants the smaller priority comes first."""
        heappush(self._queue, (instant_s, priority, next(self._eid), Moment(self, owner, callbacks)))  # type: ignore[misc]


class Run:
    """One policy over one workload."""

    def __init__(self, plan: Plan, workload: Workload) -> None:
        self.plan, self.workload = plan, workload
        self.agenda = Agenda()
        self.rows, self.columns = plan.rows(workload), columns_of(plan)
        self.book = empty_book(self.columns, workload.size)
        self.w = in_objects(make_world(plan, workload, self.rows, self.columns, self.book))
        self.first_leg = [self.w.first[row] for row in self.rows.tolist()]
        hall = self.w.hall
        self.stations, self.at, self.block = hall.stations, hall.at, self.book.block
        self.legs, self.stages, self.device = self.w.legs, self.w.stages, self.w.traffic.device
        self.is_due = [False] * (len(self.stations) + len(hall.servers))
        self.due: list[int] = []
        #: what happens to a request
        self.on: dict[int, Callbacks] = {
            END: [self.end],
            IS_OVER: [lambda moment: self.end_leg(moment.owner)],
            REACH: [lambda moment: self.join(moment.owner)],
            LOSE: [lambda moment: self.drop(moment.owner, self.leg(moment.owner).loss)],
        }
        self.on_arrival: Callbacks = [self.arrive]
        self.on_medium: Callbacks = [self.go_on]
        self.on_cell: Callbacks = [self.end_in_cell]
        self.on_timeout: Callbacks = [lambda moment: self.consider_server(moment.owner)]

    def to_the_end(self) -> RequestLog:
        """Run until nothing is left to happen, or the horizon."""
        agenda, due, horizon_s = self.agenda, self.due, self.plan.horizon_s
        agenda.at(self.w.traffic.arrival_s[0], _DECISION, 0, self.on_arrival)
        while True:
            coming = agenda.peek()
            if due and coming > agenda.now:
                self.start(heappop(due))
            elif coming <= horizon_s and coming != simpy.core.Infinity:
                agenda.step()
            else:
                return self.closed()

    def closed(self) -> RequestLog:
        """The log, once nothing more happens."""
        if self.w.cells.cells and math.isfinite(self.plan.horizon_s):
            note_airtime_left(self.w.cells, self.block[self.book.left], self.plan.horizon_s)
        ends = [[getattr(one, name) for one in self.at] for name in ("status", "reason", "batch")]
        log = closed_log(self.plan, self.columns, self.book, self.rows, ends)
        lora: Any = self.w.lora
        return replace(log, frames=FrameLog(lora.frames[: lora.frame_count[0]])) if lora else log

    def leg(self, request: int) -> Any:
        """The leg that a request is on."""
        return self.legs[self.at[request].leg]

    def expect(self, request: int, what: int, when_s: float) -> None:
        """The next event of a request."""
        self.at[request].what = what
        self.agenda.at(when_s, request, request, self.on.get(what, self.on_medium))

    def make_due(self, station: int) -> None:
        """A station, or a door, can start once nothing else is left at this instant."""
        if not self.is_due[station]:
            self.is_due[station] = True
            heappush(self.due, station)

    def consider(self, number: int) -> None:
        """Note that a processor or a link can start."""
        station = self.stations[number]
        if station.free and (station.head != NOBODY or (self.w.lora and doors.wants(self.w, number))):
            self.make_due(number)

    def consider_server(self, k: int) -> None:
        """Note that a server can let somebody in, or start a batch."""
        server = self.w.hall.servers[k]
        if server.at_door or has_batch(self.w.hall, k, self.agenda.now):
            self.make_due(server.station)

    def arrive(self, moment: Moment) -> None:
        """A request arrives and takes its decision."""
        request, arrival_s = moment.owner, self.w.traffic.arrival_s
        following = request + 1
        if following < len(arrival_s):
            self.agenda.at(arrival_s[following], _DECISION + following, following, self.on_arrival)
        if self.plan.online is not None:
            self.rows[request] = self.decide(self.plan.online, request)
            self.first_leg[request] = self.w.first[self.rows[request]]
        self.at[request].leg = self.first_leg[request]
        self.join(request)

    def decide(self, policy: OnlinePolicy, request: int) -> int:
        """Let a policy written in Python decide; returns the option that it names."""
        plan, now, device = self.plan, self.agenda.now, self.device[request]
        seen = Observation(
            now_s=now,
            device=device,
            uplink_rate_bps=plan.links["uplink"].channel(device).rate_at_bps(now),
            waiting_device=self.waiting("device", device),
            waiting_uplink=self.waiting("uplink", device),
            waiting_edge=self.waiting("edge", device),
        )
        return plan.row_at(int(plan.group_of[device]), policy.decide(seen), int(self.workload.sample[request]))

    def waiting(self, name: str, device: int) -> int:
        """Who waits at a stage, without those who can start now."""
        stage = self.stages[[stage.name for stage in self.plan.stages].index(name)]
        station = self.stations[stage.station + slot(stage, device)]
        if stage.kind != SERVER:
            return left_waiting(station.waiting, station.free, 1)
        server = self.w.hall.servers[stage.place]
        waiting = left_waiting(server.waiting + server.at_door, station.free, server.max_batch)
        return min(waiting, int(server.queue_limit))

    def join(self, request: int) -> None:
        """A request reaches the queue of its leg."""
        leg, device, now = self.leg(request), self.device[request], self.agenda.now
        stage = self.stages[leg.stage]
        if stage.kind == SERVER:
            come(self.w.hall, stage.place, request, now)
            if self.w.hall.servers[stage.place].is_limited:
                self.make_due(len(self.stations) + stage.place)
            else:
                self.await_batch(stage.place)
            self.consider_server(stage.place)
        elif stage.kind == LINK and doors.has_line(self.w.air.wires[stage.place + slot(stage, device)]):
            self.follow(request, doors.comes(self.w, request, device, now, leg.work))
        else:
            number = stage.station + slot(stage, device)
            queue_up(self.stations[number], self.at, request, now)
            self.consider(number)

    def await_batch(self, k: int) -> None:
        """A request that has joined a server now waits only so long for its batch to fill."""
        max_wait_s = self.w.hall.servers[k].max_wait_s
        if max_wait_s > 0:
            self.agenda.at(self.agenda.now + max_wait_s, _TIMEOUT, k, self.on_timeout)

    def start(self, number: int) -> None:
        """A station starts once, or a door turns away who still stands there."""
        self.is_due[number] = False
        if number >= len(self.stations):
            self.turn_away(number - len(self.stations))
            return
        station = self.stations[number]
        stage = self.stages[station.stage]
        if stage.kind == SERVER:
            self.start_server(stage)
            return
        station.free -= 1
        if station.head == NOBODY:
            self.expect(*doors.starts(self.w, number, self.agenda.now))
        else:
            self.begin(leave_queue(station, self.at))

    def begin(self, request: int) -> None:
        """A processor or a link takes a request."""
        leg, now = self.leg(request), self.agenda.now
        stage = self.stages[leg.stage]
        self.block[stage.column, request] = now
        if stage.kind == PROCESSOR:
            self.expect(request, END, now + leg.work * self.w.traffic.factors[stage.draw][request])
        else:
            device = self.device[request]
            wire = self.w.air.wires[stage.place + slot(stage, device)]
            self.expect(request, *doors.begins(self.w, request, device, stage, wire, leg.work, now))

    def start_server(self, stage: Any) -> None:
        """A server lets in who finds room, and a worker takes a batch if there is one."""
        hall, k, now = self.w.hall, stage.place, self.agenda.now
        while admits(hall, k):
            enter(hall, k, leave_door(hall, k), now)
            self.await_batch(k)
        if not has_batch(hall, k, now):
            return
        request = leader = take_batch(hall, k)
        batch = []
        while request != NOBODY:
            batch.append(request)
            self.block[self.stages[self.leg(request).stage].column, request] = now
            request = self.at[request].follower
        factor = self.w.traffic.factors[stage.draw]
        end_s = now + batch_s(hall, k, sum(self.leg(request).work * factor[request] for request in batch), leader)
        for request in batch:
            self.expect(request, END, end_s)
        if has_batch(hall, k, now):
            self.make_due(hall.servers[k].station)

    def turn_away(self, k: int) -> None:
        """Who still stands at the door of a server leaves its route: for the row that takes over, or dropped."""
        while self.w.hall.servers[k].at_door:
            request = leave_door(self.w.hall, k)
            leg = self.leg(request)
            if leg.full_row == NO_ROW:
                self.drop(request, leg.full)
            else:
                self.at[request].reason = leg.full
                self.at[request].leg = self.w.first[leg.full_row]
                self.expect(request, REACH, self.agenda.now + leg.back_s)

    def end(self, moment: Moment) -> None:
        """A station has served a request."""
        self.release(moment.owner)
        self.end_leg(moment.owner)

    def release(self, request: int) -> None:
        """The station that has served a request is free again."""
        stage = self.stages[self.leg(request).stage]
        if stage.kind == SERVER:
            complete(self.w.hall, stage.place, request)
            self.consider_server(stage.place)
            return
        number = stage.station + slot(stage, self.device[request])
        self.stations[number].free += 1
        self.consider(number)

    def end_leg(self, request: int) -> None:
        """A leg is over: the request goes on to the next one, or its answer is there."""
        leg, at, now = self.leg(request), self.at[request], self.agenda.now
        stage = self.stages[leg.stage]
        self.block[stage.column + 1, request] = now
        is_short = leg.loss != NO_REASON and stage.bits_column >= 0 and self.block[stage.bits_column + 2, request] > 0
        if is_short and leg.is_last:
            self.drop(request, leg.loss)
        elif is_short:
            self.expect(request, LOSE, now + leg.delay_s)
        elif not leg.is_last:
            at.leg += 1
            if leg.delay_s > 0:
                self.expect(request, REACH, now + leg.delay_s)
            else:
                self.join(request)
        elif now + leg.delay_s <= self.plan.horizon_s:
            self.block[self.book.finish, request] = now + leg.delay_s
            at.status = COMPLETED

    def go_on(self, moment: Moment) -> None:
        """An event of a transfer has come."""
        request, lora = moment.owner, self.w.lora
        if lora and needs_room(lora):
            self.w = self.w._replace(lora=with_room(lora))
        done = doors.goes_on(self.w, request, self.device[request], self.at[request].what, self.agenda.now)
        self.follow(request, done)

    def follow(self, request: int, done: Step) -> None:
        """Do what a medium wants after one of its events."""
        if done.other != NOBODY:
            if done.other < self.w.traffic.size:
                self.expect(done.other, done.other_what, done.other_s)
            else:
                cell = done.other - self.w.traffic.size
                self.agenda.at(done.other_s, _CELL + cell, cell, self.on_cell)
        if done.outcome == AGAIN:
            self.expect(request, done.what, done.when_s)
        elif done.outcome == OVER:
            self.expect(request, IS_OVER, self.agenda.now)
        elif done.outcome == GONE:
            self.drop(request, ANSWER_LOST)
        if done.freed != NOBODY:
            self.stations[done.freed].free += 1
            self.consider(done.freed)
        if done.looks != NOBODY:
            self.consider(done.looks)

    def end_in_cell(self, moment: Moment) -> None:
        """A transfer in a shared cell ends, unless somebody has come or gone since this end was foreseen."""
        request = doors.happens(self.w, moment.owner, self.agenda.now)
        if request == NOBODY:
            return
        due_s = self.w.cells.cells[moment.owner].due_s
        if due_s < math.inf:
            self.agenda.at(due_s, _CELL + moment.owner, moment.owner, self.on_cell)
        self.release(request)
        self.end_leg(request)

    def drop(self, request: int, reason: int) -> None:
        """The request ends without an answer."""
        self.at[request].reason = reason
        self.at[request].status = DROPPED


def run(plan: Plan, workload: Workload) -> RequestLog:
    """Run one policy over one workload.

    Parameters
    ----------
    plan : Plan
    workload : Workload

    Returns
    -------
    RequestLog
        Instants of every request, ordered by request number.
    """
    return Run(plan, workload).to_the_end()
