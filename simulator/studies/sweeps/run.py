"""Running a sweep: what is missing in its folder is computed, written as it comes, and told at the end."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from simulator.errors import Problem, ScenarioError, SweepError
from simulator.inference.ended import ENDED, ended_sentences
from simulator.scenario.grid import Grid
from simulator.studies.sweeps.crew import Crew, OwnProcess, Processes
from simulator.studies.sweeps.dispatch import Dispatch
from simulator.studies.sweeps.point import Finished, Point, Setting
from simulator.studies.sweeps.progress import Progress, duration
from simulator.studies.sweeps.store import FAILED, SweepFolder, read_rows
from simulator.studies.sweeps.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: finished points wait for this long before they are written, or for this share of the time that has passed, so that
#: a long sweep does not end in thousands of small files
_WRITE_S, _WRITE_SHARE = 1.0, 0.02
#: failed points that a message tells
_SHOWN = 10


@dataclass(frozen=True)
class Failure:
    """A point without rows.

    Attributes
    ----------
    point : str
        Its values, like ``link.uplink.rate=2 Mbit/s``.
    problems : tuple of Problem
    is_defect : bool
        Whether the program is to blame.
    scenario : dict
        What was to be run, in the form of a scenario file.
    """

    point: str
    problems: tuple[Problem, ...]
    is_defect: bool
    scenario: Mapping[str, Any]

    def told(self) -> dict[str, Any]:
        """The failure for a file."""
        problems = [str(problem) for problem in self.problems]
        return {"point": self.point, "problems": problems, "is_defect": self.is_defect, "scenario": self.scenario}


@dataclass(frozen=True)
class SweepResult:
    """What a sweep left behind.

    Attributes
    ----------
    directory : Path
    grid : Grid
    schema : pyarrow.Schema
        Columns of the data set.
    points, computed : int
        Points that were asked for, and how many of them were computed now.
    failed : tuple of Failure
        In order of the grid.
    wall_s : float
    cautions : tuple of str
        What the profiles of the points leave out, and which policies ended by an error at points computed now.
    """

    directory: Path
    grid: Grid
    schema: pa.Schema
    points: int
    computed: int
    failed: tuple[Failure, ...]
    wall_s: float
    cautions: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What was done, for people."""
        found = self.points - self.computed - len(self.failed)
        done = f"{self.computed} points computed in {duration(self.wall_s)}"
        if self.computed:
            done += f" ({self.computed / self.wall_s:.3g} points/s)"
        if found:
            done += f", {found} were there already"
        if self.failed:
            done += f", {len(self.failed)} failed"
        read = (
            f'Read them with pandas.read_parquet("{self.directory}"), draw them with: offload-sim plot {self.directory}'
        )
        return "\n".join((f"{done}. {read}", *(f"Caution: {caution}" for caution in self.cautions)))

    def frame(self) -> pd.DataFrame:
        """The data set in order of the grid."""
        import pandas as pd

        frame: pd.DataFrame = read_rows(self.directory, self.schema).to_pandas()
        places = {
            axis.path: frame[axis.path].map({cell: k for k, cell in enumerate(cells)})
            for axis, cells in zip(self.grid.axes, self.grid.cells, strict=True)
        }
        order = pd.DataFrame(places).sort_values(list(places), kind="stable").index
        return frame.loc[order].reset_index(drop=True)


def run_sweep(sweep: Sweep, directory: Path) -> SweepResult:
    """Compute the points of a sweep that its folder lacks.

    Parameters
    ----------
    sweep : Sweep
    directory : Path
        Folder of the data set.

    Raises
    ------
    ResultError
        If the folder belongs to something else or cannot be written; finished points are kept.
    ClusterError
        If the workers are gone; finished points are kept.
    """
    with Session(sweep, directory, sweep.grid.size) as session:
        session.compute(range(sweep.grid.size))
        return session.result(sweep.grid.size)


def require_all(result: SweepResult) -> None:
    """Raise if points failed.

    Raises
    ------
    SweepError
        With the first failed points and their problems, where the scenarios are to blame.
    RuntimeError
        If the program is to blame for one.
    """
    defects = [failure for failure in result.failed if failure.is_defect]
    if defects:
        raise RuntimeError(f"{len(defects)} points failed, first {defects[0].point}: {defects[0].problems[0]}")
    if not result.failed:
        return
    problems = [
        replace(problem, message=f"{failure.point}: {problem.message}")
        for failure in result.failed[:_SHOWN]
        for problem in failure.problems
    ]
    hint = f"their scenarios are in {result.directory / FAILED}; all other points are done"
    problems.append(Problem(f"{len(result.failed)} of {result.points} points failed", hint))
    raise SweepError(problems)


