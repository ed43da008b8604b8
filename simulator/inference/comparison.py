"""Which policy is best, and whether it is by more than chance: paired differences against the best policy.

For mean latency and mean energy, over all requests and per group: every policy minus the best one, with the 95 %
interval of the paired difference. The best one is sought among the policies that can be compared
(`comparability`); the others are listed last, with the reason, and are never separated. Each interval holds for itself.
Naming a winner asks that all of its differences
are separated; were all policies equal, that would happen in at most 5 % of runs (the gap to the runner-up among more
than two policies is smaller than between two).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.accounts.request_columns import RequestColumns, group_names, policy_names
from simulator.accounts.window import Window
from simulator.arrays import Row
from simulator.inference.comparability import Compared
from simulator.inference.metrics import MEANS, Metric, Subject
from simulator.inference.selection import Selection, select
from simulator.inference.statistics import SHARED_IDLE, estimate_difference, estimate_mean, is_separated, make_blocks

#: every policy is compared
NO_REASONS: Mapping[Compared, str] = MappingProxyType({})
#: what the column ``group`` of a difference row says about all requests together
ALL_GROUPS = "(all)"

DIFFERENCE_COLUMNS = (
    "metric",
    "group",
    "best",
    "best_mean",
    "policy",
    "mean",
    "difference",
    "difference_ci95",
    "separated",
    "interval_from",
    "caution",
    "condition",
)


def difference_rows(
    requests: pa.Table | RequestColumns,
    *,
    warmup_s: float = 0.0,
    batches: int = 20,
    until_s: Sequence[float] = (),
    short: Mapping[tuple[str, str], str] = MappingProxyType({}),
    reasons: Mapping[Compared, str] = NO_REASONS,
) -> tuple[dict[str, Any], ...]:
    """Every policy against the best one, runner-up first; columns as in `DIFFERENCE_COLUMNS`.

    Parameters
    ----------
    requests : pyarrow.Table or RequestColumns
        Columns as in requests.parquet.
    warmup_s, until_s, batches
        As in `summary.summarise`.
    short : mapping of (policy, group) to str
        Why a run is too short for its load, where it is.
    reasons : mapping of Compared to str
        Why a policy is not compared.

    Raises
    ------
    ValueError
        If two policies did not see the same requests (a defect of the engine).
    """
    columns = requests if isinstance(requests, RequestColumns) else RequestColumns(requests)
    window = Window(warmup_s, tuple(until_s))
    groups = ["", *group_names(columns)] if columns.has_groups else [""]
    rows: list[dict[str, Any]] = []
    for group in groups:
        selections = [select(columns, window, policy, group) for policy in policy_names(columns)]
        _require_same_requests(selections)
        for metric in MEANS.values():
            excluded = {s.policy: reasons.get(Compared(metric.name, s.policy, group), "") for s in selections}
            rows.extend(_against_best(metric, group, selections, batches, short, excluded))
    return tuple(rows)


def _against_best(
    metric: Metric,
    group: str,
    selections: Sequence[Selection],
    batches: int,
    short: Mapping[tuple[str, str], str],
    excluded: Mapping[str, str],
) -> list[dict[str, Any]]:
    blocks = make_blocks(selections[0].floats("replication").astype(np.int64), batches)
    if metric.has_idle and blocks.replications < 2 and any(s.shares_idle_energy for s in selections):
        blocks = blocks.without_interval(SHARED_IDLE)
    values = {s.policy: metric.of(Subject(s)) for s in selections}
    means = {policy: estimate_mean(value, blocks).mean for policy, value in values.items()}
    known = (policy for policy in means if not math.isnan(means[policy]))
    ranked = sorted(known, key=lambda policy: (bool(excluded[policy]), means[policy]))
    rows = []
    for policy in ranked[1:]:
        best = ranked[0]
        caution = next((why for (one, of), why in short.items() if one in (policy, best) and group in ("", of)), "")
        difference = estimate_difference(values[policy], values[best], blocks, caution)
        rows.append(
            {
                "metric": metric.name,
                "group": group or ALL_GROUPS,
                "best": best,
                "best_mean": means[best],
                "policy": policy,
                "mean": means[policy],
                "difference": difference.mean,
                "difference_ci95": difference.half_width,
                "separated": not excluded[policy] and is_separated(difference, means[best]),
                "interval_from": difference.source,
                "caution": difference.caution,
                "condition": excluded[policy],
            }
        )
    return rows


def is_tie(row: Row) -> bool:
    """Whether the two policies of a difference did the same in every replication or batch."""
    half_width = 0.0 if math.isnan(row["difference_ci95"]) else row["difference_ci95"]
    return bool(abs(row["difference"]) + half_width <= 1e-9 * abs(row["mean"]))


def _require_same_requests(selections: Sequence[Selection]) -> None:
    first = selections[0]
    for other in selections[1:]:
        for name in ("replication", "request", "arrival_s"):
            if not np.array_equal(first.floats(name), other.floats(name)):
                raise ValueError(
                    f"policies {first.policy!r} and {other.policy!r} did not see the same requests ({name})"
                )
