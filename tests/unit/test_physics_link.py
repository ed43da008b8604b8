"""Transfers over a piecewise-constant rate, against a twin that walks segment by segment in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simulator.physics.link import Channel, bits_sent, segment_at, segment_reaching, transfer_s

pytestmark = pytest.mark.engine_free


def walked_transfer_s(start_s: float, bits: float, channel: Channel) -> Fraction:
    """The same duration in exact rationals: take each segment in turn until the bits are gone."""
    edges = [Fraction(edge) for edge in channel.edges_s.tolist()]
    rates = [Fraction(rate) for rate in channel.rates_bps.tolist()]
    now, left = Fraction(start_s), Fraction(bits)
    period = edges[-1]
    per_period = sum(rate * (end - start) for rate, (start, end) in zip(rates, pairwise(edges), strict=True))
    skipped = max(0, left // per_period - 1)
    elapsed, left = skipped * period, left - skipped * per_period
    phase = now % period
    k = max(i for i in range(len(rates)) if edges[i] <= phase)
    while True:
        room = edges[k + 1] - phase
        if rates[k] * room >= left:
            return elapsed + (left / rates[k] if left else 0)
        left -= rates[k] * room
        elapsed += room
        k = (k + 1) % len(rates)
        phase = edges[k]


eighths = st.integers(1, 800).map(lambda k: k / 8)
rates = st.lists(st.one_of(st.just(0.0), eighths), min_size=2, max_size=8)
lengths = st.lists(eighths, min_size=8, max_size=8)


def channel_of(rate: list[float], length: list[float]) -> Channel:
    assume(any(rate))
    return Channel(np.concatenate((np.zeros(1), np.cumsum(length[: len(rate)]))), np.array(rate))


def duration(channel: Channel, start_s: float, bits: float) -> float:
    return transfer_s(start_s, bits, channel.edges_s, channel.rates_bps, channel.cumulative_bits)


@given(rates, lengths, st.floats(0, 200), st.one_of(st.just(0.0), st.floats(1e-3, 2000)))
def test_a_transfer_takes_as_long_as_walking_the_trace(
    rate: list[float], length: list[float], start_s: float, bits: float
) -> None:
    """Same duration as the exact twin, through outages and across wraps, up to rounding."""
    channel = channel_of(rate, length)
    expected = float(walked_transfer_s(start_s, bits, channel))
    # a rounding error of the sums can only tell where the rate is not close to nothing
    assert duration(channel, start_s, bits) == pytest.approx(expected, rel=1e-9, abs=1e-8)


@given(rates, lengths, st.floats(0, 200), st.floats(0.1, 2000))
def test_bits_sent_in_the_time_of_a_transfer_are_the_bits(
    rate: list[float], length: list[float], start_s: float, bits: float
) -> None:
    """bits_sent inverts transfer_s."""
    channel = channel_of(rate, length)
    taken = duration(channel, start_s, bits)
    sent = bits_sent(start_s, taken, channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    assert sent == pytest.approx(bits, rel=1e-9, abs=1e-6)


@given(rates, lengths, st.floats(0, 200), st.floats(0, 2000))
def test_doubling_the_rate_never_makes_a_transfer_longer(
    rate: list[float], length: list[float], start_s: float, bits: float
) -> None:
    channel = channel_of(rate, length)
    double = Channel(channel.edges_s, channel.rates_bps * 2)
    assert duration(double, start_s, bits) <= duration(channel, start_s, bits) + 1e-9


@given(rates, lengths, st.floats(0, 200), st.floats(0, 1000), st.floats(0, 1000))
def test_more_bits_never_arrive_earlier(
    rate: list[float], length: list[float], start_s: float, bits: float, more: float
) -> None:
    channel = channel_of(rate, length)
    assert duration(channel, start_s, bits) <= duration(channel, start_s, bits + more) + 1e-9


def test_an_outage_delays_a_transfer_in_progress_by_exactly_its_length() -> None:
    """10 bit/s; 15 bits from 0 take 1.5 s, and 4 s more when the link is out from 1 s to 5 s."""
    through = Channel(np.array([0.0, 1.0, 100.0]), np.array([10.0, 10.0]))
    broken = Channel(np.array([0.0, 1.0, 5.0, 100.0]), np.array([10.0, 0.0, 10.0]))
    assert duration(broken, 0.0, 15.0) - duration(through, 0.0, 15.0) == 4.0


@given(rates, lengths, st.floats(0, 1), st.floats(0.05, 1), st.floats(0.05, 0.95), st.floats(0.125, 1000))
def test_an_outage_anywhere_in_a_transfer_delays_it_by_exactly_its_length(
    rate: list[float], length: list[float], begin: float, amount: float, at: float, outage_s: float
) -> None:
    """Within one period, since an outage put into a trace comes again in the next one."""
    channel = channel_of(rate, length)
    start_s = begin * channel.edges_s[-1]
    left = channel.cumulative_bits[-1] - np.interp(start_s, channel.edges_s, channel.cumulative_bits)
    assume(left > 1e-3)
    bits = amount * left * (1 - 1e-9)
    undisturbed = duration(channel, start_s, bits)
    cut = start_s + at * undisturbed
    k = segment_at(channel.edges_s, cut)
    edges = np.concatenate((channel.edges_s[: k + 1], [cut], channel.edges_s[k + 1 :] + outage_s))
    edges = np.insert(edges, k + 2, cut + outage_s)
    assume((np.diff(edges) > 1e-9).all())
    broken = Channel(edges, np.insert(channel.rates_bps, k + 1, [0.0, channel.rates_bps[k]]))
    assert duration(broken, start_s, bits) - undisturbed == pytest.approx(outage_s, abs=1e-9)


@given(rates, lengths, st.floats(0, 200), st.floats(0, 300))
def test_bits_sent_are_the_rate_summed_over_every_piece_of_the_trace(
    rate: list[float], length: list[float], start_s: float, duration_s: float
) -> None:
    """Twin: walk from edge to edge, lap after lap, in exact rationals."""
    channel = channel_of(rate, length)
    edges = [Fraction(edge) for edge in channel.edges_s.tolist()]
    now, end, carried = Fraction(start_s), Fraction(start_s) + Fraction(duration_s), Fraction(0)
    while now < end:
        lap, phase = divmod(now, edges[-1])
        k = max(i for i in range(len(rate)) if edges[i] <= phase)
        then = min(lap * edges[-1] + edges[k + 1], end)
        carried += Fraction(rate[k]) * (then - now)
        now = then
    found = bits_sent(start_s, duration_s, channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    assert found == pytest.approx(float(carried), rel=1e-9, abs=1e-9)


@given(rates, lengths, st.floats(0, 1000))
def test_the_rate_at_an_instant_is_that_of_the_segment_it_lies_in(
    rate: list[float], length: list[float], instant_s: float
) -> None:
    """Twin: compare with every segment, after whole periods are taken off."""
    channel = channel_of(rate, length)
    phase = Fraction(instant_s) % Fraction(float(channel.edges_s[-1]))
    pieces = zip(rate, pairwise(channel.edges_s.tolist()), strict=False)
    assert channel.rate_at_bps(instant_s) == next(r for r, (begin, end) in pieces if begin <= phase < end)


def test_a_constant_rate_is_a_division() -> None:
    assert duration(Channel.constant(8e6), 1e6 + 0.1, 1e6) == 0.125


def test_no_bits_take_no_time_even_in_an_outage() -> None:
    channel = Channel(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0]))
    assert duration(channel, 0.5, 0.0) == 0.0


def test_a_transfer_that_fills_the_period_ends_with_the_last_bit_not_with_the_silence_after_it() -> None:
    """10 bits in the first second, silence in the second: 20 bits end at 3 s, not at 4 s."""
    channel = Channel(np.array([0.0, 1.0, 2.0]), np.array([10.0, 0.0]))
    assert duration(channel, 0.0, 20.0) == 3.0


@given(st.lists(st.floats(0, 100), min_size=2, max_size=20), st.floats(0, 100))
def test_binary_searches_agree_with_looking_at_every_entry(values: list[float], x: float) -> None:
    ordered = sorted(values)
    ordered[0] = 0.0
    last = len(ordered) - 2
    assert segment_at(ordered, x) == max((k for k in range(last + 1) if ordered[k] <= x), default=0)
    assert segment_reaching(ordered, x) == min((k for k in range(last + 1) if ordered[k + 1] >= x), default=last)


def test_mean_rate_weighs_segments_by_their_length() -> None:
    """1 s at 10 bit/s and 3 s at 2 bit/s carry 16 bits in 4 s."""
    assert Channel(np.array([0.0, 1.0, 4.0]), np.array([10.0, 2.0])).mean_rate_bps == 4.0
