"""``offload-sim plot``: the figures and the table of a folder, whether a run or a sweep made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.analysis import tables
from simulator.analysis.plots import draw_all
from simulator.analysis.plots_sweep import draw_sweep
from simulator.analysis.result import Result, load_result
from simulator.analysis.sweep_data import is_sweep, load_sweep
from simulator.errors import Problem, ResultError


def draw(directory: Path, file_format: str, **look: Any) -> list[Path]:
    """Draw every figure of a folder.

    Parameters
    ----------
    directory : Path
        Of a run or of a sweep.
    file_format : str
        ``svg``, ``pdf`` or ``png``.
    **look
        Arguments of `simulator.analysis.plots_canvas.Look`.

    Returns
    -------
    list of Path
        The figures.

    Raises
    ------
    ResultError
        If the folder is neither, or cannot be written, or the look cannot be had.
    """
    from simulator.analysis.plots_canvas import Look

    if is_sweep(directory):
        return draw_sweep(load_sweep(directory), file_format, Look(**look))
    return draw_all(_result(directory), directory / "figures", file_format, Look(**look))


def table_of(directory: Path, form: str) -> str:
    """The table of a folder as ``latex`` or ``csv``."""
    is_of_sweep = is_sweep(directory)
    table = tables.of_sweep(load_sweep(directory)) if is_of_sweep else tables.of_result(_result(directory))
    return table.latex() if form == "latex" else table.csv()


def _result(directory: Path) -> Result:
    """The run of a folder; that of an optimisation is told from it."""
    if is_sweep(directory / "points"):
        hint = f"its points are a sweep: offload-sim plot {directory / 'points'}"
        raise ResultError(Problem(f'"{directory}" is the folder of an optimisation, whose figure is in figures/', hint))
    return load_result(directory)


def sweep_report(directory: Path) -> RenderableType | None:
    """The table of a sweep for a terminal, and how much of it there is; None for a run, which has printed its own."""
    if not is_sweep(directory):
        return None
    data = load_sweep(directory)
    view, shown = tables.of_sweep(data).rich()
    said = [data.sentence()]
    if shown < len(data.rows):
        said.append(
            f"The table shows {shown} of {len(data.rows)} rows, of points evenly chosen; --csv prints them all."
        )
    cautions = (Text(f"Caution: {caution}", style="yellow") for caution in data.cautions)
    return Group(view, Text(" ".join(said)), *cautions)
