"""The doors through which engines use the media, in the subset of Python that numba compiles.

A transfer begins: the medium says what comes next for it, and when. Something of the medium happens. A transfer has
ended. LoRaWAN has two more: its answers wait in a line of their own, and its devices send though nobody waits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.engines.media.cells import enter_cell, leave_cell, note_airtime_left
from simulator.engines.media.frames import FrameLog
from simulator.engines.media.lora_state import needs_room, with_room
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


def shared(w: Any) -> int:
    """How many media several devices share; each has an event of its own."""
    return len(w.cells.cells)


def happens(w: Any, number: int, now: float) -> tuple[int, float]:
    """An end in a shared medium has come.

    Returns
    -------
    request : int
        Whose transfer is over; `NOBODY` if somebody came or went meanwhile.
    due_s : float
        When the next one is to be expected, infinite for none.
    """
    if now != w.cells.cells[number].due_s:
        return NOBODY, np.inf
    request = leave_cell(w.cells, number, now)
    radio = w.air.radios[w.traffic.device[request]]
    radio.on_air -= 1
    if radio.on_air == 0:
        radio.quiet_since_s = now
    return request, float(w.cells.cells[number].due_s)


def wants(w: Any, station: int) -> bool:
    """Whether a station has something to start though nobody waits there."""
    if HAS_LORAWAN:  # noqa: SIM102 - numba drops the branch if the flag stands alone
        if len(w.lora) > 0:
            device = station - w.lora.station
            return 0 <= device < len(w.lora.devices) and has_to_ask(w.lora, device)
    return False


def starts(w: Any, station: int, now: float) -> tuple[int, int, float]:
    """A station starts something though nobody waits there: returns for whom, and what comes next when."""
    if HAS_LORAWAN:
        return ask(w.lora, w.book, station - w.lora.station, now)
    return NOBODY, END, np.inf


def is_full(w: Any) -> bool:
    """Whether a log of a medium needs room before anything more can happen; see `with_more_room`."""
    if HAS_LORAWAN:  # noqa: SIM102 - numba drops the branch if the flag stands alone
        if len(w.lora) > 0:
            return needs_room(w.lora)
    return False


def close(w: Any) -> None:
    """Note what transfers still need when a run ends at its horizon."""
    if w.horizon_s < np.inf and len(w.cells.cells) > 0:
        note_airtime_left(w.cells, w.book.block[w.book.left], w.horizon_s)


def with_more_room(w: Any) -> Any:
    """The same with room in all logs; not for compiled code, which can only ask for it."""
    return w._replace(lora=with_room(w.lora))


def frames_of(w: Any) -> FrameLog | None:
    """The frames that were logged; None where there are no such devices."""
    return FrameLog(w.lora.frames[: w.lora.frame_count[0]]) if w.lora else None
