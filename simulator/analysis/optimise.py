"""``offload-sim optimise``: the Pareto front over the axes of a grid and the policies of a scenario.

A grid of at most ``budget`` points is computed as a whole; of a larger one NSGA-II chooses that many. Every point is a
point of a sweep in ``DIR/points``, so that an interrupted search is continued by starting it again.

``DIR/`` gets ``front.csv`` and ``front.parquet`` (the front, best latency first) and ``figures/front.svg`` with the CSV
of all alternatives that it shows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.analysis.csvtext import to_csv
from simulator.analysis.folder_kinds import require_kind
from simulator.analysis.pareto import OBJECTIVES, costs, front, merge_groups
from simulator.analysis.search import Place, search
from simulator.analysis.staging import StagedFiles
from simulator.analysis.sweep import Sweep
from simulator.analysis.sweep_run import Session, SweepResult
from simulator.analysis.sweep_store import read_rows
from simulator.errors import Problem, SweepError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: points of a grid that are all computed, if nothing else is asked for
BUDGET = 2000
#: what stands beside the points
_FILES = ("front.csv", "front.parquet", "figures/front.svg", "figures/front.csv")


@dataclass(frozen=True, eq=False)
class Front:
    """Outcome of an optimisation.

    Attributes
    ----------
    directory : Path
    objectives : tuple of str
    rows : tuple of dict
        Alternatives on the front.
    alternatives : tuple of dict
        All that were computed, with ``on_front``.
    sweep : SweepResult
        How they were computed.
    exhaustive : bool
        Whether that were all points of the grid.
    """

    directory: Path
    objectives: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    alternatives: tuple[dict[str, Any], ...]
    sweep: SweepResult
    exhaustive: bool

    @property
    def frame(self) -> pd.DataFrame:
        """The front as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows))

    def figure(self) -> Figure:
        """The figure front."""
        from simulator.analysis.plots_front import draw

        return draw(self.alternatives, self.objectives)


def optimise(sweep: Sweep, objectives: Sequence[str], directory: Path, budget: int = BUDGET) -> Front:
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

    Raises
    ------
    SweepError
        If there is no alternative with all objectives.
    ResultError
        If the folder belongs to something else or cannot be written.
    """
    require_kind(directory, "optimisation")
    with StagedFiles(directory) as staged:
        for name in _FILES:
            staged.require(name)
    grid = sweep.grid
    points = directory / "points"
    exhaustive = grid.size <= budget
    with Session(sweep, points, expected=min(grid.size, budget)) as session:
        if exhaustive:
            session.compute(range(grid.size))
            tried = grid.size
        else:
            evaluation = _Evaluation(sweep, session, objectives, points)
            ordered = [all(isinstance(cell, int | float) for cell in cells) for cells in grid.cells]
            sizes = [len(axis.values) for axis in grid.axes]
            seed = sweep.scenario(0).seed
            tried = search(sizes, ordered, evaluation.policies, evaluation, budget=budget, seed=seed)
        computed = session.result(tried)
    axes = [axis.path for axis in grid.axes]
    alternatives = merge_groups(read_rows(points, sweep.schema).to_pylist(), axes)
    values = costs(alternatives, objectives)
    _require_values(values, objectives)
    chosen = front(values)
    for row, is_on_front in zip(alternatives, chosen.tolist(), strict=True):
        row["on_front"] = is_on_front
    rows = sorted(
        (row for row in alternatives if row["on_front"]), key=lambda row: row[OBJECTIVES[objectives[0]].column]
    )
    columns = ["policy", *axes, *(o.column for o in OBJECTIVES.values()), "completed_ratio"]
    best = tuple({column: row[column] for column in columns} for row in rows)
    found = Front(directory, tuple(objectives), best, tuple(alternatives), computed, exhaustive)
    _write(found, columns)
    return found


class _Evaluation:
    """Computes places of the grid and knows their costs."""

    def __init__(self, sweep: Sweep, session: Session, objectives: Sequence[str], points: Path) -> None:
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
        self._session.compute([grid.number(place) for place in places])
        names = [axis.path for axis in grid.axes]
        found: dict[tuple[Any, ...], dict[str, list[float]]] = {}
        alternatives = merge_groups(read_rows(self._points, self._sweep.schema).to_pylist(), names)
        for row, values in zip(alternatives, costs(alternatives, self._objectives).tolist(), strict=True):
            found.setdefault(tuple(row[name] for name in names), {})[row["policy"]] = values
        return {place: self._of(found.get(tuple(grid.row(place).values()), {})) for place in places}

    def _of(self, policies: Mapping[str, list[float]]) -> list[list[float] | None]:
        """Costs in the order of the policies; labels may change with the point, their order does not."""
        values = list(policies.values())
        return [values[k] if k < len(values) else None for k in range(len(self._labels))]


def _require_values(values: Any, objectives: Sequence[str]) -> None:
    problems = []
    for k, name in enumerate(objectives):
        if not any(not math.isnan(value) for value in values[:, k]):
            others = ",".join(other for other in objectives if other != name)
            problems.append(Problem(f"no alternative has a known {name}", f"leave it out: --objectives {others}"))
    if problems:
        raise SweepError(problems)


def _write(found: Front, columns: Sequence[str]) -> None:
    from simulator.analysis.plots_style import saving

    drawing = io.BytesIO()
    with saving():
        found.figure().savefig(drawing, format="svg", metadata={"Date": None})
    shown = ["on_front", *columns]

    def parquet(file: BinaryIO) -> None:
        pq.write_table(pa.Table.from_pylist(list(found.rows)).select(columns), file)

    with StagedFiles(found.directory) as staged:
        table, data, figure, shown_data = _FILES
        staged.write_bytes(table, to_csv(found.rows, columns))
        staged.write(data, parquet)
        staged.write_bytes(figure, drawing.getvalue())
        staged.write_bytes(shown_data, to_csv(found.alternatives, shown))
        staged.commit()
