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
from simulator.plan.system import System

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
        best = values[:, :, m].argmin(axis=1)
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
    """Expected latency and energy at some uplink rates, shape (rates, 2); the best of several options at each."""
    if not choice.alternatives:
        return _of_one(choice, rates_bps)
    values = np.stack([_of_one(one, rates_bps) for one in choice.alternatives])
    best = values[..., METRICS.index("energy_j" if choice.compared_by == "energy" else "latency_s")].argmin(axis=0)
    chosen: Floats = np.take_along_axis(values, best[None, :, None], axis=0)[0]
    return chosen


def _of_one(choice: Choice, rates_bps: Floats) -> Floats:
    """Expected latency and energy at some uplink rates, shape (rates, 2); a policy with an objective chooses anew."""
    objective = choice.intent.objective if choice.intent.cut is None else ""
    table = choice.table if objective else choice.table.only(choice.cut)
    prediction = predict(table, choice.group, rates_bps)
    values = np.stack([prediction.latency_s @ choice.shares, prediction.energy_j @ choice.shares], axis=-1)
    fits = np.array([not objective or not reason for reason in table.misfit])
    scores = np.where(fits, values[..., METRICS.index("energy_j" if objective == "energy" else "latency_s")], np.inf)
    chosen: Floats = np.take_along_axis(values, scores.argmin(axis=1)[:, None, None], axis=1)[:, 0]
    return chosen
