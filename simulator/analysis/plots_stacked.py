"""Stacked horizontal bars, one per policy (and group): what the figures of latency parts and energy parts share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simulator import units
from simulator.analysis import plots_style as style
from simulator.analysis.plots import DataTable
from simulator.analysis.selection import RequestColumns, Selection, select_all
from simulator.analysis.statistics import FloatArray
from simulator.analysis.window import Window

#: share of the longest bar that can be seen
_VISIBLE = 2e-3
_OUTLINE = 0.6
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
    table: Any, window: Window, parts: Mapping[str, Sequence[str]], value_of: Callable[[Selection, str], FloatArray]
) -> DataTable:
    """Mean of each part per policy and group.

    Parameters
    ----------
    table : pyarrow.Table
        Requests.
    window : Window
        Which requests count.
    parts : mapping of str to sequence of str
        Part -> columns of the requests table that add up to it.
    value_of : callable
        One column of a selection, NaN for requests that do not count.
    """
    rows = []
    for selection in select_all(RequestColumns(table), window):
        means = {part: sum(_mean(value_of(selection, column)) for column in parts[part]) for part in parts}
        rows.append({"policy": selection.policy, "group": selection.group, **means})
    return DataTable(("policy", "group", *parts), rows)


def draw_stacked(data: DataTable, parts: Sequence[Part], axis_label: str, dimension: str) -> Figure:
    """Bars from top to bottom in the order of the rows, each with its total at the end.

    Parts too thin to be seen in any row are left out; the CSV has them.
    """
    rows = data.rows
    totals = [sum(row[part.column] for part in parts) for row in rows]
    largest = max((total for total in totals if not math.isnan(total)), default=0.0)
    factor, unit = style.scale_of(largest, dimension)
    shown = [part for part in parts if any(row[part.column] > _VISIBLE * largest for row in rows)]
    labels = [_label(row) for row in rows]
    columns = 3 if len(shown) % 3 == 0 or len(shown) > 4 else max(1, len(shown))
    lines = sum(label.count("\n") + 1 for label in labels)
    with style.drawing():
        height = 0.65 + 0.16 * math.ceil(len(shown) / columns) + max(0.26 * len(rows), 0.15 * lines + 0.08 * len(rows))
        figure = style.new_figure(style.PAGE_IN if len(rows) > 12 else 5.0, height)
        axes = figure.subplots()
        left = np.zeros(len(rows))
        for part in parts:
            widths = np.nan_to_num([row[part.column] * factor for row in rows])
            if part in shown:
                # an empty segment would show as a line
                outline = np.where(widths > 0, _OUTLINE, 0.0).tolist()
                axes.barh(range(len(rows)), widths, left=left, height=0.68, linewidth=outline, **part.looks)
            left += widths
        for number, total in enumerate(totals):
            text = "no completed request" if math.isnan(total) else units.human(total, dimension)
            axes.annotate(
                text,
                (0.0 if math.isnan(total) else total * factor, number),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
                bbox=_BEHIND_TEXT,
            )
        axes.set_yticks(range(len(rows)), labels)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, largest * factor * 1.14 or 1.0)
        style.few_ticks(axes.xaxis)
        style.light_grid(axes, "x")
        axes.set_xlabel(f"{axis_label} ({unit})")
        handles = [Patch(linewidth=_OUTLINE, **part.looks) for part in shown]
        style.legend_below(figure, handles, [part.label for part in shown], columns)
    return figure


def _label(row: Mapping[str, Any]) -> str:
    return style.short(f"{row['policy']}, {row['group']}" if row["group"] else row["policy"])


def _mean(values: FloatArray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan
