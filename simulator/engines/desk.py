"""What the readable engine keeps while it runs: the state in objects, the calendar, and the stations that are due.

A station, or the door of a server, is due when it may be able to start something once nothing else is left at the
instant.
"""

from __future__ import annotations

import math
from heapq import heappush
from typing import Any

from simulator.engines import agenda
from simulator.engines.agenda import Agenda, Callbacks
from simulator.engines.log import DROPPED, columns_of, empty_book
from simulator.engines.media import doors
from simulator.engines.serving import complete, has_batch
from simulator.engines.steps import NOBODY
from simulator.engines.world import in_objects, make_world, slot
from simulator.plan.plan import Plan
from simulator.plan.stages import SERVER
from simulator.workload import Workload


class Desk:
    """One policy over one workload, before its verbs."""

    def __init__(self, plan: Plan, workload: Workload) -> None:
        self.plan, self.workload = plan, workload
        self.agenda = Agenda()
        self.rows, self.columns = plan.rows(workload), columns_of(plan)
        self.book = empty_book(self.columns, workload.size)
        self.w = in_objects(make_world(plan, workload, self.rows, self.columns, self.book))
        self.first_leg = [self.w.first[row] for row in self.rows.tolist()]
        self.is_anew = plan.decides_anew
        hall = self.w.hall
        self.stations, self.at, self.block = hall.stations, hall.at, self.book.block
        self.legs, self.stages, self.device = self.w.legs, self.w.stages, self.w.traffic.device
        self.is_due = [False] * (len(self.stations) + len(hall.servers))
        self.due: list[int] = []
        #: what happens to a request; of a medium; in a shared medium; when a batch has waited long enough
        self.on: dict[int, Callbacks] = {}
        self.on_medium: Callbacks = []
        self.on_shared: Callbacks = []
        self.on_timeout: Callbacks = [lambda moment: self.consider_server(moment.owner)]

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
        if station.free and (station.head != NOBODY or doors.wants(self.w, number)):
            self.make_due(number)

    def consider_server(self, k: int) -> None:
        """Note that a server can let somebody in, or start a batch."""
        server = self.w.hall.servers[k]
        if server.at_door or has_batch(self.w.hall, k, self.agenda.now):
            self.make_due(server.station)

    def await_batch(self, k: int) -> None:
        """A request that has joined a server now waits only so long for its batch to fill."""
        max_wait_s = self.w.hall.servers[k].max_wait_s
        if max_wait_s > 0:
            self.agenda.at(self.agenda.now + max_wait_s, agenda.TIMEOUT, k, self.on_timeout)

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

    def drop(self, request: int, reason: int) -> None:
        """The request ends without an answer."""
        self.at[request].reason = reason
        self.at[request].status = DROPPED

    def foresee(self, medium: int, due_s: float) -> None:
        """When a transfer in a shared medium is to end if nobody comes or goes."""
        if due_s < math.inf:
            self.agenda.at(due_s, agenda.MEDIUM + medium, medium, self.on_shared)
