"""Predicted latency and energy of every policy over the uplink rate, and the rates at which the best one changes.

Each group of a fleet has its own curves, around its own mean uplink rate; beyond the first dozen groups nobody could
read the figure. A LoRaWAN link has no rate to vary.

Predictions leave queues out; what they show is which partition pays at which rate. A policy that chooses its cut
chooses anew at each rate. Crossovers are found by bisection between two neighbouring rates of the grid.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.arrays import Floats
from simulator.plan.choice import Choice
from simulator.plan.plan import Plan
from simulator.plan.prediction import predict
from simulator.plan.selecting import limits, scored
from simulator.plan.system import System
from simulator.policies.objectives import Objective

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, str | float]

#: the grid spans two decades on either side of the mean uplink rate
_DECADES = 2.0
_POINTS = 121
_BISECTIONS = 48
_MOST_GROUPS = 12
METRICS = ("latency_s", "energy_j")


def rate_sweep(system: System, plans: list[Plan], without: Container[str] = ()) -> dict[str, pa.Table]:
    """Tables ``rate_sweep`` and ``rate_sweep_crossovers``, without some policies."""
    import pyarrow as pa

    sweep: list[Row] = []
    crossovers: list[Row] = []
    for g, group in enumerate(system.groups[:_MOST_GROUPS]):
        if group.lora is not None:
            continue
        curves, changes = _of_group(system, plans, g, without)
        sweep += [{"group": group.name, **row} for row in curves]
        crossovers += [{"group": group.name, **row} for row in changes]
    if not sweep:
        return {}
    return {
        "rate_sweep": pa.Table.from_pylist(sweep, _schema("rate_sweep")),
        "rate_sweep_crossovers": pa.Table.from_pylist(crossovers, _schema("rate_sweep_crossovers")),
    }


def _of_group(system: System, plans: list[Plan], g: int, without: Container[str]) -> tuple[list[Row], list[Row]]:
    """Points of the curves of one group, and where its best policy changes."""
    group = system.groups[g]
    mean = group.uplink.mean_rate_bps
    grid = np.geomspace(mean / 10**_DECADES, mean * 10**_DECADES, _POINTS)
    shown = [k for k, plan in enumerate(plans) if plan.policy not in without]
    choices = [plans[k].choices[g] for k in shown]

    def at(rates_bps: Floats, policies: Sequence[int]) -> Floats:
        return np.stack([_at(choices[k], rates_bps) for k in policies], axis=1)

    values = at(grid, range(len(shown)))
    labels = [plans[k].policy for k in shown]
    curves: list[Row] = [
        {"uplink_rate_bps": float(rate), "policy": label, **dict(zip(METRICS, map(float, values[n, k]), strict=True))}
        for k, label in enumerate(labels)
        for n, rate in enumerate(grid)
    ]
    changes: list[Row] = []
    for m, metric in enumerate(METRICS):
        best = np.where(np.isnan(values[:, :, m]), np.inf, values[:, :, m]).argmin(axis=1)
        for n in np.flatnonzero(np.diff(best)):
            before, after = int(best[n]), int(best[n + 1])
            low, high = grid[n], grid[n + 1]
            for _ in range(_BISECTIONS):
                middle = float(np.sqrt(low * high))
                one, other = at(np.array([middle]), (before, after))[0, :, m]
                low, high = (middle, high) if one <= other else (low, middle)
            changes.append(
                {
                    "metric": metric,
                    "rate_bps": float(high),
                    "from_policy": labels[before],
                    "to_policy": labels[after],
                }
            )
    return curves, changes


def _schema(table: str) -> pa.Schema:
    import pyarrow as pa

    text = ("group", "policy", "metric", "from_policy", "to_policy")
    return pa.schema([(column, pa.string() if column in text else pa.float64()) for column in CURVE_COLUMNS[table]])


def _at(choice: Choice, rates_bps: Floats) -> Floats:
    """Expected latency and energy at some uplink rates, shape (rates, 2); the best of several options at each.

    NaN where no option keeps to what it has to.
    """
    if not choice.alternatives:
        return _of_one(choice, rates_bps)[0]
    found = [_of_one(one, rates_bps, choice.compared_by) for one in choice.alternatives]
    values, score = np.stack([one[0] for one in found]), np.stack([one[1] for one in found])
    chosen: Floats = np.take_along_axis(values, score.argmin(axis=0)[None, :, None], axis=0)[0]
    return chosen


def _of_one(choice: Choice, rates_bps: Floats, compared_by: Objective = "latency") -> tuple[Floats, Floats]:
    """The same of one choice, and its score by another objective, infinite where it has none; shape (rates,).

    A policy with an objective chooses anew at each rate.
    """
    chooses, intent = choice.intent.cut is None, choice.intent
    table = choice.table if chooses else choice.table.only(choice.cut)
    prediction = predict(table, choice.group, rates_bps)
    latency_s, energy_j = prediction.latency_s @ choice.shares, prediction.energy_j @ choice.shares
    score = scored(prediction, choice.shares, intent.objective, choice.crowd)
    allowed = np.ones(score.shape, dtype=bool)
    if chooses:
        allowed &= [not reason for reason in table.misfit]
        for limit in limits(intent.within, latency_s, energy_j, choice.accuracy, choice.sends_input):
            allowed &= limit.kept
    best = np.where(allowed, score, np.inf).argmin(axis=1)[:, None]
    there = np.take_along_axis(allowed, best, axis=1)

    def at_best(of: Floats) -> Floats:
        return np.take_along_axis(of, best, axis=1)

    values = np.where(there, np.concatenate([at_best(latency_s), at_best(energy_j)], axis=1), np.nan)
    compared = at_best(scored(prediction, choice.shares, compared_by, choice.crowd))
    return values, np.where(there, compared, np.inf)[:, 0]
