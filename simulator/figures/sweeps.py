"""Figures of a sweep, by name: what each one shows, and its files.

How they are drawn is the matter of `simulator.figures.sweep_panels`; nothing here imports matplotlib until a
figure is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulator.errors import Problem, ResultError
from simulator.figures.files import FORMATS, figure_content, require_format, write_figures
from simulator.inference.metrics import KEYED
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import Drawing

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.figures.canvas import Look
    from simulator.studies.sweeps.data import SweepData

#: folder of the figures; readers of the data set skip names with an underscore
FOLDER = "_figures"


def available(data: SweepData) -> list[str]:
    """Metrics that the sweep has values of; accuracy only where it differs."""
    found = []
    for name, metric in KEYED.items():
        values = {row[metric.name] for row in data.rows if not math.isnan(row[metric.name])}
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
        A key of `KEYED`.
    ax, size, font, font_size
        As in `simulator.figures.runs.figure`.

    Raises
    ------
    ResultError
        If the sweep has no such values, or size, font or axes do not fit.
    """
    from simulator.figures.canvas import Canvas, Look
    from simulator.figures.sweep_panels import draw

    if name not in available(data):
        raise ResultError(
            Problem(f'the sweep in "{data.directory}" has no values for "{name}"', "has: " + ", ".join(available(data)))
        )
    return draw(data, KEYED[name], Canvas(Look(size, font, font_size), ax))


def draw_sweep(data: SweepData, file_format: str = "svg", look: Look | None = None) -> list[Path]:
    """Write every figure of a sweep into its folder, each with the CSV of what it shows; the paths of the figures."""
    require_format(file_format)
    return write_figures(data.directory / FOLDER, figure_files(data, file_format, look))


def figure_files(data: SweepData, file_format: str, look: Look | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that the figures of a sweep need: the drawings and their CSVs."""
    from simulator.figures.canvas import Canvas
    from simulator.figures.sweep_panels import draw

    group = ["group"] if "group" in data.rows[0] else []
    for name in available(data):
        metric = KEYED[name]
        yield f"{name}.{file_format}", figure_content(draw(data, metric, Canvas(look)), file_format)
        values = [metric.name, *([metric.interval] if metric.interval else [])]
        columns = [*(axis.path for axis in data.axes), *group, "policy", *values]
        yield f"{name}.csv", to_csv(data.rows, columns)


#: how the figures of a sweep are drawn, for the studies
SWEEP_FIGURES = Drawing(
    of="sweep",
    names=tuple(KEYED),
    own_files=tuple(f"{name}.{suffix}" for name in KEYED for suffix in ("csv", *FORMATS)),
    figure=figure,
    files=figure_files,
)
