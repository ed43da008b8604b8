"""The LoRa link that a log of LoRaWAN frames describes, as a scenario writes it.

The log holds the data rates in use and the level at the gateway. The distance is the one at which the path loss of
Oulu (see `simulator.links.lora`) leaves the median level of 14 dBm; obstacles count as distance.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from simulator.links.importers.model import Frames
from simulator.links.lora import PATH_LOSSES
from simulator.units import human

_SENT_DBM = 14.0
_LOSS = "oulu"
#: share of the frames from which one spreading factor stands for all
_MOSTLY = 0.9
#: what to write where the log holds no levels, and bounds of what anybody would call a distance
_UNKNOWN_M = 1000.0
_DISTANCES_M = (1.0, 100e3)


def described_link(frames: Frames) -> str:
    """Region, distance and spreading factor; the network's choice where the frames have several."""
    factor, count = Counter(frames.spreading_factor.tolist()).most_common(1)[0]
    is_fixed = factor > 0 and count >= _MOSTLY * frames.spreading_factor.size
    written = factor if is_fixed else "adr"
    return f'{{region: EU868, distance: "{human(_distance_m(frames), "length")}", spreading_factor: {written}}}'


def _distance_m(frames: Frames) -> float:
    levels = frames.rssi_dbm[~np.isnan(frames.rssi_dbm)]
    if not levels.size:
        return _UNKNOWN_M
    loss = PATH_LOSSES[_LOSS]
    lost_db = _SENT_DBM - float(np.median(levels)) - loss.at_reference_db
    distance_m = loss.reference_m * 10 ** (lost_db / (10 * loss.exponent))
    return float(np.clip(distance_m, *_DISTANCES_M))
