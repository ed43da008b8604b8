"""Scoring a partition before it runs, and choosing the best one.

A partition is scored with the mean times of its transfers and without queues: the sum of its stages for latency
(Kang et al., Neurosurgeon, ASPLOS 2017, section 5; Hu et al., DADS, INFOCOM 2019, equation 1), and power times time
in each stage for energy. Exits weigh each way out with its share.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def latency_s(device_s: Floats, uplink_s: Floats, edge_s: Floats, downlink_s: Floats, propagation_s: Floats) -> Floats:
    """Predicted end-to-end latency of each way through a partition, without waiting; arrays of one shape."""
    return device_s + uplink_s + edge_s + downlink_s + propagation_s


def energy_j(
    device_s: Floats,
    bits_up: Floats,
    uplink_s: Floats,
    bits_down: Floats,
    downlink_s: Floats,
    waiting_s: Floats,
    radio_resting_j: Floats,
    active_w: float,
    idle_w: float,
    radio_active_w: float,
    up_j_per_bit: float,
    down_j_per_bit: float,
) -> Floats:
    """Predicted energy that the device spends for a request.

    Parameters
    ----------
    device_s, uplink_s, downlink_s : array
        Time computing, sending and receiving.
    bits_up, bits_down : array
        Bits sent and received.
    waiting_s : array
        The rest of the latency: the radio wakes, the edge works and signals travel.
    radio_resting_j : array
        Energy of the radio while it neither sends nor receives: waking, falling asleep, idle.
    active_w, idle_w : float
        Power of the device while it computes, and while it does not.
    radio_active_w, up_j_per_bit, down_j_per_bit : float
        The radio's power model, see `simulator.physics.power`.
    """
    on_air_s = uplink_s + downlink_s
    compute = active_w * device_s + idle_w * (on_air_s + waiting_s)
    radio = radio_active_w * on_air_s + up_j_per_bit * bits_up + down_j_per_bit * bits_down
    return compute + radio + radio_resting_j


def best(scores: Floats, allowed: NDArray[np.bool_]) -> int:
    """Index of the smallest allowed score; the earlier partition wins a tie; -1 when nothing is allowed."""
    chosen = -1
    lowest = np.inf
    for k in range(scores.size):
        if allowed[k] and scores[k] < lowest:
            lowest = scores[k]
            chosen = k
    return chosen


def unbeaten(scores: Floats) -> NDArray[np.int64]:
    """Rows of a table that no other one is below or equal to in all columns, in order; of equal ones the first."""
    best, kept = np.empty_like(scores), np.zeros(len(scores), dtype=np.int64)
    count = 0
    # in this order what beats a row comes before it, and of equal ones the first
    for k in np.lexsort(scores.T[::-1]):
        if not (best[:count] <= scores[k]).all(axis=1).any():
            best[count], kept[count] = scores[k], k
            count += 1
    return np.sort(kept[:count])
