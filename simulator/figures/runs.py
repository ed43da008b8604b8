"""Figures of a result, by name: drawn as matplotlib Figures, written as files with the CSV of what each one shows.

Nothing here imports matplotlib until a figure is asked for. The same result gives the same bytes of every file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.errors import Problem, ResultError, did_you_mean
from simulator.figures.files import FORMATS, DataTable, figure_content, require_format, write_figures
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.figures.canvas import Look
    from simulator.studies.result import Result

#: figure -> module with ``tables(result)`` and ``draw(tables, canvas)``
_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "latency_cdf": "simulator.figures.latency_cdf",
        "latency_parts": "simulator.figures.latency_parts",
        "energy_parts": "simulator.figures.energy_parts",
        "rate_sweep": "simulator.figures.rate_sweep",
        "radio_timeline": "simulator.figures.radio_timeline",
        "layer_times": "simulator.figures.layer_times",
        "cut_stages": "simulator.figures.cut_stages",
        "latency_energy": "simulator.figures.latency_energy",
        "request_timelines": "simulator.figures.request_timelines",
    }
)
#: names of all figures
NAMES = tuple(_MODULES)
#: tables that are written beside figures, as CSV
STEMS = (*NAMES, "latency_cdf_marks", "rate_sweep_crossovers")


def available(result: Result) -> list[str]:
    """Names of the figures that this result has data for."""
    return [name for name in NAMES if name not in CURVE_COLUMNS or name in result.curves]


def figure(
    result: Result,
    name: str,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    size: tuple[float, float] | None = None,
    font: str | None = None,
    font_size: float | None = None,
) -> Figure:
    """One figure of a result.

    Parameters
    ----------
    result : Result
        Of a run, or read back from its folder.
    name : str
        One of `NAMES`.
    ax : Axes or sequence of Axes, optional
        Draw into these, one for each panel, instead of a figure of its own.
    size, font, font_size
        As in `simulator.figures.canvas.Look`.

    Raises
    ------
    ResultError
        If there is no such figure, the result lacks its data, or size, font or axes do not fit.
    """
    from simulator.figures.canvas import Canvas, Look

    canvas = Canvas(Look(size, font, font_size), ax)
    drawn: Figure = _module(result, name).draw(figure_data(result, name), canvas)
    return drawn


def figure_data(result: Result, name: str) -> dict[str, DataTable]:
    """What a figure shows: CSV file stem -> table."""
    tables: dict[str, DataTable] = _module(result, name).tables(result)
    return tables


def figure_files(result: Result, file_format: str, look: Look | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that the figures of a result need: the drawings and their CSVs.

    Raises
    ------
    ResultError
        If the format is unknown.
    """
    from simulator.figures.canvas import Canvas

    require_format(file_format)
    for name in available(result):
        tables = figure_data(result, name)
        yield f"{name}.{file_format}", figure_content(_module(result, name).draw(tables, Canvas(look)), file_format)
        for stem, table in tables.items():
            yield f"{stem}.csv", to_csv(table.rows, table.columns)


def draw_all(result: Result, directory: str | Path, file_format: str = "svg", look: Look | None = None) -> list[Path]:
    """Write every figure of a result into a folder, each with the CSV of what it shows.

    Parameters
    ----------
    result : Result
        Of a run, or read back from its folder.
    directory : str or Path
        The folder for the figures themselves (``DIR/figures`` of a run); created if it does not exist.
    file_format : str
        ``svg``, ``pdf`` or ``png``.
    look : Look, optional
        Size and font, if not the usual ones.

    Returns
    -------
    list of Path
        The drawings, without the CSVs.

    Raises
    ------
    ResultError
        If the format is unknown, the folder cannot be written, or the files of the result hold what no run writes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # numbers that leave the range of floats
            files = list(figure_files(result, file_format, look))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeWarning) as error:
        if result.directory is None:  # of a run just now, whose data are the program's own
            raise
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        message = f'the figures of "{result.directory}" cannot be drawn, its files hold what no run writes ({reason})'
        raise ResultError(Problem(message, "run the scenario again into that folder")) from error
    return write_figures(Path(directory), files)


def _module(result: Result, name: str) -> Any:
    if name not in NAMES:
        hint = did_you_mean(name, NAMES) or "known: " + ", ".join(NAMES)
        raise ResultError(Problem(f'no figure is called "{name}"', hint))
    if name not in available(result):
        raise ResultError(
            Problem(f'the result of "{result.name}" has no data for the figure "{name}"', "run the scenario again")
        )
    return import_module(_MODULES[name])


#: how the figures of a run are drawn, for the studies
RUN_FIGURES = Drawing(
    of="run",
    names=NAMES,
    own_files=(*(f"{stem}.csv" for stem in STEMS), *(f"{name}.{suffix}" for name in NAMES for suffix in FORMATS)),
    figure=figure,
    files=figure_files,
)
