"""Figure request_timelines: the way of chosen requests from arrival to answer, waits hatched, services filled.

Of each policy the request with the median latency, the one at the 95th percentile (nearest ranks) and the slowest,
among the completed ones that count; each bar says which request it is. The columns of a station sum its visits, and
propagation stands in one piece, behind the uplink.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from simulator.accounts.request_columns import RequestColumns, policy_names
from simulator.arrays import Row
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.figures.latency_parts import COLUMNS, PARTS
from simulator.figures.stacked import draw_stacked, plain_rows
from simulator.inference.selection import select

if TYPE_CHECKING:
    from simulator.studies.result import Result

NAME = "request_timelines"
#: share of the completed requests that are no slower than the chosen one
_CHOSEN = {"median": 0.5, "p95": 0.95, "slowest": 1.0}
#: policies that one figure shows
_MOST = 8
_HEAD = ("policy", "which", "replication", "request", "arrival_s", "latency_s")


def tables(result: Result) -> dict[str, DataTable]:
    """The parts of each chosen request; their sum is its latency."""
    columns = RequestColumns(result.table)
    there = set(result.table.column_names)
    parts = {part: names for part, names in COLUMNS.items() if there.issuperset(names)}
    rows: list[dict[str, Any]] = []
    for policy in policy_names(columns):
        chosen = select(columns, result.window, policy)
        latency = chosen.completed("latency_s")
        order = np.argsort(latency, kind="stable")[: int((~np.isnan(latency)).sum())]
        for which, share in _CHOSEN.items():
            if not order.size:
                continue
            at = int(order[math.ceil(share * order.size) - 1])
            row: dict[str, Any] = {"policy": policy, "which": which}
            row |= {name: float(chosen.floats(name)[at]) for name in _HEAD[2:]}
            row |= {part: float(sum(chosen.floats(name)[at] for name in names)) for part, names in parts.items()}
            rows.append(row)
    return {NAME: DataTable((*_HEAD, *parts), rows)}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table."""
    table = data[NAME]
    policies = list(dict.fromkeys(row["policy"] for row in table.rows))[:_MOST]
    parts = [part for part in PARTS if part.column in table.columns]
    several = len({row["replication"] for row in table.rows}) > 1
    bars = ((row["policy"], row["which"], row, _place(row, several)) for row in table.rows if row["policy"] in policies)
    return draw_stacked(plain_rows(bars, parts), parts, "Time since the arrival of the request", "time", canvas)


def _place(row: Row, several: bool) -> str:
    """Which request of the table it is."""
    return f"request {row['request']:.0f}" + (f", replication {row['replication']:.0f}" if several else "")
