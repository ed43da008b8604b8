"""``offload-sim plot``: the figures of a folder, whether a run, a sweep or a map made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.figures.maps import draw_map
from simulator.figures.runs import draw_all
from simulator.figures.sweeps import draw_sweep
from simulator.studies.folders import load_run
from simulator.studies.map import is_map, load_map
from simulator.studies.sweeps.data import is_sweep, load_sweep


def draw(directory: Path, file_format: str, **look: Any) -> list[Path]:
    """Draw every figure of a folder.

    Parameters
    ----------
    directory : Path
        Of a run, a sweep or a map.
    file_format : str
        ``svg``, ``pdf`` or ``png``.
    **look
        Arguments of `simulator.figures.canvas.Look`.

    Returns
    -------
    list of Path
        The figures.

    Raises
    ------
    ResultError
        If the folder is none of them, or cannot be written, or the look cannot be had.
    """
    from simulator.figures.canvas import Look

    if is_map(directory):
        return draw_map(load_map(directory), file_format, Look(**look))
    if is_sweep(directory):
        return draw_sweep(load_sweep(directory), file_format, Look(**look))
    return draw_all(load_run(directory), directory / "figures", file_format, Look(**look))
