"""Radio states: which stage, which promotion, and the energy of the tail against a step-by-step twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.rrc import stage_after, stages_after, tail_j, wake_s

pytestmark = pytest.mark.engine_free

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
    """The radio has been awake since 1 s and is busy until 3 s."""
    assert wake_s(2.0, 3.0, 1.0, [1.0], [0.5, 2.0]) == 0.0


def test_a_transfer_that_comes_during_a_promotion_waits_for_the_rest_of_it() -> None:
    """Another transfer wakes the radio until 2.5 s and holds it until 9 s; one that comes at 2 s waits 0.5 s."""
    assert wake_s(2.0, 9.0, 2.5, [1.0], [0.5, 2.0]) == 0.5


def test_promotion_is_that_of_the_stage() -> None:
    """Tail of 1 s after a transfer that ended at 10 s; never before means idle."""
    asked = [(10.0, 10.0), (10.5, 10.0), (11.0, 10.0), (0.0, -math.inf)]
    assert [wake_s(now, quiet_since, 0.0, [1.0], [0.5, 2.0]) for now, quiet_since in asked] == [0.5, 0.5, 2.0, 2.0]


@given(stages, st.integers(0, 400))
def test_a_stage_lasts_as_long_as_its_steps(tail: list[tuple[int, int]], quiet: int) -> None:
    """Twin: write the stage of every eighth of a second in a row and look up the one of the pause."""
    row = [k for k, (duration, _) in enumerate(tail) for _ in range(duration)]
    ends = (np.cumsum([duration for duration, _ in tail]) / 8).tolist()
    assert stage_after(quiet / 8, ends) == (row[quiet] if quiet < len(row) else len(tail))


@given(stages, st.lists(st.integers(0, 100) | st.just(math.inf), max_size=10))
def test_many_pauses_at_once_have_the_stage_of_each(tail: list[tuple[int, int]], quiet: list[float]) -> None:
    """Twin: one pause after the other."""
    ends = np.cumsum([duration for duration, _ in tail]) / 8
    found = stages_after(np.array(quiet) / 8, ends)
    assert found.tolist() == [stage_after(pause / 8, ends.tolist()) for pause in quiet]


@given(stages, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), min_size=1, max_size=8), st.data())
def test_a_radio_wakes_as_a_machine_that_ticks(
    tail: list[tuple[int, int]], transfers: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Twin: a machine that ticks each eighth of a second through busy, its tail stages and idle.

    Transfers take the radio one after another, some while it still wakes for the one before.
    """
    delays = data.draw(st.lists(st.integers(0, 20), min_size=len(tail) + 1, max_size=len(tail) + 1))
    row = [k for k, (duration, _) in enumerate(tail) for _ in range(duration)]
    ends = (np.cumsum([duration for duration, _ in tail]) / 8).tolist()
    now, busy_until, awake_from, quiet_ticks = 0, 0, 0, None
    quiet_since_s, awake_s = -math.inf, 0.0
    for pause, length in transfers:
        for _ in range(pause):
            now += 1
            if now > busy_until and quiet_ticks is not None:
                quiet_ticks += 1
            elif now == busy_until:
                quiet_ticks = 0
        if now < busy_until:
            expected = max(awake_from - now, 0)
        else:
            stage = len(tail) if quiet_ticks is None or quiet_ticks >= len(row) else row[quiet_ticks]
            expected = delays[stage]
        found = wake_s(now / 8, quiet_since_s, awake_s, ends, [delay / 8 for delay in delays])
        assert found == expected / 8
        awake_from = now + expected
        busy_until = max(busy_until, awake_from + length)
        awake_s, quiet_since_s = awake_from / 8, busy_until / 8
        quiet_ticks = 0
