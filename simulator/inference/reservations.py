"""What a mean is shown with: whether its interval is only a lower bound, and why it is not compared with others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from simulator.arrays import Row
from simulator.inference.metrics import MEANS

#: half-width of the summary -> whether it is only a lower bound
BOUND_OF: Mapping[str, str] = MappingProxyType({metric.interval: metric.bound for metric in MEANS.values()})


def is_bound(row: Row, interval: str) -> bool:
    """Whether the interval of a row is at least as wide as its half-width says, and nobody knows how much wider."""
    return bool(row.get(BOUND_OF.get(interval, ""), False))


def remark(row: Row) -> str:
    """The condition of a row in a few words, such as ``no steady state``; empty where there is none."""
    condition: str = row.get("condition") or ""
    return condition.partition(":")[0].partition(" where ")[0]


def interval_label(rows: Iterable[Row], interval: str) -> str:
    """What a legend says of the intervals that are drawn for some rows."""
    drawn = [row for row in rows if row[interval] > 0]
    bounds = sum(is_bound(row, interval) for row in drawn)
    if not bounds:
        return "95 % interval"
    return "95 % interval, at least" if bounds == len(drawn) else "95 % interval (dotted: at least)"
