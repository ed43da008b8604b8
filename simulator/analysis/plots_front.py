"""Figure front: every alternative that was computed, and those on the Pareto front, for each pair of objectives.

Alternatives on the front are marked in the colour and shape of their policy; the others are small grey dots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.analysis import plots_style as style
from simulator.analysis.pareto import OBJECTIVES, Objective


def draw(alternatives: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> Figure:
    """The figure; rows are alternatives with ``policy``, ``on_front`` and the columns of the objectives."""
    pairs = list(combinations(objectives, 2))
    policies = list(dict.fromkeys(row["policy"] for row in alternatives if row["on_front"]))
    handles: list[Any] = [Line2D([], [], linestyle="none", **_mark(number)) for number in range(len(policies))]
    labels = [style.short(policy) for policy in policies]
    handles.append(Line2D([], [], linestyle="none", marker=".", color=style.LIGHT_GREY))
    labels.append("not on the front")
    columns = 4 if max(map(len, labels)) <= 22 else 3
    with style.drawing():
        width = style.COLUMN_IN if len(pairs) == 1 else style.PAGE_IN
        figure = style.new_figure(width, 2.5 + 0.15 * style.legend_rows(labels, columns))
        for axes, (x, y) in zip(np.atleast_1d(figure.subplots(1, len(pairs))), pairs, strict=True):
            _draw_pair(axes, alternatives, policies, OBJECTIVES[x], OBJECTIVES[y])
        style.legend_below(figure, handles, labels, columns)
    return figure


def _draw_pair(
    axes: Axes, rows: Sequence[Mapping[str, Any]], policies: Sequence[str], x: Objective, y: Objective
) -> None:
    x_factor, x_label = _scale(rows, x)
    y_factor, y_label = _scale(rows, y)
    beside = [row for row in rows if not row["on_front"]]
    axes.plot(
        [row[x.column] * x_factor for row in beside],
        [row[y.column] * y_factor for row in beside],
        linestyle="none",
        marker=".",
        markersize=2.5,
        color=style.LIGHT_GREY,
        zorder=1,
    )
    for number, policy in enumerate(policies):
        mine = [row for row in rows if row["on_front"] and row["policy"] == policy]
        axes.plot(
            [row[x.column] * x_factor for row in mine],
            [row[y.column] * y_factor for row in mine],
            linestyle="none",
            zorder=2,
            **_mark(number),
        )
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    for axis, set_scale, objective in ((axes.xaxis, axes.set_xscale, x), (axes.yaxis, axes.set_yscale, y)):
        if _spans_decade(rows, objective):
            set_scale("log")
            style.plain_log_axis(axis)
        else:
            style.few_ticks(axis, 5)


def _spans_decade(rows: Sequence[Mapping[str, Any]], objective: Objective) -> bool:
    """Whether an axis is easier to read on a logarithmic scale."""
    values = [row[objective.column] for row in rows if row[objective.column] > 0]
    return bool(objective.dimension and values and max(values) / min(values) > 10)


def _scale(rows: Sequence[Mapping[str, Any]], objective: Objective) -> tuple[float, str]:
    """Factor of the values, and the label with its unit."""
    if not objective.dimension:
        return 100.0, f"{objective.label} (%)"
    values = [row[objective.column] for row in rows if row["on_front"] and row[objective.column] > 0]
    middle = math.sqrt(min(values) * max(values)) if values else 1.0
    factor, unit = style.scale_of(middle, objective.dimension)
    return factor, f"{objective.label} ({unit})"


def _mark(number: int) -> dict[str, Any]:
    return {
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "markersize": 4,
        "markeredgewidth": 0.5,
        "markeredgecolor": "white",
        "color": style.PALETTE[number % len(style.PALETTE)],
    }
