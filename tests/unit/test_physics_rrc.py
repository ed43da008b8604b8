"""Radio states: which stage, which promotion, and the energy of the tail against a step-by-step twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.rrc import stage_after, tail_j, wake_s

stages = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20)), max_size=4)


@given(stages, st.lists(st.integers(0, 200), min_size=1, max_size=10))
def test_tail_energy_is_the_power_of_each_eighth_of_a_second_summed(
    tail: list[tuple[int, int]], pauses: list[int]
) -> None:
    """Twin: walk the pause in steps of 1/8 s, look up the stage of each, add its power."""
    ends = np.cumsum([duration for duration, _ in tail]) / 8
    powers = np.array([float(power) for _, power in tail])
    expected = []
    for pause in pauses:
        at = [stage_after(step / 8, ends.tolist()) for step in range(pause)]
        expected.append(sum(powers[stage] / 8 for stage in at if stage < len(tail)))
    assert tail_j(np.array(pauses) / 8, ends, powers).tolist() == pytest.approx(expected)


def test_a_stage_ends_at_its_end() -> None:
    """Tail of 1 s and 2 s: at 1 s the second stage, at 3 s idle."""
    assert [stage_after(quiet, [1.0, 3.0]) for quiet in (0.0, 0.999, 1.0, 2.999, 3.0, math.inf)] == [0, 0, 1, 1, 2, 2]


def test_no_promotion_while_something_is_on_the_air() -> None:
    assert wake_s(-0.1, [1.0], [0.5, 2.0]) == 0.0


def test_promotion_is_that_of_the_stage() -> None:
    assert [wake_s(quiet, [1.0], [0.5, 2.0]) for quiet in (0.0, 0.5, 1.0, math.inf)] == [0.5, 0.5, 2.0, 2.0]
