"""``offload-sim optimise``: the Pareto front over the axes of a grid and the policies of a scenario.

Axes that a person chooses (``--over``: a device, a batch size) and axes that nature chooses (``--for``: a rate, a load)
are told apart. Nobody can choose a faster link when it is slow: each environment, one value of every axis of nature,
has a front of its own.

A grid of at most ``budget`` points is computed as a whole; of a larger one NSGA-II chooses that many, as many in each
environment. Every point is a point of a sweep in ``DIR/points``, so that an interrupted search is continued by
starting it again.

``DIR/`` gets ``front.csv`` and ``front.parquet`` (the fronts, best latency first) and ``figures/front.svg`` with the
CSV of all alternatives that it shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import Problem, SweepError
from simulator.inference.pareto import OBJECTIVES, costs, front, merge_groups
from simulator.staging import StagedFiles
from simulator.studies.axes import AxisView, of_grid
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import NO_FIGURES, Drawing
from simulator.studies.folder_kinds import require_kind
from simulator.studies.search import Place, search
from simulator.studies.sweeps.run import Session, SweepResult
from simulator.studies.sweeps.store import read_rows
from simulator.studies.sweeps.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

#: points of a grid that are all computed, if nothing else is asked for
BUDGET = 2000
#: what stands beside the points
_FILES = ("front.csv", "front.parquet")


@dataclass(frozen=True, eq=False)
class Front:
    """Outcome of an optimisation.

    Attributes
    ----------
    directory : Path
    objectives : tuple of str
    environments : tuple of AxisView
        Axes that nature chooses; each combination of their values has a front of its own.
    choices : tuple of AxisView
        Axes that a person chooses.
    rows : tuple of dict
        Alternatives on a front, environment by environment.
    alternatives : tuple of dict
        All that were computed, with ``on_front``.
    sweep : SweepResult
        How they were computed.
    exhaustive : bool
        Whether that were all points of the grid.
    columns : tuple of str
        Those of its table.
    """

    directory: Path
    objectives: tuple[str, ...]
    environments: tuple[AxisView, ...]
    choices: tuple[AxisView, ...]
    rows: tuple[dict[str, Any], ...]
    alternatives: tuple[dict[str, Any], ...]
    sweep: SweepResult
    exhaustive: bool
    columns: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The front as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))


def by_environment(rows: Iterable[dict[str, Any]], environments: Sequence[AxisView]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each environment under its words, such as ``Uplink rate 2 Mbit/s``; without axes there is one alone."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        words = ", ".join(f"{axis.words} {axis.text(row[axis.path])}" for axis in environments)
        found.setdefault(words, []).append(row)
    return found


def optimise(
    sweep: Sweep,
    objectives: Sequence[str],
    directory: Path,
    budget: int = BUDGET,
    drawing: Drawing = NO_FIGURES,
) -> Front:
    """Find the front and write it.

    Parameters
    ----------
    sweep : Sweep
        The grid.
    objectives : sequence of str
        Keys of `OBJECTIVES`; those that no alternative has a value for are refused.
    directory : Path
    budget : int
        Most points to compute.
    drawing : Drawing
        Who draws the figures that stand beside the front.

    Raises
    ------
    SweepError
        If there is no alternative with all objectives, or the budget does not reach for every environment.
    ResultError
        If the folder belongs to something else or cannot be written.
    """
    require_kind(directory, "optimisation")
    with StagedFiles(directory) as staged:
        for name in (*_FILES, *(f"figures/{name}" for name in drawing.own_files)):
            staged.require(name)
    grid = sweep.grid
    points = directory / "points"
    exhaustive = grid.size <= budget
    outer = sum(axis.is_environment for axis in grid.axes)
    worlds = list(product(*(range(len(axis.values)) for axis in grid.axes[:outer])))
    if len(worlds) > budget:
        raise SweepError(
            Problem(f"{len(worlds)} environments, and a budget of {budget} points", "give at least one point to each")
        )
    with Session(sweep, points, expected=min(grid.size, budget)) as session:
        if exhaustive:
            session.compute(range(grid.size))
            tried = grid.size
        else:
            ordered = [all(isinstance(cell, int | float) for cell in cells) for cells in grid.cells[outer:]]
            sizes = [len(axis.values) for axis in grid.axes[outer:]]
            seed = sweep.scenario(0).seed
            tried = 0
            for world in worlds:
                evaluation = _Evaluation(sweep, session, objectives, points, world)
                each = budget // len(worlds)
                tried += search(sizes, ordered, evaluation.policies, evaluation, budget=each, seed=seed)
        computed = session.result(tried)
    axes = of_grid(grid)
    alternatives = _in_order(merge_groups(read_rows(points, sweep.schema).to_pylist(), [a.path for a in axes]), axes)
    _require_values(alternatives, objectives)
    best: list[dict[str, Any]] = []
    first = OBJECTIVES[objectives[0]].name
    for rows in by_environment(alternatives, axes[:outer]).values():
        for row, is_on_front in zip(rows, front(costs(rows, objectives)).tolist(), strict=True):
            row["on_front"] = is_on_front
        best += sorted((row for row in rows if row["on_front"]), key=lambda row: row[first])
    columns = ["policy", *(axis.path for axis in axes)]
    columns += [column for objective in OBJECTIVES.values() for column in objective.columns]
    columns.append("completed_ratio")
    found = Front(
        directory,
        tuple(objectives),
        axes[:outer],
        axes[outer:],
        tuple({column: row[column] for column in columns} for row in best),
        tuple(alternatives),
        computed,
        exhaustive,
        tuple(columns),
    )
    _write(found, drawing)
    return found


def _in_order(rows: list[dict[str, Any]], axes: Sequence[AxisView]) -> list[dict[str, Any]]:
    """Rows in the order of the grid, whoever was done first."""
    places = [{cell: place for place, cell in enumerate(axis.cells)} for axis in axes]
    return sorted(rows, key=lambda row: [place[row[axis.path]] for place, axis in zip(places, axes, strict=True)])


class _Evaluation:
    """Computes places of the choices in one environment and knows their costs."""

    def __init__(
        self, sweep: Sweep, session: Session, objectives: Sequence[str], points: Path, environment: Place
    ) -> None:
        self._environment = environment
        self._sweep = sweep
        self._session = session
        self._objectives = objectives
        self._points = points
        self._labels = [policy.label() for policy in sweep.scenario(0).policies]

    @property
    def policies(self) -> int:
        """Number of policies at each point."""
        return len(self._labels)

    def __call__(self, places: Sequence[Place]) -> Mapping[Place, Sequence[Sequence[float] | None]]:
        grid = self._sweep.grid
        if not places:
            return {}
        self._session.compute([grid.number(self._environment + place) for place in places])
        names = [axis.path for axis in grid.axes]
        found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
        alternatives = merge_groups(read_rows(self._points, self._sweep.schema).to_pylist(), names)
        for row, values in zip(alternatives, costs(alternatives, self._objectives).tolist(), strict=True):
            found.setdefault(tuple(row[name] for name in names), {})[row["policy"]] = values
        cells = {place: tuple(grid.row(self._environment + place).values()) for place in places}
        return {place: self._of(found.get(cells[place], {})) for place in places}

    def _of(self, policies: Mapping[str, list[float]]) -> list[list[float] | None]:
        """Costs in the order of the policies; labels may change with the point, their order does not."""
        values = list(policies.values())
        return [values[k] if k < len(values) else None for k in range(len(self._labels))]


def _require_values(alternatives: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> None:
    if alternatives and all(row["condition"] for row in alternatives):
        message = f"no alternative can be compared: {alternatives[0]['condition']}"
        raise SweepError(Problem(message, "ask for less: a lower rate, fewer devices, or a faster link"))
    values = costs(alternatives, objectives)
    problems = []
    for k, name in enumerate(objectives):
        if not any(not math.isnan(value) for value in values[:, k]):
            others = ",".join(other for other in objectives if other != name)
            problems.append(Problem(f"no alternative has a known {name}", f"leave it out: --objectives {others}"))
    if problems:
        raise SweepError(problems)


def _write(found: Front, drawing: Drawing) -> None:
    drawn = list(drawing.files(found, "svg"))

    def parquet(file: BinaryIO) -> None:
        pq.write_table(pa.Table.from_pylist(list(found.rows)).select(found.columns), file)

    with StagedFiles(found.directory) as staged:
        table, data = _FILES
        staged.write_bytes(table, to_csv(found.rows, found.columns))
        staged.write(data, parquet)
        for name, content in drawn:
            staged.write_bytes(f"figures/{name}", content)
        staged.commit()
