"""The state of LoRaWAN devices and of their gateway, in the form in which numba and Python read it alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.media.frames import FRAME_COLUMNS
from simulator.engines.records import FLAG, INT, LONG, REAL, table
from simulator.plan.lora import LoraPlan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


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
