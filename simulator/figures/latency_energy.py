"""Figure latency_energy: the policies of a run by mean latency and mean energy, larger marks for better accuracy.

Bars are the 95 % intervals, dotted where they are only lower bounds. The legend says each policy's accuracy. A policy
that lies on an earlier one is drawn as a ring around it; one that is not compared with the others is hollow. Each group
of a fleet has its own panel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.arrays import Row
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.inference.metrics import MEANS, Metric
from simulator.inference.reservations import interval_label, is_bound, remark
from simulator.studies.axes import evenly

if TYPE_CHECKING:
    from simulator.studies.result import Result

NAME = "latency_energy"
_X, _Y = MEANS["latency_mean_s"], MEANS["energy_mean_j"]
_COLUMNS = ("policy", "group", *_X.columns, *_Y.columns, "accuracy", "remark")
#: diameters of the marks of the least and the most accurate policy, and by how much a ring is wider
_SMALL, _LARGE, _RING = 4.0, 9.0, 4.5
#: share of a value by which two marks may differ that lie on each other
_SAME = 0.01
_MOST_PANELS = 4


def tables(result: Result) -> dict[str, DataTable]:
    """Means, intervals and accuracy of each policy and group."""
    rows = [
        {name: row.get(name, "") for name in _COLUMNS} | {"group": row.get("group", ""), "remark": remark(row)}
        for row in result.summary_rows
        if row["requests"]  # a policy that ended by an error has none
    ]
    return {NAME: DataTable(_COLUMNS, rows)}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table."""
    rows = data[NAME].rows
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    groups = evenly(list(dict.fromkeys(row["group"] for row in rows)), _MOST_PANELS)
    known = [row["accuracy"] for row in rows if not math.isnan(row["accuracy"])]
    bounds = (min(known), max(known)) if known else (0.0, 0.0)
    handles: list[Any] = []
    labels = []
    for number, policy in enumerate(policies):
        mine = [row["accuracy"] for row in rows if row["policy"] == policy and not math.isnan(row["accuracy"])]
        handles.append(Line2D([], [], linestyle="none", **_mark(number, mine[0] if mine else math.nan, bounds)))
        said = list(dict.fromkeys(f"{100 * accuracy:.1f}" for accuracy in mine))
        # in the order of the panels, where groups differ
        shown = f" ({' / '.join(said)}\N{NO-BREAK SPACE}%)" if said and len(groups) <= 2 else ""
        labels.append(style.short(policy + shown, 30))
    if any(row[metric.interval] > 0 for row in rows for metric in (_X, _Y)):
        handles.append(Line2D([], [], marker="|", markersize=6, color=style.GREY, linewidth=0.9))
        labels.append(max((interval_label(rows, metric.interval) for metric in (_X, _Y)), key=len))
    if any(row["remark"] for row in rows):
        handles.append(Line2D([], [], linestyle="none", marker="o", color=style.GREY, markerfacecolor="white"))
        remarks = {row["remark"] for row in rows if row["remark"]}
        labels.append(f"hollow: {remarks.pop()}" if len(remarks) == 1 else "hollow: not compared")
    across = len(groups)
    columns = 1 if across == 1 and max(len(label) for label in labels) > 24 else 2
    with canvas.drawing():
        width = style.COLUMN_IN if across == 1 else style.PAGE_IN
        height = 2.3 + 0.17 * style.legend_rows(labels, columns)
        figure, panels = canvas.panels(1, across, (width, height))
        for axes, group in zip(panels[0], groups, strict=True):
            own = [row for row in rows if row["group"] == group]
            _draw_panel(axes, own, policies, bounds)
            if group:
                axes.set_title(group, loc="left", parse_math=False)
        canvas.legend(figure, panels[0, 0], handles, labels, columns)
    return figure


def _draw_panel(axes: Axes, rows: Sequence[Row], policies: Sequence[str], bounds: tuple[float, float]) -> None:
    factors = []
    for metric, set_label in ((_X, axes.set_xlabel), (_Y, axes.set_ylabel)):
        factor, unit = style.scale_of(
            max((r[metric.name] for r in rows if r[metric.name] > 0), default=1.0), metric.unit
        )
        set_label(f"{metric.title} ({unit})")
        factors.append(factor)
    drawn: list[tuple[float, float]] = []
    for row in rows:
        place = row[_X.name] * factors[0], row[_Y.name] * factors[1]
        if any(map(math.isnan, place)):
            continue
        number = policies.index(row["policy"])
        mark = _mark(number, row["accuracy"], bounds)
        below = sum(math.dist(place, other) <= _SAME * math.hypot(*place) for other in drawn)
        if below:
            mark |= {"markersize": mark["markersize"] + _RING * below, "markerfacecolor": "none"}
            mark |= {"markeredgecolor": mark["color"], "markeredgewidth": 1.2}
        elif row["remark"]:
            mark |= {"markerfacecolor": "white", "markeredgecolor": mark["color"], "markeredgewidth": 1.0}
        drawn.append(place)
        bars = axes.errorbar(
            [place[0]],
            [place[1]],
            xerr=_half_width(row, _X, factors[0]),
            yerr=_half_width(row, _Y, factors[1]),
            linestyle="none",
            ecolor=mark["color"],
            zorder=3 - 0.1 * below,
            **style.ERROR_BAR,
            **mark,
        )
        for lines, metric in zip(bars.lines[2], (_X, _Y), strict=True):
            style.dot_bounds(lines, [is_bound(row, metric.interval)])
    for axis, metric, set_scale in ((axes.xaxis, _X, axes.set_xscale), (axes.yaxis, _Y, axes.set_yscale)):
        values = [row[metric.name] for row in rows if row[metric.name] > 0]
        if values and max(values) / min(values) > 10:
            set_scale("log")
            style.plain_log_axis(axis, room=30.0)
        else:
            style.few_ticks(axis, 5)
    axes.margins(0.15)


def _half_width(row: Row, metric: Metric, factor: float) -> list[float]:
    return [row[metric.interval] * factor]


def _mark(number: int, accuracy: float, bounds: tuple[float, float]) -> dict[str, Any]:
    """Shape and colour of a policy, as large as its accuracy makes it."""
    low, high = bounds
    share = (accuracy - low) / (high - low) if high > low and not math.isnan(accuracy) else 0.5
    return {
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "markersize": _SMALL + (_LARGE - _SMALL) * share,
        "markeredgewidth": 0.5,
        "markeredgecolor": "white",
        "color": style.PALETTE[number % len(style.PALETTE)],
    }
