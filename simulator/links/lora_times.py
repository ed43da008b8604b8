"""How long a message takes over a quiet LoRaWAN link, worked out frame by frame without a run.

The rules are those of a run: receive windows, off-time and the hour's airtime (`simulator.physics.duty`). Left out are
other devices, and the slow frames before the network has settled the data rate.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulator.links.lora_parameters import LoraParameters
from simulator.physics.duty import HOUR_S
from simulator.physics.link import Channel
from simulator.physics.lora import (
    RECEIVE_DELAY1_S,
    RECEIVE_DELAY2_S,
    downlink_airtime_s,
    frames_of,
    last_frame_bytes,
    uplink_airtime_s,
)
from simulator.units import human

#: frames of one message beyond which nobody waits for the answer: three months under a duty cycle of 1 %
MAX_FRAMES = 100_000
_DAY_S = 86400.0


class Sent(NamedTuple):
    """A message on its way: from the first bit to the last, on the air in all of its frames, and their number."""

    seconds: float
    airtime_s: float
    frames: int


def predicted_uplink_s(parameters: LoraParameters, size_bytes: float) -> Sent:
    """Time of one message on a quiet link, at the data rate that the mean level settles at.

    A device sends its next frame when the receive windows of the last one have closed, the sub-band has been silent for
    its off-time, and the hour has airtime left (`simulator.physics.duty`). It takes its sub-bands in turn.

    Parameters
    ----------
    parameters : LoraParameters
        All sub-bands with one duty cycle.
    size_bytes : float
    """
    rate = mean_rate(parameters)
    most_bytes = int(parameters.most_bytes[rate])
    frames = frames_of(size_bytes, most_bytes)
    if frames == 0:
        return Sent(0.0, 0.0, 0)
    full_s = full_airtime_s(parameters, rate)
    last_s = _airtime_s(parameters, rate, last_frame_bytes(size_bytes, most_bytes))
    seconds = _last_start_s(parameters, rate, last_s, frames) + last_s
    return Sent(seconds, (frames - 1) * full_s + last_s, frames)


def predicted_openings_s(parameters: LoraParameters, size_bytes: float) -> list[float]:
    """When each sub-band has been silent for long enough after a message, in order, from the message's first bit on."""
    rate, bands, duty_cycle = mean_rate(parameters), parameters.duty_cycle.size, float(parameters.duty_cycle[0])
    frames = predicted_uplink_s(parameters, size_bytes).frames
    full_s = full_airtime_s(parameters, rate)
    last_s = _airtime_s(parameters, rate, last_frame_bytes(size_bytes, int(parameters.most_bytes[rate])))
    opens = [0.0] * max(bands - frames, 0)
    for frame in range(max(frames - bands, 0), frames):
        airtime_s = last_s if frame == frames - 1 else full_s
        opens.append(_last_start_s(parameters, rate, airtime_s, frame + 1) + airtime_s / duty_cycle)
    return sorted(opens)


def windows_s(parameters: LoraParameters, rate: int) -> float:
    """From the end of a frame that is received, but not answered, until its receive windows have closed."""
    if parameters.confirmed:
        factor, bandwidth_hz = int(parameters.rx1_sf[rate]), float(parameters.rx1_bandwidth_hz[rate])
        return RECEIVE_DELAY1_S + downlink_airtime_s(0, factor, bandwidth_hz)
    return RECEIVE_DELAY2_S + parameters.rx2_window_s


def check_message(parameters: LoraParameters, size_bytes: float) -> str | None:
    """Why a message is too long for LoRa; None if it is not."""
    seconds, _, frames = predicted_uplink_s(parameters, size_bytes)
    if frames <= MAX_FRAMES:
        return None
    factor = parameters.spreading_factor[mean_rate(parameters)]
    took = f"{frames:,} frames at SF{factor}, {seconds / _DAY_S:,.0f} days on a quiet link"
    return f"{human(size_bytes, 'size')} over LoRa are {took}; at most {MAX_FRAMES:,} frames are simulated"


def _last_start_s(parameters: LoraParameters, rate: int, last_s: float, frames: int) -> float:
    """When the last frame of a message starts, after full frames."""
    bands, duty_cycle = parameters.duty_cycle.size, float(parameters.duty_cycle[0])
    full_s = full_airtime_s(parameters, rate)
    cycle_s = full_s + windows_s(parameters, rate)
    gap_s = max(full_s / duty_cycle, bands * cycle_s)
    budget_s = duty_cycle * HOUR_S
    in_hour = math.floor(budget_s / full_s)
    # after so many frames, the window of an hour may still hold a rest of the frame before them
    hour_s = max(HOUR_S - (budget_s - in_hour * full_s), in_hour * gap_s)

    def start_s(frame: int) -> float:
        turn, band = divmod(frame, bands)
        return turn // in_hour * hour_s + turn % in_hour * gap_s + band * cycle_s

    last = frames - 1
    if last == 0:
        return 0.0
    start = start_s(last - 1) + cycle_s
    if last >= bands:
        start = max(start, start_s(last - bands) + full_s / duty_cycle)
    beside = math.floor((budget_s - last_s) / full_s)
    before = last - bands * (beside + 1)
    if before >= 0 and duty_cycle < 1:
        rest_s = budget_s - last_s - beside * full_s
        start = max(start, start_s(before) + full_s - rest_s + HOUR_S - last_s)
    return start


def mean_rate(parameters: LoraParameters) -> int:
    """Data rate at the mean level."""
    return parameters.settled_rate(parameters.received_dbm)


def _airtime_s(parameters: LoraParameters, rate: int, app_bytes: int) -> float:
    factor, bandwidth_hz = int(parameters.spreading_factor[rate]), float(parameters.bandwidth_hz[rate])
    return uplink_airtime_s(app_bytes, factor, bandwidth_hz)


def full_airtime_s(parameters: LoraParameters, rate: int) -> float:
    """Time on air of the longest frame of a data rate."""
    return _airtime_s(parameters, rate, int(parameters.most_bytes[rate]))


def long_run(parameters: LoraParameters, rate: int) -> Channel:
    """A constant rate: what full frames carry in the long run."""
    airtime_s = full_airtime_s(parameters, rate)
    cycle_s = airtime_s + windows_s(parameters, rate)
    interval_s = max(cycle_s, airtime_s / float(parameters.duty_cycle.sum()))
    return Channel.constant(8.0 * int(parameters.most_bytes[rate]) / interval_s)
