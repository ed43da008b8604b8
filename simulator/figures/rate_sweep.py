"""Figure rate_sweep: latency and energy over the uplink rate, with the rates at which the best policy changes.

The curves are predictions for a lone request (no queues, no idle time between requests), computed by the caller; the
requests do not hold them. Each group of a fleet has its own panels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable

if TYPE_CHECKING:
    from simulator.studies.result import Result

#: width of an upright label above a panel, and of a level one, as shares of the panel's
_LABEL, _LEVEL_LABEL = 0.036, 0.2
_TABLES = ("rate_sweep", "rate_sweep_crossovers")
#: column -> (first word of the metric in the crossover table, axis label, dimension)
_PANELS = {
    "latency_s": ("latency", "Predicted latency", "time"),
    "energy_j": ("energy", "Predicted energy", "energy"),
}


def tables(result: Result) -> dict[str, DataTable]:
    """The curves and the crossovers."""
    return {name: DataTable(CURVE_COLUMNS[name], result.curves[name].to_pylist()) for name in _TABLES}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its tables: one row of panels for each group."""
    rows, crossovers = data["rate_sweep"].rows, data["rate_sweep_crossovers"].rows
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    groups = list(dict.fromkeys(row["group"] for row in rows))
    handles: list[Any] = [Line2D([], [], **style.line_looks(number)) for number in range(len(policies))]
    labels = [style.short(policy) for policy in policies]
    if crossovers:
        handles.append(Line2D([], [], linestyle="none", **_crossover_mark()))
        labels.append("best policy changes")
    columns = 4 if max(map(len, labels)) <= 22 else 3
    with canvas.drawing():
        height = 2.5 * len(groups) + 0.15 * style.legend_rows(labels, columns)
        figure, panels = canvas.panels(len(groups), len(_PANELS), (style.PAGE_IN, height))
        for pair, group in zip(panels, groups, strict=True):
            curves = [row for row in rows if row["group"] == group]
            changes = [row for row in crossovers if row["group"] == group]
            for axes, column in zip(pair, _PANELS, strict=True):
                _draw_panel(axes, curves, changes, policies, column)
            if len(groups) > 1:
                # above the rates of the crossovers
                rates = [change["rate_bps"] for change in changes if change["metric"].startswith("latency")]
                is_level = _have_room([_place(rate, curves) for rate in rates])
                pair[0].set_title(
                    group, loc="left", pad=style.points(12 if is_level else 44) if rates else 6, parse_math=False
                )
        canvas.legend(figure, panels[0, 0], handles, labels, columns)
    return figure


def _draw_panel(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    crossovers: Sequence[Mapping[str, Any]],
    policies: Sequence[str],
    column: str,
) -> None:
    """Curves and crossovers of one metric and one group."""
    metric, label, dimension = _PANELS[column]
    rates = [row["uplink_rate_bps"] for row in rows]
    rate_factor, rate_unit = style.scale_of(math.sqrt(min(rates) * max(rates)), "bit rate")
    factor, unit = _scale(rows, column, dimension)
    _draw_curves(axes, rows, policies, column, rate_factor, factor)
    changes = [row for row in crossovers if row["metric"].startswith(metric)]
    _mark_crossovers(axes, rows, changes, column, (rate_factor, rate_unit), factor)
    axes.set_ylabel(f"{label} ({unit})")
    axes.set_xlabel(f"Uplink rate ({rate_unit})")


def _draw_curves(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    policies: Sequence[str],
    column: str,
    rate_factor: float,
    factor: float,
) -> None:
    """One line per policy, on a logarithmic axis when the values span more than a decade."""
    low, high = _span(rows, column)
    for number, policy in enumerate(policies):
        curve = [row for row in rows if row["policy"] == policy]
        x = np.array([row["uplink_rate_bps"] for row in curve]) * rate_factor
        y = np.array([row[column] for row in curve]) * factor
        axes.plot(x, np.where(np.isfinite(y), y, np.nan), **style.line_looks(number))
    axes.set_xscale("log")
    axes.margins(x=0)
    style.plain_log_axis(axes.xaxis)
    if high / low > 10:
        axes.set_yscale("log")
        style.plain_log_axis(axes.yaxis)
    else:
        axes.set_ylim(0, high * factor * 1.05)
        style.few_ticks(axes.yaxis)


def _mark_crossovers(
    axes: Axes,
    rows: Sequence[Mapping[str, Any]],
    changes: Sequence[Mapping[str, Any]],
    column: str,
    rate_scale: tuple[float, str],
    factor: float,
) -> None:
    """A circle on the curve of the policy that takes over, its rate (in the unit of the axis) above the panel."""
    rate_factor, rate_unit = rate_scale
    exact = [_place(change["rate_bps"], rows) for change in changes]
    is_level = _have_room(exact)
    places = exact if is_level else _apart(exact)
    for change, place in zip(changes, places, strict=True):
        curve = [row for row in rows if row["policy"] == change["to_policy"]]
        rates = np.log([row["uplink_rate_bps"] for row in curve])
        y = factor * math.exp(np.interp(math.log(change["rate_bps"]), rates, np.log([row[column] for row in curve])))
        x = change["rate_bps"] * rate_factor
        axes.axvline(x, color="#999999", linewidth=0.6, linestyle=":")
        axes.plot([x], [y], **_crossover_mark())
        axes.annotate(
            f"{_plain(x)} {rate_unit}",
            (place, 1.0),
            (0, 2),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            rotation=0 if is_level else 90,
            fontsize=style.points(6),
        )


def _have_room(places: Sequence[float]) -> bool:
    """Whether labels can stand level, without running into each other or over the ends of the panel."""
    width = _LEVEL_LABEL * style.letters()
    ends = [-width / 2, *sorted(places), 1 + width / 2]
    return all(here - before >= width for before, here in pairwise(ends))


def _place(rate_bps: float, rows: Sequence[Mapping[str, Any]]) -> float:
    """Where a rate lies between the ends of the logarithmic axis."""
    low, high = _span(rows, "uplink_rate_bps")
    return math.log(rate_bps / low) / math.log(high / low)


def _apart(places: Sequence[float]) -> list[float]:
    """Places of labels that do not overlap: each moves to the right as far as the one before it asks for."""
    moved = list(places)
    for before, here in pairwise(sorted(range(len(places)), key=places.__getitem__)):
        moved[here] = max(moved[here], moved[before] + _LABEL)
    return moved


def _plain(value: float) -> str:
    """At least three significant digits, never an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _span(rows: Sequence[Mapping[str, Any]], column: str) -> tuple[float, float]:
    """Smallest and largest positive value of a column."""
    values = [row[column] for row in rows if math.isfinite(row[column]) and row[column] > 0]
    return (min(values), max(values)) if values else (1.0, 1.0)


def _scale(rows: Sequence[Mapping[str, Any]], column: str, dimension: str) -> tuple[float, str]:
    """Factor and unit of the y axis."""
    low, high = _span(rows, column)
    return style.scale_of(math.sqrt(low * high), dimension)


def _crossover_mark() -> dict[str, Any]:
    return {
        "marker": "o",
        "markersize": 5,
        "markerfacecolor": "white",
        "markeredgecolor": "black",
        "markeredgewidth": 0.9,
        "color": "black",
    }
