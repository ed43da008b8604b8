"""The figure of a map and its files; nothing here imports matplotlib until the figure is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulator.figures.files import FORMATS, figure_content, require_format, write_figures
from simulator.studies.drawing import Drawing
from simulator.studies.map import WinnerMap

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.figures.canvas import Look

NAME = "map"


def figure(
    found: WinnerMap,
    name: str = NAME,  # noqa: ARG001
    *,
    ax: Axes | Sequence[Axes] | None = None,
    size: tuple[float, float] | None = None,
    font: str | None = None,
    font_size: float | None = None,
) -> Figure:
    """The figure of a map, with the arguments of `simulator.figures.runs.figure`."""
    from simulator.figures.canvas import Canvas, Look
    from simulator.figures.winner_map import draw

    return draw(found, Canvas(Look(size, font, font_size), ax))


def figure_files(found: WinnerMap, file_format: str, look: Look | None = None) -> Iterator[tuple[str, bytes]]:
    """The figure; the table of what it shows is that of the map."""
    from simulator.figures.canvas import Canvas
    from simulator.figures.winner_map import draw

    yield f"{NAME}.{file_format}", figure_content(draw(found, Canvas(look)), file_format)


def draw_map(found: WinnerMap, file_format: str = "svg", look: Look | None = None) -> list[Path]:
    """Write the figure of a map into its folder; the path of it."""
    require_format(file_format)
    return write_figures(found.directory / "figures", figure_files(found, file_format, look))


#: how the figure of a map is drawn, for the studies
MAP_FIGURES = Drawing("map", (NAME,), tuple(f"{NAME}.{suffix}" for suffix in FORMATS), figure, figure_files)
