"""The panels of a sweep's figures: a metric over one axis, with a curve and 95 % intervals for each policy.

Over the bottom runs the axis of numbers that has most values, logarithmic where its values are; an axis of names makes
places beside each other instead. Every combination of the other axes, and every group of a fleet, has its own panel.
Intervals that are only lower bounds are dotted, and means that are not compared with others have a hollow mark.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.arrays import Row
from simulator.figures import style
from simulator.figures.axis_scales import axis_label, axis_scale, tick_names
from simulator.figures.canvas import Canvas
from simulator.inference.reservations import interval_label, is_bound, remark
from simulator.studies.axes import AxisView, evenly

if TYPE_CHECKING:
    from simulator.inference.metrics import Metric
    from simulator.studies.sweeps.data import SweepData

#: panels of one figure, and points of a curve that are marked one by one
_MOST_PANELS, _MOST_MARKS = 12, 40
#: panels beside each other at most, and letters of a title by their number
_MOST_ACROSS = 3
_LETTERS = {1: 48, 2: 46, 3: 30}
#: mark of a mean that is not compared with others: no steady state, or fewer answers
_HOLLOW: dict[str, Any] = {"marker": "o", "markersize": 5.0, "markerfacecolor": "white", "markeredgewidth": 0.9}
#: width that the policies at a name share
_SPREAD = 0.6


class _Scale(NamedTuple):
    """How the values of a metric are drawn: factor from SI units, unit, and whether their axis is logarithmic."""

    factor: float
    unit: str
    is_log: bool


def _bottom(axes: Sequence[AxisView]) -> AxisView:
    """The axis that runs over the bottom of a panel; of several alike the last, which turns fastest."""
    return max(reversed(axes), key=lambda axis: (axis.is_numeric and len(axis.cells) > 1, len(axis.cells)))


def draw(data: SweepData, metric: Metric, canvas: Canvas) -> Figure:
    """The figure of one metric."""
    bottom = _bottom(data.axes)
    panels = _panels(data, bottom)
    shown = evenly(panels, _MOST_PANELS)
    rows = [row for _, own in shown for row in own]
    has_intervals = bool(metric.interval) and any(row[metric.interval] > 0 for row in rows)
    handles = [Line2D([], [], **_looks(number, bottom)) for number in range(len(data.policies))]
    labels = [style.short(policy) for policy in data.policies]
    if has_intervals:
        handles.append(Line2D([], [], color=style.GREY, linewidth=0.9, marker="|", markersize=6))
        complete = all(row[metric.interval] >= 0 for row in rows if not math.isnan(row[metric.name]))
        label = interval_label(rows, metric.interval)
        labels.append(label if complete else f"{label}, where there is one")
    if remarks := {remark(row) for row in rows} - {""}:
        handles.append(Line2D([], [], linestyle="none", color=style.GREY, **_HOLLOW))
        labels.append(remarks.pop() if len(remarks) == 1 else "not compared")
    across = _across(data, bottom, len(shown))
    titles = [textwrap.fill(title, _LETTERS[across], break_on_hyphens=False) for title, _ in shown]
    lines = max(title.count("\n") + bool(title) for title in titles)
    down = math.ceil(len(shown) / across)
    width = style.COLUMN_IN if across == 1 else style.PAGE_IN
    legend_columns = 2 if across == 1 else 4 if max(map(len, labels)) <= 22 else 3
    names = tick_names(bottom)
    with canvas.drawing():
        below = 0.1 * max(0, *(len(text) - 4 for text in names)) if _is_steep(names, across) else 0.0
        height = 0.25 + (2.0 + 0.13 * lines + min(below, 1.2)) * down + 0.15 * style.legend_rows(labels, legend_columns)
        if canvas.is_own:
            drawn, grid = canvas.panels(down, across, (width, height), sharex=True, sharey=True)
        else:
            drawn, grid = canvas.panels(1, len(shown), (width, height))
        cells = grid.ravel()
        scale = _scale(rows, metric)
        for axes, title, (_, own) in zip(cells, titles, shown, strict=False):
            _draw_panel(axes, own, data.policies, bottom, metric, scale)
            if title:
                axes.set_title(title, loc="left", parse_math=False)
        for axes in cells[len(shown) :]:
            axes.set_visible(False)
        for number, axes in enumerate(cells[: len(shown)]):
            is_lowest = number + across >= len(shown) or not canvas.is_own
            if is_lowest:
                axes.set_xlabel(axis_label(bottom))
                axes.tick_params(labelbottom=True)
            if number % across == 0 or not canvas.is_own:
                axes.set_ylabel(f"{metric.title} ({scale.unit})")
            if not bottom.is_numeric:
                axes.set_xticks(range(len(names)), names, parse_math=False, **_turned(names, across))
        if not scale.is_log:
            highest = max(axes.get_ylim()[1] for axes in cells[: len(shown)])
            for axes in cells[: len(shown)]:
                axes.set_ylim(-0.03 * highest, highest)  # room for the marks at 0
        note = _note(data, len(shown), len(panels))
        if note and canvas.is_own:
            drawn.suptitle(note, x=0.01, ha="left", fontsize=style.points(7))
        canvas.legend(drawn, cells[0], handles, labels, legend_columns)
    return drawn


def _panels(data: SweepData, bottom: AxisView) -> list[tuple[str, list[Row]]]:
    """Title and rows of every panel that has rows."""
    others = [axis for axis in data.axes if axis is not bottom]
    found = []
    combinations = [(group, cells) for group in data.groups for cells in product(*(axis.cells for axis in others))]
    for group, cells in combinations:
        place = dict(zip((axis.path for axis in others), cells, strict=True))
        rows: list[Row] = [
            row
            for row in data.rows
            if row.get("group", "") == group and all(row[path] == cell for path, cell in place.items())
        ]
        words = [group] if group else []
        words += [_words(axis, place[axis.path]) for axis in others if len(axis.cells) > 1]
        if rows:
            found.append((", ".join(words), rows))
    return found


def _words(axis: AxisView, cell: Any) -> str:
    """A value in the title of a panel; names speak for themselves."""
    return f"{axis.words} {axis.text(cell)}" if axis.is_numeric or cell is None else axis.text(cell)


def _across(data: SweepData, bottom: AxisView, panels: int) -> int:
    """Panels beside each other: the values of the last other axis where there are few, otherwise what a page holds."""
    others = [len(axis.cells) for axis in data.axes if axis is not bottom and len(axis.cells) > 1]
    last = others[-1] if others else len(data.groups)
    return last if panels > last > 1 and last <= _MOST_ACROSS else min(_MOST_ACROSS, panels)


def _draw_panel(
    axes: Axes,
    rows: Sequence[Row],
    policies: Sequence[str],
    bottom: AxisView,
    metric: Metric,
    scale: _Scale,
) -> None:
    factor, is_log = scale.factor, scale.is_log
    x_factor = axis_scale(bottom)[0] if bottom.is_numeric else 1.0
    places = {cell: place for place, cell in enumerate(bottom.cells)}
    for number, policy in enumerate(policies):
        own = [row for row in rows if row["policy"] == policy]
        if bottom.is_numeric:
            x = [row[bottom.path] * x_factor for row in own]
        else:
            shift = _SPREAD * ((number + 0.5) / len(policies) - 0.5)
            x = [places[row[bottom.path]] + shift for row in own]
        y = [row[metric.name] * factor for row in own]
        bars = [row[metric.interval] * factor for row in own] if metric.interval else None
        looks = _looks(number, bottom)
        if len(own) > _MOST_MARKS:
            looks["marker"] = ""
        drawn = axes.errorbar(x, y, yerr=bars, ecolor=looks["color"], **style.ERROR_BAR, **looks)
        for lines in drawn.lines[2]:
            style.dot_bounds(lines, [is_bound(row, metric.interval) for row in own])
        doubtful = [k for k, row in enumerate(own) if remark(row)]
        hollow = {"linestyle": "none", "color": looks["color"], "zorder": 3, **_HOLLOW}
        axes.plot([x[k] for k in doubtful], [y[k] for k in doubtful], **hollow)
    if bottom.is_numeric and bottom.is_logarithmic:
        axes.set_xscale("log")
        style.plain_log_axis(axes.xaxis)
    elif bottom.is_numeric:
        style.few_ticks(axes.xaxis, whole=all(isinstance(cell, int) for cell in bottom.cells))
    else:
        axes.set_xlim(-0.5, len(bottom.cells) - 0.5)
    if is_log:
        axes.set_yscale("log")
        style.plain_log_axis(axes.yaxis)
    else:
        style.few_ticks(axes.yaxis, 5)
    style.light_grid(axes, "y")


def _scale(rows: Sequence[Row], metric: Metric) -> _Scale:
    if not metric.is_quantity:
        return _Scale(100.0, "%", False)
    values = [row[metric.name] for row in rows if row[metric.name] > 0 and math.isfinite(row[metric.name])]
    low, high = (min(values), max(values)) if values else (1.0, 1.0)
    is_log = high / low > 10
    factor, unit = style.scale_of(math.sqrt(low * high) if is_log else high, metric.unit)
    return _Scale(factor, unit, is_log)


def _is_steep(names: Sequence[str], across: int) -> bool:
    """Whether names would run into each other if they stood level."""
    return sum(max(map(len, name.split("\n"))) + 2 for name in names) > (56 if across == 1 else 32)


def _turned(names: Sequence[str], across: int) -> dict[str, Any]:
    return {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if _is_steep(names, across) else {}


def _looks(number: int, bottom: AxisView) -> dict[str, Any]:
    mark = {"marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 3.2, "markeredgewidth": 0.9}
    line = style.line_looks(number)
    return {**line, **mark} if bottom.is_numeric else {**line, **mark, "linestyle": "none"}


def _note(data: SweepData, shown: int, panels: int) -> str:
    """What the figure does not show."""
    notes = [f"{shown} of {panels} combinations"] if shown < panels else []
    notes += [f"{data.found} of {data.points} points"] if data.found < data.points else []
    return ", ".join(notes)
