"""What ``offload-sim plot`` prints of a folder: the table of a run or of a sweep, and how much of a sweep there is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.reports import tables
from simulator.studies.folders import load_run
from simulator.studies.sweeps.data import is_sweep, load_sweep


def table_of(directory: Path, form: str) -> str:
    """The table of a folder as ``latex`` or ``csv``."""
    is_of_sweep = is_sweep(directory)
    table = tables.of_sweep(load_sweep(directory)) if is_of_sweep else tables.of_result(load_run(directory))
    return table.latex() if form == "latex" else table.csv()


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
