"""Mean time of a transfer that meets a link at a random instant: what can be said of it before a run.

Bits over the mean rate is that mean only where the rate never changes. A link that stops is met while it stands still
with the share of time that it does, whatever it carries in between.

Over a recording the end of a transfer is piecewise linear in the bits that the link has carried until it begins, so
that the mean over all beginnings in a period is a sum over segments, free of steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.links import markov_rate
from simulator.links.markov_rate import MarkovRate
from simulator.links.tabulated import interpolated
from simulator.physics import two_states
from simulator.physics.link import Channel

#: mean time of transfers of so many bits that begin at random instants, in seconds; 0 for no bits
MeanTransfer = Callable[[Floats], Floats]

#: a recording's mean is worked out for so many lengths of a message in each doubling and is linear between them, which
#: makes it that of a message of within 1.1 %; for recordings of many segments, whose mean is smooth, of within 9 %
_PER_DOUBLING, _PER_DOUBLING_OF_MANY = 64, 8
_MANY = 1000
#: equal parts of a doubled message for which a chain's mean is worked out, half of them in its last doubling
_PARTS = 32
#: as for a recording, for two recordings in step: their mean changes slowly with the message and with the pause
_PER_DOUBLING_IN_STEP = 4
#: equally distant beginnings over which two recordings in step are averaged
_BEGINNINGS = 1024


@dataclass(frozen=True)
class ConstantTransfer:
    """Transfers over a link of one rate."""

    rate_bps: float

    def __call__(self, bits: Floats) -> Floats:
        """Bits over rate."""
        return bits / self.rate_bps


@dataclass(frozen=True)
class TwoStateTransfer:
    """Transfers over a link that is fast and slow in turn, see `simulator.physics.two_states`."""

    fast_bps: float
    slow_bps: float
    mean_fast_s: float
    mean_slow_s: float

    def __call__(self, bits: Floats) -> Floats:
        """From the stationary state on."""
        return two_states.mean_transfer_s(bits, self.fast_bps, self.slow_bps, self.mean_fast_s, self.mean_slow_s)


@dataclass(frozen=True, eq=False)
class MarkovTransfer:
    """Transfers over a link whose rate follows a Markov chain, see `simulator.links.markov_rate`."""

    chain: MarkovRate
    _known: dict[int, Floats] = field(default_factory=dict)

    def __call__(self, bits: Floats) -> Floats:
        """Worked out for equally distant lengths of a message in each doubling, linear between them."""
        mean_s = np.zeros(bits.shape)
        doubling = np.zeros(bits.shape, dtype=np.int64)
        np.ceil(np.log2(bits, out=np.zeros(bits.shape), where=bits > 0), out=doubling, casting="unsafe")
        for power in np.unique(doubling[bits > 0]).tolist():
            mine = (bits > 0) & (doubling == power)
            # the longest message of the doubling before is worked out but once, so that longer ones take longer
            values = np.append(self._means_s(power - 1)[-1], self._means_s(power)[_PARTS // 2 :])
            points = np.arange(_PARTS // 2, _PARTS + 1) / _PARTS * 2.0**power
            mean_s[mine] = np.interp(bits[mine], points, values)
        return mean_s

    def _means_s(self, power: int) -> Floats:
        """For equal parts of a message of two to this power of bits."""
        if power not in self._known:
            self._known[power] = markov_rate.mean_transfer_s(self.chain, 2.0**power, _PARTS)
        return self._known[power]


@dataclass(frozen=True, eq=False)
class RecordedTransfer:
    """Transfers over a link that follows a recording.

    Attributes
    ----------
    channel : Channel
        The recording.
    """

    channel: Channel
    _known: dict[int, float] = field(default_factory=dict)

    def __call__(self, bits: Floats) -> Floats:
        """`mean_s` at some lengths of a message, linear between them."""
        per_doubling = _PER_DOUBLING if self.channel.rates_bps.size <= _MANY else _PER_DOUBLING_OF_MANY
        return interpolated(self._known, self.mean_s, per_doubling, bits)

    def mean_s(self, bits: float) -> float:
        """Mean over all beginnings in a period for one message.

        Segment by segment, the integral of the instant at which the transfer ends, less that at which it begins. Over
        a segment of rate r the first is 1 / r times the integral of the instant at which v bits are carried, between
        two values of v; in an outage all transfers end together. What is integrated is how far that instant is from
        v over the mean rate, so that long recordings lose no digits.
        """
        laps, bits = self._laps(bits)
        period_s, twice, stands = self.channel.edges_s[-1], self._twice, self._stands
        reached = self.channel.cumulative_bits + bits
        here = np.maximum(np.searchsorted(twice.carried, reached, side="left") - 1, 0)
        beyond = reached - twice.carried[here]
        area = twice.area[here] + beyond * (twice.slope[here] + beyond * twice.curve[here])
        moving = (np.diff(area) * twice.pace_s[: self.channel.rates_bps.size]).sum()
        moving += bits * (period_s - stands.lasts_s.sum()) / self.channel.mean_rate_bps
        there = here[stands.segment]
        ends_s = twice.edges_s[there] + beyond[stands.segment] * twice.pace_s[there]
        standing = (ends_s * stands.lasts_s).sum()
        return float((moving + standing - self._begins) / period_s + laps * period_s)

    def transfer_s(self, begin_s: Floats, bits: float) -> Floats:
        """Time of a message from each of some beginnings, as `simulator.physics.link.transfer_s` has it for one."""
        period_s, carried = self.channel.edges_s[-1], self.channel.cumulative_bits
        laps, bits = self._laps(bits)
        phase_s = begin_s % period_s
        reached = np.interp(phase_s, self.channel.edges_s, carried) + bits
        here = np.maximum(np.searchsorted(self._twice.carried, reached, side="left") - 1, 0)
        end_s = self._twice.edges_s[here] + (reached - self._twice.carried[here]) * self._twice.pace_s[here]
        took_s: Floats = end_s - phase_s + laps * period_s
        return took_s

    def _laps(self, bits: float) -> tuple[float, float]:
        """Whole laps that a message takes before its last one, and what is left of it for that."""
        per_lap = float(self.channel.cumulative_bits[-1])
        laps = max(math.ceil(bits / per_lap) - 1, 0)
        return laps, bits - laps * per_lap

    @cached_property
    def _twice(self) -> _Laps:
        """Two laps of the recording: a transfer of less than a lap ends in the second at the latest."""
        channel = self.channel
        carried, rate = channel.cumulative_bits, channel.mean_rate_bps
        pace_s = np.divide(1.0, channel.rates_bps, out=np.zeros_like(channel.rates_bps), where=channel.rates_bps > 0)
        slope, curve = channel.edges_s - carried / rate, (pace_s - 1 / rate) / 2
        bits = np.diff(carried)
        area = np.cumsum(np.tile(bits * (slope[:-1] + bits * curve), 2))
        return _Laps(
            edges_s=np.concatenate((channel.edges_s, channel.edges_s[1:] + channel.edges_s[-1])),
            carried=np.concatenate((carried, carried[1:] + carried[-1])),
            pace_s=np.tile(pace_s, 2),
            area=np.concatenate((np.zeros(1), area)),
            slope=np.tile(slope[:-1], 2),
            curve=np.tile(curve, 2),
        )

    @cached_property
    def _stands(self) -> _Outages:
        """Where the recording carries nothing."""
        segment = np.flatnonzero(self.channel.rates_bps == 0)
        return _Outages(segment, np.diff(self.channel.edges_s)[segment])

    @cached_property
    def _begins(self) -> float:
        """Integral over a period of the beginnings, less what the bits carried before them take at the mean rate."""
        edges_s, carried = self.channel.edges_s, self.channel.cumulative_bits
        lasts_s = np.where(self.channel.rates_bps > 0, np.diff(edges_s), 0.0)
        before = (lasts_s * (carried[1:] + carried[:-1])).sum() / 2
        return float(edges_s[-1] ** 2 / 2 - before / self.channel.mean_rate_bps)


@dataclass(frozen=True, eq=False)
class _Laps:
    """Segments of a recording: edges, bits carried up to them, seconds for a bit (0 in outages).

    The instant at which v bits are carried, less v over the mean rate, has the integral ``area`` up to each edge and
    grows from there on with ``slope`` and, by the square of the bits, ``curve``.
    """

    edges_s: Floats
    carried: Floats
    pace_s: Floats
    area: Floats
    slope: Floats
    curve: Floats


@dataclass(frozen=True, eq=False)
class _Outages:
    """Segments without a rate, and how long they last."""

    segment: NDArray[np.int64]
    lasts_s: Floats


@dataclass(frozen=True, eq=False)
class InStep:
    """Answers over two recordings of equal length that are played together.

    An answer meets the link that its message has left behind: where that has just come through an outage, the answer
    does not meet it again.
    """

    up: RecordedTransfer
    down: RecordedTransfer
    _known: dict[float, dict[int, float]] = field(default_factory=dict)

    def __call__(self, bits_up: Floats, pause_s: Floats, bits_down: Floats) -> Floats:
        """`mean_s` at some messages and pauses, linear between them; arrays of one shape."""
        mean_s = np.zeros(bits_up.shape)
        for bits in np.unique(bits_down[bits_down > 0]).tolist():
            mine = bits_down == bits
            known = self._known.setdefault(bits, {})

            def mean(message: float, pause: float, bits: float = bits) -> float:
                return self.mean_s(message, pause, bits)

            mean_s[mine] = interpolated(known, mean, _PER_DOUBLING_IN_STEP, bits_up[mine], pause_s[mine])
        return mean_s

    def mean_s(self, bits_up: float, pause_s: float, bits_down: float) -> float:
        """Mean over `_BEGINNINGS` for an answer that begins so long after the end of its message."""
        begin_s = (np.arange(_BEGINNINGS) + 0.5) * (self.up.channel.edges_s[-1] / _BEGINNINGS)
        end_s = begin_s + self.up.transfer_s(begin_s, bits_up)
        return float(self.down.transfer_s(end_s + pause_s, bits_down).mean())


def over_channel(channel: Channel) -> MeanTransfer:
    """Transfers over a channel."""
    if channel.rates_bps.size == 1:
        return ConstantTransfer(float(channel.rates_bps[0]))
    return RecordedTransfer(channel)
