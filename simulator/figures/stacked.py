"""Stacked horizontal bars, one per policy (and group): what the figures of latency parts and energy parts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simulator import units
from simulator.accounts.request_columns import RequestColumns
from simulator.arrays import Floats, Row
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.inference.reservations import BOUND_OF, interval_label, is_bound, remark
from simulator.inference.selection import Selection, select_all

if TYPE_CHECKING:
    from simulator.studies.result import Result

#: share of the longest bar that can be seen
_VISIBLE = 2e-3
_OUTLINE = 0.6
_INTERVAL: dict[str, Any] = {"color": "black", "linewidth": 0.9}
#: keeps the lines of the grid out of the totals
_BEHIND_TEXT = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}


@dataclass(frozen=True)
class Part:
    """One segment of a bar: its column in the CSV, its words in the legend, its looks."""

    column: str
    label: str
    color: str
    hatch: str = ""

    @property
    def looks(self) -> dict[str, Any]:
        """Hatched parts are white with lines in their colour, the others are filled."""
        face = "white" if self.hatch else self.color
        return {"facecolor": face, "edgecolor": self.color, "hatch": self.hatch}


def mean_parts(
    result: Result, parts: Mapping[str, Sequence[str]], value_of: Callable[[Selection, str], Floats], interval: str
) -> DataTable:
    """Mean of each part per policy and group, and what its sum is shown with.

    Parameters
    ----------
    result : Result
    parts : mapping of str to sequence of str
        Part -> columns of the requests table that add up to it.
    value_of : callable
        One column of a selection, NaN for requests that do not count.
    interval : str
        Column of the summary with the half-width of the mean that the parts add up to.
    """
    summary = {(row["policy"], row.get("group", "")): row for row in result.summary_rows}
    rows = []
    for selection in select_all(RequestColumns(result.table), result.window):
        means = {part: sum(_mean(value_of(selection, column)) for column in parts[part]) for part in parts}
        name = (selection.policy, selection.group)
        known = summary.get(name, {interval: math.nan})
        said = {interval: known[interval], BOUND_OF[interval]: is_bound(known, interval), "remark": remark(known)}
        rows.append({"policy": name[0], "group": name[1], **means, **said})
    return DataTable(("policy", "group", *parts, interval, BOUND_OF[interval], "remark"), rows)


def plain_rows(rows: Iterable[tuple[str, str, Row, str]], parts: Sequence[Part]) -> DataTable:
    """Bars that have no interval, as `draw_stacked` takes them.

    Parameters
    ----------
    rows : iterable of (str, str, dict, str)
        First and second half of the name of a bar, its parts, and what stands behind its total.
    parts : sequence of Part
    """
    interval = "latency_ci95_s"
    shown = [
        {"policy": first, "group": second, interval: math.nan, BOUND_OF[interval]: False, "remark": remark_of}
        | {part.column: row[part.column] for part in parts}
        for first, second, row, remark_of in rows
    ]
    columns = ("policy", "group", *(part.column for part in parts), interval, BOUND_OF[interval], "remark")
    return DataTable(columns, shown)


def draw_stacked(data: DataTable, parts: Sequence[Part], axis_label: str, dimension: str, canvas: Canvas) -> Figure:
    """Bars from top to bottom in the order of the rows, each with its total and the interval of that at the end.

    Parts too thin to be seen in any row are left out; the CSV has them.
    """
    rows = data.rows
    totals = [sum(row[part.column] for part in parts) for row in rows]
    interval = data.columns[-3]
    half_widths = [row[interval] for row in rows]
    has_intervals = any(width > 0 for width in half_widths)
    largest = max((total for total in totals if not math.isnan(total)), default=0.0)
    # where the longest bar, with its interval, ends
    end = max(
        (
            total + max(0.0, np.nan_to_num(width))
            for total, width in zip(totals, half_widths, strict=True)
            if not math.isnan(total)
        ),
        default=0.0,
    )
    factor, unit = style.scale_of(largest, dimension)
    shown = [part for part in parts if any(row[part.column] > _VISIBLE * largest for row in rows)]
    labels = [_label(row) for row in rows]
    entries = len(shown) + has_intervals
    columns = 3 if entries % 3 == 0 or entries > 4 else max(1, entries)
    lines = sum(label.count("\n") + 1 for label in labels)
    with canvas.drawing():
        height = 0.65 + 0.16 * math.ceil(entries / columns) + max(0.26 * len(rows), 0.15 * lines + 0.08 * len(rows))
        figure, grid = canvas.panels(1, 1, (style.PAGE_IN if len(rows) > 12 else 5.0, height))
        axes = grid[0, 0]
        left = np.zeros(len(rows))
        for part in parts:
            widths = np.nan_to_num([row[part.column] * factor for row in rows])
            if part in shown:
                # an empty segment would show as a line
                outline = np.where(widths > 0, _OUTLINE, 0.0).tolist()
                axes.barh(range(len(rows)), widths, left=left, height=0.68, linewidth=outline, **part.looks)
            left += widths
        for number, (total, half_width) in enumerate(zip(totals, half_widths, strict=True)):
            remark_of = f" ({rows[number]['remark']})" if rows[number]["remark"] else ""
            text = "no completed request" if math.isnan(total) else f"{units.human(total, dimension)}{remark_of}"
            if half_width > 0:
                drawn = axes.errorbar(
                    [total * factor], [number], xerr=[half_width * factor], **_INTERVAL, **style.ERROR_BAR
                )
                style.dot_bounds(drawn.lines[2][0], [is_bound(rows[number], interval)])
            axes.annotate(
                text,
                (np.nan_to_num(total) * factor + max(0.0, np.nan_to_num(half_width)) * factor, number),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=style.points(6.5),
                bbox=_BEHIND_TEXT,
            )
        axes.set_yticks(range(len(rows)), labels, parse_math=False)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, end * factor * 1.14 or 1.0)
        style.few_ticks(axes.xaxis)
        style.light_grid(axes, "x")
        axes.set_xlabel(f"{axis_label} ({unit})")
        handles: list[Any] = [Patch(linewidth=_OUTLINE, **part.looks) for part in shown]
        names = [part.label for part in shown]
        if has_intervals:
            handles.append(Line2D([], [], marker="|", markersize=6, **_INTERVAL))
            names.append(interval_label(rows, interval))
        canvas.legend(figure, axes, handles, names, columns)
    return figure


def _label(row: Mapping[str, Any]) -> str:
    return style.short(f"{row['policy']}, {row['group']}" if row["group"] else row["policy"])


def _mean(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan
