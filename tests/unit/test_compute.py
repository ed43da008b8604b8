"""The roofline: arithmetic or memory, whichever takes longer, and a fixed cost for each layer."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.compute import layer_times_s, narrowed_rate, spread_time_s

amounts = st.floats(0, 1e12)
rates = st.floats(1e3, 1e15)


def one(macs: float, moved: float, rate: float, bandwidth: float, overhead_s: float, runs: bool = True) -> float:
    """Time of a single layer."""
    return float(
        layer_times_s(np.array([macs]), np.array([moved]), np.array([rate]), np.array([runs]), bandwidth, overhead_s)[0]
    )


def test_compute_bound_layer_takes_macs_over_rate() -> None:
    """1e9 MAC at 2 GMAC/s are 500 ms; its 40 MB at 4 GB/s (10 ms) hide behind them; the overhead adds 1 ms."""
    assert one(1e9, 40e6, 2e9, 4e9, 1e-3) == pytest.approx(0.501, rel=1e-12)


def test_memory_bound_layer_takes_bytes_over_bandwidth() -> None:
    """400 MB of weights at 4 GB/s are 100 ms; 1e8 MAC at 2 GMAC/s (50 ms) hide behind them."""
    assert one(1e8, 400e6, 2e9, 4e9, 0.0) == pytest.approx(0.1, rel=1e-12)


def test_layer_that_does_not_run_takes_no_time_and_no_overhead() -> None:
    """A fused layer costs nothing, not even a launch."""
    assert one(1e9, 1e9, 1e9, 1e9, 1.0, runs=False) == 0.0


@given(st.lists(st.tuples(amounts, amounts, rates, st.booleans()), min_size=1, max_size=8), rates, st.floats(0, 1.0))
def test_agrees_with_the_rule_written_layer_by_layer(
    layers: list[tuple[float, float, float, bool]], bandwidth: float, overhead_s: float
) -> None:
    """The array function equals the sentence: if it runs, the longer of two times, then the overhead."""
    expected = []
    for macs, moved, rate, runs in layers:
        if not runs:
            expected.append(0.0)
        elif macs / rate > moved / bandwidth:
            expected.append(macs / rate + overhead_s)
        else:
            expected.append(moved / bandwidth + overhead_s)
    macs, moved, rate, runs = (np.array(column) for column in zip(*layers, strict=True))
    np.testing.assert_array_equal(layer_times_s(macs, moved, rate, runs, bandwidth, overhead_s), expected)


def test_narrow_layers_run_at_the_saturating_rate() -> None:
    """The rate is rate * c / (c + h): a third of 9 GMAC/s at c = h / 2, half at c = h, all of it for an endless c."""
    found = narrowed_rate(np.full(3, 9e9), np.array([24.0, 48.0, math.inf]), 48.0)
    np.testing.assert_allclose(found, [3e9, 4.5e9, 9e9], rtol=1e-12)


def test_nothing_is_narrowed_without_half_rate_channels() -> None:
    """Zero half-rate channels leave every rate as it is."""
    np.testing.assert_array_equal(narrowed_rate(np.array([1e9, 2e9]), np.array([1.0, 64.0]), 0.0), [1e9, 2e9])


@given(st.floats(0, 1e3), st.lists(st.tuples(amounts, amounts), min_size=1, max_size=8))
def test_shares_of_a_measured_time_add_up_to_it(total_s: float, layers: list[tuple[float, float]]) -> None:
    """Sharing a module's time among its layers neither loses nor adds any."""
    macs, moved = (np.array(column) for column in zip(*layers, strict=True))
    shares = spread_time_s(total_s, macs, moved)
    assert math.isclose(shares.sum(), total_s, rel_tol=1e-9, abs_tol=1e-300)
    assert (shares >= 0).all()


@pytest.mark.parametrize(
    ("macs", "moved", "shares"),
    [([1, 3], [9, 1], [0.25, 0.75]), ([0, 0], [1, 4], [0.2, 0.8]), ([0, 0], [0, 0], [0.5, 0.5])],
)
def test_shares_follow_macs_then_bytes_then_are_equal(
    macs: list[float], moved: list[float], shares: list[float]
) -> None:
    """MACs decide; bytes where there are none; equal parts where there is neither."""
    found = spread_time_s(1.0, np.array(macs, dtype=float), np.array(moved, dtype=float))
    np.testing.assert_allclose(found, shares, rtol=1e-12)


@given(st.integers(0, 10**6), st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=8))
def test_shares_are_those_of_exact_fractions(total: int, layers: list[tuple[int, int]]) -> None:
    """Twin: the first of MACs, bytes and ones that does not add up to nothing, as fractions of its sum."""
    columns = [[macs for macs, _ in layers], [moved for _, moved in layers], [1] * len(layers)]
    weights = next(column for column in columns if sum(column))
    expected = [float(Fraction(total * weight, sum(weights))) for weight in weights]
    found = spread_time_s(float(total), *(np.array(column, dtype=float) for column in columns[:2]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 4096)), min_size=1, max_size=8), st.integers(0, 512))
def test_a_narrowed_rate_takes_the_time_of_as_many_more_channels(layers: list[tuple[int, int]], half: int) -> None:
    """Twin: c channels take as long as c + h would at the full rate, in exact fractions."""
    rate, channels = (np.array(column, dtype=float) for column in zip(*layers, strict=True))
    expected = [float(1 / (Fraction(channel + half, channel) / full)) for full, channel in layers]
    np.testing.assert_allclose(narrowed_rate(rate, channels, float(half)), expected, rtol=1e-12)


def test_functions_compile_for_fast_engines() -> None:
    """Every function of the module compiles with numba, and the compiled ones agree."""
    numba = pytest.importorskip("numba")
    macs, moved, rate = np.array([1e9, 0.0]), np.array([1e6, 1e6]), np.array([1e9, 1e9])
    runs = np.array([True, False])
    compiled = numba.njit(layer_times_s)(macs, moved, rate, runs, 1e9, 1e-3)
    np.testing.assert_array_equal(compiled, layer_times_s(macs, moved, rate, runs, 1e9, 1e-3))
    channels = np.array([8.0, np.inf])
    np.testing.assert_array_equal(numba.njit(narrowed_rate)(rate, channels, 8.0), narrowed_rate(rate, channels, 8.0))
    np.testing.assert_array_equal(numba.njit(spread_time_s)(1.0, macs, moved), spread_time_s(1.0, macs, moved))
