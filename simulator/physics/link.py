"""Moving bits over a channel whose rate is piecewise constant in time.

A `Channel` is a rate for ever, or a trace that starts again when it ends. Transfers integrate the rate exactly,
through outages (rate 0) and across the wrap; no time step is involved. What is left out: losses, framing and the
radio's own states, which act on the bits or on the rate before they come here.

The functions take plain sequences of floats and use only loops and arithmetic, so that they can be compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Channel:
    """Rate over time of one direction of a link.

    Attributes
    ----------
    edges_s : array of float, shape (k + 1,)
        Strictly increasing segment borders, first 0; the last is the period after which the trace repeats.
    rates_bps : array of float, shape (k,)
        Rate in each segment, at least 0, not all 0. One segment means a constant rate.
    """

    edges_s: NDArray[np.float64]
    rates_bps: NDArray[np.float64]

    @cached_property
    def cumulative_bits(self) -> NDArray[np.float64]:
        """Bits carried from time 0 to each edge, shape (k + 1,)."""
        carried = np.cumsum(self.rates_bps * np.diff(self.edges_s))
        return np.concatenate((np.zeros(1), carried))

    @cached_property
    def mean_rate_bps(self) -> float:
        """Mean rate over one period."""
        if self.rates_bps.size == 1:
            return float(self.rates_bps[0])
        return float(self.cumulative_bits[-1] / self.edges_s[-1])

    def exceeded_rate_bps(self, share: float) -> float:
        """The rate that the channel exceeds for at most this share of the time."""
        order = np.argsort(self.rates_bps)
        time_s = np.cumsum(np.diff(self.edges_s)[order])
        place = np.searchsorted(time_s, (1 - share) * time_s[-1])
        return float(self.rates_bps[order][min(int(place), order.size - 1)])

    def rate_at_bps(self, instant_s: float) -> float:
        """Rate at an instant."""
        phase = instant_s % self.edges_s[-1]
        return float(self.rates_bps[segment_at(self.edges_s, phase)])

    def starting_at(self, start_s: float) -> Channel:
        """The same rates over and over, seen from an instant of the period on: time 0 becomes ``start_s``.

        An interval that is lost in the rounding of the new times is left out, as is one of no length.
        """
        if start_s == 0.0 or self.rates_bps.size == 1:
            return self
        period = self.edges_s[-1]
        here = segment_at(self.edges_s, start_s)
        later = self.edges_s[here + 1 :] - start_s
        again = (period - start_s) + self.edges_s[1 : here + 1]
        ends = np.minimum(np.concatenate((later, again, [period])), period)
        rates = np.concatenate((self.rates_bps[here:], self.rates_bps[: here + 1]))
        lasts = np.diff(ends, prepend=0.0) > 0
        return Channel(np.concatenate((np.zeros(1), ends[lasts])), rates[lasts])

    @classmethod
    def constant(cls, rate_bps: float) -> Channel:
        """A channel with one rate for ever."""
        return cls(np.array([0.0, 1.0]), np.array([rate_bps]))


def segment_at(values: Floats, x: float) -> int:
    """Largest ``k`` with ``values[k] <= x``, at most ``len(values) - 2`` (binary search)."""
    low = 0
    high = len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if values[middle] <= x:
            low = middle
        else:
            high = middle
    return low


def segment_reaching(cumulative: Floats | NDArray[np.int64], bits: float) -> int:
    """Smallest ``k`` with ``cumulative[k + 1] >= bits`` (binary search on a non-decreasing sequence)."""
    low = 0
    high = len(cumulative) - 2
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle + 1] >= bits:
            high = middle
        else:
            low = middle + 1
    return low


def transfer_s(start_s: float, bits: float, edges_s: Floats, rates_bps: Floats, cumulative_bits: Floats) -> float:
    """Time that ``bits`` take when their sending starts at ``start_s``.

    Parameters
    ----------
    start_s : float
        Instant of the first bit, at least 0.
    bits : float
        Bits to send, at least 0; far fewer than the rounding of a period's bits (1e-16 of them) cannot be told from 0.
    edges_s, rates_bps, cumulative_bits
        See `Channel`.

    Returns
    -------
    float
        Duration in seconds, 0 for no bits.
    """
    if bits <= 0.0:
        return 0.0
    if len(rates_bps) == 1:
        return bits / rates_bps[0]
    last = len(rates_bps)
    period = edges_s[last]
    phase = start_s % period
    here = segment_at(edges_s, phase)
    rest_of_segment = edges_s[here + 1] - phase
    if bits <= rates_bps[here] * rest_of_segment:
        return bits / rates_bps[here]
    per_period = cumulative_bits[last]
    target = cumulative_bits[here] + rates_bps[here] * (phase - edges_s[here]) + bits
    laps = math.floor(target / per_period)
    rest = target - laps * per_period
    if rest <= 0.0:
        laps -= 1
        rest += per_period
    there = segment_reaching(cumulative_bits, rest)
    end_phase = edges_s[there] + (rest - cumulative_bits[there]) / rates_bps[there]
    duration = laps * period + (end_phase - phase)
    # rounding must not let a transfer end inside the segment that could not hold it
    return max(duration, rest_of_segment)


def bits_sent(start_s: float, duration_s: float, edges_s: Floats, rates_bps: Floats, cumulative_bits: Floats) -> float:
    """Bits that a transfer carries in ``duration_s`` from ``start_s``: the inverse of `transfer_s`."""
    if len(rates_bps) == 1:
        return rates_bps[0] * duration_s
    last = len(rates_bps)
    period = edges_s[last]
    phase = start_s % period
    here = segment_at(edges_s, phase)
    before = cumulative_bits[here] + rates_bps[here] * (phase - edges_s[here])
    end = phase + duration_s
    laps = math.floor(end / period)
    end_phase = end - laps * period
    there = segment_at(edges_s, end_phase)
    after = cumulative_bits[there] + rates_bps[there] * (end_phase - edges_s[there])
    return laps * cumulative_bits[last] + after - before
