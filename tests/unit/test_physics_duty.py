"""Duty cycle: off-time, and the airtime of every hour, against a twin that adds overlaps and exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numba
import numpy as np
import pytest
from airtimes_published import DERIVED, rows
from hypothesis import given
from hypothesis import strategies as st
from numba.extending import register_jitable

from simulator.physics import duty
from simulator.physics.duty import HOUR_S, earliest_start_s, off_time_s

pytestmark = pytest.mark.engine_free

#: instants of the twin are multiples of this; exact in binary
STEP_S = 1 / 16

Frame = tuple[float, float]


def scheduled(airtimes_s: list[float], duty_cycle: float, pauses_s: list[float] | None = None) -> list[Frame]:
    """Start and airtime of frames that are each sent as early as both rules allow, after a pause."""
    budget_s = duty_cycle * HOUR_S
    # the ring is as short as the docstring allows, so that it wraps
    room = min(len(airtimes_s), math.ceil(budget_s / min(airtimes_s)) + 1)
    starts, lasts = np.zeros(room), np.zeros(room)
    frames: list[Frame] = []
    free_s = 0.0
    for k, airtime_s in enumerate(airtimes_s):
        now_s = free_s + (pauses_s[k] if pauses_s else 0.0)
        start_s = earliest_start_s(now_s, airtime_s, budget_s, starts, lasts, (k - 1) % room, min(k, room))
        starts[k % room], lasts[k % room] = start_s, airtime_s
        frames.append((start_s, airtime_s))
        free_s = start_s + airtime_s + off_time_s(airtime_s, duty_cycle)
    return frames


def airtime_in(frames: list[Frame], begin: Fraction, end: Fraction) -> Fraction:
    """Exact airtime of frames between two instants."""
    shares = (min(Fraction(s) + Fraction(a), end) - max(Fraction(s), begin) for s, a in frames)
    return sum((share for share in shares if share > 0), Fraction(0))


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 200)), max_size=12),
    st.integers(0, 40_000),
    st.integers(1, 200),
    st.integers(200, 3000),
    st.integers(0, 20),
)
def test_the_earliest_start_is_the_first_that_a_search_finds(
    past: list[tuple[int, int]], wait: int, airtime: int, budget: int, shift: int
) -> None:
    """Twin: try every sixteenth of a second, add the overlaps of all frames with the hour before the end."""
    frames: list[Frame] = []
    clock = 0.0
    for pause, length in past:
        frames.append((clock + pause * 1.0, length / 8))
        clock += pause + length / 8
    # half a step beside the grid of airtimes: a frame is always cut inside, where rounding cannot skip a pause
    budget_s, airtime_s, now_s = budget / 8 + STEP_S, airtime / 8, clock + wait / 8

    def fits(start_s: float) -> bool:
        end = Fraction(start_s) + Fraction(airtime_s)
        return airtime_in(frames, end - 3600, end) + Fraction(airtime_s) <= Fraction(budget_s)

    low, high = 0, round(HOUR_S / STEP_S)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(now_s + middle * STEP_S) else (middle + 1, high)
    expected_s = now_s + low * STEP_S

    # the same ring wherever it begins
    room = len(frames) + 1
    starts, lasts = np.zeros(room), np.zeros(room)
    for k, (start_s, length_s) in enumerate(frames):
        starts[(k + shift) % room], lasts[(k + shift) % room] = start_s, length_s
    found_s = earliest_start_s(now_s, airtime_s, budget_s, starts, lasts, (len(frames) - 1 + shift) % room, len(frames))
    assert found_s == pytest.approx(expected_s, rel=0, abs=1e-6)


@given(
    st.sampled_from([0.001, 0.01, 0.1, 0.5]),
    st.lists(st.tuples(st.floats(0.03, 3.0), st.floats(0, 1500)), min_size=2, max_size=60),
    st.booleans(),
)
def test_no_hour_holds_more_than_the_share(duty_cycle: float, sent: list[tuple[float, float]], pauses: bool) -> None:
    """Strictly, in exact arithmetic, for every window that begins or ends with a frame, under both rules."""
    frames = scheduled([a for a, _ in sent], duty_cycle, [pause for _, pause in sent] if pauses else None)
    budget = Fraction(duty_cycle * HOUR_S)
    for start_s, airtime_s in frames:
        end = Fraction(start_s) + Fraction(airtime_s)
        assert airtime_in(frames, end - 3600, end) <= budget
        assert airtime_in(frames, Fraction(start_s), Fraction(start_s) + 3600) <= budget


def test_the_off_time_alone_would_let_an_hour_hold_too_much() -> None:
    """SF12, 51 bytes, 1 %: 13 frames of 2.793472 s fit an hour by the off-time rule, which is 36.3 s, not 36 s."""
    gap_s = 2.793472 + off_time_s(2.793472, 0.01)
    frames = [(k * gap_s, 2.793472) for k in range(20)]
    end = Fraction(frames[12][0]) + Fraction(frames[12][1])
    assert airtime_in(frames, end - 3600, end) > 36


@pytest.mark.parametrize("row", rows(DERIVED), ids=lambda row: f"{row[-1]} SF{row[0]}")
def test_off_time_and_frames_per_hour_at_one_percent(row: list[str]) -> None:
    """The off-time to 1 us; whole frames in the first hour, in any later one at most, and as rate over six hours."""
    airtime_s, per_hour = float(row[9]) / 1e3, int(row[11])
    assert off_time_s(airtime_s, 0.01) * 1e3 == pytest.approx(float(row[10]), abs=1e-3)
    frames = scheduled([airtime_s] * (6 * per_hour + 6), 0.01)
    ends = np.array([start_s + airtime_s for start_s, _ in frames])
    assert np.count_nonzero(ends <= HOUR_S) == per_hour
    whole = [np.count_nonzero((ends <= start_s + HOUR_S) & (ends > start_s)) for start_s, _ in frames[:: per_hour // 3]]
    assert max(whole) == per_hour
    assert math.floor(np.count_nonzero(ends <= 6 * HOUR_S) / 6) == per_hour


def test_a_frame_that_exceeds_the_budget_alone_never_starts() -> None:
    """3 s in an hour of 2.9 s."""
    assert earliest_start_s(0.0, 3.0, 2.9, np.zeros(1), np.zeros(1), 0, 0) == math.inf


def test_without_a_limit_there_is_no_wait() -> None:
    """A share of 1, frame after frame for more than an hour."""
    assert scheduled([0.4] * 9100, 1.0)[-1][0] == pytest.approx(9099 * 0.4)


def test_compiled_functions_give_the_same_bits() -> None:
    """A ring of an hour, compiled and interpreted."""
    frames = scheduled([0.399616] * 90, 0.01)
    starts, lasts = (np.array(column) for column in zip(*frames, strict=True))
    register_jitable(duty.earliest_start_s)
    register_jitable(duty.off_time_s)

    def both(now_s: float, airtime_s: float) -> tuple[float, float]:
        return earliest_start_s(now_s, airtime_s, 36.0, starts, lasts, 89, 90), off_time_s(airtime_s, 0.01)

    compiled = numba.njit(both)
    for now_s in (3596.6, 3599.0, 5000.0, 9e9):
        assert compiled(now_s, 0.2) == both(now_s, 0.2)
