"""Which alternatives are worth having: the Pareto front of latency, energy and accuracy.

An alternative is one policy at one point of a grid. It is on the front unless another is at least as good in every
objective and better in one. Means over the groups of a fleet are weighted with their requests. Latency is that of
completed requests, so the share that was completed stands beside it. What cannot be compared with the other policies of
its point (`comparability`: no steady state, fewer answers) is on no front.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.errors import Problem, ScenarioError, did_you_mean
from simulator.inference.metrics import KEYED, Metric
from simulator.inference.reservations import BOUND_OF, is_bound

#: what is to be small or large, by name
OBJECTIVES: Mapping[str, Metric] = MappingProxyType({key: metric for key, metric in KEYED.items() if metric.weight})


def read_objectives(text: str) -> tuple[str, ...]:
    """Names of objectives from ``latency,energy``.

    Raises
    ------
    ScenarioError
        For names that are unknown, twice, or fewer than two.
    """
    names = tuple(name.strip() for name in text.split(","))
    problems = []
    for k, name in enumerate(names):
        if name not in OBJECTIVES:
            problems.append(Problem(f'"{name}" is not an objective', did_you_mean(name, list(OBJECTIVES))))
        elif name in names[:k]:
            problems.append(Problem(f'objective "{name}" is given twice', "once is enough"))
    if len(names) < 2 and not problems:
        problems.append(Problem("one objective has no front", "give two or three of: " + ", ".join(OBJECTIVES)))
    if problems:
        raise ScenarioError(problems)
    return names


def merge_groups(rows: Iterable[Mapping[str, Any]], axes: Sequence[str]) -> list[dict[str, Any]]:
    """One alternative per point and policy from the rows of a data set; groups are merged.

    Parameters
    ----------
    rows : iterable of dict
    axes : sequence of str
        Names of the columns that tell points apart.

    Returns
    -------
    list of dict
        The axes, ``policy``, the columns of all objectives with their intervals (NaN for merged groups, whose means
        depend on each other), ``condition`` (why it is on no front) and ``completed_ratio``.
    """
    members: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        members.setdefault((row["point"], row["policy"]), []).append(row)
    return [_merged(group, ("policy", *axes)) for group in members.values()]


def _merged(group: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    merged = {name: group[0][name] for name in names}
    requests = sum(row["requests"] for row in group)
    for objective in OBJECTIVES.values():
        merged[objective.name] = _mean(group, objective)
        if objective.interval:
            merged[objective.interval] = group[0].get(objective.interval, math.nan) if len(group) == 1 else math.nan
            merged[BOUND_OF[objective.interval]] = len(group) == 1 and is_bound(group[0], objective.interval)
    merged["condition"] = next((row["condition"] for row in group if row.get("condition")), "")
    merged["completed_ratio"] = sum(row["completed"] for row in group) / requests if requests else math.nan
    return merged


def _mean(group: Sequence[Mapping[str, Any]], objective: Metric) -> float:
    """Weighted mean; NaN as soon as a group with weight has no value."""
    total = sum(row[objective.weight] for row in group)
    parts = [row[objective.name] * row[objective.weight] for row in group if row[objective.weight]]
    return sum(parts) / total if total else math.nan


def costs(alternatives: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> Floats:
    """Objectives so that less is better, shape (alternatives, objectives); NaN for what cannot be compared."""
    chosen = [OBJECTIVES[name] for name in objectives]
    values = [
        [math.nan if row.get("condition") else objective.sign * row[objective.name] for objective in chosen]
        for row in alternatives
    ]
    return np.array(values, dtype=np.float64).reshape(len(alternatives), len(chosen))


def front(values: Floats) -> NDArray[np.bool_]:
    """Which rows are on the front.

    Parameters
    ----------
    values : array, shape (alternatives, objectives)
        Less is better; rows with NaN are never on the front.

    Returns
    -------
    array of bool, shape (alternatives,)
        Equal rows are on it together.
    """
    on_front = np.zeros(len(values), dtype=bool)
    # after sorting, a row can only be dominated by an earlier one; and then by one of the front so far
    order = np.lexsort(values.T[::-1])
    best = np.empty((0, values.shape[1]))
    for k in order[~np.isnan(values[order]).any(axis=1)]:
        no_worse = (best <= values[k]).all(axis=1)
        if not (no_worse & (best < values[k]).any(axis=1)).any():
            on_front[k] = True
            best = np.vstack((best, values[k]))
    return on_front
