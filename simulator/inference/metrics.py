"""From the requests table to the rows of summary.csv: one row per policy (and group, if there is more than one).

Meaning of each column (requests of the warm-up and of the cool-down, see `window`, are left out everywhere):

- ``latency_*``: over completed requests; ``*_ci95_*``: half-width of the 95 % interval, empty where there is none;
  ``*_ci95_is_at_least``: whether that is only a lower bound, because the run is too short for its load.
- ``energy_mean_j``, ``bytes_up_mean``: over all requests that have the value; what was spent on a request that was
  dropped later was spent all the same.
- ``deadline_miss_ratio``: (completed late + dropped + censored) / requests with a deadline.
- ``accuracy``: share of correct answers among completed requests whose answer is known, else the published top-1;
  less what the profile says that lost bytes cost.
- ``throughput_rps``: completed requests per second of observed time, which runs from the end of the warm-up to the
  beginning of the cool-down, else to the horizon, or to the last completion of the policy's run where there is neither.
- ``utilisation_*``: busy time of a station / (its servers x observed time), computed by the caller.
- ``offered_load``, ``busiest_station``: of the station on the way that is asked for most, see `simulator.plan.load`;
  empty for a policy that decides anew for each request.
- ``condition``: why the means are not compared with those of other policies; empty where they are (`comparability`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.accounts.request_columns import RequestColumns, policy_names
from simulator.accounts.window import Window
from simulator.arrays import Floats
from simulator.inference.comparability import conditions
from simulator.inference.selection import Selection, select, select_all
from simulator.inference.statistics import SHARED_IDLE, Estimate, estimate_mean, make_blocks, percentiles

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
    "latency_ci95_is_at_least",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "energy_mean_j",
    "energy_ci95_j",
    "energy_ci95_is_at_least",
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
    short : str
        Why the run is too short for its load to support an interval; empty otherwise.
    """

    utilisation_device: float = math.nan
    utilisation_uplink: float = math.nan
    utilisation_edge: float = math.nan
    top1: float | None = None
    offered_load: float = math.nan
    busiest_station: str = ""
    overload: str = ""
    short: str = ""


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
    until_s: Sequence[float] = (),
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
    until_s : sequence of float
        Per replication, when the first device had run out; infinite where nothing arrived later, empty for nowhere.
    """
    window = Window(warmup_s, tuple(until_s))
    columns = requests if isinstance(requests, RequestColumns) else RequestColumns(requests)
    observed = {policy: observed_time_s(columns, policy, window, horizon_s) for policy in policy_names(columns)}
    rows: list[dict[str, Any]] = []
    said: dict[str, dict[str, dict[str, None]]] = {}
    for selection in select_all(columns, window):
        known = facts.get((selection.policy, selection.group), RunFacts())
        row, estimates = _row(selection, known, observed[selection.policy], batches)
        rows.append(row)
        for metric, estimate in estimates.items():
            if estimate.caution:
                of = said.setdefault(selection.policy, {}).setdefault(estimate.caution, {})
                of |= {} if estimate.is_at_least else {metric: None}
    overloads = {key: known.overload for key, known in facts.items()}
    for row, reason in zip(rows, conditions(rows, overloads), strict=True):
        row["condition"] = reason
    return Summary(tuple(rows), tuple(_cautions(said, len(observed))))


def _cautions(said: Mapping[str, Mapping[str, Iterable[str]]], policies: int) -> Iterator[str]:
    """Each caution once, with the policies it is about (unless all) and with what has no interval.

    ``said`` holds, for each policy, its cautions and the quantities that have no interval because of them.
    """
    where: dict[str, list[str]] = {}
    for policy, cautions in said.items():
        for caution, missing in cautions.items():
            names = " and ".join(missing)
            where.setdefault(f"no interval for {names}: {caution}" if names else caution, []).append(policy)
    for text, names_of in where.items():
        yield text if len(names_of) == policies else f"{', '.join(names_of)}: {text}"


def observed_time_s(columns: RequestColumns, policy: str, window: Window, horizon_s: float | None) -> float:
    """Simulated seconds that count, summed over the replications of a policy; 0 if nothing was observed."""
    rows = select(columns, window, policy).rows
    if not len(rows):
        return 0.0
    numbers, starts = np.unique(columns.floats("replication")[rows], return_index=True)
    if horizon_s is not None:
        last = np.full(len(numbers), horizon_s)
    else:
        finish = columns.floats("finish_s")[rows]
        last = np.fmax.reduceat(np.where(np.isnan(finish), columns.floats("arrival_s")[rows], finish), starts)
    end = window.end_s(numbers.astype(np.int64))
    return float((np.where(np.isfinite(end), np.minimum(end, last), last) - window.warmup_s).sum())


def _row(
    selection: Selection, known: RunFacts, observed_s: float, batches: int
) -> tuple[dict[str, Any], dict[str, Estimate]]:
    blocks = make_blocks(selection.floats("replication").astype(np.int64), batches)
    completed = selection.count("completed")
    latencies = selection.completed("latency_s")
    latency = estimate_mean(latencies, blocks, known.short)
    if blocks.replications < 2 and selection.shares_idle_energy:
        blocks = blocks.without_interval(SHARED_IDLE)
    energy = estimate_mean(selection.floats("energy_j"), blocks, known.short)
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
        "latency_ci95_is_at_least": latency.is_at_least,
        "latency_p50_s": p50,
        "latency_p95_s": p95,
        "latency_p99_s": p99,
        "energy_mean_j": energy.mean,
        "energy_ci95_j": energy.half_width,
        "energy_ci95_is_at_least": energy.is_at_least,
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
    return row, {"mean latency": latency, "mean energy": energy}


def _deadline_miss_ratio(selection: Selection) -> float:
    with_deadline = ~np.isnan(selection.floats("deadline_s"))
    if not with_deadline.any():
        return math.nan
    missed = selection.completed("deadline_met") != 1.0
    return float(missed[with_deadline].mean())


def _accuracy(selection: Selection, top1: float | None) -> float:
    kept: Floats | float = 1.0
    if selection.columns.has("accuracy_kept"):
        kept = selection.completed("accuracy_kept")
    known = _mean(selection.completed("correct") * kept)
    if math.isnan(known) and top1 is not None and selection.count("completed"):
        return top1 * _mean(np.atleast_1d(kept))
    return known


def _mean(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan
