"""How long lone transfers take over a channel: many start instants at once, and the statistics that a fit must meet.

The times are those of `simulator.physics.link.transfer_s`, computed for an array of starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from simulator.arrays import Floats
from simulator.physics.link import Channel

#: statistics of transfer times, with the relative difference between recording and generator that is tolerable
TOLERANCES: Mapping[str, float] = MappingProxyType({"mean": 0.1, "p95": 0.2, "p99": 0.2})


def transfer_times_s(channel: Channel, bits: Floats | float, starts_s: Floats) -> Floats:
    """Time that ``bits``, the same or other ones, take from each of some instants, shape (len(starts_s),)."""
    edges, carried = channel.edges_s, channel.cumulative_bits
    if channel.rates_bps.size == 1:
        return np.broadcast_to(np.asarray(bits / channel.rates_bps[0]), starts_s.shape)
    phase = starts_s % edges[-1]
    target = np.interp(phase, edges, carried) + bits
    laps = np.ceil(target / carried[-1]) - 1
    rest = np.clip(target - laps * carried[-1], 0.0, carried[-1])
    # the first segment at whose end so much was carried: it has a rate, as long as something is left to carry
    there = np.clip(np.searchsorted(carried, rest, side="left") - 1, 0, channel.rates_bps.size - 1)
    rates = channel.rates_bps[there]
    within = np.divide(rest - carried[there], rates, out=np.zeros_like(rest), where=rates > 0)
    times: Floats = np.maximum(laps * edges[-1] + edges[there] + within - phase, 0.0)
    return times


def transfer_statistics(channel: Channel, bits: float, starts: int, seed: int = 1) -> Floats:
    """Mean, 95th and 99th percentile of the times of transfers, in the order of `TOLERANCES`.

    Parameters
    ----------
    channel : Channel
    bits : float
    starts : int
        Number of start instants: one at random in each of so many equal parts of the period.
    seed : int
        Of the instants.
    """
    places = np.random.Generator(np.random.PCG64(seed)).random(starts)
    times = transfer_times_s(channel, bits, (np.arange(starts) + places) * (channel.edges_s[-1] / starts))
    return np.array([times.mean(), *np.percentile(times, [95, 99])])


def misfit(found: Floats, measured: Floats) -> float:
    """Largest relative difference of two sets of statistics, in tolerances: at most 1 if all are met."""
    return float(np.max(np.abs(found / measured - 1) / np.array(list(TOLERANCES.values()))))
