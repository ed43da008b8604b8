"""LoRaWAN devices in the reference engine: which event follows which; the rules are those of `engines.lorawan`."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from simulator.engines.base import ANSWER_LOST
from simulator.engines.frames import COLUMNS, FrameLog
from simulator.engines.lorawan import (
    GAVE_UP,
    MORE,
    answer,
    begin_asking,
    begin_message,
    end_frame,
    make_radios,
    next_start_s,
    note_frame,
    start_frame,
)
from simulator.engines.stations import Station
from simulator.plan.lora import LoraPlan

if TYPE_CHECKING:
    from simulator.engines.reference import Callbacks, Moment, Run


class LoraUplink(Station):
    """The uplink of a LoRaWAN device: messages in the order in which they came, and asking when none waits."""

    def __init__(self, number: int, network: LoraNetwork, device: int) -> None:
        super().__init__(number, network.run.begin_uplink)
        self.network = network
        self.device = device

    def can_start(self, now_s: float) -> bool:
        """Whether the radio is free for a message that waits, or for asking."""
        return super().can_start(now_s) or bool(self.free and self.network.has_to_ask(self.device))

    def start(self, now_s: float) -> None:
        """Take up the first message, or ask."""
        if self.waiting:
            super().start(now_s)
        else:
            self.free -= 1
            self.network.ask(self.device)


class LoraNetwork:
    """All LoRaWAN devices of a run and their gateway."""

    def __init__(self, run: Run, plan: LoraPlan) -> None:
        self.run = run
        self.plan = plan
        self.radios = make_radios(plan)
        self.uses = plan.uses.tolist()
        self.frames = np.zeros((64, len(COLUMNS)))
        self.frame_count = 0
        #: requests of each device whose answers wait at the server, in order
        self.line: list[deque[int]] = [deque() for _ in self.uses]
        #: bytes of the answer that a request still waits for, and of those that are on their way to a device
        self.answer_left: dict[int, float] = {}
        self.coming: dict[int, int] = {}
        #: requests for whose answers a device is asking
        self.asking: set[int] = set()
        self.on_frame_start: Callbacks = [self.start_frame]
        self.on_frame_end: Callbacks = [self.end_frame]
        self.on_answer_end: Callbacks = [self.end_answer]
        self.on_nothing_sent: Callbacks = [lambda moment: run.end_uplink(moment.request)]

    def log(self) -> FrameLog:
        """All frames that have started."""
        return FrameLog(self.frames[: self.frame_count])

    def begin(self, request: int) -> None:
        """A device takes up a message."""
        run, device, log = self.run, self.run.device[request], self.run.log
        now = run.agenda.now
        log.uplink_start_s[request] = now
        log.uplink_sent_bits[request] = log.uplink_lost_bits[request] = log.uplink_missing_bits[request] = 0.0
        if run.bits_up[request] <= 0:
            run.agenda.at(now, request, request, self.on_nothing_sent)
            return
        begin_message(self.radios, device, run.bits_up[request] / 8)
        self.plan_frame(request)

    def has_to_ask(self, device: int) -> bool:
        """Whether an answer waits for a frame of a device, and none is on its way."""
        return bool(self.line[device]) and device not in self.coming

    def ask(self, device: int) -> None:
        """A device that has nothing to send asks for the first answer that waits for it."""
        request, log = self.line[device][0], self.run.log
        self.asking.add(request)
        if math.isnan(log.downlink_start_s[request]):
            log.downlink_start_s[request] = self.run.agenda.now
        begin_asking(self.radios, device)
        self.plan_frame(request)

    def plan_frame(self, request: int) -> None:
        """The next frame of a device starts as soon as it may."""
        run = self.run
        start = next_start_s(self.plan, self.radios, run.device[request], run.agenda.now)
        run.agenda.at(start, request, request, self.on_frame_start)

    def start_frame(self, moment: Moment) -> None:
        """A frame goes on the air, unless the receive windows of the one before are still open.

        An empty one gives way to a message that has come meanwhile.
        """
        run, request = self.run, moment.request
        device, now = run.device[request], run.agenda.now
        if request in self.asking and run.uplinks[device].waiting:
            self.asking.remove(request)
            run.release_uplink(device)
            return
        if now < self.radios.ready_s[device]:
            self.plan_frame(request)
            return
        if self.frame_count == self.frames.shape[0]:
            self.frames = np.concatenate((self.frames, np.zeros_like(self.frames)))
        end = start_frame(self.plan, self.radios, device, now)
        note_frame(self.radios, self.frames, self.frame_count, request, device, now)
        self.frame_count += 1
        run.agenda.at(end, request, request, self.on_frame_end)

    def end_frame(self, moment: Moment) -> None:
        """A frame has ended, and its windows may bring the first answer that waits."""
        run, request = self.run, moment.request
        device, now, log = run.device[request], run.agenda.now, run.log
        bits = 8.0 * self.radios.size[device]
        follows = end_frame(self.plan, self.radios, self.frames, device, now)
        if self.line[device]:
            self.send_answer(self.line[device][0])
        if request in self.asking:
            if follows == MORE:
                self.plan_frame(request)
                return
            self.asking.remove(request)
            if follows == GAVE_UP:
                self.line[device].popleft()
                log.downlink_end_s[request] = now
                log.downlink_missing_bits[request] = 8.0 * self.answer_left[request]
                log.downlink_sent_bits[request] -= log.downlink_missing_bits[request]
                run.drop(request, ANSWER_LOST)
            run.release_uplink(device)
            return
        log.uplink_sent_bits[request] += bits
        if self.radios.lost[device]:
            log.uplink_lost_bits[request] += bits
            if not self.plan.confirmed[self.plan.group_of[device]]:
                log.uplink_missing_bits[request] += bits
        if follows == GAVE_UP:
            log.uplink_missing_bits[request] = 8.0 * self.radios.left_bytes[device]
        if follows == MORE:
            self.plan_frame(request)
        else:
            run.end_uplink(request)

    def answer(self, request: int) -> None:
        """The server has the answer, which goes to the end of its device's line."""
        run, log = self.run, self.run.log
        now, device = run.agenda.now, run.device[request]
        bits = run.bits_down[request]
        log.downlink_sent_bits[request], log.downlink_lost_bits[request] = bits, 0.0
        log.downlink_missing_bits[request] = 0.0
        if bits <= 0:
            log.downlink_start_s[request] = log.downlink_end_s[request] = now
            run.finish(request, now + run.propagation_s[device])
            return
        self.answer_left[request] = bits / 8
        self.line[device].append(request)
        if self.line[device][0] == request:
            self.send_answer(request)
        run.consider(run.uplinks[device])

    def send_answer(self, request: int) -> None:
        """Send what fits into a window after the last frame, if there is one; the first part starts the downlink."""
        run = self.run
        device, now, start_s = run.device[request], run.agenda.now, run.log.downlink_start_s
        left = self.answer_left[request]
        begin, end, size = answer(
            self.plan, self.radios, self.frames, request, device, now, run.propagation_s[device], left
        )
        if begin < math.inf:
            self.coming[device] = size
            run.agenda.at(end, request, request, self.on_answer_end)
            if math.isnan(start_s[request]) and begin <= run.horizon_s:
                start_s[request] = begin

    def end_answer(self, moment: Moment) -> None:
        """A part of the answer, or all of it, is there."""
        run, request = self.run, moment.request
        device, now = run.device[request], run.agenda.now
        self.answer_left[request] -= self.coming.pop(device)
        if self.answer_left[request] <= 0:
            self.line[device].popleft()
            run.log.downlink_end_s[request] = now
            run.finish(request, now + run.propagation_s[device])
        run.consider(run.uplinks[device])
