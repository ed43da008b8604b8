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

from simulator.engines.frames import (
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
from simulator.plan.lora import LoraPlan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: what follows a frame: another one, nothing more, or giving up
MORE, DONE, GAVE_UP = 0, 1, 2


class Radios(NamedTuple):
    """State of all devices and of the gateway; d devices, b sub-bands, m frames remembered.

    Attributes
    ----------
    rate, heard : array of int, shape (d,)
        Data rate, and frames received at it.
    sent, tries : array of int, shape (d,)
        Frames sent so far, and how often the frame at hand was.
    left_bytes : array, shape (d,)
        What the device still has to send of its message; 0 when it asks for an answer.
    ready_s : array, shape (d,)
        End of the receive windows of the last frame.
    channel, size, row : array of int, shape (d,)
        Channel and bytes of the frame that comes next or is on the air, and the row of the last one in the log; -1
        before the first.
    airtime_s, end_s : array, shape (d,)
        Its time on air, and its end.
    lost : array of bool, shape (d,)
        Whether the gateway will not receive it.
    opens : array of bool, shape (d,)
        Whether a window after the last frame can still bring an answer.
    free_s : array, shape (d, b)
        End of the silence in each sub-band.
    starts_s, airtimes_s : array, shape (d, b, m)
    newest, remembered : array of int, shape (d, b)
        Frames of the last hour, see `simulator.physics.duty`.
    on_air : array of int, shape (d + 1,)
        Number of frames on the air, then the devices that send them.
    opens_s : array, shape (b,)
        Scratch space.
    """

    rate: Integers
    heard: Integers
    sent: Integers
    tries: Integers
    left_bytes: Floats
    ready_s: Floats
    channel: Integers
    size: Integers
    row: Integers
    airtime_s: Floats
    end_s: Floats
    lost: NDArray[np.bool_]
    opens: NDArray[np.bool_]
    free_s: Floats
    starts_s: Floats
    airtimes_s: Floats
    newest: Integers
    remembered: Integers
    on_air: Integers
    opens_s: Floats


def make_radios(plan: LoraPlan) -> Radios:
    """The state before the first frame."""
    devices, bands = plan.uses.size, plan.duty_cycle.shape[1]

    def counts() -> Integers:
        return np.zeros(devices, dtype=np.int64)

    return Radios(
        rate=plan.first_rate.copy(),
        heard=counts(),
        sent=counts(),
        tries=counts(),
        left_bytes=np.zeros(devices),
        ready_s=np.zeros(devices),
        channel=counts(),
        size=counts(),
        row=np.full(devices, -1, dtype=np.int64),
        airtime_s=np.zeros(devices),
        end_s=np.zeros(devices),
        lost=np.zeros(devices, dtype=np.bool_),
        opens=np.zeros(devices, dtype=np.bool_),
        free_s=np.zeros((devices, bands)),
        starts_s=np.zeros((devices, bands, plan.hour_frames)),
        airtimes_s=np.zeros((devices, bands, plan.hour_frames)),
        newest=np.zeros((devices, bands), dtype=np.int64),
        remembered=np.zeros((devices, bands), dtype=np.int64),
        on_air=np.zeros(devices + 1, dtype=np.int64),
        opens_s=np.zeros(bands),
    )


def begin_message(radios: Any, device: int, size_bytes: float) -> None:
    """The device takes up a message."""
    radios.left_bytes[device] = size_bytes
    radios.tries[device] = 0


def begin_asking(radios: Any, device: int) -> None:
    """The device asks for an answer, or goes on asking after a message that needed no frame."""
    radios.left_bytes[device] = 0.0


def next_start_s(plan: Any, radios: Any, device: int, now: float) -> float:
    """When the next frame of the message at hand may start; chooses its size and its channel."""
    group, rate = plan.group_of[device], radios.rate[device]
    size = min(math.ceil(radios.left_bytes[device]), plan.most_bytes[group, rate])
    airtime = uplink_airtime_s(size, plan.spreading_factor[group, rate], plan.bandwidth_hz[group, rate])
    # only when the first window has opened it is known whether an answer came, which ends the wait for the second one
    known_s = radios.end_s[device] + RECEIVE_DELAY1_S
    from_s = max(now, radios.ready_s[device] if now >= known_s else min(known_s, radios.ready_s[device]))
    soonest = np.inf
    for band in range(plan.bands[group]):
        opens = earliest_start_s(
            max(from_s, radios.free_s[device, band]),
            airtime,
            plan.duty_cycle[group, band] * HOUR_S,
            radios.starts_s[device, band],
            radios.airtimes_s[device, band],
            radios.newest[device, band],
            radios.remembered[device, band],
        )
        radios.opens_s[band] = opens
        soonest = min(soonest, opens)
    open_channels = 0
    for channel in range(plan.channels[group]):
        open_channels += radios.opens_s[plan.band_of[group, channel]] == soonest
    draws = plan.draws[device]
    skipped = draws[radios.sent[device] % draws.size] % open_channels
    for channel in range(plan.channels[group]):
        if radios.opens_s[plan.band_of[group, channel]] == soonest:
            if skipped == 0:
                radios.channel[device] = channel
                break
            skipped -= 1
    radios.size[device] = size
    radios.airtime_s[device] = airtime
    return float(soonest)


def start_frame(plan: Any, radios: Any, device: int, now: float) -> float:
    """The frame that was planned goes on the air, and collides with whom it meets there; returns its end."""
    group, rate, channel = plan.group_of[device], radios.rate[device], radios.channel[device]
    airtime, band = radios.airtime_s[device], plan.band_of[group, channel]
    end = now + airtime
    remembers = radios.starts_s.shape[2]
    newest = (radios.newest[device, band] + 1) % remembers
    radios.starts_s[device, band, newest] = now
    radios.airtimes_s[device, band, newest] = airtime
    radios.newest[device, band] = newest
    radios.remembered[device, band] = min(radios.remembered[device, band] + 1, remembers)
    radios.free_s[device, band] = end + off_time_s(airtime, plan.duty_cycle[group, band])
    radios.sent[device] += 1
    radios.end_s[device] = end
    radios.opens[device] = False
    level = plan.received_dbm[device]
    radios.lost[device] = level < plan.sensitivity_dbm[group, rate]
    here = plan.first_channel[group] + channel
    for k in range(1, radios.on_air[0] + 1):
        other = radios.on_air[k]
        theirs, their_rate = plan.group_of[other], radios.rate[other]
        if (
            radios.end_s[other] > now
            and plan.first_channel[theirs] + radios.channel[other] == here
            and plan.spreading_factor[theirs, their_rate] == plan.spreading_factor[group, rate]
            and plan.bandwidth_hz[theirs, their_rate] == plan.bandwidth_hz[group, rate]
        ):
            if not survives(level, plan.received_dbm[other]):
                radios.lost[device] = True
            if not survives(plan.received_dbm[other], level):
                radios.lost[other] = True
    radios.on_air[0] += 1
    radios.on_air[radios.on_air[0]] = device
    return float(end)


def note_frame(radios: Any, frames: Any, row: int, request: int, device: int, now: float) -> None:
    """Write the frame that goes on the air into the log."""
    radios.row[device] = row
    frames[row, REQUEST] = request
    frames[row, DEVICE] = device
    frames[row, START_S] = now
    frames[row, END_S] = radios.end_s[device]
    frames[row, CHANNEL] = radios.channel[device]
    frames[row, DATA_RATE] = radios.rate[device]
    frames[row, BYTES] = radios.size[device]
    frames[row, LOST] = 0.0
    frames[row, FIRST_S] = 0.0
    frames[row, SECOND_S] = 0.0
    frames[row, ANSWERS] = -1.0


def end_frame(plan: Any, radios: Any, frames: Any, device: int, now: float) -> int:
    """A frame ends: receive windows follow, and the network may change the data rate; returns what comes next."""
    group, rate = plan.group_of[device], radios.rate[device]
    size = radios.on_air[0]
    for k in range(1, size + 1):
        if radios.on_air[k] == device:
            radios.on_air[k] = radios.on_air[size]
            break
    radios.on_air[0] -= 1
    lost = radios.lost[device]
    row = radios.row[device]
    frames[row, LOST] = lost
    radios.opens[device] = not lost
    asks = radios.left_bytes[device] <= 0
    confirmed = plan.confirmed[group]
    if confirmed and not lost and not asks:
        frames[row, FIRST_S] = answer_airtime_s(plan, group, rate, 0)
        radios.ready_s[device] = now + RECEIVE_DELAY1_S + frames[row, FIRST_S]
    else:
        frames[row, FIRST_S] = plan.window_s[group, rate]
        frames[row, SECOND_S] = plan.second_window_s[group]
        radios.ready_s[device] = now + RECEIVE_DELAY2_S + frames[row, SECOND_S]
    if not lost and plan.adaptive[group]:
        radios.heard[device] += 1
        if radios.heard[device] == ADR_FRAMES:
            known = plan.demodulation_dbm[group, : plan.rates[group]]
            radios.rate[device] = adapted_rate(rate, plan.received_dbm[device], known)
            radios.heard[device] = 0
    if lost and (confirmed or asks):
        radios.tries[device] += 1
        radios.ready_s[device] += retransmit_timeout_s(plan.draws[device, radios.sent[device] % plan.draws.shape[1]])
        if radios.tries[device] < MOST_TRANSMISSIONS:
            return MORE
        radios.tries[device] = 0
        return GAVE_UP
    radios.tries[device] = 0
    radios.left_bytes[device] = max(radios.left_bytes[device] - radios.size[device], 0.0)
    return MORE if radios.left_bytes[device] > 0 else DONE


def retransmit_timeout_s(draw: int) -> float:
    """Pause before a frame is sent again: 1 to 3 s, so that two devices that have collided do not meet again.

    The upper bits of a draw, whose lower ones choose the channel.
    """
    return RETRANSMIT_TIMEOUT_S + RETRANSMIT_SPREAD_S * ((draw >> 31) % 1048576 / 524288 - 1.0)


def answer_airtime_s(plan: Any, group: int, rate: int, size_bytes: int) -> float:
    """Time on air of an answer in the first window after an uplink of some data rate."""
    return downlink_airtime_s(size_bytes, plan.answer_factor[group, rate], plan.answer_bandwidth_hz[group, rate])


def answer(
    plan: Any, radios: Any, frames: Any, request: int, device: int, now: float, propagation_s: float, left_bytes: float
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
    group, row = plan.group_of[device], radios.row[device]
    if not radios.opens[device]:
        return np.inf, np.inf, 0
    rate = int(frames[row, DATA_RATE])
    end = radios.end_s[device]
    asks = frames[row, BYTES] == 0
    left = math.ceil(left_bytes)
    begin = end + RECEIVE_DELAY1_S - propagation_s
    if now <= begin:
        size = min(left, plan.answer_most_bytes[group, rate])
        airtime = answer_airtime_s(plan, group, rate, size)
        frames[row, FIRST_S] = airtime
        frames[row, SECOND_S] = 0.0
        radios.ready_s[device] = end + RECEIVE_DELAY1_S + airtime
        radios.opens[device] = False
        frames[row, ANSWERS] = request
        return begin, begin + airtime, size
    begin = end + RECEIVE_DELAY2_S - propagation_s
    if now <= begin and (asks or not plan.confirmed[group]):
        size = min(left, plan.second_most_bytes[group])
        airtime = downlink_airtime_s(size, plan.second_factor[group], plan.second_bandwidth_hz[group])
        frames[row, SECOND_S] = airtime
        radios.ready_s[device] = end + RECEIVE_DELAY2_S + airtime
        radios.opens[device] = False
        frames[row, ANSWERS] = request
        return begin, begin + airtime, size
    return np.inf, np.inf, 0
