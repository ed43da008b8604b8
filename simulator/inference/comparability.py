"""Which policies of a run can be compared, and why the others cannot.

A mean latency is compared among policies that have a steady state and that answer the same share of their requests:
who drops or leaves unfinished what would have waited longest looks fast, and saves the energy too. Mean energy is
compared where sending costs energy, or where no policy sends more than another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulator.arrays import Row
from simulator.inference.metrics import MEANS

#: difference between shares of answered requests up to which two means speak of the same requests
SAME_SHARE = 0.01
#: share of answered requests below which a mean is that of a few lucky ones
HALF = 0.5
#: why energies are not compared over a link without a radio
FREE = "sending costs no energy, because the link names no radio"


class Compared(NamedTuple):
    """What is compared: a mean of one policy, in one group or (``""``) in all of them together."""

    metric: str
    policy: str
    group: str


def conditions(rows: Sequence[Row], overloads: Mapping[tuple[str, str], str]) -> list[str]:
    """For each row of a summary, why its means are not compared with those of others; empty where they are.

    Parameters
    ----------
    rows : sequence of dict
        Rows of summary.csv.
    overloads : mapping of (policy, group) to str
        Why there is no steady state; missing or empty where there is one.
    """
    reasons = [overloads.get((row["policy"], row.get("group", "")), "") for row in rows]
    most: dict[str, float] = {}
    for row, reason in zip(rows, reasons, strict=True):
        if not reason:
            group = row.get("group", "")
            most[group] = max(most.get(group, 0.0), answered(row))
    return [reason or _answers_less(row, most[row.get("group", "")]) for row, reason in zip(rows, reasons, strict=True)]


def answered(row: Row) -> float:
    """Share of the requests that were answered; 1 where there were none."""
    return row["completed"] / row["requests"] if row["requests"] else 1.0


def _answers_less(row: Row, most: float) -> str:
    share = answered(row)
    if share < HALF:
        return f"answers only {100 * share:.2g} % of its requests"
    if share >= most - SAME_SHARE:
        return ""
    return f"answers {100 * share:.3g} % of its requests where others answer {100 * most:.3g} %"


def reasons_by_metric(scenario: Mapping[str, Any], rows: Sequence[Row]) -> dict[Compared, str]:
    """Why a policy is not compared, as far as it is not.

    What holds in one group holds for the mean over all groups.

    Parameters
    ----------
    scenario : mapping
        As resolved.
    rows : sequence of dict
        Rows of summary.csv.
    """
    free = _free_sending(scenario, rows)
    found: dict[Compared, str] = {}
    for row in rows:
        policy, group = row["policy"], row.get("group", "")
        for metric in MEANS.values():
            reason = row["condition"] or (FREE if metric.unit == "energy" and group in free else "")
            if reason:
                found[Compared(metric.name, policy, group)] = reason
                found.setdefault(Compared(metric.name, policy, ""), f"{reason} (group {group})" if group else reason)
    return found


def _free_sending(scenario: Mapping[str, Any], rows: Sequence[Row]) -> set[str]:
    """Groups whose link names no radio while their policies send unlike amounts."""
    common = scenario.get("link")
    links = {member["name"]: member.get("link") or common for member in scenario.get("fleet") or ()}
    if len(links) < 2:
        links = {"": next(iter(links.values()), common)}
    sent: dict[str, set[float]] = {}
    for row in rows:
        if not math.isnan(row["bytes_up_mean"]):
            sent.setdefault(row.get("group", ""), set()).add(row["bytes_up_mean"])
    return {
        group
        for group, link in links.items()
        if link is not None and link.get("radio") is None and len(sent.get(group, ())) > 1
    }
