"""LoRaWAN devices: what follows what; the rules of a device and of the network are those of `media.lorawan`.

A device's uplink holds a message until its last frame has ended. Answers use no downlink: they stand in a line at the
server, and come in the receive windows of the device's frames. The functions are written in the subset of Python that
numba compiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.media.lorawan import (
    GAVE_UP,
    MORE,
    answer,
    begin_asking,
    begin_message,
    end_frame,
    next_start_s,
    note_frame,
    start_frame,
)
from simulator.engines.media.own_channel import note_bits
from simulator.engines.steps import AGAIN, ANSWER_END, END, FRAME_END, FRAME_START, GONE, NOBODY, OVER, WAITS, Step


def step(outcome: int, what: int, when: float) -> Step:
    """A step that concerns nobody else."""
    return Step(outcome, what, when, NOBODY, END, np.inf, NOBODY, NOBODY)


def take_up(lora: Any, book: Any, request: int, device: int, now: float, bits: float) -> tuple[int, float]:
    """The device takes up a message; returns what comes next for it, and when."""
    note_bits(book, lora.up_bits, request, 0.0, 0.0, 0.0)
    if bits <= 0:
        return END, now
    begin_message(lora, device, bits / 8)
    return FRAME_START, next_start_s(lora, device, now)


def has_to_ask(lora: Any, device: int) -> bool:
    """Whether an answer waits for a frame of a device, and none is on its way."""
    radio = lora.devices[device]
    return bool(radio.uses and radio.line != NOBODY and radio.coming == 0)


def ask(lora: Any, book: Any, device: int, now: float) -> tuple[int, int, float]:
    """A device that has nothing to send asks for the first answer that waits; returns whose, and what comes when."""
    request = lora.devices[device].line
    lora.asks[request].is_asking = True
    if np.isnan(book.block[lora.answer_start, request]):
        book.block[lora.answer_start, request] = now
    begin_asking(lora, device)
    return request, FRAME_START, next_start_s(lora, device, now)


def may_start(lora: Any, request: int, device: int, now: float, is_awaited: bool) -> Step:
    """A frame goes on the air, unless the receive windows of the one before are still open.

    An empty one gives way to a message that has come meanwhile.
    """
    if lora.asks[request].is_asking and is_awaited:
        lora.asks[request].is_asking = False
        return Step(WAITS, END, np.inf, NOBODY, END, np.inf, lora.station + device, NOBODY)
    if now < lora.devices[device].ready_s:  # an answer has taken longer than was thought
        return step(AGAIN, FRAME_START, next_start_s(lora, device, now))
    end = start_frame(lora, device, now)
    note_frame(lora, lora.frame_count[0], request, device, now)
    lora.frame_count[0] += 1
    return step(AGAIN, FRAME_END, end)


def has_ended(lora: Any, book: Any, request: int, device: int, now: float) -> Step:
    """A frame has ended, and its windows may bring the first answer that waits."""
    radio = lora.devices[device]
    comes = end_frame(lora, device, now)
    first = radio.line
    answer_s = send_answer(lora, book, first, device, now) if first != NOBODY else np.inf
    other = first if answer_s < np.inf else NOBODY
    if comes == MORE and lora.asks[request].is_asking:
        start = next_start_s(lora, device, now)
        return Step(AGAIN, FRAME_START, start, other, ANSWER_END, answer_s, NOBODY, NOBODY)
    if lora.asks[request].is_asking:
        lora.asks[request].is_asking = False
        outcome = WAITS
        if comes == GAVE_UP:
            outcome = GONE
            give_up(lora, book, request, device, now)
        return Step(outcome, END, np.inf, other, ANSWER_END, answer_s, lora.station + device, NOBODY)
    note_frame_of_message(lora, book, request, device, comes)
    if comes == MORE:
        start = next_start_s(lora, device, now)
        return Step(AGAIN, FRAME_START, start, other, ANSWER_END, answer_s, NOBODY, NOBODY)
    return Step(OVER, END, now, other, ANSWER_END, answer_s, lora.station + device, NOBODY)


def note_frame_of_message(lora: Any, book: Any, request: int, device: int, comes: int) -> None:
    """Count what a frame of a message has sent, lost and left missing."""
    radio = lora.devices[device]
    sent, bits = lora.up_bits, 8.0 * radio.size
    book.block[sent, request] += bits
    if radio.lost:
        book.block[sent + 1, request] += bits
        if not lora.groups[radio.group].confirmed:
            book.block[sent + 2, request] += bits
    if comes == GAVE_UP:
        book.block[sent + 2, request] = 8.0 * radio.left_bytes


def give_up(lora: Any, book: Any, request: int, device: int, now: float) -> None:
    """Nobody has heard the device ask; the answer waits no longer."""
    leave_line(lora, device)
    sent = lora.down_bits
    book.block[lora.answer_start + 1, request] = now
    book.block[sent + 2, request] = 8.0 * lora.asks[request].left_bytes
    book.block[sent, request] -= book.block[sent + 2, request]


def answer_comes(lora: Any, book: Any, request: int, device: int, now: float, bits: float) -> Step:
    """The server has the answer: it goes to the end of its device's line, unless it is empty and therefore there."""
    radio = lora.devices[device]
    note_bits(book, lora.down_bits, request, bits, 0.0, 0.0)
    if bits <= 0:
        book.block[lora.answer_start, request] = now
        return step(OVER, END, now)
    lora.asks[request].left_bytes = bits / 8
    if radio.line == NOBODY:
        radio.line = request
    else:
        lora.asks[radio.line_end].behind = request
    radio.line_end = request
    answer_s = send_answer(lora, book, request, device, now) if radio.line == request else np.inf
    other = request if answer_s < np.inf else NOBODY
    return Step(WAITS, END, np.inf, other, ANSWER_END, answer_s, NOBODY, lora.station + device)


def leave_line(lora: Any, device: int) -> None:
    """The first answer in the line of a device waits no longer."""
    lora.devices[device].line = lora.asks[lora.devices[device].line].behind


def send_answer(lora: Any, book: Any, request: int, device: int, now: float) -> float:
    """Send what fits into a window after the last frame, if there is one; returns when that ends, infinite if not."""
    radio = lora.devices[device]
    left, delay = lora.asks[request].left_bytes, radio.propagation_s
    begin, end, size = answer(lora, request, device, now, delay, left)
    if begin < np.inf:
        radio.coming = size
        if np.isnan(book.block[lora.answer_start, request]) and begin <= lora.horizon_s:
            book.block[lora.answer_start, request] = begin
    return float(end)


def part_is_there(lora: Any, request: int, device: int, now: float) -> Step:
    """A part of the answer, or all of it, is there."""
    radio = lora.devices[device]
    lora.asks[request].left_bytes -= radio.coming
    radio.coming = 0
    outcome = WAITS
    if lora.asks[request].left_bytes <= 0:
        leave_line(lora, device)
        outcome = OVER
    return Step(outcome, END, now, NOBODY, END, np.inf, NOBODY, lora.station + device)
