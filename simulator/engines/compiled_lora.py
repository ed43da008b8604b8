"""LoRaWAN devices in the compiled event loop: what follows what; the rules are those of `engines.lorawan`.

Each function does what `engines.lora_network` does at the same event.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.lorawan import (
    GAVE_UP,
    MORE,
    Radios,
    answer,
    begin_asking,
    begin_message,
    make_radios,
    next_start_s,
)
from simulator.engines.queues import NOBODY
from simulator.engines.steps import FRAME_START, GONE, NOTHING, REACH_EDGE, UPLINK_END
from simulator.plan.lora import LoraPlan

Floats = NDArray[np.float64]


class Talk(NamedTuple):
    """All LoRaWAN devices of a run.

    Attributes
    ----------
    plan : LoraPlan
    radios : Radios
    first, last : array of int, shape (devices,)
        Ends of the line of requests whose answers wait at the server for a device; -1 for none.
    behind : array of int, shape (requests,)
        Who is next in that line.
    coming : array of int, shape (devices,)
        Bytes of the first one's answer that are on their way; 0 for none.
    answer_left : array of float, shape (requests,)
        Bytes of the answer that a request still waits for.
    asking : array of bool, shape (requests,)
        Whether a device is asking for the answer.
    """

    plan: LoraPlan
    radios: Radios
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    behind: NDArray[np.int64]
    coming: NDArray[np.int64]
    answer_left: Floats
    asking: NDArray[np.bool_]


def make_talk(plan: LoraPlan, requests: int) -> Talk:
    """The state before the first request; ``requests`` can be 0 where there are no such devices."""
    nobody = np.full(plan.uses.size, NOBODY, dtype=np.int64)
    return Talk(
        plan,
        make_radios(plan),
        first=nobody,
        last=nobody.copy(),
        behind=np.full(requests, NOBODY, dtype=np.int64),
        coming=np.zeros(plan.uses.size, dtype=np.int64),
        answer_left=np.zeros(requests),
        asking=np.zeros(requests, dtype=np.bool_),
    )


def take_up(talk: Any, uplink: Any, request: int, device: int, now: float, bits: float) -> Any:
    """The device takes up a message."""
    start, _, sent, lost, missing = uplink
    start[request] = now
    sent[request] = 0.0
    lost[request] = 0.0
    missing[request] = 0.0
    if bits <= 0:
        return UPLINK_END, now
    begin_message(talk.radios, device, bits / 8)
    return FRAME_START, next_start_s(talk.plan, talk.radios, device, now)


def has_to_ask(talk: Any, device: int) -> bool:
    """Whether an answer waits for a frame of a device, and none is on its way."""
    return bool(talk.first[device] != NOBODY and talk.coming[device] == 0)


def ask(talk: Any, downlink: Any, device: int, now: float) -> Any:
    """A device that has nothing to send asks for the first answer that waits; returns whose, and what comes next."""
    request = talk.first[device]
    talk.asking[request] = True
    if np.isnan(downlink[0][request]):
        downlink[0][request] = now
    begin_asking(talk.radios, device)
    return request, FRAME_START, next_start_s(talk.plan, talk.radios, device, now)


def frame_over(talk: Any, uplink: Any, request: int, device: int, now: float, follows: int) -> Any:
    """A frame of a message has ended, and `end_frame` has said what follows it."""
    radios = talk.radios
    _, end, sent, lost, missing = uplink
    bits = 8.0 * radios.size[device]
    sent[request] += bits
    if radios.lost[device]:
        lost[request] += bits
        if not talk.plan.confirmed[talk.plan.group_of[device]]:
            missing[request] += bits
    if follows == GAVE_UP:
        missing[request] = 8.0 * radios.left_bytes[device]
    if follows == MORE:
        return FRAME_START, next_start_s(talk.plan, radios, device, now)
    end[request] = now
    return REACH_EDGE, now


def asked(talk: Any, downlink: Any, request: int, device: int, now: float, follows: int) -> Any:
    """An empty frame has ended, and `end_frame` has said what follows it."""
    if follows == MORE:
        return FRAME_START, next_start_s(talk.plan, talk.radios, device, now)
    talk.asking[request] = False
    if follows != GAVE_UP:
        return NOTHING, np.inf
    leave_line(talk, device)
    _, end, sent, _, missing = downlink
    end[request] = now
    missing[request] = 8.0 * talk.answer_left[request]
    sent[request] -= missing[request]
    return GONE, np.inf


def answer_ready(talk: Any, downlink: Any, request: int, device: int, now: float, bits: float) -> bool:
    """The server has the answer; False if it is empty and therefore there, else it goes to the end of the line."""
    start, end, sent, lost, missing = downlink
    sent[request] = bits
    lost[request] = 0.0
    missing[request] = 0.0
    if bits <= 0:
        start[request] = now
        end[request] = now
        return False
    talk.answer_left[request] = bits / 8
    if talk.first[device] == NOBODY:
        talk.first[device] = request
    else:
        talk.behind[talk.last[device]] = request
    talk.last[device] = request
    return True


def leave_line(talk: Any, device: int) -> None:
    """The first answer in the line of a device waits no longer."""
    talk.first[device] = talk.behind[talk.first[device]]


def send_answer(
    talk: Any, frames: Any, downlink: Any, request: int, device: int, now: float, propagation_s: float, horizon_s: float
) -> float:
    """Send what fits into a window after the last frame, if there is one; returns when that ends, infinite if not."""
    left = talk.answer_left[request]
    begin, end, size = answer(talk.plan, talk.radios, frames, request, device, now, propagation_s, left)
    if begin < np.inf:
        talk.coming[device] = size
        if np.isnan(downlink[0][request]) and begin <= horizon_s:
            downlink[0][request] = begin
    return float(end)


def answer_over(talk: Any, downlink: Any, request: int, device: int, now: float) -> bool:
    """A part of the answer is there; returns whether it was the last one."""
    talk.answer_left[request] -= talk.coming[device]
    talk.coming[device] = 0
    if talk.answer_left[request] > 0:
        return False
    leave_line(talk, device)
    downlink[1][request] = now
    return True
