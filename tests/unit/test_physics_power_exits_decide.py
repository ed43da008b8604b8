"""Small physics: shared airtime, which exit is taken, which partition is best; each against a brute-force twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.decide import best, energy_j, latency_s
from simulator.physics.exits import exit_taken
from simulator.physics.power import overlap_s

pytestmark = pytest.mark.engine_free

ticks = st.lists(st.integers(0, 60), min_size=0, max_size=12, unique=True)


def intervals(points: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Disjoint intervals from an even number of sorted ticks."""
    ordered = sorted(points)[: len(points) // 2 * 2]
    return np.array(ordered[0::2], dtype=float), np.array(ordered[1::2], dtype=float)


@given(ticks, ticks)
def test_shared_time_is_the_number_of_unit_steps_in_both(a: list[int], b: list[int]) -> None:
    """Twin: count the unit steps that lie in the interval and in any interval of the other list."""
    (start_a, end_a), (start_b, end_b) = intervals(a), intervals(b)
    inside_b = {tick for s, e in zip(start_b, end_b, strict=True) for tick in range(int(s), int(e))}
    expected = [len(inside_b & set(range(int(s), int(e)))) for s, e in zip(start_a, end_a, strict=True)]
    assert overlap_s(start_a, end_a, start_b, end_b).tolist() == pytest.approx(expected)


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.booleans(),
)
def test_a_sample_takes_the_first_exit_that_is_sure(
    scores: list[list[float]], thresholds: list[float], small_is_sure: bool
) -> None:
    taken = exit_taken(np.array(scores), np.array(thresholds), small_is_sure)
    for row, exit_ in zip(scores, taken, strict=True):
        sure = [s <= t if small_is_sure else s >= t for s, t in zip(row, thresholds, strict=True)]
        assert exit_ == (sure.index(True) if True in sure else len(thresholds))


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), min_size=1, max_size=30))
def test_the_best_is_the_smallest_allowed_and_the_earliest_of_equals(pairs: list[tuple[float, bool]]) -> None:
    scores, allowed = (np.array(column) for column in zip(*pairs, strict=True))
    ranked = sorted((score, k) for k, (score, ok) in enumerate(pairs) if ok)
    assert best(scores, allowed.astype(bool)) == (ranked[0][1] if ranked else -1)


def test_predicted_latency_is_the_sum_of_the_stages() -> None:
    assert latency_s(*(np.array([float(part)]) for part in (1, 20, 300, 4000, 50000))) == 54321


def test_predicted_energy_is_power_times_time_in_each_state() -> None:
    """1 s computing at 5 W, 2 s sending, 1 s receiving, 4 s waiting at 2 W; radio 3 W on air, 0.5 W idle for 5 s."""
    times = [np.array([float(part)]) for part in (1, 10, 2, 20, 1, 4, 0.5 * 5)]
    found = energy_j(*times, 5, 2, 3, 0.1, 0.01)
    assert found == pytest.approx(5 * 1 + 2 * 7 + 3 * 3 + 10 * 0.1 + 20 * 0.01 + 0.5 * 5)


times = st.lists(st.integers(0, 6), min_size=4, max_size=4)
powers = st.lists(st.integers(0, 50), min_size=4, max_size=4)


@given(times, st.lists(st.integers(0, 40), min_size=2, max_size=2), powers, powers)
def test_predicted_energy_is_that_of_a_walk_through_its_seconds(
    seconds: list[int], bits: list[int], device: list[int], radio: list[int]
) -> None:
    """Twin: compute, send, receive and wait second by second, add what both parts draw in each, then each bit."""
    computing, sending, receiving, waiting = seconds
    active, idle, on_air, radio_idle = device[0], device[1], radio[0], radio[1]
    up, down = radio[2], radio[3]
    states = [(active, radio_idle)] * computing + [(idle, on_air)] * (sending + receiving)
    states += [(idle, radio_idle)] * waiting
    expected = sum(sum(draws) for draws in states) + sum([up] * bits[0]) + sum([down] * bits[1])
    resting = radio_idle * (computing + waiting)
    parts = (computing, bits[0], sending, bits[1], receiving, waiting, resting)
    assert energy_j(*(np.array([float(part)]) for part in parts), active, idle, on_air, up, down).tolist() == [expected]


@given(st.lists(st.lists(st.integers(0, 1000), min_size=3, max_size=3), min_size=5, max_size=5))
def test_predicted_latency_adds_up_for_each_way(stages: list[list[int]]) -> None:
    """Twin: one way at a time."""
    found = latency_s(*(np.array(stage, dtype=float) for stage in stages))
    assert found.tolist() == [sum(way) for way in zip(*stages, strict=True)]
