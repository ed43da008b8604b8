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
from typing import Any

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
    LOST,
    REQUEST,
    SECOND_S,
    START_S,
)
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

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: what follows a frame: another one, nothing more, or giving up
MORE, DONE, GAVE_UP = 0, 1, 2


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
