"""Predicted latency and energy of every policy over the uplink rate, and the rates at which the best one changes.

Predictions leave queues out; what they show is which partition pays at which rate. A policy that chooses its cut
chooses anew at each rate. Crossovers are found by bisection between two neighbouring rates of the grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.physics import decide
from simulator.plan.candidates import predict
from simulator.plan.plan import Choice, Plan
from simulator.plan.system import Group, System

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]

#: the grid spans two decades on either side of the mean uplink rate
_DECADES = 2.0
_POINTS = 121
_BISECTIONS = 60
METRICS = ("latency_s", "energy_j")


def rate_sweep(system: System, plans: list[Plan]) -> dict[str, pa.Table]:
    """Tables ``rate_sweep`` and ``rate_sweep_crossovers`` for the first group of a system."""
    import pyarrow as pa

    group = system.groups[0]
    mean = group.uplink.mean_rate_bps
    grid = np.geomspace(mean / 10**_DECADES, mean * 10**_DECADES, _POINTS)
    policies = list(system.scenario.policies)
    choices = [plan.choices[0] for plan in plans]
    chooses = [policy.intent().objective if policy.intent().cut is None else "" for policy in policies]

    def at(rate_bps: float) -> Floats:
        return np.array(
            [_at(choice, group, objective, rate_bps) for choice, objective in zip(choices, chooses, strict=True)]
        )

    values = np.array([at(rate) for rate in grid])
    labels = [plan.policy for plan in plans]
    sweep = {
        "uplink_rate_bps": np.tile(grid, len(labels)),
        "policy": [label for label in labels for _ in grid],
        "latency_s": values[:, :, 0].T.ravel(),
        "energy_j": values[:, :, 1].T.ravel(),
    }
    found: dict[str, list[str | float]] = {"metric": [], "rate_bps": [], "from_policy": [], "to_policy": []}
    for m, metric in enumerate(METRICS):
        best = values[:, :, m].argmin(axis=1)
        for k in np.flatnonzero(np.diff(best)):
            before, after = int(best[k]), int(best[k + 1])
            low, high = grid[k], grid[k + 1]
            for _ in range(_BISECTIONS):
                middle = float(np.sqrt(low * high))
                here = at(middle)[:, m]
                low, high = (middle, high) if here[before] <= here[after] else (low, middle)
            found["metric"].append(metric)
            found["rate_bps"].append(float(high))
            found["from_policy"].append(labels[before])
            found["to_policy"].append(labels[after])
    schema = pa.schema(
        [("metric", pa.string()), ("rate_bps", pa.float64()), ("from_policy", pa.string()), ("to_policy", pa.string())]
    )
    return {"rate_sweep": pa.table(sweep), "rate_sweep_crossovers": pa.table(found, schema=schema)}


def _at(choice: Choice, group: Group, objective: str, rate_bps: float) -> tuple[float, float]:
    """Expected latency and energy at one uplink rate; a policy with an objective chooses its cut anew."""
    prediction = predict(choice.table, group, rate_bps)
    latency = prediction.expected(prediction.latency_s, choice.shares)
    energy = prediction.expected(prediction.energy_j, choice.shares)
    cut = choice.cut
    if objective:
        fits = np.array([not reason for reason in choice.table.misfit])
        cut = decide.best(latency if objective == "latency" else energy, fits)
    return float(latency[cut]), float(energy[cut])
