"""Laws of LoRaWAN on generated plans, in both engines; every frame is worked out again from the log alone.

The engines share the rules of a device, so that their agreement says nothing about these; each law is therefore also
shown to catch an engine whose rules are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generated import lora_cases
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from worlds import card, chain, scenario

from simulator.accounts.energy import attribute, end_of_run_s
from simulator.accounts.frame_times import downlink_service_s, uplink_service_s
from simulator.engines import fast, reference, world
from simulator.engines.log import COMPLETED, DROPPED, RequestLog
from simulator.engines.media import doors, lora_state, lora_talk, lorawan
from simulator.engines.media.frames import BYTES, REQUEST
from simulator.engines.steps import Step
from simulator.physics.lora import downlink_airtime_s, uplink_airtime_s
from simulator.plan.channels import with_drawn_channels
from simulator.plan.lora import LoraPlan
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.routes import ANSWER_LOST, INPUT_LOST
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw

HOUR_S = 3600.0
#: an hour's airtime is kept with a little room, so that a frame may start this much after it could
SLACK_S = 1e-4

Run = Callable[[Plan, Workload], RequestLog]
Law = Callable[[Plan, Workload, RequestLog], None]


class Frames:
    """The frames of a run with what the plan says about them; `of` finds those of one device in order."""

    def __init__(self, plan: Plan, log: RequestLog) -> None:
        assert plan.lora is not None
        assert log.frames is not None
        lora, self.log = plan.lora, log.frames
        group, rate = lora.group_of[self.log.device], self.log.data_rate
        self.group, self.rate = group, rate
        self.level = lora.received_dbm[self.log.device]
        self.sensitivity = lora.sensitivity_dbm[group, rate]
        self.factor, self.bandwidth = lora.spreading_factor[group, rate], lora.bandwidth_hz[group, rate]
        self.place = lora.first_channel[group] + self.log.channel
        self.band = lora.band_of[group, self.log.channel]
        self.start, self.end = self.log.start_s, self.log.end_s
        self.ended = self.end <= plan.horizon_s

    def of(self, device: int) -> np.ndarray:
        return np.flatnonzero(self.log.device == device)


def lora_devices(plan: Plan) -> list[int]:
    assert plan.lora is not None
    return np.flatnonzero(plan.lora.uses).tolist()


def lora_requests(plan: Plan, workload: Workload) -> np.ndarray:
    assert plan.lora is not None
    return np.flatnonzero(plan.lora.uses[workload.device])


def collisions_are_those_of_every_pair(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """A frame is lost if it is too weak, or meets one of its data rate and channel without being 6 dB stronger."""
    frames = Frames(plan, log)
    for i in range(frames.start.size):
        lost = frames.level[i] < frames.sensitivity[i]
        for j in range(frames.start.size):
            alike = (
                frames.place[i] == frames.place[j]
                and frames.factor[i] == frames.factor[j]
                and frames.bandwidth[i] == frames.bandwidth[j]
            )
            meet = frames.start[i] < frames.end[j] and frames.start[j] < frames.end[i]
            if i != j and alike and meet and frames.level[i] - frames.level[j] < 6.0:
                lost = True
        assert frames.log.lost[i] == (lost and frames.ended[i])


def frames_last_their_airtime(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """Formula of the time on air, and a frame holds what its data rate allows."""
    assert plan.lora is not None
    frames = Frames(plan, log)
    for k in range(frames.start.size):
        airtime = uplink_airtime_s(int(frames.log.bytes[k]), int(frames.factor[k]), float(frames.bandwidth[k]))
        assert frames.end[k] == frames.start[k] + airtime
        assert frames.log.bytes[k] <= plan.lora.most_bytes[frames.group[k], frames.rate[k]]


def duty_cycle_is_kept_in_every_hour(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """In every window of an hour; its airtime is largest where one begins with a frame, or ends with one."""
    assert plan.lora is not None
    frames = Frames(plan, log)
    for device in lora_devices(plan):
        for band in range(plan.lora.bands[plan.lora.group_of[device]]):
            share = plan.lora.duty_cycle[plan.lora.group_of[device], band]
            mine = frames.of(device)
            mine = mine[frames.band[mine] == band]
            start, end = frames.start[mine], frames.end[mine]
            for begin in np.concatenate((start, end - HOUR_S)):
                inside = np.minimum(end, begin + HOUR_S) - np.maximum(start, begin)
                # instants are rounded to 1e-12 s or so
                assert np.maximum(inside, 0.0).sum() <= share * HOUR_S + 1e-9
            silence = (end - start)[:-1] * (1 / share - 1)
            assert (start[1:] - end[:-1] >= silence - 1e-9 * (1 + silence)).all()


def windows_close_before_the_next_frame(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """Class A: one frame at a time, and none before the receive windows of the one before have closed."""
    frames = Frames(plan, log)
    for device in lora_devices(plan):
        for one, other in pairwise(frames.of(device).tolist()):
            assert frames.ended[one]
            assert frames.start[other] >= closes_s(plan, frames, one) - 1e-9


def closes_s(plan: Plan, frames: Frames, k: int) -> float:
    """When the receive windows of a frame close: both when nobody answers, else that of the answer."""
    assert plan.lora is not None
    lora, group, rate, end = plan.lora, frames.group[k], frames.rate[k], frames.end[k]
    first, second = frames.log.first_s[k], frames.log.second_s[k]
    if frames.log.lost[k]:
        assert (first, second) == (lora.window_s[group, rate], lora.second_window_s[group])
        again = lora.confirmed[group] or frames.log.bytes[k] == 0
        return float(end + 2.0 + second + (pause_s(plan, frames, k) if again else 0.0))
    if second == 0:
        assert any(
            first == answer_s(lora, group, rate, size) for size in range(lora.answer_most_bytes[group, rate] + 1)
        )
        return float(end + 1.0 + first)
    assert first == lora.window_s[group, rate]
    answers = (second_answer_s(lora, group, size) for size in range(1, lora.second_most_bytes[group] + 1))
    assert second == lora.second_window_s[group] or second in answers
    return float(end + 2.0 + second)


def pause_s(plan: Plan, frames: Frames, k: int) -> float:
    """1 to 3 s before a frame is sent again, from the upper bits of the draw that chooses the next channel."""
    assert plan.lora is not None
    device = frames.log.device[k]
    sent = int((frames.of(device) <= k).sum())
    bits = int(plan.lora.draws[device, sent % plan.lora.draws.shape[1]]) >> 31
    return 1.0 + 2.0 * (bits % 2**20) / 2**20


def answer_s(lora: LoraPlan, group: int, rate: int, size: int) -> float:
    return downlink_airtime_s(size, int(lora.answer_factor[group, rate]), float(lora.answer_bandwidth_hz[group, rate]))


def second_answer_s(lora: LoraPlan, group: int, size: int) -> float:
    return downlink_airtime_s(size, int(lora.second_factor[group]), float(lora.second_bandwidth_hz[group]))


def frames_of_a_message_start_as_early_as_they_may(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """As soon as the device has the message, the windows are closed, and one sub-band has room again."""
    assert plan.lora is not None
    frames = Frames(plan, log)
    for device in lora_devices(plan):
        mine, group = frames.of(device), plan.lora.group_of[device]
        for n, k in enumerate(mine.tolist()):
            if frames.log.bytes[k] == 0:
                continue
            request, before = frames.log.request[k], mine[:n]
            from_s = log.start_s["uplink"][request]
            if n > 0:
                from_s = max(from_s, closes_s(plan, frames, int(before[-1])))
            airtime = frames.end[k] - frames.start[k]
            starts = []
            for band in range(plan.lora.bands[group]):
                there = before[frames.band[before] == band]
                share = plan.lora.duty_cycle[group, band]
                starts.append(earliest_s(from_s, airtime, share, frames.start[there], frames.end[there]))
            assert min(starts) - 1e-6 <= frames.start[k] <= min(starts) + SLACK_S
            assert starts[frames.band[k]] <= frames.start[k] + SLACK_S


def earliest_s(from_s: float, airtime_s: float, share: float, starts: np.ndarray, ends: np.ndarray) -> float:
    """By bisection: the first instant after the off-time at which the hour that ends with the frame has room for it."""
    if starts.size:
        from_s = max(from_s, ends[-1] + (ends[-1] - starts[-1]) * (1 / share - 1))

    def fits(start_s: float) -> bool:
        opens = start_s + airtime_s - HOUR_S
        sent = np.maximum(ends - np.maximum(starts, opens), 0.0).sum()
        return bool(sent + airtime_s <= share * HOUR_S) or share == 1.0

    low, high = from_s, from_s + 2 * HOUR_S
    if fits(low):
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def data_rates_follow_the_network(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """The first one stays, unless the network has received 20 frames: then a step for each 3 dB beyond 10 dB."""
    assert plan.lora is not None
    lora, frames = plan.lora, Frames(plan, log)
    for device in lora_devices(plan):
        group, rate, heard = lora.group_of[device], lora.first_rate[device], 0
        for k in frames.of(device).tolist():
            assert frames.rate[k] == rate
            heard += not frames.log.lost[k]
            if lora.adaptive[group] and heard == 20:
                factor = int(lora.spreading_factor[group, rate])
                needed_db = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}[factor]
                noise_dbm = -174.0 + 10 * math.log10(lora.bandwidth_hz[group, rate]) + 6.0
                margin = lora.received_dbm[device] - noise_dbm - needed_db - 10.0
                rate = min(rate + max(math.floor(margin / 3.0), 0), lora.rates[group] - 1)
                heard = 0


def messages_arrive_as_their_frames_do(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """In order, each frame once, or up to eight times where lost ones are repeated; what is missing decides."""
    assert plan.lora is not None
    lora, frames = plan.lora, Frames(plan, log)
    for i in lora_requests(plan, workload).tolist():
        group = lora.group_of[workload.device[i]]
        mine = np.flatnonzero((frames.log.request == i) & (frames.log.bytes > 0))
        left, tries, sent, lost, missing, gave_up = plan.work("uplink")[log.row[i]] / 8, 0, 0, 0, 0.0, False
        for k in mine.tolist():
            assert left > 0
            assert not gave_up
            size = min(math.ceil(left), lora.most_bytes[group, frames.rate[k]])
            assert frames.log.bytes[k] == size
            if not frames.ended[k]:
                continue
            sent += size
            if frames.log.lost[k]:
                lost += size
                tries += 1
            if frames.log.lost[k] and lora.confirmed[group]:
                gave_up = tries == 8
                missing = left if gave_up else 0.0
            else:
                missing += size if frames.log.lost[k] else 0
                left, tries = max(left - size, 0.0), 0
        known = (log.sent_bits["uplink"][i], log.lost_bits["uplink"][i], log.missing_bits["uplink"][i])
        if np.isnan(log.start_s["uplink"][i]):
            assert mine.size == 0
            continue
        assert known == (8 * sent, 8 * lost, 8 * missing)
        over = not np.isnan(log.end_s["uplink"][i])
        assert over == ((left == 0 or gave_up) and log.start_s["uplink"][i] <= plan.horizon_s)
        if over:
            assert log.end_s["uplink"][i] == (frames.end[mine[-1]] if mine.size else log.start_s["uplink"][i])
            arrives = log.end_s["uplink"][i] + plan.propagation_s[group] <= plan.horizon_s
            refused = arrives and missing > 0 and not plan.tolerates_loss[group]
            assert (log.reason[i] == INPUT_LOST) == refused
            assert (log.status[i] == DROPPED) >= refused


def answers_come_in_the_receive_windows(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """Twin: the line of each device at the server, and what each of its frames brings, whatever it was sent for.

    One second after a frame that was received, or two, the first in line gets a part; who asks is the first in line.
    """
    assert plan.lora is not None
    lora, frames = plan.lora, Frames(plan, log)
    for device in lora_devices(plan):
        group, delay = lora.group_of[device], plan.propagation_s[lora.group_of[device]]
        mine = np.flatnonzero((workload.device == device) & ~np.isnan(log.end_s["edge"]))
        empty = plan.work("downlink")[log.row[mine]] == 0
        assert (log.end_s["downlink"][mine[empty]] == log.end_s["edge"][mine[empty]]).all()
        mine = mine[~empty]
        # a service of no length ends after those that end when it starts
        at_once = log.start_s["edge"][mine] == log.end_s["edge"][mine]
        mine = mine[np.lexsort((mine, at_once, log.end_s["edge"][mine]))]
        if (
            np.unique(log.end_s["edge"][mine[log.start_s["edge"][mine] == log.end_s["edge"][mine]]]).size
            < at_once.sum()
        ):
            continue  # several of them at one instant: their order is that of the stations, not of this twin
        line = mine.tolist()
        left = {i: plan.work("downlink")[log.row[i]] / 8 for i in line}
        over: dict[int, float] = {}
        gone: set[int] = set()
        tries, asked_for = 0, -1
        for k in frames.of(device).tolist():
            start, end, asks = frames.start[k], frames.end[k], frames.log.bytes[k] == 0
            ready = [i for i in line if log.end_s["edge"][i] <= start]
            if asks:
                assert frames.log.request[k] == ready[0]
                nobody_waits(plan, workload, log, device, float(start))
            tries = tries + 1 if asks and asked_for == ready[0] else int(asks)
            asked_for = ready[0] if asks else -1
            if not frames.ended[k]:
                assert frames.log.answers[k] == -1
                continue
            first = line[0] if line and not frames.log.lost[k] else -1
            ready_s = max(log.end_s["edge"][first], end) if first >= 0 else math.inf
            rate = frames.rate[k]
            if ready_s <= end + 1.0 - delay:
                size = min(math.ceil(left[first]), lora.answer_most_bytes[group, rate])
                airtime, opens = answer_s(lora, group, rate, size), end + 1.0 - delay
                assert (frames.log.first_s[k], frames.log.second_s[k]) == (airtime, 0.0)
            elif ready_s <= end + 2.0 - delay and (asks or not lora.confirmed[group]):
                size = min(math.ceil(left[first]), lora.second_most_bytes[group])
                airtime, opens = second_answer_s(lora, group, size), end + 2.0 - delay
                assert frames.log.second_s[k] == airtime
            else:
                assert frames.log.answers[k] == -1
                if asks and tries == 8:
                    gone.add(asked_for)
                    assert log.end_s["downlink"][asked_for] == end
                    assert (
                        log.sent_bits["downlink"][asked_for] + 8 * left[asked_for]
                        == plan.work("downlink")[log.row[asked_for]]
                    )
                    line.remove(asked_for)
                    asked_for = -1
                continue
            assert frames.log.answers[k] == first
            tries, asked_for = 0, -1
            if opens + airtime > plan.horizon_s:
                break
            left[first] -= size
            if left[first] <= 0:
                over[first] = opens + airtime
                line.remove(first)
        for i in mine.tolist():
            assert (log.reason[i] == ANSWER_LOST) == (log.status[i] == DROPPED) == (i in gone)
            if i in gone:
                continue
            assert np.isnan(log.end_s["downlink"][i]) == (i not in over)
            if i in over:
                assert log.end_s["downlink"][i] == pytest.approx(over[i], abs=1e-9)
            assert (log.status[i] == COMPLETED) == (i in over and over[i] + delay <= plan.horizon_s + 1e-9)


def nobody_waits(plan: Plan, workload: Workload, log: RequestLog, device: int, at_s: float) -> None:
    """No message of a device waits for its radio."""
    joined = np.where(plan.visits("device")[log.row], log.end_s["device"], workload.arrival_s)
    mine = (workload.device == device) & plan.visits("uplink")[log.row] & (joined < at_s)
    assert (log.start_s["uplink"][mine] <= at_s).all()


def time_that_is_not_service_is_waiting(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """Twin: the frames of each request one after the other; what is left of its time on the link is not negative."""
    frames = Frames(plan, log)
    delay = plan.propagation_s[plan.group_of[workload.device]]
    up, down = uplink_service_s(log), downlink_service_s(log, delay)
    for i in lora_requests(plan, workload).tolist():
        ks = np.flatnonzero(frames.log.request == i)
        message, asks = ks[frames.log.bytes[ks] > 0].tolist(), ks[frames.log.bytes[ks] == 0].tolist()
        if not np.isnan(log.end_s["uplink"][i]):
            served = 0.0
            for n, k in enumerate(message):
                served += frames.end[k] - frames.start[k]
                pauses = frames.log.lost[k] and plan.lora is not None and plan.lora.confirmed[frames.group[k]]
                if n + 1 < len(message):
                    closed = closes_s(plan, frames, k) - (pause_s(plan, frames, k) if pauses else 0.0)
                    assert frames.start[message[n + 1]] >= closed - 1e-9
                    served += closed - frames.end[k]
            assert up[i] == pytest.approx(served, abs=1e-9)
            assert up[i] <= log.end_s["uplink"][i] - log.start_s["uplink"][i] + 1e-9
        if not np.isnan(log.end_s["downlink"][i]):
            served = sum(
                frames.log.second_s[k] if frames.log.second_s[k] > 0 else frames.log.first_s[k]
                for k in np.flatnonzero(frames.log.answers == i)
            )
            for k in asks:
                served += frames.end[k] - frames.start[k]
                served += 1.0 - delay[i] if frames.log.answers[k] == i else 0.0
            assert down[i] == pytest.approx(served, abs=1e-9)
            assert down[i] <= log.end_s["downlink"][i] - log.end_s["edge"][i] + 1e-9


def everything_comes_to_an_end(plan: Plan, workload: Workload, log: RequestLog) -> None:
    """Without a horizon every request is answered or dropped."""
    if plan.horizon_s == math.inf:
        assert np.isin(log.status, (COMPLETED, DROPPED)).all()
        assert not np.isnan(log.end_s["uplink"][plan.visits("uplink")[log.row]]).any()


LAWS: list[Law] = [
    collisions_are_those_of_every_pair,
    frames_last_their_airtime,
    duty_cycle_is_kept_in_every_hour,
    windows_close_before_the_next_frame,
    frames_of_a_message_start_as_early_as_they_may,
    data_rates_follow_the_network,
    messages_arrive_as_their_frames_do,
    answers_come_in_the_receive_windows,
    time_that_is_not_service_is_waiting,
    everything_comes_to_an_end,
]


@pytest.mark.parametrize("run", [reference.run, fast.run], ids=["reference", "fast"])
@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=200)
@given(case=lora_cases())
def test_law(law: Law, run: Run, case: tuple[Plan, Workload]) -> None:
    law(*case, run(*case))


Patch = pytest.MonkeyPatch


def frames_that_touch_collide(monkeypatch: Patch) -> None:
    def start_frame(lora: Any, device: int, now: float) -> float:
        for radio in lora.devices:
            radio.end_s += 1e-9 * (radio.end_s == now)
        return original(lora, device, now)

    original = lora_talk.start_frame
    monkeypatch.setattr(lora_talk, "start_frame", start_frame)


def nobody_survives_a_collision(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "survives", lambda *_: False)


def the_stronger_survives_by_any_margin(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "survives", lambda mine, other: mine > other)


def only_the_later_frame_is_lost(monkeypatch: Patch) -> None:
    def start_frame(lora: Any, device: int, now: float) -> float:
        before = [radio.lost for radio in lora.devices]
        end = original(lora, device, now)
        before[device] = lora.devices[device].lost
        for radio, lost in zip(lora.devices, before, strict=True):
            radio.lost = lost
        return end

    original = lora_talk.start_frame
    monkeypatch.setattr(lora_talk, "start_frame", start_frame)


def the_off_time_is_forgotten(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "off_time_s", lambda *_: 0.0)


def the_hour_is_forgotten(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "earliest_start_s", lambda now, *_: now)


def the_next_frame_does_not_wait_for_the_windows(monkeypatch: Patch) -> None:
    def end_frame(lora: Any, device: int, now: float) -> int:
        follows = original(lora, device, now)
        lora.devices[device].ready_s = now
        return follows

    original = lora_talk.end_frame
    monkeypatch.setattr(lora_talk, "end_frame", end_frame)


def the_second_window_is_waited_for_in_any_case(monkeypatch: Patch) -> None:
    def answer(lora: Any, request: int, device: int, *more: Any) -> tuple[float, float, int]:
        radio = lora.devices[device]
        before = radio.ready_s
        came = original(lora, request, device, *more)
        radio.ready_s = max(before, radio.ready_s)
        return came

    original = lora_talk.answer
    monkeypatch.setattr(lora_talk, "answer", answer)


def an_acknowledged_frame_is_answered_later(monkeypatch: Patch) -> None:
    def answer(lora: Any, *more: Any) -> tuple[float, float, int]:
        before = [group.confirmed for group in lora.groups]
        for group in lora.groups:
            group.confirmed = 0
        came = original(lora, *more)
        for group, confirmed in zip(lora.groups, before, strict=True):
            group.confirmed = confirmed
        return came

    original = lora_talk.answer
    monkeypatch.setattr(lora_talk, "answer", answer)


def a_lost_frame_is_answered(monkeypatch: Patch) -> None:
    def end_frame(lora: Any, device: int, now: float) -> int:
        follows = original(lora, device, now)
        radio = lora.devices[device]
        radio.opens = lora.frames[radio.row, BYTES] > 0 or radio.opens
        return follows

    original = lora_talk.end_frame
    monkeypatch.setattr(lora_talk, "end_frame", end_frame)


def who_has_sent_nothing_is_answered(monkeypatch: Patch) -> None:
    def make_lora(*all_: Any) -> lora_state.Lora:
        lora = original(*all_)
        lora.devices["row"], lora.devices["opens"] = 0, 1
        return lora

    original = world.make_lora
    monkeypatch.setattr(world, "make_lora", make_lora)


def only_its_own_frames_bring_an_answer(monkeypatch: Patch) -> None:
    def answer(lora: Any, request: int, device: int, *more: Any) -> tuple[float, float, int]:
        row = lora.devices[device].row
        if row < 0 or lora.frames[row, REQUEST] != request:
            return np.inf, np.inf, 0
        return original(lora, request, device, *more)

    original = lora_talk.answer
    monkeypatch.setattr(lora_talk, "answer", answer)


def a_frame_brings_two_answers(monkeypatch: Patch) -> None:
    def answer(lora: Any, request: int, device: int, *more: Any) -> tuple[float, float, int]:
        came = original(lora, request, device, *more)
        lora.devices[device].opens = 1
        return came

    original = lora_talk.answer
    monkeypatch.setattr(lora_talk, "answer", answer)


def it_asks_though_messages_wait(monkeypatch: Patch) -> None:
    def start(run: reference.Run, number: int) -> None:
        if number < len(run.stations) and run.stations[number].free and doors.wants(run.w, number):
            run.is_due[number] = False
            run.stations[number].free -= 1
            run.expect(*doors.starts(run.w, number, run.agenda.now))
        else:
            original(run, number)

    original = reference.Run.start
    monkeypatch.setattr(reference.Run, "start", start)
    whole = doors.may_start

    def may_start(lora: Any, request: int, device: int, now: float, is_awaited: bool) -> Step:
        return whole(lora, request, device, now, False)

    monkeypatch.setattr(doors, "may_start", may_start)


def the_network_compares_with_the_best_gateways(monkeypatch: Patch) -> None:
    def end_frame(lora: Any, *more: Any) -> int:
        best = np.array([[at_rate.sensitivity_dbm for at_rate in group] for group in lora.rates])
        return original(lora._replace(demodulation_dbm=best), *more)

    original = lora_talk.end_frame
    monkeypatch.setattr(lora_talk, "end_frame", end_frame)


def a_lost_frame_is_tried_nine_times(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "MOST_TRANSMISSIONS", 9)


def a_message_without_bytes_begins_the_asking_anew(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lora_talk, "begin_asking", lambda lora, device: lorawan.begin_message(lora, device, 0.0))


def the_network_decides_a_frame_too_early(monkeypatch: Patch) -> None:
    monkeypatch.setattr(lorawan, "ADR_FRAMES", 19)


MUTANTS: list[tuple[Callable[[Patch], None], Law]] = [
    (frames_that_touch_collide, collisions_are_those_of_every_pair),
    (nobody_survives_a_collision, collisions_are_those_of_every_pair),
    (the_stronger_survives_by_any_margin, collisions_are_those_of_every_pair),
    (only_the_later_frame_is_lost, collisions_are_those_of_every_pair),
    (the_off_time_is_forgotten, duty_cycle_is_kept_in_every_hour),
    (the_hour_is_forgotten, duty_cycle_is_kept_in_every_hour),
    (the_next_frame_does_not_wait_for_the_windows, windows_close_before_the_next_frame),
    (the_second_window_is_waited_for_in_any_case, frames_of_a_message_start_as_early_as_they_may),
    (an_acknowledged_frame_is_answered_later, answers_come_in_the_receive_windows),
    (a_lost_frame_is_answered, windows_close_before_the_next_frame),
    (only_its_own_frames_bring_an_answer, answers_come_in_the_receive_windows),
    (a_frame_brings_two_answers, answers_come_in_the_receive_windows),
    (it_asks_though_messages_wait, answers_come_in_the_receive_windows),
    (the_network_compares_with_the_best_gateways, data_rates_follow_the_network),
    (a_lost_frame_is_answered, answers_come_in_the_receive_windows),
    (who_has_sent_nothing_is_answered, answers_come_in_the_receive_windows),
    (a_lost_frame_is_tried_nine_times, messages_arrive_as_their_frames_do),
    (a_message_without_bytes_begins_the_asking_anew, answers_come_in_the_receive_windows),
    (the_network_decides_a_frame_too_early, data_rates_follow_the_network),
]


@pytest.mark.parametrize(("mutate", "law"), MUTANTS)
def test_a_wrong_rule_breaks_its_law(mutate: Callable[[Patch], None], law: Law, monkeypatch: Patch) -> None:
    """Within a thousand generated cases one shows each mutant."""
    mutate(monkeypatch)

    def breaks(case: tuple[Plan, Workload]) -> bool:
        log = reference.run(*case)
        try:
            law(*case, log)
        except AssertionError:
            return True
        return False

    find(lora_cases(), breaks, settings=settings(max_examples=1000, phases=[Phase.generate]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose input has 300 bytes, and cards; the server takes 0.8 s, so that queues meet every window."""
    place = tmp_path_factory.mktemp("world")
    chain(place, {"head": 80, "tail": 40}, input_bytes=1200)
    card(place, "device", "device", {"head": "300 ms", "tail": "1 s"})
    card(place, "server", "server", {"head": "200 ms", "tail": "600 ms"})
    return place


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 3),
    rate=st.sampled_from(["10 /h", "200 /h", "2000 /h"]),
    horizon=st.sampled_from([None, "3 s", "17.5 s", "400 s", "2 h"]),
    result_size=st.sampled_from(["0 B", "1 B", "300 B"]),
    region=st.sampled_from(["EU868", "US915"]),
    confirmed=st.booleans(),
    shadowing=st.sampled_from(["0 dB", "30 dB"]),
)
def test_charges_add_up_to_power_times_time(
    folder: Path, seed: int, count: int, rate: str, horizon: str | None, result_size: str, **link: Any
) -> None:
    """Twin: the states of each radio laid out on the time axis, cut at the end of the run, and asleep in between."""
    files = (str(folder / name) for name in ("chain.json", "device.yaml", "server.yaml"))
    document = scenario(
        *files,
        seed=seed,
        count=count,
        horizon=horizon,
        result_size=result_size,
        link={"uplink": {"distance": "5 km", **link}, "propagation": "50 ms", "radio": "sx1272"},
        workload={"arrivals": "periodic", "phase": "0 s", "rate": rate, "requests": 6},
        policies=[{"kind": "edge", "encoding": "uint8"}, {"kind": "split", "at": "head"}],
    )
    system, plans = prepare(load_scenario(document))
    workload = draw(sources(system), seed, 0)
    for plan in with_drawn_channels(plans, system, 0):
        log = reference.run(plan, workload)
        frames, end = Frames(plan, log), end_of_run_s(plan, workload, log)
        charged = attribute(system, plan, workload, log)
        computes = np.nan_to_num(
            np.where(np.isnan(log.end_s["device"]), end, log.end_s["device"]) - log.start_s["device"]
        )
        for device in np.unique(workload.device).tolist():
            mine, k = workload.device == device, frames.of(device)
            first, second = frames.end[k] + 1.0, frames.end[k] + 2.0
            sends_s = within_s(frames.start[k], frames.end[k], end)
            hears_s = within_s(first, first + frames.log.first_s[k], end)
            hears_s += within_s(second, second + frames.log.second_s[k], end)
            radio_j = 0.132 * sends_s + 0.0324 * hears_s
            assert charged.radio_j[mine].sum() == pytest.approx(radio_j, rel=1e-9, abs=1e-12)
            rest_j = 0.3e-6 * (end - sends_s - hears_s) + 1.0 * (end - computes[mine].sum())
            assert charged.idle_j[mine].sum() == pytest.approx(rest_j, rel=1e-9)


def within_s(starts: np.ndarray, ends: np.ndarray, run_end_s: float) -> float:
    """Total length of some intervals, as far as they lie before the end of the run."""
    return float(np.maximum(np.minimum(ends, run_end_s) - starts, 0.0).sum())
