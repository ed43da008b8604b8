"""The figure of an optimisation and its files; nothing here imports matplotlib until the figure is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulator.figures.files import figure_content
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import Drawing
from simulator.studies.optimise import Front, by_environment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "front"


def figure(
    front: Front,
    name: str = NAME,  # noqa: ARG001
    *,
    ax: Axes | Sequence[Axes] | None = None,
    size: tuple[float, float] | None = None,
    font: str | None = None,
    font_size: float | None = None,
) -> Figure:
    """The figure of a front, with the arguments of `simulator.figures.runs.figure`."""
    from simulator.figures.canvas import Canvas, Look
    from simulator.figures.front import draw

    fronts = by_environment(front.alternatives, front.environments)
    return draw(fronts, front.objectives, Canvas(Look(size, font, font_size), ax))


def figure_files(front: Front, file_format: str) -> Iterator[tuple[str, bytes]]:
    """The figure, and the CSV of all alternatives that it shows."""
    yield f"{NAME}.{file_format}", figure_content(figure(front), file_format)
    yield f"{NAME}.csv", to_csv(front.alternatives, ("on_front", *front.columns))


#: how the figure of an optimisation is drawn, for the studies
FRONT_FIGURES = Drawing("optimisation", (NAME,), (f"{NAME}.svg", f"{NAME}.csv"), figure, figure_files)
