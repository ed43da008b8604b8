"""The best option under an objective and constraints, against brute force over generated tables."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.objectives import OBJECTIVES, Limit, Selected, Unmet, scores, select

pytestmark = pytest.mark.engine_free

STAGES = 4
values = st.integers(0, 8).map(lambda k: k / 4)
weights = st.dictionaries(st.sampled_from(OBJECTIVES), values, min_size=1)
objectives = st.one_of(st.sampled_from(OBJECTIVES), weights)


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Rows of energy and stages, one for each option."""
    return np.array(draw(st.lists(st.lists(values, min_size=1 + STAGES, max_size=1 + STAGES), min_size=1, max_size=12)))


def score_by_hand(objective: str | dict[str, float], row: list[float]) -> float:
    energy, *stages = row
    found = {
        "latency": sum(stages),
        "energy": energy,
        "energy_delay": energy * sum(stages),
        "throughput": max(stages),
    }
    if isinstance(objective, str):
        return found[objective]
    return sum(weight * found[name] for name, weight in objective.items())


def scored(objective: str | dict[str, float], table: np.ndarray, delay_s: float = 0.0) -> np.ndarray:
    return scores(objective, table[:, 1:].sum(axis=1) + delay_s, table[:, 0], list(table[:, 1:].T))


@given(objectives, tables())
def test_scores_are_those_by_hand(objective, table) -> None:
    assert scored(objective, table).tolist() == [score_by_hand(objective, row) for row in table.tolist()]


@given(objectives, tables(), st.data())
def test_the_best_option_is_that_of_brute_force(objective, table, data) -> None:
    """Of all rows that can run and keep to deadline, energy, accuracy and input, the first with the least score."""
    flags = st.lists(st.booleans(), min_size=len(table), max_size=len(table))
    can_run, sends_input = np.array(data.draw(flags)), np.array(data.draw(flags))
    accuracy = np.array(data.draw(st.lists(values, min_size=len(table), max_size=len(table))))
    deadline, most_j, least_accuracy = data.draw(values) * 4, data.draw(values), data.draw(values)
    limits = [
        Limit("deadline", table[:, 1:].sum(axis=1), deadline),
        Limit("device energy", table[:, 0], most_j),
        Limit("accuracy", accuracy, least_accuracy, is_floor=True),
        Limit("raw input", sends_input.astype(float), 0.0),
    ]
    rows = [
        (score_by_hand(objective, row), k)
        for k, row in enumerate(table.tolist())
        if can_run[k]
        and sum(row[1:]) <= deadline
        and row[0] <= most_j
        and accuracy[k] >= least_accuracy
        and not sends_input[k]
    ]
    assert select(scored(objective, table), can_run, limits).option == min(rows, default=(0, -1))[1]


@given(objectives, tables(), tables(), st.lists(values, min_size=2, max_size=2))
def test_another_option_never_makes_the_best_worse(objective, table, more, most) -> None:
    """Under any objective, with a deadline and a limit on energy."""

    def best_of(rows: np.ndarray) -> float:
        limits = [Limit("deadline", rows[:, 1:].sum(axis=1), 4 * most[0]), Limit("energy", rows[:, 0], most[1])]
        score = scored(objective, rows)
        option = select(score, np.ones(len(rows), dtype=bool), limits).option
        return math.inf if option < 0 else float(score[option])

    assert best_of(np.concatenate((table, more))) <= best_of(table)


@given(
    st.one_of(
        st.sampled_from(["latency", "energy", "throughput"]),
        st.dictionaries(st.sampled_from(["latency", "energy", "throughput"]), values, min_size=1),
    ),
    tables(),
    values,
    values,
)
def test_the_same_delay_for_all_never_moves_the_best(objective, table, delay_s, idle_w) -> None:
    """A propagation delay that every split pays, in which the device idles: energy rises by the same as well."""
    can_run = np.ones(len(table), dtype=bool)
    later = table + np.array([idle_w * delay_s, *[0.0] * STAGES])
    assert select(scored(objective, table), can_run) == select(scored(objective, later, delay_s), can_run)


def test_the_same_delay_may_move_the_best_by_product() -> None:
    """2 J times 3 s before 1 J times 7 s; 4 s later 2 times 7 behind 1 times 11."""
    table = np.array([[2.0, 3, 0, 0, 0], [1.0, 7, 0, 0, 0]])
    assert select(scored("energy_delay", table), np.ones(2, dtype=bool)).option == 0
    assert select(scored("energy_delay", table, 4.0), np.ones(2, dtype=bool)).option == 1


@given(st.data())
def test_what_cannot_be_met_is_the_fewest_that_exclude_each_other(data) -> None:
    """Brute force: no fewer limits exclude all options; each named one is met at its nearest value and not before."""
    options, count = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    column = st.lists(values, min_size=options, max_size=options).map(np.array)
    limits = [Limit(str(k), data.draw(column), data.draw(values), data.draw(st.booleans())) for k in range(count)]
    can_run = np.array(data.draw(st.lists(st.booleans(), min_size=options, max_size=options)))
    found = select(np.zeros(options), can_run, limits)

    def satisfiable(few: list[Limit]) -> bool:
        return any(can_run[k] and all(limit.kept[k] for limit in few) for k in range(options))

    if not can_run.any():
        assert found == Selected(-1)
        return
    assert (found.option >= 0) == satisfiable(limits)
    if found.option >= 0:
        assert found.unmet == ()
        return
    names = [one.name for one in found.unmet]
    assert not satisfiable([limit for limit in limits if limit.name in names])
    for fewer in range(1, len(names)):
        assert all(satisfiable(list(few)) for few in combinations(limits, fewer))
    for one in found.unmet:
        limit = limits[int(one.name)]
        others = [other for other in limits if other.name in names and other is not limit]
        assert satisfiable([*others, Limit("", limit.values, one.nearest, limit.is_floor)])
        closer = np.nextafter(one.nearest, limit.most)
        assert not satisfiable([*others, Limit("", limit.values, closer, limit.is_floor)])


def test_two_constraints_that_exclude_each_other_are_both_named() -> None:
    """50 ms costs 2 J, 1 J takes 80 ms: with the other one kept, each is met at the other option."""
    deadline = Limit("deadline", np.array([0.05, 0.08, 0.2]), 0.06)
    energy = Limit("device energy", np.array([2.0, 1.0, 0.5]), 1.0)
    found = select(np.zeros(3), np.ones(3, dtype=bool), [deadline, energy])
    assert found == Selected(-1, (Unmet("deadline", 0.06, 0.08), Unmet("device energy", 1.0, 2.0)))


def test_an_unknown_accuracy_keeps_to_no_floor() -> None:
    """And is not the nearest value either."""
    floor = Limit("accuracy", np.array([np.nan, 0.7]), 0.75, is_floor=True)
    found = select(np.zeros(2), np.ones(2, dtype=bool), [floor])
    assert found == Selected(-1, (Unmet("accuracy", 0.75, 0.7),))
    assert math.isnan(select(np.zeros(2), np.array([True, False]), [floor]).unmet[0].nearest)
