"""Who wins along one axis of numbers, and the values at which the winner changes.

A winner is named only at points where it is told from all others (`simulator.inference.standings`); between two such
points with unlike winners lies a crossover. It is found by bisection: at each value the two policies are simulated anew
with the same seed, so that their difference is paired like that of any run. Its interval goes from the last value at
which the one is certainly better to the first at which the other certainly is, so that a value inside it has a paired
difference within its own 95 % interval.

Where a third policy is certainly better than both at their crossover, it wins from somewhere before to somewhere behind
it, though no point of the grid shows it. Left out: two crossovers of the same two policies between two neighbouring
points of the grid, which only more values of the axis can show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.arrays import Row
from simulator.errors import Problem, ScenarioError, SweepError
from simulator.inference.standings import Verdict, verdict
from simulator.staging import StagedFiles
from simulator.studies.axes import AxisView, of_grid
from simulator.studies.csvtext import to_csv
from simulator.studies.sweeps.point import Point, PointRunner, Setting
from simulator.studies.sweeps.run import SweepResult
from simulator.studies.sweeps.store import read_rows
from simulator.studies.sweeps.sweep import Sweep
from simulator.units import exact

#: what the sentence is about
OBJECTIVE = "latency"
#: file of the crossovers beside the points of a sweep
FILE = "_crossovers.csv"
#: relative width of the bracket at which a crossover is found, and an end of its interval
_CROSSOVER, _END = 1e-5, 1e-3
#: about how many points one crossover takes, for the choice of the engine
_EXPECTED = 30


@dataclass(frozen=True)
class Stretch:
    """Neighbouring values of the axis with one winner.

    Attributes
    ----------
    place : int or None
        Of the winner among the policies of the scenario; None where nobody can be compared.
    policy : str
        Its name; empty for nobody.
    first, last : float
        First and last value of the axis at which it certainly wins.
    partitions : tuple of str
        What it takes there, in order.
    reason : str
        Why nobody wins; empty for a policy.
    """

    place: int | None
    policy: str
    first: float
    last: float
    partitions: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Crossover:
    """Where the winner changes.

    Attributes
    ----------
    at : float
        Where the difference changes its sign.
    low, high : float
        The 95 % interval; the one is certainly better below, the other above.
    below, above : str
        Winners; empty for nobody.
    """

    at: float
    low: float
    high: float
    below: str
    above: str


@dataclass(frozen=True)
class Line:
    """Who wins along an axis.

    Attributes
    ----------
    axis : AxisView
        Its values in ascending order.
    stretches : tuple of Stretch
        In ascending order; neighbours have unlike winners.
    crossovers : tuple of Crossover
        Between the stretches; empty where they were not asked for.
    doubtful : tuple of float
        Values at which no winner can be named, though there are policies to be compared.
    reason : str
        Who is mostly ahead there, and why it is no winner.
    """

    axis: AxisView
    stretches: tuple[Stretch, ...]
    crossovers: tuple[Crossover, ...]
    doubtful: tuple[float, ...]
    reason: str

    @property
    def varying(self) -> set[str]:
        """Policies that take more than one cut along the axis."""
        taken: dict[str, set[str]] = {}
        for stretch in self.stretches:
            taken.setdefault(stretch.policy, set()).update(stretch.partitions)
        return {policy for policy, cuts in taken.items() if len(cuts) > 1}


def require_line(sweep: Sweep) -> None:
    """Refuse to look for crossovers where there is no axis of numbers to look on, or nobody to compare.

    Raises
    ------
    ScenarioError
    """
    if not sweep.compares:
        hint = "one --over with numbers or quantities, and a scenario of two policies or more"
        raise ScenarioError(Problem("there are crossovers only along one axis of numbers", hint))


def along(sweep: Sweep, result: SweepResult, with_crossovers: bool = False) -> Line | None:
    """Who wins along the axis of a sweep; None where it has no such axis, or no point.

    Parameters
    ----------
    sweep : Sweep
    result : SweepResult
        Of all of its points; those that failed are left out.
    with_crossovers : bool
        Whether the values at which the winner changes are looked for, with more simulations; they are also written
        beside the points.

    Raises
    ------
    SweepError
        If a point between those of the grid cannot be run.
    """
    rows = read_rows(result.directory, result.schema).to_pylist() if sweep.compares else []
    if not rows:
        return None
    [view] = of_grid(sweep.grid)
    points: dict[float, list[dict[str, Any]]] = {}
    for row in rows:
        points.setdefault(row[view.path], []).append(row)
    axis = replace(view, cells=tuple(sorted(points)))
    line = _line(axis, [points[float(cell)] for cell in axis.cells if isinstance(cell, int | float)])
    if not with_crossovers:
        return line
    search = _Search(sweep, axis, result.directory)
    stretches, found = list(line.stretches[:1]), []
    for below, above in pairwise(line.stretches):
        for crossover, stretch in search.all_between(below, above):
            found.append(crossover)
            stretches.append(stretch)
    columns = ("at", "low", "high", "below", "above")
    with StagedFiles(result.directory) as staged:
        staged.write_bytes(FILE, to_csv([vars(crossover) for crossover in found], columns))
        staged.commit()
    return replace(line, stretches=tuple(stretches), crossovers=tuple(found))


def _line(axis: AxisView, points: Sequence[Sequence[Row]]) -> Line:
    stretches: list[Stretch] = []
    doubtful: list[float] = []
    reasons: list[str] = []
    for cell, rows in zip(axis.cells, points, strict=True):
        value, won = float(str(cell)), verdict(rows, OBJECTIVE)
        if won.winner and not won.is_certain:
            doubtful.append(value)
            reasons.append(f"{won.winner} is {won.reason}")
            continue
        place = _place(won, rows)
        if stretches and stretches[-1].place == place:
            before = stretches[-1]
            partitions = tuple(dict.fromkeys((*before.partitions, won.partition)))
            stretches[-1] = replace(before, last=value, partitions=partitions)
        else:
            reason = "" if won.winner else won.reason
            stretches.append(Stretch(place, won.winner, value, value, (won.partition,), reason))
    usual = max(dict.fromkeys(reasons), key=reasons.count) if reasons else ""
    return Line(axis, tuple(stretches), (), tuple(doubtful), usual)


def _place(won: Verdict, rows: Sequence[Row]) -> int | None:
    """Place of the winner among the policies; labels may change with the axis, their order does not."""
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    return policies.index(won.winner) if won.winner else None


class _Search:
    """Bisection between values of the axis.

    Parameters
    ----------
    sweep : Sweep
    axis : AxisView
    folder : Path
        Of the sweep, with the inputs of its points.
    """

    def __init__(self, sweep: Sweep, axis: AxisView, folder: Path) -> None:
        self._sweep = sweep
        self._dimension = axis.dimension
        self._is_whole = all(isinstance(cell, int) for cell in axis.cells)
        self._is_log = axis.is_logarithmic
        options = sweep.options
        setting = Setting(options.engine, options.precision, options.max_replications, _EXPECTED, compares=True)
        self._runner = PointRunner(setting, folder)

    def all_between(self, below: Stretch, above: Stretch) -> Iterator[tuple[Crossover, Stretch]]:
        """Every crossover between two stretches, with the stretch that begins there."""
        crossover = self._between(below, above)
        third = self._third(crossover.at, below, above)
        if third is None:
            yield crossover, above
        else:
            yield from self.all_between(below, third)
            yield from self.all_between(third, above)

    def _third(self, value: float, below: Stretch, above: Stretch) -> Stretch | None:
        """Another policy that certainly wins at a crossover, if there is one."""
        if below.place is None or above.place is None or value in (below.last, above.first):
            return None
        rows = self._rows(value, None)
        won = verdict(rows, OBJECTIVE)
        place = _place(won, rows)
        if not won.is_certain or place in (None, below.place, above.place):
            return None
        return Stretch(place, won.winner, value, value, (won.partition,), "")

    def _between(self, below: Stretch, above: Stretch) -> Crossover:
        seen: dict[float, tuple[bool, bool]] = {below.last: (True, True), above.first: (False, True)}

        def look(value: float) -> tuple[bool, bool]:
            """Whether the lower winner is ahead, and whether for certain."""
            if value not in seen:
                seen[value] = self._look(value, below, above)
            return seen[value]

        low, high = self._bisect(below.last, above.first, _CROSSOVER, lambda value: look(value)[0])
        first, last = low, high
        if look(low) != (True, True):
            sure = max(value for value, (ahead, certain) in seen.items() if ahead and certain and value < low)
            first, _ = self._bisect(sure, low, _END, lambda value: look(value) == (True, True))
        if look(high) != (False, True):
            sure = min(value for value, (ahead, certain) in seen.items() if not ahead and certain and value > high)
            _, last = self._bisect(high, sure, _END, lambda value: look(value) != (False, True))
        at = high if self._is_whole else self._middle(low, high)
        return Crossover(at, first, last, below.policy, above.policy)

    def _bisect(self, low: float, high: float, tolerance: float, holds: Callable[[float], bool]) -> tuple[float, float]:
        """Narrow a bracket of which the property holds at the lower end and does not at the upper one."""
        while high - low > (1 if self._is_whole else tolerance * max(abs(low), abs(high))):
            middle = self._middle(low, high)
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low, high

    def _middle(self, low: float, high: float) -> float:
        if self._is_whole:
            return float((int(low) + int(high)) // 2)
        return math.sqrt(low * high) if self._is_log else (low + high) / 2

    def _look(self, value: float, below: Stretch, above: Stretch) -> tuple[bool, bool]:
        if below.place is None or above.place is None:  # who is compared with nobody is compared with all
            return bool(verdict(self._rows(value, None), OBJECTIVE).winner) == bool(below.policy), True
        rows = self._rows(value, sorted((below.place, above.place)))
        won = verdict(rows, OBJECTIVE)
        place = _place(won, rows)
        ahead = place is not None and (place == 0) == (below.place < above.place)
        return ahead, won.is_certain

    def _rows(self, value: float, places: Sequence[int] | None) -> Sequence[Row]:
        """A point of the axis, under some of the policies or all of them."""
        given: Any = int(value) if self._is_whole else value
        given = exact(value, self._dimension) if self._dimension else given
        scenario = self._sweep.scenario_at(given)
        if places is not None:
            policies = tuple(scenario.policies[place] for place in places)
            scenario = scenario.model_copy(update={"policies": policies})
        done = self._runner.run(Point(0, "", scenario))
        if done.problems:
            where = f"{self._sweep.grid.axes[0].path}={given}"
            raise SweepError(replace(problem, message=f"{where}: {problem.message}") for problem in done.problems)
        return done.rows
