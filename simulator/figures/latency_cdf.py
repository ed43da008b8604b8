"""Figure latency_cdf: the empirical distribution of the latency of completed requests, one curve per policy.

Each curve carries a mark at its 95th percentile; deadlines are vertical lines. With several groups each group has its
own panel. Of many requests a subset of the exact points of the distribution is drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.accounts.request_columns import RequestColumns
from simulator.arrays import Floats
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.inference.selection import Selection, select_all
from simulator.inference.statistics import percentiles

if TYPE_CHECKING:
    from simulator.studies.result import Result

_CURVE = ("policy", "group", "latency_s", "share")
_MARKS = ("policy", "group", "latency_p95_s", "deadline_s")
_DEADLINE: dict[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": (0, (4, 2))}
_PERCENTILE: dict[str, Any] = {"color": "#999999", "linewidth": 0.6, "linestyle": ":"}
#: points of a curve that are drawn at most
_MOST_POINTS = 400


def tables(result: Result) -> dict[str, DataTable]:
    """Points of the curves, and one row of marks per curve (``deadline_s`` is missing where there are several)."""
    points: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for selection in select_all(RequestColumns(result.table), result.window):
        latencies = selection.completed("latency_s")
        latencies = np.sort(latencies[~np.isnan(latencies)])
        name = {"policy": selection.policy, "group": selection.group}
        points.extend({**name, "latency_s": x, "share": share} for x, share in _steps(latencies))
        (p95,) = percentiles(latencies, (95,))
        marks.append({**name, "latency_p95_s": p95, "deadline_s": _deadline(selection)})
    return {"latency_cdf": DataTable(_CURVE, points), "latency_cdf_marks": DataTable(_MARKS, marks)}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its tables."""
    points, marks = data["latency_cdf"].rows, data["latency_cdf_marks"].rows
    policies = list(dict.fromkeys(row["policy"] for row in marks))
    groups = list(dict.fromkeys(row["group"] for row in marks))
    everything = [row["latency_s"] for row in points]
    low, high = (min(everything), max(everything)) if everything else (1.0, 1.0)
    factor, unit = style.scale_of(math.sqrt(low * high) if low > 0 else high, "time")
    handles, labels = _legend(policies, any(not math.isnan(row["deadline_s"]) for row in marks))
    with canvas.drawing():
        height = 0.5 + 1.75 * len(groups) + 0.15 * style.legend_rows(labels, 2)
        figure, grid = canvas.panels(len(groups), 1, (style.COLUMN_IN, height), sharex=True)
        panels = grid[:, 0]
        for axes, group in zip(panels, groups, strict=True):
            axes.axhline(0.95, **_PERCENTILE)
            for number, policy in enumerate(policies):
                curve = [row for row in points if (row["policy"], row["group"]) == (policy, group)]
                mark = next(row for row in marks if (row["policy"], row["group"]) == (policy, group))
                x = [row["latency_s"] * factor for row in curve]
                axes.step(
                    [*x[:1], *x],
                    [0.0][: len(x)] + [row["share"] for row in curve],
                    where="post",
                    **style.line_looks(number),
                )
                axes.plot([mark["latency_p95_s"] * factor], [0.95], **_mark(number))
            for deadline_s in {row["deadline_s"] for row in marks if row["group"] == group}:
                if not math.isnan(deadline_s):
                    axes.axvline(deadline_s * factor, **_DEADLINE)
            axes.set_ylim(0, 1.02)
            axes.set_ylabel("Share of completed requests")
            if group:
                axes.set_title(group, loc="left", parse_math=False)
        for axes in panels[-1:] if canvas.is_own else panels:
            if low > 0 and high / low > 10:
                axes.set_xscale("log")
                style.plain_log_axis(axes.xaxis)
            else:
                style.few_ticks(axes.xaxis)
            axes.set_xlabel(f"End-to-end latency ({unit})")
        canvas.legend(figure, panels[0], handles, labels, columns=2)
    return figure


def _steps(latencies: Floats) -> list[tuple[float, float]]:
    """Points (latency, share of requests at most that slow), thinned evenly in the share."""
    if not len(latencies):
        return []
    values, counts = np.unique(latencies, return_counts=True)
    shares = np.cumsum(counts) / len(latencies)
    if len(values) > _MOST_POINTS:
        chosen = np.unique(np.searchsorted(shares, np.linspace(shares[0], 1.0, _MOST_POINTS)))
        values, shares = values[chosen], shares[chosen]
    return list(zip(values.tolist(), shares.tolist(), strict=True))


def _deadline(selection: Selection) -> float:
    deadlines = np.unique(selection.floats("deadline_s"))
    return float(deadlines[0]) if len(deadlines) == 1 else math.nan


def _mark(number: int) -> dict[str, Any]:
    return {
        "color": style.PALETTE[number % len(style.PALETTE)],
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linestyle": "none",
    }


def _legend(policies: list[str], has_deadline: bool) -> tuple[list[Line2D], list[str]]:
    handles = [Line2D([], [], **{**_mark(number), **style.line_looks(number)}) for number in range(len(policies))]
    labels = [style.short(policy) for policy in policies]
    if has_deadline:
        handles.append(Line2D([], [], **_DEADLINE))
        labels.append("deadline")
    return [*handles, Line2D([], [], **_PERCENTILE)], [*labels, "95th percentile"]
