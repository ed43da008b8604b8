"""From the requests table to the rows of summary.csv: one row per policy (and group, if there is more than one).

Meaning of each column (requests that arrive before the end of the warm-up are left out everywhere):

- ``latency_*``: over completed requests; ``*_ci95_*``: half-width of the 95 % interval, empty where there is none.
- ``energy_mean_j``, ``bytes_up_mean``: over all requests that have the value; what was spent on a request that was
  dropped later was spent all the same.
- ``deadline_miss_ratio``: (completed late + dropped + censored) / requests with a deadline.
- ``accuracy``: share of correct answers among completed requests whose answer is known, else the published top-1;
  less what the profile says that lost bytes cost.
- ``throughput_rps``: completed requests per second of observed time, which runs from the end of the warm-up to the
  horizon, or to the last completion of the policy's run where there is no horizon.
- ``utilisation_*``: busy time of a station / (its servers x observed time), computed by the caller.
- ``offered_load``, ``busiest_station``: of the station on the way that is asked for most, see `simulator.plan.load`;
  empty for a policy that decides anew for each request.
- ``condition``: why the means are not compared with those of other policies; empty where they are (`comparability`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.analysis.comparability import conditions
from simulator.analysis.selection import RequestColumns, Selection, policy_names, select, select_all
from simulator.analysis.statistics import Estimate, FloatArray, estimate_mean, make_blocks, percentiles

#: columns of summary.csv in order; ``group`` follows ``policy`` when there is more than one
SUMMARY_COLUMNS = (
    "policy",
    "requests",
    "completed",
    "dropped",
    "censored",
    "deadline_miss_ratio",
    "latency_mean_s",
    "latency_ci95_s",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "energy_mean_j",
    "energy_ci95_j",
    "bytes_up_mean",
    "accuracy",
    "throughput_rps",
    "utilisation_device",
    "utilisation_uplink",
    "utilisation_edge",
    "offered_load",
    "busiest_station",
    "condition",
)


@dataclass(frozen=True)
class RunFacts:
    """What the requests table cannot tell about one policy (and group).

    Attributes
    ----------
    utilisation_device, utilisation_uplink, utilisation_edge : float
        Busy share of each station, 0 to 1; NaN where the station does not exist.
    top1 : float or None
        Published top-1 accuracy of the model as a fraction, for requests without a known answer.
    offered_load : float
        Of the busiest station on the way; NaN where it is not known before the run.
    busiest_station : str
        Which one that is.
    overload : str
        Why there is no steady state; empty where there is one.
    """

    utilisation_device: float = math.nan
    utilisation_uplink: float = math.nan
    utilisation_edge: float = math.nan
    top1: float | None = None
    offered_load: float = math.nan
    busiest_station: str = ""
    overload: str = ""


@dataclass(frozen=True)
class Summary:
    """Rows of summary.csv and the cautions about their intervals, each once, naming its policies (unless all)."""

    rows: tuple[dict[str, Any], ...]
    cautions: tuple[str, ...]


def summarise(
    requests: pa.Table | RequestColumns,
    facts: Mapping[tuple[str, str], RunFacts],
    *,
    warmup_s: float = 0.0,
    batches: int = 20,
    horizon_s: float | None = None,
) -> Summary:
    """Rows of summary.csv.

    Parameters
    ----------
    requests : pyarrow.Table or RequestColumns
        Columns as in requests.parquet.
    facts : mapping of (policy, group) to RunFacts
        ``group`` is ``""`` when the table has no column ``group``. Missing keys mean unknown.
    warmup_s, horizon_s : float
        Simulated time, counted from 0 in each replication.
    batches : int
        Number of batches when there is one replication.
    """
    columns = requests if isinstance(requests, RequestColumns) else RequestColumns(requests)
    observed = {policy: observed_time_s(columns, policy, warmup_s, horizon_s) for policy in policy_names(columns)}
    rows: list[dict[str, Any]] = []
    cautions: dict[str, dict[str, None]] = {}
    for selection in select_all(columns, warmup_s):
        known = facts.get((selection.policy, selection.group), RunFacts())
        row, warned = _row(selection, known, observed[selection.policy], batches)
        rows.append(row)
        for caution in filter(None, warned):
            cautions.setdefault(caution, {})[selection.policy] = None
    overloads = {key: known.overload for key, known in facts.items()}
    for row, reason in zip(rows, conditions(rows, overloads), strict=True):
        row["condition"] = reason
    named = (
        caution if len(where) == len(observed) else f"{', '.join(where)}: {caution}"
        for caution, where in cautions.items()
    )
    return Summary(tuple(rows), tuple(named))


def observed_time_s(columns: RequestColumns, policy: str, warmup_s: float, horizon_s: float | None) -> float:
    """Simulated seconds after the warm-up, summed over the replications of a policy; 0 if nothing was observed."""
    rows = select(columns, warmup_s, policy).rows
    if not len(rows):
        return 0.0
    numbers, starts = np.unique(columns.floats("replication")[rows], return_index=True)
    if horizon_s is not None:
        return len(numbers) * (horizon_s - warmup_s)
    finish = columns.floats("finish_s")[rows]
    last = np.fmax.reduceat(np.where(np.isnan(finish), columns.floats("arrival_s")[rows], finish), starts)
    return float((last - warmup_s).sum())


def _row(
    selection: Selection, known: RunFacts, observed_s: float, batches: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    blocks = make_blocks(selection.floats("replication").astype(np.int64), batches)
    completed = selection.count("completed")
    latencies = selection.completed("latency_s")
    latency = estimate_mean(latencies, blocks)
    energy = estimate_mean(selection.floats("energy_j"), blocks)
    if known.overload:  # these means depend on the length of the run: there is nothing that an interval could cover
        latency, energy = Estimate(latency.mean, math.nan), Estimate(energy.mean, math.nan)
    p50, p95, p99 = percentiles(latencies, (50, 95, 99))
    row = {
        "policy": selection.policy,
        **({"group": selection.group} if selection.group else {}),
        "requests": len(selection.rows),
        "completed": completed,
        "dropped": selection.count("dropped"),
        "censored": selection.count("censored"),
        "deadline_miss_ratio": _deadline_miss_ratio(selection),
        "latency_mean_s": latency.mean,
        "latency_ci95_s": latency.half_width,
        "latency_p50_s": p50,
        "latency_p95_s": p95,
        "latency_p99_s": p99,
        "energy_mean_j": energy.mean,
        "energy_ci95_j": energy.half_width,
        "bytes_up_mean": _mean(selection.floats("bytes_up")),
        "accuracy": _accuracy(selection, known.top1),
        "throughput_rps": completed / observed_s if observed_s > 0 else math.nan,
        "utilisation_device": known.utilisation_device,
        "utilisation_uplink": known.utilisation_uplink,
        "utilisation_edge": known.utilisation_edge,
        "offered_load": known.offered_load,
        "busiest_station": known.busiest_station,
        "condition": "",
    }
    return row, (latency.caution, energy.caution)


def _deadline_miss_ratio(selection: Selection) -> float:
    with_deadline = ~np.isnan(selection.floats("deadline_s"))
    if not with_deadline.any():
        return math.nan
    missed = selection.completed("deadline_met") != 1.0
    return float(missed[with_deadline].mean())


def _accuracy(selection: Selection, top1: float | None) -> float:
    kept: FloatArray | float = 1.0
    if selection.columns.has("accuracy_kept"):
        kept = selection.completed("accuracy_kept")
    known = _mean(selection.completed("correct") * kept)
    if math.isnan(known) and top1 is not None and selection.count("completed"):
        return top1 * _mean(np.atleast_1d(kept))
    return known


def _mean(values: FloatArray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan
