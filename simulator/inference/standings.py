"""Where the policies of a point stand against the best one, and who wins there: what maps and sweeps keep of it.

A sweep keeps no requests, so the paired differences of a point are worked out where it runs. Every policy gets, for
mean latency and mean energy over all groups, its standing against the best policy that can be compared (`comparison`,
`comparability`), its difference and the half-width of that, and why it is not compared where it is not.

A winner is named under the conditions of a run: it is told from every other policy that can be compared. Where only one
policy has a steady state it wins too, since the others have no mean latency to be compared with. Policies that are
equal in every request win together, under the name of the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from simulator.arrays import Row
from simulator.inference.comparability import Compared
from simulator.inference.comparison import ALL_GROUPS, is_tie
from simulator.inference.metrics import MEANS, Metric
from simulator.inference.saturation import NO_STEADY_STATE

#: what a policy is against the best one: it itself, the same in every request, worse, not told from it, not compared
BEST, EQUAL, BEHIND, CLOSE, APART = "best", "equal", "behind", "close", "apart"
#: the option that most requests of a policy took
PARTITION = "partition"
#: what a winner may be sought for, by name
OBJECTIVES: Mapping[str, Metric] = MappingProxyType({metric.key: metric for metric in MEANS.values()})


def columns_of(metric: Metric) -> tuple[str, str, str, str]:
    """Columns of a mean: standing, difference from the best, half-width of that, why it is not compared."""
    suffix = metric.name.rpartition("_")[2]
    key = metric.key
    return f"{key}_standing", f"{key}_behind_{suffix}", f"{key}_behind_ci95_{suffix}", f"{key}_apart"


#: columns that a point gets beside its summary
STANDING_COLUMNS = (PARTITION, *(column for metric in OBJECTIVES.values() for column in columns_of(metric)))
#: those of them that hold text
STANDING_TEXTS = frozenset({PARTITION, *(columns_of(m)[k] for m in OBJECTIVES.values() for k in (0, 3))})


def standings(
    rows: Sequence[Row], differences: Iterable[Row], reasons: Mapping[Compared, str]
) -> dict[str, dict[str, Any]]:
    """The columns of standing of each policy.

    Parameters
    ----------
    rows : sequence of dict
        Rows of summary.csv.
    differences : iterable of dict
        Rows of differences.csv.
    reasons : mapping of Compared to str
        Why a policy is not compared.
    """
    of_all = [row for row in differences if row["group"] == ALL_GROUPS]
    found: dict[str, dict[str, Any]] = {row["policy"]: {} for row in rows}
    for metric in OBJECTIVES.values():
        against = {row["policy"]: row for row in of_all if row["metric"] == metric.name}
        excluded = {policy: reasons.get(Compared(metric.name, policy, ""), "") for policy in found}
        known = {row["policy"] for row in rows if not math.isnan(row[metric.name])}
        able = [policy for policy in found if policy in known and not excluded[policy]]
        best = next((row["best"] for row in against.values()), able[0] if able else "")
        for policy, columns in found.items():
            standing, behind, half_width = APART, math.nan, math.nan
            if policy in able and policy == best:
                standing, behind = BEST, 0.0
            elif policy in able and policy in against:
                difference = against[policy]
                behind, half_width = difference["difference"], difference["difference_ci95"]
                standing = EQUAL if is_tie(difference) else BEHIND if difference["separated"] else CLOSE
            apart = (excluded[policy] or "there is no value") if standing == APART else ""
            columns |= zip(columns_of(metric), (standing, behind, half_width, apart), strict=True)
    return found


@dataclass(frozen=True)
class Verdict:
    """Who wins at a point.

    Attributes
    ----------
    winner : str
        The first of the best policies; empty where no policy can be compared.
    equal : tuple of str
        Policies that are equal to the winner in every request.
    partition : str
        What the winner takes.
    mean : float
        Of the winner; of several groups NaN, since their summaries stand apart.
    margin, half_width : float
        Paired difference of the next best policy, and the half-width of its 95 % interval; NaN where there is none.
    is_certain : bool
        Whether the winner may be named.
    reason : str
        Why it may not, or why it has no margin; empty otherwise.
    """

    winner: str
    equal: tuple[str, ...]
    partition: str
    mean: float
    margin: float
    half_width: float
    is_certain: bool
    reason: str


def verdict(rows: Sequence[Row], objective: str) -> Verdict:
    """Who wins at a point.

    Parameters
    ----------
    rows : sequence of dict
        Rows of the point with `STANDING_COLUMNS`.
    objective : str
        A key of `OBJECTIVES`.
    """
    metric = OBJECTIVES[objective]
    standing, behind, half_width, apart = columns_of(metric)
    policies = list({row["policy"]: row for row in rows}.values())
    leaders = [row for row in policies if row[standing] in (BEST, EQUAL)]
    others = sorted((row for row in policies if row[standing] in (BEHIND, CLOSE)), key=lambda row: row[behind])
    unable = [row for row in policies if row[standing] == APART]
    if not leaders:
        return Verdict("", (), "", math.nan, math.nan, math.nan, False, _none(unable, apart))
    first, next_best = leaders[0], others[0] if others else None
    close = [row for row in others if row[standing] == CLOSE]
    equal = tuple(row["policy"] for row in leaders[1:])
    if close:
        lacks = [row["policy"] for row in close if math.isnan(row[half_width])]
        why = "the difference has no interval" if lacks else "the difference is within its 95 % interval"
        reason, is_certain = f"not told from {_and([row['policy'] for row in close])}: {why}", False
    elif others:
        reason, is_certain = "", True
    elif equal:
        reason, is_certain = f"equal to {_and(equal)} in every request", False
    else:
        is_certain = all(row[apart].startswith(NO_STEADY_STATE) for row in unable)
        reason = f"alone, since no other policy can be compared ({_none(unable, apart)})"
    return Verdict(
        winner=first["policy"],
        equal=equal,
        partition=first[PARTITION],
        mean=first[metric.name] if len(policies) == len(rows) else math.nan,
        margin=next_best[behind] if next_best else math.nan,
        half_width=next_best[half_width] if next_best else math.nan,
        is_certain=is_certain,
        reason=reason,
    )


def _none(unable: Sequence[Row], apart: str) -> str:
    """Why policies cannot be compared, each reason once."""
    said: dict[str, list[str]] = {}
    for row in unable:
        said.setdefault(row[apart].partition(":")[0], []).append(row["policy"])
    return "; ".join(f"{_and(names)}: {reason}" for reason, names in said.items())


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
