"""The doors through which engines use the media, in the subset of Python that numba compiles.

A transfer begins: the medium says what comes next for it, and when. Something of the medium happens. A transfer has
ended. LoRaWAN has two more: its answers wait in a line of their own, and its devices send though nobody waits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.media.cells import enter_cell, leave_cell
from simulator.engines.media.lora_talk import (
    answer_comes,
    ask,
    has_ended,
    has_to_ask,
    may_start,
    part_is_there,
    take_up,
)
from simulator.engines.media.own_channel import CELL, FRAMES, WINDOWS, sent_bits, transfer_time_s, wake
from simulator.engines.steps import END, ENTERS, FRAME_END, FRAME_START, NOBODY, WAITS, Step

#: compiled code for runs without LoRaWAN is made with False here, and without the functions behind it
HAS_LORAWAN = True


def begins(w: Any, request: int, device: int, stage: Any, wire: Any, bits: float, now: float) -> tuple[int, float]:
    """A link takes a request: returns what comes next for it, and when.

    Parameters
    ----------
    w : World
    request, device : int
    stage, wire : record
        The link, and that of the device.
    bits : float
    now : float
    """
    if HAS_LORAWAN:  # noqa: SIM102 - numba drops the branch if the flag stands alone
        if wire.medium == FRAMES:
            return take_up(w.lora, w.book, request, device, now, bits)
    air, radio = w.air, w.air.radios[device]
    begin = now
    if wire.has_radio:
        delay = wake(air, radio, bits, now)
        w.book.block[stage.wake_column, request] = delay
        begin = now + delay
    sent = bits
    if stage.bits_column >= 0:
        sent = sent_bits(air, w.book, stage.bits_column, request, wire, bits)
    if wire.medium == CELL and bits > 0:
        radio.on_air += 1
        radio.quiet_since_s = np.inf
        w.cells.airtime_s[request] = sent / wire.rate_bps
        return ENTERS, begin
    end = begin + transfer_time_s(air, wire, begin, sent)
    if wire.has_radio and bits > 0:
        radio.quiet_since_s = max(radio.quiet_since_s, end)
    return END, end


def goes_on(w: Any, request: int, device: int, what: int, now: float) -> Step:
    """An event of a transfer has come."""
    if what == ENTERS:
        cell = w.air.radios[device].cell
        due = enter_cell(w.cells, cell, now, request)
        return Step(WAITS, END, np.inf, w.traffic.size + cell, END, due, NOBODY, NOBODY)
    if HAS_LORAWAN:
        if what == FRAME_START:
            is_awaited = w.hall.stations[w.lora.station + device].head != NOBODY
            return may_start(w.lora, request, device, now, is_awaited)
        if what == FRAME_END:
            return has_ended(w.lora, w.book, request, device, now)
        return part_is_there(w.lora, request, device, now)
    return Step(WAITS, END, np.inf, NOBODY, END, np.inf, NOBODY, NOBODY)


def has_line(wire: Any) -> bool:
    """Whether requests wait for a link in a line of its medium."""
    if HAS_LORAWAN:
        return bool(wire.medium == WINDOWS)
    return False


def comes(w: Any, request: int, device: int, now: float, bits: float) -> Step:
    """A request reaches a link that has a line of its own."""
    if HAS_LORAWAN:
        return answer_comes(w.lora, w.book, request, device, now, bits)
    return Step(WAITS, END, np.inf, NOBODY, END, np.inf, NOBODY, NOBODY)


def happens(w: Any, cell: int, now: float) -> int:
    """The next end in a cell has come: returns whose transfer is over; nobody's if somebody came or went meanwhile."""
    if now != w.cells.cells[cell].due_s:
        return NOBODY
    request = leave_cell(w.cells, cell, now)
    radio = w.air.radios[w.traffic.device[request]]
    radio.on_air -= 1
    if radio.on_air == 0:
        radio.quiet_since_s = now
    return request


def wants(w: Any, station: int) -> bool:
    """Whether a station has something to start though nobody waits there."""
    if HAS_LORAWAN:
        device = station - w.lora.station
        return 0 <= device < len(w.lora.devices) and has_to_ask(w.lora, device)
    return False


def starts(w: Any, station: int, now: float) -> tuple[int, int, float]:
    """A station starts something though nobody waits there: returns for whom, and what comes next when."""
    if HAS_LORAWAN:
        return ask(w.lora, w.book, station - w.lora.station, now)
    return NOBODY, END, np.inf
