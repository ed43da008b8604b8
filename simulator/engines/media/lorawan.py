"""LoRaWAN devices and their gateway: when a frame may go, who collides, what follows a frame. Both engines use it.

Class A of LoRaWAN 1.0.2: a device sends a frame, listens in two windows, and only then sends again; the server can
answer in these windows alone. A message is cut into frames of the payload that its data rate allows. Each frame waits
for the receive windows of the one before and for a sub-band whose duty cycle has room (`simulator.physics.duty`), and
takes one of that sub-band's channels at random. Two frames with one data rate on one channel that overlap collide
(`simulator.physics.lora.survives`). Without confirmation a device does not know what is lost and goes on; with it, it
repeats a frame after a pause of random length and gives up after so many transmissions.

Every frame that the gateway has received opens windows, whatever it carries. The answers that a device waits for stand
in line at the server in the order in which they were ready; each frame brings the first of them, or the part of it that
a window takes: in the first window if it is ready when that opens, else in the second one, unless the frame was
acknowledged in the first. Where an answer, or the rest of it, still waits and the device has nothing to send, it asks
with an empty frame, in whose first window the next part comes; such frames are repeated when they are lost. A device
is taken to know when there is something to ask for.

Left out: what is lost from the gateway to the device, that a gateway can answer only one device at a time, and that a
frame which repeats another may use another data rate.

The functions are written in the subset of Python that numba compiles.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.media.frames import (
    ANSWERS,
    BYTES,
    CHANNEL,
    DATA_RATE,
    DEVICE,
    END_S,
    FIRST_S,
    FRAME_COLUMNS,
    LOST,
    REQUEST,
    SECOND_S,
    START_S,
)
from simulator.engines.records import FLAG, INT, LONG, REAL, table
from simulator.physics.duty import HOUR_S, earliest_start_s, off_time_s
from simulator.physics.lora import (
    ADR_FRAMES,
    MOST_TRANSMISSIONS,
    RECEIVE_DELAY1_S,
    RECEIVE_DELAY2_S,
    RETRANSMIT_SPREAD_S,
    RETRANSMIT_TIMEOUT_S,
    adapted_rate,
    downlink_airtime_s,
    survives,
    uplink_airtime_s,
)
from simulator.plan.lora import LoraPlan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: what follows a frame: another one, nothing more, or giving up
MORE, DONE, GAVE_UP = 0, 1, 2


class Lora(NamedTuple):
    """Rules and state of all LoRaWAN devices and of their gateway; d devices, g groups, m frames remembered.

    Attributes
    ----------
    devices : records, shape (d,)
        ``group``, ``received_dbm``, ``uses`` as in the plan, ``propagation_s``. ``rate``, ``heard``: data rate, and
        frames received at it. ``sent``, ``tries``: frames sent so far, and how often the frame at hand was.
        ``left_bytes``: what the device still has to send of its message, 0 when it asks for an answer. ``ready_s``:
        end of the receive windows of the last frame. ``channel``, ``size``, ``airtime_s``, ``end_s``, ``lost``: of the
        frame that comes next or is on the air; ``row``: of the last one in the log, -1 before the first. ``opens``:
        whether a window after it can still bring an answer. ``line``, ``line_end``: ends of the line of requests whose
        answers wait at the server, -1 for none; ``coming``: bytes of the first one's answer that are on their way.
    groups, rates, bands : records, shapes (g,), (g, data rates), (g, sub-bands)
        Rules, see `simulator.plan.lora`.
    silences : records, shape (d, sub-bands)
        ``free_s``: end of the silence. ``newest``, ``remembered``: frames of the last hour, see
        `simulator.physics.duty`.
    asks : records, shape (requests,)
        ``behind``: who is next in the line. ``left_bytes``: of the answer that a request still waits for.
        ``is_asking``: whether a device is asking for it.
    band_of, demodulation_dbm, draws : array
        As in the plan.
    starts_s, airtimes_s : array, shape (d, sub-bands, m)
    on_air : array of int, shape (d + 1,)
        Number of frames on the air, then the devices that send them.
    opens_s : array, shape (sub-bands,)
        Scratch space.
    frames : array of float, shape (n, columns)
        Log of the frames, with room for more.
    frame_count : array of int, shape (1,)
    station : int
        Number of the first device's uplink.
    up_bits, down_bits : int
        Columns of the log for the bits of either direction.
    answer_start : int
        Column for the start of answers.
    horizon_s : float
    """

    devices: Any
    groups: Any
    rates: Any
    bands: Any
    silences: Any
    asks: Any
    band_of: Any
    demodulation_dbm: Floats
    draws: Integers
    starts_s: Floats
    airtimes_s: Floats
    on_air: Integers
    opens_s: Floats
    frames: Floats
    frame_count: Integers
    station: int
    up_bits: int
    down_bits: int
    answer_start: int
    horizon_s: float


def make_lora(plan: LoraPlan, requests: int, propagation_s: Floats, horizon_s: float, places: dict[str, int]) -> Lora:
    """The state before the first frame; ``propagation_s`` is that of each device, ``places`` are the last numbers."""
    count, bands = plan.uses.size, plan.duty_cycle.shape[1]
    return Lora(
        devices=table(
            count,
            received_dbm=(REAL, plan.received_dbm),
            propagation_s=(REAL, propagation_s),
            left_bytes=(REAL, 0.0),
            ready_s=(REAL, 0.0),
            airtime_s=(REAL, 0.0),
            end_s=(REAL, 0.0),
            sent=(LONG, 0),
            row=(LONG, -1),
            group=(INT, plan.group_of),
            rate=(INT, plan.first_rate),
            heard=(INT, 0),
            tries=(INT, 0),
            channel=(INT, 0),
            size=(INT, 0),
            line=(INT, -1),
            line_end=(INT, -1),
            coming=(INT, 0),
            lost=(FLAG, 0),
            opens=(FLAG, 0),
            uses=(FLAG, plan.uses),
        ),
        groups=table(
            plan.rates.size,
            second_bandwidth_hz=(REAL, plan.second_bandwidth_hz),
            second_window_s=(REAL, plan.second_window_s),
            second_factor=(LONG, plan.second_factor),
            second_most_bytes=(LONG, plan.second_most_bytes),
            rates=(INT, plan.rates),
            bands=(INT, plan.bands),
            channels=(INT, plan.channels),
            first_channel=(INT, plan.first_channel),
            adaptive=(FLAG, plan.adaptive),
            confirmed=(FLAG, plan.confirmed),
        ),
        rates=table(
            plan.spreading_factor.shape,
            bandwidth_hz=(REAL, plan.bandwidth_hz),
            sensitivity_dbm=(REAL, plan.sensitivity_dbm),
            window_s=(REAL, plan.window_s),
            answer_bandwidth_hz=(REAL, plan.answer_bandwidth_hz),
            spreading_factor=(LONG, plan.spreading_factor),
            most_bytes=(LONG, plan.most_bytes),
            answer_factor=(LONG, plan.answer_factor),
            answer_most_bytes=(LONG, plan.answer_most_bytes),
        ),
        bands=table(plan.duty_cycle.shape, duty_cycle=(REAL, plan.duty_cycle)),
        silences=table((count, bands), free_s=(REAL, 0.0), newest=(LONG, 0), remembered=(LONG, 0)),
        asks=table(requests, left_bytes=(REAL, 0.0), behind=(INT, -1), is_asking=(FLAG, 0)),
        band_of=plan.band_of,
        demodulation_dbm=plan.demodulation_dbm,
        draws=plan.draws,
        starts_s=np.zeros((count, bands, plan.hour_frames)),
        airtimes_s=np.zeros((count, bands, plan.hour_frames)),
        on_air=np.zeros(count + 1, dtype=np.int64),
        opens_s=np.zeros(bands),
        frames=np.zeros((64, FRAME_COLUMNS)),
        frame_count=np.zeros(1, dtype=np.int64),
        horizon_s=horizon_s,
        **places,
    )


def needs_room(lora: Any) -> bool:
    """Whether the log of the frames is full; see `with_room`."""
    return bool(lora.frame_count[0] == lora.frames.shape[0])


def with_room(lora: Lora) -> Lora:
    """The same with room for twice as many frames."""
    return lora._replace(frames=np.concatenate((lora.frames, np.zeros_like(lora.frames))))


def begin_message(lora: Any, device: int, size_bytes: float) -> None:
    """The device takes up a message."""
    radio = lora.devices[device]
    radio.left_bytes = size_bytes
    radio.tries = 0


def begin_asking(lora: Any, device: int) -> None:
    """The device asks for an answer, or goes on asking after a message that needed no frame."""
    lora.devices[device].left_bytes = 0.0


def next_start_s(lora: Any, device: int, now: float) -> float:
    """When the next frame of the message at hand may start; chooses its size and its channel."""
    radio = lora.devices[device]
    group, rate = radio.group, radio.rate
    at_rate = lora.rates[group][rate]
    rules = lora.groups[group]
    size = min(math.ceil(radio.left_bytes), at_rate.most_bytes)
    airtime = uplink_airtime_s(size, at_rate.spreading_factor, at_rate.bandwidth_hz)
    # only when the first window has opened it is known whether an answer came, which ends the wait for the second one
    known_s = radio.end_s + RECEIVE_DELAY1_S
    from_s = max(now, radio.ready_s if now >= known_s else min(known_s, radio.ready_s))
    soonest = np.inf
    for band in range(rules.bands):
        opens = earliest_start_s(
            max(from_s, lora.silences[device][band].free_s),
            airtime,
            lora.bands[group][band].duty_cycle * HOUR_S,
            lora.starts_s[device, band],
            lora.airtimes_s[device, band],
            lora.silences[device][band].newest,
            lora.silences[device][band].remembered,
        )
        lora.opens_s[band] = opens
        soonest = min(soonest, opens)
    open_channels = 0
    for channel in range(rules.channels):
        open_channels += lora.opens_s[lora.band_of[group, channel]] == soonest
    draws = lora.draws[device]
    skipped = draws[radio.sent % draws.size] % open_channels
    for channel in range(rules.channels):
        if lora.opens_s[lora.band_of[group, channel]] == soonest:
            if skipped == 0:
                radio.channel = channel
                break
            skipped -= 1
    radio.size = size
    radio.airtime_s = airtime
    return float(soonest)


def start_frame(lora: Any, device: int, now: float) -> float:
    """The frame that was planned goes on the air, and collides with whom it meets there; returns its end."""
    radio = lora.devices[device]
    group, rate, channel = radio.group, radio.rate, radio.channel
    at_rate = lora.rates[group][rate]
    airtime, band = radio.airtime_s, lora.band_of[group, channel]
    end = now + airtime
    remembers = lora.starts_s.shape[2]
    newest = (lora.silences[device][band].newest + 1) % remembers
    lora.starts_s[device, band, newest] = now
    lora.airtimes_s[device, band, newest] = airtime
    lora.silences[device][band].newest = newest
    lora.silences[device][band].remembered = min(lora.silences[device][band].remembered + 1, remembers)
    lora.silences[device][band].free_s = end + off_time_s(airtime, lora.bands[group][band].duty_cycle)
    radio.sent += 1
    radio.end_s = end
    radio.opens = False
    level = radio.received_dbm
    radio.lost = level < at_rate.sensitivity_dbm
    here = lora.groups[group].first_channel + channel
    for k in range(1, lora.on_air[0] + 1):
        other = lora.on_air[k]
        theirs, their_rate = lora.devices[other].group, lora.devices[other].rate
        if (
            lora.devices[other].end_s > now
            and lora.groups[theirs].first_channel + lora.devices[other].channel == here
            and lora.rates[theirs][their_rate].spreading_factor == at_rate.spreading_factor
            and lora.rates[theirs][their_rate].bandwidth_hz == at_rate.bandwidth_hz
        ):
            if not survives(level, lora.devices[other].received_dbm):
                radio.lost = True
            if not survives(lora.devices[other].received_dbm, level):
                lora.devices[other].lost = True
    lora.on_air[0] += 1
    lora.on_air[lora.on_air[0]] = device
    return float(end)


def note_frame(lora: Any, row: int, request: int, device: int, now: float) -> None:
    """Write the frame that goes on the air into the log."""
    radio = lora.devices[device]
    radio.row = row
    lora.frames[row, REQUEST] = request
    lora.frames[row, DEVICE] = device
    lora.frames[row, START_S] = now
    lora.frames[row, END_S] = radio.end_s
    lora.frames[row, CHANNEL] = radio.channel
    lora.frames[row, DATA_RATE] = radio.rate
    lora.frames[row, BYTES] = radio.size
    lora.frames[row, LOST] = 0.0
    lora.frames[row, FIRST_S] = 0.0
    lora.frames[row, SECOND_S] = 0.0
    lora.frames[row, ANSWERS] = -1.0


def end_frame(lora: Any, device: int, now: float) -> int:
    """A frame ends: receive windows follow, and the network may change the data rate; returns what comes next."""
    radio = lora.devices[device]
    group, rate = radio.group, radio.rate
    rules = lora.groups[group]
    size = lora.on_air[0]
    for k in range(1, size + 1):
        if lora.on_air[k] == device:
            lora.on_air[k] = lora.on_air[size]
            break
    lora.on_air[0] -= 1
    lost = radio.lost
    row = radio.row
    lora.frames[row, LOST] = lost
    radio.opens = not lost
    asks = radio.left_bytes <= 0
    confirmed = rules.confirmed
    if confirmed and not lost and not asks:
        lora.frames[row, FIRST_S] = answer_airtime_s(lora, group, rate, 0)
        radio.ready_s = now + RECEIVE_DELAY1_S + lora.frames[row, FIRST_S]
    else:
        lora.frames[row, FIRST_S] = lora.rates[group][rate].window_s
        lora.frames[row, SECOND_S] = rules.second_window_s
        radio.ready_s = now + RECEIVE_DELAY2_S + lora.frames[row, SECOND_S]
    if not lost and rules.adaptive:
        radio.heard += 1
        if radio.heard == ADR_FRAMES:
            known = lora.demodulation_dbm[group, : rules.rates]
            radio.rate = adapted_rate(rate, radio.received_dbm, known)
            radio.heard = 0
    if lost and (confirmed or asks):
        radio.tries += 1
        radio.ready_s += retransmit_timeout_s(lora.draws[device, radio.sent % lora.draws.shape[1]])
        if radio.tries < MOST_TRANSMISSIONS:
            return MORE
        radio.tries = 0
        return GAVE_UP
    radio.tries = 0
    radio.left_bytes = max(radio.left_bytes - radio.size, 0.0)
    return MORE if radio.left_bytes > 0 else DONE


def retransmit_timeout_s(draw: int) -> float:
    """Pause before a frame is sent again: 1 to 3 s, so that two devices that have collided do not meet again.

    The upper bits of a draw, whose lower ones choose the channel.
    """
    return RETRANSMIT_TIMEOUT_S + RETRANSMIT_SPREAD_S * ((draw >> 31) % 1048576 / 524288 - 1.0)


def answer_airtime_s(lora: Any, group: int, rate: int, size_bytes: int) -> float:
    """Time on air of an answer in the first window after an uplink of some data rate."""
    at_rate = lora.rates[group][rate]
    return downlink_airtime_s(size_bytes, at_rate.answer_factor, at_rate.answer_bandwidth_hz)


def answer(
    lora: Any, request: int, device: int, now: float, propagation_s: float, left_bytes: float
) -> tuple[float, float, int]:
    """Send an answer, or as much of it as fits, in a window after the last frame of a device.

    Returns
    -------
    start_s, end_s : float
        First and last instant at the server; infinite when both windows are missed, when another answer has come in
        one of them, when the gateway has not received that frame, or while it is on the air.
    size : int
        Bytes that go.
    """
    radio = lora.devices[device]
    group, row = radio.group, radio.row
    rules = lora.groups[group]
    if not radio.opens:
        return np.inf, np.inf, 0
    rate = int(lora.frames[row, DATA_RATE])
    end = radio.end_s
    asks = lora.frames[row, BYTES] == 0
    left = math.ceil(left_bytes)
    begin = end + RECEIVE_DELAY1_S - propagation_s
    if now <= begin:
        size = min(left, lora.rates[group][rate].answer_most_bytes)
        airtime = answer_airtime_s(lora, group, rate, size)
        lora.frames[row, FIRST_S] = airtime
        lora.frames[row, SECOND_S] = 0.0
        radio.ready_s = end + RECEIVE_DELAY1_S + airtime
        radio.opens = False
        lora.frames[row, ANSWERS] = request
        return begin, begin + airtime, size
    begin = end + RECEIVE_DELAY2_S - propagation_s
    if now <= begin and (asks or not rules.confirmed):
        size = min(left, rules.second_most_bytes)
        airtime = downlink_airtime_s(size, rules.second_factor, rules.second_bandwidth_hz)
        lora.frames[row, SECOND_S] = airtime
        radio.ready_s = end + RECEIVE_DELAY2_S + airtime
        radio.opens = False
        lora.frames[row, ANSWERS] = request
        return begin, begin + airtime, size
    return np.inf, np.inf, 0
