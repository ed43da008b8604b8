"""What ``offload-sim plot`` prints of a folder: its table, and how much of a sweep or map there is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.reports import tables
from simulator.reports.map import of_map, render
from simulator.studies.folders import load_run
from simulator.studies.map import is_map, load_map
from simulator.studies.sweeps.data import is_sweep, load_sweep


def table_of(directory: Path, form: str) -> str:
    """The table of a folder as ``latex`` or ``csv``."""
    if is_map(directory):
        table = of_map(load_map(directory))
    elif is_sweep(directory):
        table = tables.of_sweep(load_sweep(directory))
    else:
        table = tables.of_result(load_run(directory))
    return table.latex() if form == "latex" else table.csv()


def sweep_report(directory: Path) -> RenderableType | None:
    """The table of a sweep for a terminal, and how much of it there is; None for a run, which has printed its own."""
    if is_map(directory):
        return render(load_map(directory))
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
