"""LoRaWAN devices in the reference engine: which event follows which; the rules are those of `engines.lorawan`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulator.engines.base import ANSWER_LOST
from simulator.engines.frames import COLUMNS, FrameLog
from simulator.engines.lorawan import (
    GAVE_UP,
    MORE,
    answer,
    begin_message,
    end_frame,
    make_radios,
    next_start_s,
    note_frame,
    start_frame,
)
from simulator.plan.lora import LoraPlan

if TYPE_CHECKING:
    from simulator.engines.reference import Callbacks, Moment, Run


class LoraNetwork:
    """All LoRaWAN devices of a run and their gateway."""

    def __init__(self, run: Run, plan: LoraPlan) -> None:
        self.run = run
        self.plan = plan
        self.radios = make_radios(plan)
        self.uses = plan.uses.tolist()
        self.frames = np.zeros((64, len(COLUMNS)))
        self.frame_count = 0
        #: bytes of the answer that a request still waits for, and of those that are on their way
        self.answer_left: dict[int, float] = {}
        self.coming: dict[int, int] = {}
        self.asking: set[int] = set()
        self.on_frame_start: Callbacks = [self.start_frame]
        self.on_frame_end: Callbacks = [self.end_frame]
        self.on_answer_end: Callbacks = [self.end_answer]
        self.on_nothing_sent: Callbacks = [lambda moment: run.end_uplink(moment.request)]

    def log(self) -> FrameLog:
        """All frames that have started."""
        return FrameLog(self.frames[: self.frame_count])

    def begin(self, request: int) -> None:
        """A device takes up a message, or asks for an answer."""
        run, device, log = self.run, self.run.device[request], self.run.log
        now = run.agenda.now
        if request in self.asking:
            if math.isnan(log.downlink_start_s[request]):
                log.downlink_start_s[request] = now
            begin_message(self.radios, device, 0.0)
            self.plan_frame(request)
            return
        log.uplink_start_s[request] = now
        log.uplink_sent_bits[request] = log.uplink_lost_bits[request] = log.uplink_missing_bits[request] = 0.0
        if run.bits_up[request] <= 0:
            run.agenda.at(now, request, request, self.on_nothing_sent)
            return
        begin_message(self.radios, device, run.bits_up[request] / 8)
        self.plan_frame(request)

    def plan_frame(self, request: int) -> None:
        """The next frame of a device starts as soon as it may."""
        run = self.run
        start = next_start_s(self.plan, self.radios, run.device[request], run.agenda.now)
        run.agenda.at(start, request, request, self.on_frame_start)

    def start_frame(self, moment: Moment) -> None:
        """A frame goes on the air, unless the receive windows of the one before are still open."""
        run, request = self.run, moment.request
        device, now = run.device[request], run.agenda.now
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
        """A frame has ended."""
        run, request = self.run, moment.request
        device, now, log = run.device[request], run.agenda.now, run.log
        bits = 8.0 * self.radios.size[device]
        follows = end_frame(self.plan, self.radios, self.frames, device, now)
        if request in self.asking:
            if follows == MORE:
                self.plan_frame(request)
            elif follows == GAVE_UP:
                log.downlink_end_s[request] = now
                log.downlink_missing_bits[request] = 8.0 * self.answer_left[request]
                log.downlink_sent_bits[request] -= log.downlink_missing_bits[request]
                run.drop(request, ANSWER_LOST)
                run.release_uplink(device)
            else:
                self.send_answer(request)
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
        """The server has the answer."""
        run, log = self.run, self.run.log
        now = run.agenda.now
        bits = run.bits_down[request]
        log.downlink_sent_bits[request], log.downlink_lost_bits[request] = bits, 0.0
        log.downlink_missing_bits[request] = 0.0
        if bits <= 0:
            log.downlink_start_s[request] = log.downlink_end_s[request] = now
            run.finish(request, now + run.propagation_s[run.device[request]])
            return
        self.answer_left[request] = bits / 8
        start = self.send_answer(request)
        if start == math.inf:
            self.ask(request)
        elif start <= run.horizon_s:
            log.downlink_start_s[request] = start

    def send_answer(self, request: int) -> float:
        """Send what fits into a receive window; returns when that starts."""
        run = self.run
        device, now = run.device[request], run.agenda.now
        left = self.answer_left[request]
        start, end, size = answer(
            self.plan, self.radios, self.frames, request, device, now, run.propagation_s[device], left
        )
        if start < math.inf:
            self.coming[request] = size
            run.agenda.at(end, request, request, self.on_answer_end)
        return start

    def ask(self, request: int) -> None:
        """The device asks for the answer as soon as its uplink is free."""
        self.asking.add(request)
        self.run.join(self.run.uplinks[self.run.device[request]], request)

    def end_answer(self, moment: Moment) -> None:
        """A part of the answer, or all of it, is there."""
        run, request = self.run, moment.request
        device, now = run.device[request], run.agenda.now
        self.answer_left[request] -= self.coming[request]
        held = request in self.asking
        if self.answer_left[request] > 0:
            if held:
                begin_message(self.radios, device, 0.0)
                self.plan_frame(request)
            else:
                self.ask(request)
            return
        run.log.downlink_end_s[request] = now
        if held:
            run.release_uplink(device)
        run.finish(request, now + run.propagation_s[device])
