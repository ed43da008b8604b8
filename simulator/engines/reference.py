"""The readable engine: one SimPy event for each completion, in the order that `engines.base` states.

Stations are resources driven by callbacks rather than one process for each request: a process costs several events
and a generator for each stage. Starts need no events: they happen when nothing else is left at an instant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.events import Event

from simulator.engines.base import ANSWER_LOST, COMPLETED, DROPPED, INPUT_LOST, QUEUE_FULL, TURNED_BACK, RequestLog
from simulator.engines.cell_network import CellNetwork
from simulator.engines.direction import Direction
from simulator.engines.lora_network import LoraNetwork, LoraUplink
from simulator.engines.stations import Door, EdgeServer, Station
from simulator.physics.link import transfer_s
from simulator.physics.queueing import left_waiting
from simulator.physics.rrc import wake_s
from simulator.plan.plan import Plan
from simulator.policies.online import Observation, OnlinePolicy
from simulator.workload import Workload

#: added to the request number of a decision, so that it comes after every completion of its instant
_DECISION = 1 << 40
#: a time-out comes last: it only asks the edge server to look again
_TIMEOUT = 2 << 40

Callbacks = list[Callable[[Any], None]]


class Moment(Event):
    """Something happens to one request."""

    def __init__(self, agenda: Agenda, request: int, callbacks: Callbacks) -> None:
        self.env = agenda
        self.callbacks = callbacks
        self.request = request
        self._ok = True
        self._value = None


class Agenda(simpy.Environment):
    """A SimPy environment that takes absolute instants, so that an arrival happens exactly when it was drawn."""

    def at(self, instant_s: float, priority: int, request: int, callbacks: Callbacks) -> None:
        """Let something happen at an instant; at equal instants the smaller priority comes first."""
        heappush(self._queue, (instant_s, priority, next(self._eid), Moment(self, request, callbacks)))  # type: ignore[misc]


class Run:
    """One policy over one workload."""

    def __init__(self, plan: Plan, workload: Workload) -> None:
        rows = plan.rows(workload)
        self.agenda = Agenda()
        self.plan = plan
        self.factors = workload.device_factor, workload.edge_factor
        self.sample = workload.sample
        self.horizon_s = plan.horizon_s
        self.log = RequestLog.empty(rows, plan)
        self.arrival_s = workload.arrival_s.tolist()
        self.device = workload.device.tolist()
        self.device_s = (plan.device_s[rows] * workload.device_factor).tolist()
        self.edge_s = (plan.edge_s[rows] * workload.edge_factor).tolist()
        self.fallback_s = (plan.fallback_s[rows] * workload.device_factor).tolist()
        self.bits_up, self.bits_down = plan.bits_up[rows].tolist(), plan.bits_down[rows].tolist()
        self.on_device, self.offloaded = plan.on_device[rows].tolist(), plan.offloaded[rows].tolist()
        group_of = plan.group_of.tolist()
        self.up = Direction(plan, self.log, "uplink", self.end_uplink)
        self.down = Direction(plan, self.log, "downlink", self.end_downlink)
        self.propagation_s = plan.propagation_s[plan.group_of].tolist()
        devices = len(group_of)
        self.processors = [Station(d, self.begin_device) for d in range(devices)]
        self.lora = None if plan.lora is None else LoraNetwork(self, plan.lora)
        self.uplinks = [self.uplink(d, devices + d) for d in range(devices)]
        urgency = plan.urgency(workload).tolist()
        self.edge = EdgeServer(2 * devices, plan.serving, urgency, self.wait_for_batch, self.begin_edge)
        self.downlinks = [Station(2 * devices + 1 + d, self.begin_downlink) for d in range(devices)]
        self.door = Door(3 * devices + 1, self.edge, self.refuse)
        self.wakes = plan.wakes
        self.quiet_since_s = [-math.inf] * devices
        self.awake_from_s = [-math.inf] * devices
        self.on_air = [0] * devices
        self.cells = None if plan.cell_of is None else CellNetwork(self, plan.cell_of)
        self.tolerates_loss = plan.tolerates_loss[plan.group_of].tolist()
        self.radio = [(plan.tail_ends_s[g].tolist(), plan.wake_delays_s[g].tolist()) for g in group_of]
        self.turned_back: set[int] = set()
        self.due: list[tuple[int, Station]] = []
        self.on_arrival: Callbacks = [self.arrive]
        self.on_device_end: Callbacks = [self.end_device]
        self.on_reach_edge: Callbacks = [self.reach_edge]
        self.on_timeout: Callbacks = [self.time_out]
        self.on_edge_end: Callbacks = [self.end_edge]
        self.on_turned_back: Callbacks = [self.turn_back]

    def uplink(self, device: int, number: int) -> Station:
        """The station that sends for a device."""
        if self.lora is not None and self.lora.uses[device]:
            return LoraUplink(number, self.lora, device)
        return Station(number, self.begin_uplink)

    def to_the_end(self) -> RequestLog:
        """Run until nothing is left to happen, or the horizon."""
        agenda, due = self.agenda, self.due
        agenda.at(self.arrival_s[0], _DECISION, 0, self.on_arrival)
        while True:
            coming = agenda.peek()
            if due and coming > agenda.now:
                self.start(heappop(due)[1])
            elif coming <= self.horizon_s and coming != simpy.core.Infinity:
                agenda.step()
            else:
                return self.closed()

    def closed(self) -> RequestLog:
        """The log, once nothing more happens."""
        if self.cells is not None and math.isfinite(self.horizon_s):
            self.cells.close(self.horizon_s)
        return self.log if self.lora is None else replace(self.log, frames=self.lora.log())

    def join(self, station: Station, request: int) -> None:
        """Queue a request at a station."""
        station.join(self.agenda.now, request)
        self.consider(station)

    def consider(self, station: Station) -> None:
        """Note that a station can start once nothing else is left at this instant."""
        if not station.due and station.can_start(self.agenda.now):
            station.due = True
            heappush(self.due, (station.number, station))

    def start(self, station: Station) -> None:
        """Let a station start once; it stays due while it can start again."""
        station.due = False
        station.start(self.agenda.now)
        self.consider(station)

    def arrive(self, moment: Moment) -> None:
        """A request arrives and takes its decision."""
        request = moment.request
        following = request + 1
        if following < len(self.arrival_s):
            self.agenda.at(self.arrival_s[following], _DECISION + following, following, self.on_arrival)
        if self.plan.online is not None:
            self.decide(self.plan.online, request)
        device = self.device[request]
        self.join(self.processors[device] if self.on_device[request] else self.uplinks[device], request)

    def decide(self, policy: OnlinePolicy, request: int) -> None:
        """Let a policy written in Python decide, and take the option that it names."""
        plan, now, device = self.plan, self.agenda.now, self.device[request]
        group = int(plan.group_of[device])
        processor, uplink, edge = self.processors[device], self.uplinks[device], self.edge
        at_edge = left_waiting(len(edge.queue) + len(edge.door), edge.free, edge.serving.max_batch)
        seen = Observation(
            now_s=now,
            device=device,
            uplink_rate_bps=plan.uplink[int(plan.uplink_of[device])].rate_at_bps(now),
            waiting_device=left_waiting(len(processor.waiting), processor.free, 1),
            waiting_uplink=left_waiting(len(uplink.waiting), uplink.free, 1),
            waiting_edge=min(at_edge, edge.serving.queue_limit),
        )
        row = plan.row_at(group, policy.decide(seen), int(self.sample[request]))
        on_device, on_edge = self.factors
        self.log.row[request] = row
        self.device_s[request] = float(plan.device_s[row] * on_device[request])
        self.fallback_s[request] = float(plan.fallback_s[row] * on_device[request])
        self.edge_s[request] = float(plan.edge_s[row] * on_edge[request])
        self.bits_up[request], self.bits_down[request] = float(plan.bits_up[row]), float(plan.bits_down[row])
        self.on_device[request], self.offloaded[request] = bool(plan.on_device[row]), bool(plan.offloaded[row])

    def begin_device(self, request: int) -> None:
        """The device processor takes a request, for the first time or for the rest after a full queue."""
        now = self.agenda.now
        if request in self.turned_back:
            self.log.fallback_start_s[request] = now
            self.agenda.at(now + self.fallback_s[request], request, request, self.on_device_end)
        else:
            self.log.device_start_s[request] = now
            self.agenda.at(now + self.device_s[request], request, request, self.on_device_end)

    def end_device(self, moment: Moment) -> None:
        """The device has computed its part."""
        request = moment.request
        now = self.agenda.now
        device = self.device[request]
        if request in self.turned_back:
            self.log.fallback_end_s[request] = now
            self.finish(request, now)
        else:
            self.log.device_end_s[request] = now
            if self.offloaded[request]:
                self.join(self.uplinks[device], request)
            else:
                self.finish(request, now)
        self.processors[device].free += 1
        self.consider(self.processors[device])

    def begin_uplink(self, request: int) -> None:
        """The device starts to send."""
        if self.lora is not None and self.lora.uses[self.device[request]]:
            self.lora.begin(request)
            return
        self.transfer(self.up, request, self.bits_up[request])

    def transfer(self, way: Direction, request: int, bits: float) -> None:
        """A link takes a request: its radio wakes if it must, then bits flow."""
        device, now = self.device[request], self.agenda.now
        way.start_s[request] = now
        begin = self.wake(device, request, bits, way.wake_s)
        sent = way.send(device, request, bits)
        if self.cells is not None and self.cells.cell_of[device] >= 0 and bits > 0:
            self.on_air[device] += 1
            self.keep_awake(device, bits, math.inf)
            self.cells.admit(way, request, begin, sent)
        else:
            end = begin + transfer_s(begin, sent, *way.channels[device])
            self.keep_awake(device, bits, end)
            self.agenda.at(end, request, request, way.on_end)

    def off_air(self, device: int) -> None:
        """A transfer in a shared cell has ended."""
        self.on_air[device] -= 1
        if self.on_air[device] == 0:
            self.quiet_since_s[device] = self.agenda.now

    def wake(self, device: int, request: int, bits: float, log: NDArray[np.float64]) -> float:
        """Instant at which bits can flow: now, or after the promotion of a radio that sleeps."""
        now = self.agenda.now
        if not self.wakes:
            return now
        ends_s, delays_s = self.radio[device]
        delay = 0.0
        if bits > 0:
            delay = wake_s(now, self.quiet_since_s[device], self.awake_from_s[device], ends_s, delays_s)
            self.awake_from_s[device] = now + delay
        log[request] = delay
        return now + delay

    def keep_awake(self, device: int, bits: float, end_s: float) -> None:
        """The radio is not quiet before the end of this transfer."""
        if self.wakes and bits > 0:
            self.quiet_since_s[device] = max(self.quiet_since_s[device], end_s)

    def end_uplink(self, request: int) -> None:
        """The last bit has left the device."""
        now = self.agenda.now
        self.log.uplink_end_s[request] = now
        device = self.device[request]
        self.release_uplink(device)
        self.agenda.at(now + self.propagation_s[device], request, request, self.on_reach_edge)

    def release_uplink(self, device: int) -> None:
        """The uplink of a device is free again."""
        self.uplinks[device].free += 1
        self.consider(self.uplinks[device])

    def reach_edge(self, moment: Moment) -> None:
        """The last bit has arrived at the edge server."""
        request = moment.request
        if self.up.missing_bits[request] > 0 and not self.tolerates_loss[self.device[request]]:
            self.drop(request, INPUT_LOST)
            return
        self.join(self.edge, request)
        self.consider(self.door)

    def wait_for_batch(self, request: int) -> None:
        """The edge server queues a request, which waits only so long for its batch to fill."""
        max_wait_s = self.edge.serving.max_wait_s
        if max_wait_s > 0:
            self.agenda.at(self.agenda.now + max_wait_s, _TIMEOUT + request, request, self.on_timeout)

    def refuse(self, request: int) -> None:
        """The edge server has no room for a request."""
        if self.edge.serving.fallback:
            self.log.reason[request] = TURNED_BACK
            back = self.agenda.now + self.propagation_s[self.device[request]]
            self.agenda.at(back, request, request, self.on_turned_back)
        else:
            self.drop(request, QUEUE_FULL)

    def time_out(self, _: Moment) -> None:
        """The longest-waiting request may have waited long enough."""
        self.consider(self.edge)

    def turn_back(self, moment: Moment) -> None:
        """The device learns that the edge had no room, and queues the rest for itself."""
        request = moment.request
        self.turned_back.add(request)
        self.join(self.processors[self.device[request]], request)

    def begin_edge(self, batch: list[int]) -> None:
        """A worker of the edge server takes a batch."""
        now = self.agenda.now
        total = 0.0
        for request in batch:
            self.log.edge_start_s[request] = now
            self.log.batch[request] = batch[0]
            total += self.edge_s[request]
        end = now + total / len(batch) * self.edge.serving.batch_factor[len(batch)]
        for request in batch:
            self.agenda.at(end, request, request, self.on_edge_end)

    def end_edge(self, moment: Moment) -> None:
        """The edge server has the answer."""
        request = moment.request
        self.log.edge_end_s[request] = self.agenda.now
        self.edge.end(request)
        self.consider(self.edge)
        if self.lora is not None and self.lora.uses[self.device[request]]:
            self.lora.answer(request)
        else:
            self.join(self.downlinks[self.device[request]], request)

    def begin_downlink(self, request: int) -> None:
        """The answer starts on its way."""
        self.transfer(self.down, request, self.bits_down[request])

    def end_downlink(self, request: int) -> None:
        """The last bit of the answer has left the server."""
        now = self.agenda.now
        self.log.downlink_end_s[request] = now
        device = self.device[request]
        self.downlinks[device].free += 1
        self.consider(self.downlinks[device])
        if self.down.missing_bits[request] > 0:
            self.drop(request, ANSWER_LOST)
        else:
            self.finish(request, now + self.propagation_s[device])

    def drop(self, request: int, reason: int) -> None:
        """The request ends without an answer."""
        self.log.reason[request] = reason
        self.log.status[request] = DROPPED

    def finish(self, request: int, instant_s: float) -> None:
        """The answer is on the device, unless that lies beyond the horizon."""
        if instant_s <= self.horizon_s:
            self.log.finish_s[request] = instant_s
            self.log.status[request] = COMPLETED


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
