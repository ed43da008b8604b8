"""LoRaWAN devices in the compiled event loop: what follows what; the rules are those of `engines.lorawan`.

Each function does what `engines.lora_network` does at the same event. It returns what comes next for the request
(`engines.steps`) and when, infinite for at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.lorawan import GAVE_UP, MORE, Radios, answer, begin_message, end_frame, make_radios, next_start_s
from simulator.engines.steps import ANSWER_END, ANSWERED, ASKS, FRAME_START, GONE, REACH_EDGE, UPLINK_END
from simulator.plan.lora import LoraPlan

Floats = NDArray[np.float64]


class Talk(NamedTuple):
    """All LoRaWAN devices of a run.

    Attributes
    ----------
    plan : LoraPlan
    radios : Radios
    answer_left : array of float, shape (requests,)
        Bytes of the answer that a request still waits for.
    answer_size : array of int, shape (requests,)
        Bytes of it that are on their way.
    asking : array of bool, shape (requests,)
        Whether the device asks for the rest.
    """

    plan: LoraPlan
    radios: Radios
    answer_left: Floats
    answer_size: NDArray[np.int64]
    asking: NDArray[np.bool_]


def make_talk(plan: LoraPlan, requests: int) -> Talk:
    """The state before the first request; ``requests`` can be 0 where there are no such devices."""
    left, size = np.zeros(requests), np.zeros(requests, dtype=np.int64)
    return Talk(plan, make_radios(plan), left, size, np.zeros(requests, dtype=np.bool_))


def take_up(talk: Any, uplink: Any, downlink: Any, request: int, device: int, now: float, bits: float) -> Any:
    """The device takes up a message, or asks for an answer."""
    start, _, sent, lost, missing = uplink
    if talk.asking[request]:
        if np.isnan(downlink[0][request]):
            downlink[0][request] = now
        begin_message(talk.radios, device, 0.0)
        return FRAME_START, next_start_s(talk.plan, talk.radios, device, now)
    start[request] = now
    sent[request] = 0.0
    lost[request] = 0.0
    missing[request] = 0.0
    if bits <= 0:
        return UPLINK_END, now
    begin_message(talk.radios, device, bits / 8)
    return FRAME_START, next_start_s(talk.plan, talk.radios, device, now)


def frame_over(
    talk: Any, frames: Any, uplink: Any, downlink: Any, request: int, device: int, now: float, propagation_s: float
) -> Any:
    """A frame has ended."""
    radios = talk.radios
    bits = 8.0 * radios.size[device]
    follows = end_frame(talk.plan, radios, frames, device, now)
    if talk.asking[request]:
        if follows == MORE:
            return FRAME_START, next_start_s(talk.plan, radios, device, now)
        if follows == GAVE_UP:
            _, end, sent, _, missing = downlink
            end[request] = now
            missing[request] = 8.0 * talk.answer_left[request]
            sent[request] -= missing[request]
            return GONE, np.inf
        return send_answer(talk, frames, downlink, request, device, now, propagation_s, np.inf)
    _, end, sent, lost, missing = uplink
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
    return REACH_EDGE, now + propagation_s


def answer_ready(
    talk: Any,
    frames: Any,
    downlink: Any,
    request: int,
    device: int,
    now: float,
    bits: float,
    propagation_s: float,
    horizon_s: float,
) -> Any:
    """The server has the answer."""
    start, end, sent, lost, missing = downlink
    sent[request] = bits
    lost[request] = 0.0
    missing[request] = 0.0
    if bits <= 0:
        start[request] = now
        end[request] = now
        return ANSWERED, np.inf
    talk.answer_left[request] = bits / 8
    return send_answer(talk, frames, downlink, request, device, now, propagation_s, horizon_s)


def send_answer(
    talk: Any,
    frames: Any,
    downlink: Any,
    request: int,
    device: int,
    now: float,
    propagation_s: float,
    horizon_s: float,
) -> Any:
    """Send what fits into a receive window; the first part notes when the answer starts."""
    left = talk.answer_left[request]
    begin, end, talk.answer_size[request] = answer(
        talk.plan, talk.radios, frames, request, device, now, propagation_s, left
    )
    if begin == np.inf:
        talk.asking[request] = True
        return ASKS, np.inf
    if not talk.asking[request] and begin <= horizon_s:
        downlink[0][request] = begin
    return ANSWER_END, end


def answer_over(talk: Any, downlink: Any, request: int, device: int, now: float) -> Any:
    """A part of the answer, or all of it, is there."""
    talk.answer_left[request] -= talk.answer_size[request]
    if talk.answer_left[request] <= 0:
        downlink[1][request] = now
        return ANSWERED, np.inf
    if talk.asking[request]:
        begin_message(talk.radios, device, 0.0)
        return FRAME_START, next_start_s(talk.plan, talk.radios, device, now)
    talk.asking[request] = True
    return ASKS, np.inf
