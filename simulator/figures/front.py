"""Figure front: every alternative that was computed, and those on the Pareto front, for each pair of objectives.

Alternatives on the front are marked in the colour and shape of their policy, with the 95 % intervals of their means;
the others are small grey dots. Each environment has its own row of panels, as far as a page has room.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.arrays import Row
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.inference.metrics import Metric
from simulator.inference.pareto import OBJECTIVES
from simulator.inference.reservations import interval_label, is_bound
from simulator.studies.axes import evenly

#: environments that one figure shows; of more, evenly chosen ones
_MOST_ROWS = 4


def draw(fronts: Mapping[str, Sequence[Row]], objectives: Sequence[str], canvas: Canvas) -> Figure:
    """The figure.

    Parameters
    ----------
    fronts : mapping of str to sequence of dict
        Words of an environment -> its alternatives, with ``policy``, ``on_front`` and the columns of the objectives.
    objectives : sequence of str
    canvas : Canvas
    """
    pairs = list(combinations(objectives, 2))
    shown = evenly(list(fronts), _MOST_ROWS)
    rows = [row for words in shown for row in fronts[words]]
    policies = list(dict.fromkeys(row["policy"] for row in rows if row["on_front"]))
    handles: list[Any] = [Line2D([], [], linestyle="none", **_mark(number)) for number in range(len(policies))]
    labels = [style.short(policy) for policy in policies]
    handles.append(Line2D([], [], linestyle="none", marker=".", color=style.LIGHT_GREY))
    labels.append("not on the front")
    intervals = [OBJECTIVES[name].interval for name in objectives if OBJECTIVES[name].interval]
    if any(row[interval] > 0 for row in rows if row["on_front"] for interval in intervals):
        handles.append(Line2D([], [], marker="|", markersize=6, color=style.GREY, linewidth=0.9))
        best = [row for row in rows if row["on_front"]]
        labels.append(max((interval_label(best, interval) for interval in intervals), key=len))
    columns = (2 if len(pairs) == 1 else 4) if max(map(len, labels)) <= 22 else (1 if len(pairs) == 1 else 3)
    with canvas.drawing():
        width = style.COLUMN_IN if len(pairs) == 1 else style.PAGE_IN
        height = 2.3 * len(shown) + 0.2 + 0.15 * style.legend_rows(labels, columns)
        figure, panels = canvas.panels(len(shown), len(pairs), (width, height))
        for cells, words in zip(panels, shown, strict=True):
            for axes, (x, y) in zip(cells, pairs, strict=True):
                _draw_pair(axes, fronts[words], policies, OBJECTIVES[x], OBJECTIVES[y])
            cells[0].set_title(words, loc="left", parse_math=False)
        if len(shown) < len(fronts) and canvas.is_own:
            note = f"{len(shown)} of {len(fronts)} environments; the table beside the figure has them all"
            figure.suptitle(note, x=0.01, ha="left", fontsize=style.points(7))
        canvas.legend(figure, panels[0, 0], handles, labels, columns)
    return figure


def _draw_pair(axes: Axes, rows: Sequence[Row], policies: Sequence[str], x: Metric, y: Metric) -> None:
    x_factor, x_label = _scale(rows, x)
    y_factor, y_label = _scale(rows, y)
    beside = [row for row in rows if not row["on_front"]]
    axes.plot(
        [row[x.name] * x_factor for row in beside],
        [row[y.name] * y_factor for row in beside],
        linestyle="none",
        marker=".",
        markersize=2.5,
        color=style.LIGHT_GREY,
        zorder=1,
    )
    for number, policy in enumerate(policies):
        mine = [row for row in rows if row["on_front"] and row["policy"] == policy]
        if not mine:
            continue
        drawn = axes.errorbar(
            [row[x.name] * x_factor for row in mine],
            [row[y.name] * y_factor for row in mine],
            xerr=_half_widths(mine, x, x_factor),
            yerr=_half_widths(mine, y, y_factor),
            linestyle="none",
            ecolor=_mark(number)["color"],
            zorder=2,
            **style.ERROR_BAR,
            **_mark(number),
        )
        # the bars of the horizontal axis come first
        directions = [objective for objective in (x, y) if objective.interval]
        for lines, objective in zip(drawn.lines[2], directions, strict=True):
            style.dot_bounds(lines, [is_bound(row, objective.interval) for row in mine])
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    for axis, set_scale, objective in ((axes.xaxis, axes.set_xscale, x), (axes.yaxis, axes.set_yscale, y)):
        if _spans_decade(rows, objective):
            set_scale("log")
            style.plain_log_axis(axis, room=30.0)
        else:
            style.few_ticks(axis, 5)


def _half_widths(rows: Sequence[Row], objective: Metric, factor: float) -> list[float] | None:
    """Lengths of the bars, NaN where there is no interval; None where the objective never has one."""
    return [row[objective.interval] * factor for row in rows] if objective.interval else None


def _spans_decade(rows: Sequence[Row], objective: Metric) -> bool:
    """Whether an axis is easier to read on a logarithmic scale."""
    values = [row[objective.name] for row in rows if row[objective.name] > 0]
    return bool(objective.is_quantity and values and max(values) / min(values) > 10)


def _scale(rows: Sequence[Row], objective: Metric) -> tuple[float, str]:
    """Factor of the values, and the label with its unit."""
    if not objective.is_quantity:
        return 100.0, f"{objective.title} (%)"
    is_wide = _spans_decade(rows, objective)
    values = [row[objective.name] for row in rows if (is_wide or row["on_front"]) and row[objective.name] > 0]
    middle = math.sqrt(min(values) * max(values)) if values else 1.0
    factor, unit = style.scale_of(middle, objective.unit)
    return factor, f"{objective.title} ({unit})"


def _mark(number: int) -> dict[str, Any]:
    return {
        "marker": style.MARKERS[number % len(style.MARKERS)],
        "markersize": 4,
        "markeredgewidth": 0.5,
        "markeredgecolor": "white",
        "color": style.PALETTE[number % len(style.PALETTE)],
    }