class Session:
    """The folder of a sweep and the workers that fill it; a context manager.

    Parameters
    ----------
    sweep : Sweep
    directory : Path
        Folder of the data set.
    expected : int
        About how many points will be asked for.
    """

    def __init__(self, sweep: Sweep, directory: Path, expected: int) -> None:
        self._sweep = sweep
        self._expected = expected
        self._folder = SweepFolder(directory, sweep.manifest(), sweep.inputs.copies, sweep.schema)
        self._crew: Crew | None = None
        self._open = ExitStack()
        self._known: set[str] = set()
        self._waiting: list[Mapping[str, Any]] = []
        self._begun = self._written = time.perf_counter()
        self._found = self._computed = 0
        self._failed: dict[int, Failure] = {}
        self._ended: dict[int, list[Mapping[str, Any]]] = {}

    def __enter__(self) -> Self:
        self._open.enter_context(self._folder)
        self._known = self._folder.finished
        return self

    def __exit__(self, *_: object) -> None:
        with self._open:
            self._write()

    def compute(self, numbers: Sequence[int]) -> None:
        """Compute and write those of some points of the grid that are missing; note which fail."""
        missing = self._missing(numbers)
        first = next(missing, None)
        if first is not None:
            if self._crew is None:
                to_come = max(1, self._expected - len(self._known))
                self._crew = make_crew(self._sweep, self._folder.folder, to_come, first)
                self._open.callback(self._crew.close)
            expected = len(numbers) - (len(self._known) if len(numbers) == self._sweep.grid.size else 0)
            with Progress(self._sweep.options.progress, len(numbers)) as progress:
                self._collect(Dispatch(chain([first], missing), self._crew, expected), progress)
            self._write()
        self._folder.write_failed([failure.told() for failure in self._failures()])

    def result(self, points: int) -> SweepResult:
        """What has been done, of so many points that were asked for."""
        wall_s = time.perf_counter() - self._begun
        failed = self._failures()
        sweep = self._sweep
        ended = ended_sentences(row for number in sorted(self._ended) for row in self._ended[number])
        cautions = (*sweep.cautions, *ended)
        return SweepResult(
            self._folder.folder, sweep.grid, sweep.schema, points, self._computed, failed, wall_s, cautions
        )

    def _failures(self) -> tuple[Failure, ...]:
        """Points that failed, in order of the grid, whoever was done first."""
        return tuple(self._failed[number] for number in sorted(self._failed))

    def _collect(self, dispatch: Dispatch, progress: Progress) -> None:
        for batch in dispatch.finished():
            for finished in batch:
                self._take(finished)
            progress.show(self._found, self._computed, len(self._failed))
            now = time.perf_counter()
            if now - self._written > max(_WRITE_S, _WRITE_SHARE * (now - self._begun)):
                self._write()

    def _missing(self, numbers: Iterable[int]) -> Iterator[Point]:
        """Points that are not in the folder; those whose values do not go together fail here."""
        for number in numbers:
            try:
                scenario = self._sweep.scenario(number)
            except ScenarioError as error:
                self._fail(number, error.problems, is_defect=False)
                continue
            identity = self._sweep.identity(number, scenario)
            if identity in self._known:
                self._found += 1
            else:
                yield Point(number, identity, scenario)

    def _take(self, finished: Finished) -> None:
        grid = self._sweep.grid
        indices = grid.indices(finished.number)
        if finished.rows:
            self._computed += 1
            self._known.add(finished.identity)
            place = {"point": finished.identity, **grid.row(indices)}
            rows = [{**place, **row} for row in finished.rows]
            self._waiting += rows
            self._ended[finished.number] = [row for row in rows if row["condition"].startswith(ENDED)]
        else:
            problems = [self._sweep.inputs.told(problem) for problem in finished.problems]
            self._fail(finished.number, grid.located(indices, problems), finished.is_defect)

    def _fail(self, number: int, problems: Sequence[Problem], is_defect: bool) -> None:
        grid = self._sweep.grid
        indices = grid.indices(number)
        self._failed[number] = Failure(grid.words(indices), tuple(problems), is_defect, grid.data(indices))

    def _write(self) -> None:
        if self._waiting:
            rows, self._waiting = self._waiting, []
            self._folder.write(rows)
        self._written = time.perf_counter()


def _cores() -> int:
    """Cores that this process may use, where the system tells; all of them elsewhere."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_crew(sweep: Sweep, folder: Path, points: int, first: Point) -> Crew:
    """Who computes: a cluster, processes of this machine, or this process.

    Raises
    ------
    ClusterError
        If there is no cluster at the address.
    """
    options = sweep.options
    name = f"offload-sim-{uuid4().hex}"
    workers = min(options.workers or _cores(), points)

    def setting(width: int) -> Setting:
        each = math.ceil(points / width)
        return Setting(options.engine, options.precision, options.max_replications, each, sweep.compares)

    if options.cluster:
        from simulator.studies.sweeps.cluster import Cluster

        return Cluster(name, setting, sweep.inputs.copies, options.cluster)
    if options.workers == 1:
        return OwnProcess(name, setting(1), folder)
    return Processes(name, setting(workers), folder, workers, first)
