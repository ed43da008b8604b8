"""Duty cycle: when a device may send again in a sub-band.

Two rules at once. The off-time rule of LoRaWAN 1.0: after a frame the sub-band stays silent for
``airtime / duty_cycle - airtime``. The rule of the regulation (ETSI EN 300 220): in no window of one hour more airtime
than ``duty_cycle * 3600 s``. The off-time rule alone lets the last frame of an hour exceed that by a part of it.

Left out: the time credit of LoRaMac-node, which lets a device that was silent send its hour's share in one burst; its
long-run rate is the same. The functions take plain numbers and sequences, so that they can be compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600.0

#: share of the budget that may be used: rounding of instants and sums must not break a limit of law
_STRICT = 1.0 - 1e-9

Times = Sequence[float] | NDArray[np.float64]


def off_time_s(airtime_s: float, duty_cycle: float) -> float:
    """Silence after a frame."""
    return airtime_s / duty_cycle - airtime_s


def earliest_start_s(
    now_s: float, airtime_s: float, budget_s: float, starts_s: Times, airtimes_s: Times, newest: int, count: int
) -> float:
    """Earliest instant from which a frame keeps the airtime of every window of one hour within a budget.

    It suffices to look at the window that ends with the frame: a window that ends in a pause holds no more than the
    one that ends with the frame before, and one that ends within a frame holds no more than at the end of it.

    Parameters
    ----------
    now_s : float
        Not before the end of the newest frame.
    airtime_s : float
        Airtime of the new frame.
    budget_s : float
        Most airtime in one hour, ``duty_cycle * 3600``.
    starts_s, airtimes_s : sequence of float, equal length m
        Ring buffers of the past frames of this device in this sub-band, in order of time.
    newest : int
        Index of the newest frame; the one before it is at ``newest - 1``, modulo m.
    count : int
        Valid frames, at most m. The last ``budget_s / shortest airtime + 1`` frames are enough.

    Returns
    -------
    float
        At least ``now_s``; infinite if the frame alone exceeds the budget.
    """
    if budget_s >= HOUR_S:
        return now_s
    allowed_s = budget_s * _STRICT - airtime_s
    if allowed_s < 0.0:
        return math.inf
    opens_s = now_s + airtime_s - HOUR_S
    sent_s = 0.0
    k = newest
    for _ in range(count):
        end_s = starts_s[k] + airtimes_s[k]
        if end_s <= opens_s:
            return now_s
        if sent_s + airtimes_s[k] > allowed_s:
            # the window may open when this much of the frame is left in it
            return max(now_s, end_s - (allowed_s - sent_s) + HOUR_S - airtime_s)
        sent_s += airtimes_s[k]
        k = k - 1 if k > 0 else len(starts_s) - 1
    return now_s
