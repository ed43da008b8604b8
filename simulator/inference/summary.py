"""From the requests table to the rows of summary.csv: one row per policy (and group, if there is more than one).

Which columns there are, and what each of them is, stands in `metrics`; ``condition`` says why the means of a row are
not compared with those of other policies (`comparability`), and is empty where they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.accounts.request_columns import RequestColumns, policy_names
from simulator.accounts.window import Window
from simulator.inference.comparability import conditions
from simulator.inference.ended import ended_rows, ended_sentences
from simulator.inference.metrics import METRICS, RunFacts, Subject
from simulator.inference.selection import select, select_all
from simulator.inference.statistics import SHARED_IDLE, Estimate, estimate_mean, make_blocks


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
    ended: Mapping[str, str] = MappingProxyType({}),
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
    ended : mapping of str to str
        Why policies have no requests, see `ended`.
    """
    window = Window(warmup_s, tuple(until_s))
    columns = requests if isinstance(requests, RequestColumns) else RequestColumns(requests)
    observed = {policy: observed_time_s(columns, policy, window, horizon_s) for policy in policy_names(columns)}
    rows: list[dict[str, Any]] = []
    said: dict[str, dict[str, dict[str, None]]] = {}
    for selection in select_all(columns, window):
        known = facts.get((selection.policy, selection.group), RunFacts())
        row, estimates = _row(Subject(selection, known, observed[selection.policy]), batches)
        rows.append(row)
        for metric, estimate in estimates.items():
            if estimate.caution:
                of = said.setdefault(selection.policy, {}).setdefault(estimate.caution, {})
                of |= {} if estimate.is_at_least else {metric: None}
    overloads = {key: known.overload for key, known in facts.items()}
    for row, reason in zip(rows, conditions(rows, overloads), strict=True):
        row["condition"] = reason
    rows += ended_rows(rows, ended)
    return Summary(tuple(rows), (*_cautions(said, len(observed)), *ended_sentences(rows)))


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


def _row(subject: Subject, batches: int) -> tuple[dict[str, Any], dict[str, Estimate]]:
    """The columns of all metrics, and the estimates among them by their words."""
    requests, known = subject.requests, subject.known
    blocks = make_blocks(requests.floats("replication").astype(np.int64), batches)
    no_idle = blocks
    if blocks.replications < 2 and requests.shares_idle_energy:
        no_idle = blocks.without_interval(SHARED_IDLE)
    row: dict[str, Any] = {"policy": requests.policy, **({"group": requests.group} if requests.group else {})}
    estimates = {}
    for metric in METRICS:
        if metric.needs and not known.has(metric.needs):
            continue
        value = metric.of(subject)
        if metric.interval:
            estimate = estimate_mean(value, no_idle if metric.has_idle else blocks, known.short)
            if known.overload:  # the mean depends on the length of the run, and nothing is there to be covered
                estimate = Estimate(estimate.mean, math.nan)
            estimates[f"mean {metric.key}"] = estimate
            row |= zip(metric.columns, (estimate.mean, estimate.half_width, estimate.is_at_least), strict=True)
        else:
            row[metric.name] = value
    row["condition"] = ""
    return row, estimates
