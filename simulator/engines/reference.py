"""The readable engine: one SimPy event for each completion, in the order that `engines.log` states.

A request joins the queue of its leg, its station begins it, it ends, it travels to the next leg. Stations are driven
by callbacks rather than one process for each request: a process costs several events and a generator for each stage.
Starts need no events: they happen when nothing else is left at an instant. What servers, media and decisions do is the
business of `engines.serving`, `engines.media` and `engines.deciding`; the state is kept in `engines.desk`.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop
from typing import Any

import simpy

from simulator.engines import agenda
from simulator.engines.agenda import Callbacks, Moment
from simulator.engines.deciding import note_answer, note_batch, note_come, note_gone
from simulator.engines.desk import Desk
from simulator.engines.log import COMPLETED, RequestLog, closed_log
from simulator.engines.media import doors
from simulator.engines.observing import take_row
from simulator.engines.queues import leave_queue, queue_up
from simulator.engines.serving import admits, batch_s, come, enter, has_batch, leave_door, take_batch
from simulator.engines.steps import AGAIN, END, GONE, IS_OVER, IS_THERE, LOSE, NOBODY, OVER, REACH, Step
from simulator.engines.world import slot
from simulator.plan.plan import Plan
from simulator.plan.routes import ANSWER_LOST, NO_REASON, NO_ROW
from simulator.plan.stages import LINK, PROCESSOR, SERVER
from simulator.workload import Workload


class Run(Desk):
    """One policy over one workload."""

    def __init__(self, plan: Plan, workload: Workload) -> None:
        super().__init__(plan, workload)
        self.on |= {
            END: [self.end],
            IS_OVER: [lambda moment: self.end_leg(moment.owner)],
            REACH: [lambda moment: self.join(moment.owner)],
            IS_THERE: [lambda moment: self.answered(moment.owner, self.agenda.now)],
            LOSE: [lambda moment: self.drop(moment.owner, self.leg(moment.owner).loss)],
        }
        self.on_arrival: Callbacks = [self.arrive]
        self.on_medium.append(self.go_on)
        self.on_shared.append(self.end_in_shared)

    def to_the_end(self) -> RequestLog:
        """Run until nothing is left to happen, or the horizon."""
        calendar, due, horizon_s = self.agenda, self.due, self.plan.horizon_s
        calendar.at(self.w.traffic.arrival_s[0], agenda.DECISION, 0, self.on_arrival)
        while True:
            coming = calendar.peek()
            if due and coming > calendar.now:
                self.start(heappop(due))
            elif coming <= horizon_s and coming != simpy.core.Infinity:
                calendar.step()
            else:
                return self.closed()

    def closed(self) -> RequestLog:
        """The log, once nothing more happens."""
        doors.close(self.w)
        ends = [[getattr(one, name) for one in self.at] for name in ("status", "reason", "batch")]
        log = closed_log(self.plan, self.columns, self.book, self.rows, ends)
        return replace(log, frames=doors.frames_of(self.w))

    def arrive(self, moment: Moment) -> None:
        """A request arrives and takes its decision."""
        request, arrival_s = moment.owner, self.w.traffic.arrival_s
        following = request + 1
        if following < len(arrival_s):
            self.agenda.at(arrival_s[following], agenda.DECISION + following, following, self.on_arrival)
        if self.is_anew:
            take_row(self.plan, self.w, request, int(self.workload.sample[request]), self.agenda.now)
            self.first_leg[request] = self.w.first[self.rows[request]]
        self.at[request].leg = self.first_leg[request]
        self.join(request)

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
            if self.is_anew:
                note_come(self.w, request)
            self.consider(number)

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
        if self.is_anew:
            note_batch(self.w, k, leader, now)
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

    def end_leg(self, request: int) -> None:
        """A leg is over: the request goes on to the next one, or its answer is there."""
        leg, at, now = self.leg(request), self.at[request], self.agenda.now
        stage = self.stages[leg.stage]
        self.block[stage.column + 1, request] = now
        if self.is_anew:
            note_gone(self.w, request, now)
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
        elif self.is_anew:
            self.expect(request, IS_THERE, now + leg.delay_s)
        elif now + leg.delay_s <= self.plan.horizon_s:
            self.answered(request, now + leg.delay_s)

    def answered(self, request: int, now: float) -> None:
        """The answer is on the device."""
        self.block[self.book.finish, request] = now
        self.at[request].status = COMPLETED
        if self.is_anew:
            note_answer(self.w, request)

    def go_on(self, moment: Moment) -> None:
        """An event of a transfer has come."""
        request = moment.owner
        if doors.is_full(self.w):
            self.w = doors.with_more_room(self.w)
        done = doors.goes_on(self.w, request, self.device[request], self.at[request].what, self.agenda.now)
        self.follow(request, done)

    def follow(self, request: int, done: Step) -> None:
        """Do what a medium wants after one of its events."""
        if done.other != NOBODY:
            if done.other < self.w.traffic.size:
                self.expect(done.other, done.other_what, done.other_s)
            else:
                self.foresee(done.other - self.w.traffic.size, done.other_s)
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

    def end_in_shared(self, moment: Moment) -> None:
        """A transfer in a shared medium ends, unless somebody has come or gone since this end was foreseen."""
        request, due_s = doors.happens(self.w, moment.owner, self.agenda.now)
        if request == NOBODY:
            return
        self.foresee(moment.owner, due_s)
        self.release(request)
        self.end_leg(request)


def run(plan: Plan, workload: Workload) -> RequestLog:
    """Run one policy over one workload: instants of every request, ordered by request number."""
    return Run(plan, workload).to_the_end()
