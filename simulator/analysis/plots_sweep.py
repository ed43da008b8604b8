"""Figures of a sweep, by name: what each one shows, and its files.

How they are drawn is the matter of `simulator.analysis.plots_sweep_panels`; nothing here imports matplotlib until a
figure is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from simulator.analysis.csvtext import to_csv
from simulator.analysis.plots import figure_content, require_format, write_figures
from simulator.errors import Problem, ResultError

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.analysis.plots_canvas import Look
    from simulator.analysis.sweep_data import SweepData

#: folder of the figures; readers of the data set skip names with an underscore
FOLDER = "_figures"


@dataclass(frozen=True)
class Metric:
    """What a figure shows: column of the summary, column of its half-width, label, dimension (none for shares)."""

    column: str
    interval: str
    label: str
    dimension: str


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "latency": Metric("latency_mean_s", "latency_ci95_s", "Mean latency", "time"),
        "energy": Metric("energy_mean_j", "energy_ci95_j", "Energy per request", "energy"),
        "deadline_misses": Metric("deadline_miss_ratio", "", "Deadline misses", ""),
        "accuracy": Metric("accuracy", "", "Accuracy", ""),
    }
)


def available(data: SweepData) -> list[str]:
    """Metrics that the sweep has values of; accuracy only where it differs."""
    found = []
    for name, metric in METRICS.items():
        values = {row[metric.column] for row in data.rows if not math.isnan(row[metric.column])}
        if values and (name != "accuracy" or len(values) > 1):
            found.append(name)
    return found


def figure(
    data: SweepData,
    name: str,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    size: tuple[float, float] | None = None,
    font: str | None = None,
    font_size: float | None = None,
) -> Figure:
    """One figure of a sweep.

    Parameters
    ----------
    data : SweepData
    name : str
        A key of `METRICS`.
    ax, size, font, font_size
        As in `simulator.analysis.plots.figure`.

    Raises
    ------
    ResultError
        If the sweep has no such values, or size, font or axes do not fit.
    """
    from simulator.analysis.plots_canvas import Canvas, Look
    from simulator.analysis.plots_sweep_panels import draw

    if name not in available(data):
        raise ResultError(
            Problem(f'the sweep in "{data.directory}" has no values for "{name}"', "has: " + ", ".join(available(data)))
        )
    return draw(data, METRICS[name], Canvas(Look(size, font, font_size), ax))


def draw_sweep(data: SweepData, file_format: str = "svg", look: Look | None = None) -> list[Path]:
    """Write every figure of a sweep into its folder, each with the CSV of what it shows; the paths of the figures."""
    require_format(file_format)
    return write_figures(data.directory / FOLDER, _files(data, file_format, look))


def _files(data: SweepData, file_format: str, look: Look | None) -> Iterator[tuple[str, bytes]]:
    from simulator.analysis.plots_canvas import Canvas
    from simulator.analysis.plots_sweep_panels import draw

    group = ["group"] if "group" in data.rows[0] else []
    for name in available(data):
        metric = METRICS[name]
        yield f"{name}.{file_format}", figure_content(draw(data, metric, Canvas(look)), file_format)
        values = [metric.column, *([metric.interval] if metric.interval else [])]
        columns = [*(axis.path for axis in data.axes), *group, "policy", *values]
        yield f"{name}.csv", to_csv(data.rows, columns)
