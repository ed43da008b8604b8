"""A sweep read back from its folder, finished or not: its axes, its rows, and how much of it there is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import Problem, ResultError
from simulator.inference.ended import ended_sentences
from simulator.inference.metrics import REQUIRED, SUMMARY_COLUMNS
from simulator.studies.axes import AxisView, of_column
from simulator.studies.csvtext import filled
from simulator.studies.drawing import NO_FIGURES, Drawing, FigureMethods
from simulator.studies.sweeps.store import FAILED, FORMAT, MANIFEST, parts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class SweepData:
    """The data set of a sweep.

    Attributes
    ----------
    directory : Path
    axes : tuple of AxisView
        With the values that occur in the rows.
    rows : tuple of dict
        One for each point, policy and group, in the order of the axes.
    points, found, failed : int
        Points of the grid, points with rows, points that failed.
    cautions : tuple of str
        What the profiles of the points leave out, and which policies ended by an error.
    drawing : Drawing
        Who draws its figures.
    """

    directory: Path
    axes: tuple[AxisView, ...]
    rows: tuple[dict[str, Any], ...]
    points: int
    found: int
    failed: int
    cautions: tuple[str, ...] = ()
    drawing: Drawing = NO_FIGURES

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    @property
    def plot(self) -> FigureMethods:
        """Figures: ``sweep.plot.latency()`` and so on, each a matplotlib Figure."""
        return self.drawing.methods(self)

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of a fleet; one empty name without a fleet."""
        return tuple(dict.fromkeys(row.get("group", "") for row in self.rows))

    @property
    def policies(self) -> tuple[str, ...]:
        """Policies, in the order of the scenario."""
        return tuple(dict.fromkeys(row["policy"] for row in self.rows))

    def sentence(self) -> str:
        """How much of the sweep this is."""
        if self.found == self.points:
            return f"All {self.points} points."
        missing = self.points - self.found - self.failed
        reasons = [f"{self.failed} failed"] if self.failed else []
        reasons += [f"{missing} not computed yet: start the sweep again to go on"] if missing > 0 else []
        return f"{self.found} of {self.points} points; " + ", ".join(reasons) + "."


def is_sweep(folder: Path) -> bool:
    """Whether a folder was made by a sweep."""
    return (folder / MANIFEST).is_file()


def load_sweep(directory: str | Path, drawing: Drawing = NO_FIGURES) -> SweepData:
    """Read the folder of a sweep, as far as it has come.

    Parameters
    ----------
    directory : str or Path
    drawing : Drawing
        Who draws the figures of the sweep.

    Raises
    ------
    ResultError
        If the folder is no sweep, cannot be read, or has no finished point.
    """
    folder = Path(directory)
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        known = manifest["format"] == FORMAT
        given, points = dict(manifest["axes"]), int(manifest["points"])
        cautions = tuple(map(str, manifest.get("cautions", ())))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(folder, f"{MANIFEST} cannot be read: {error}") from error
    if not known:
        raise _unreadable(folder, f'its format is "{manifest["format"]}", this version reads "{FORMAT}"')
    tables = [_table(folder, part, given) for part in parts(folder)]
    rows = [filled(row, SUMMARY_COLUMNS) for table in tables for row in table.to_pylist()]
    if not rows:
        raise ResultError(Problem(f'the sweep in "{folder}" has no finished point yet', "start it again to go on"))
    axes = tuple(of_column(path, values, [row[path] for row in rows]) for path, values in given.items())
    places = [{cell: place for place, cell in enumerate(axis.cells)} for axis in axes]
    rows.sort(key=lambda row: [place[row[axis.path]] for place, axis in zip(places, axes, strict=True)])
    found = len({row["point"] for row in rows})
    cautions = (*cautions, *ended_sentences(rows))
    return SweepData(folder, axes, tuple(rows), points, found, _failed(folder), cautions, drawing)


def _table(folder: Path, part: Path, axes: Any) -> pa.Table:
    try:
        table = pq.read_table(part)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(folder, f"{part.name} is damaged: {str(error).splitlines()[0]}") from error
    missing = [name for name in ("point", *axes, *REQUIRED) if name not in table.column_names]
    if missing:
        raise _unreadable(folder, f"{part.name} lacks the columns " + ", ".join(missing))
    return table


def _failed(folder: Path) -> int:
    try:
        return int(json.loads((folder / FAILED).read_bytes())["failed"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _unreadable(folder: Path, reason: str) -> ResultError:
    return ResultError(Problem(f'"{folder}" is no readable sweep: {reason}', "start the sweep again into a new folder"))
