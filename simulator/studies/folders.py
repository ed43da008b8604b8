"""The folder that ``offload-sim plot`` is given, where it holds a run."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import Problem, ResultError
from simulator.studies.loading import load_result
from simulator.studies.result import Result
from simulator.studies.sweeps.data import is_sweep


def load_run(directory: Path) -> Result:
    """The run of a folder; that of an optimisation is told from it."""
    if is_sweep(directory / "points"):
        hint = f"its points are a sweep: offload-sim plot {directory / 'points'}"
        raise ResultError(Problem(f'"{directory}" is the folder of an optimisation, whose figure is in figures/', hint))
    return load_result(directory)
