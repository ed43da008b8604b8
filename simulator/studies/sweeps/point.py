"""What a worker does for a sweep: points in, rows of the summary out.

A point is an ordinary run without its request table. A worker process keeps one `PointRunner` for each sweep that it
works for, whose memory holds what the points have in common, so that a point costs little beside its simulation.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from simulator.accounts.outcome import Outcome, columns_of, outcome
from simulator.accounts.request_columns import RequestColumns
from simulator.engines.choose import choose, effort
from simulator.engines.log import RequestLog
from simulator.errors import OffloadSimError, Problem
from simulator.inference.comparability import reasons_by_metric
from simulator.inference.comparison import difference_rows
from simulator.inference.metrics import MEANS, RunFacts
from simulator.inference.standings import PARTITION, standings
from simulator.inference.summary import summarise
from simulator.plan.channels import first_reach_s, with_drawn_channels
from simulator.plan.library import Memory
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.plan.system import System
from simulator.scenario.load import LoadedScenario
from simulator.scenario.locate import Document, Place
from simulator.scenario.schema import Scenario
from simulator.studies.replications import Replications
from simulator.workload import Workload, draw

#: replications before the first look at the half-width; a sequential rule that looks earlier stops too often by luck
#: (Law, "Simulation Modeling and Analysis", 5th ed., section 9.4.1)
LEAST_REPLICATIONS = 10


@dataclass(frozen=True)
class Setting:
    """What all points of a sweep have in common.

    Attributes
    ----------
    engine : {"auto", "reference", "fast"}
    precision : float or None
        Relative half-width at which replications end; None for a fixed number of them.
    max_replications : int
        Most replications of one point, where a precision is wanted.
    points_each : int
        Points that one worker will run, for the choice of the engine.
    compares : bool
        Whether rows say how far each policy is behind the best one, and what it took.
    """

    engine: str
    precision: float | None
    max_replications: int
    points_each: int
    compares: bool = False


@dataclass(frozen=True)
class Point:
    """One point on its way to a worker.

    Attributes
    ----------
    number : int
        Its number in the grid.
    identity : str
        Hash of everything that decides its result.
    scenario : Scenario
        Its references lead to the inputs of the sweep.
    """

    number: int
    identity: str
    scenario: Scenario


@dataclass(frozen=True)
class Finished:
    """What became of a point.

    Attributes
    ----------
    number, identity
        As in `Point`.
    rows : tuple of dict
        Rows of the summary, with ``replications`` and (where one is wanted) ``precision_met``.
    problems : tuple of Problem
        Why there are no rows.
    is_defect : bool
        Whether the program is to blame, not the scenario.
    seconds : float
        Time that the point took.
    """

    number: int
    identity: str
    rows: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    is_defect: bool = False
    seconds: float = 0.0


class PointRunner:
    """Runs points of one sweep.

    Parameters
    ----------
    setting : Setting
    base : Path
        Folder below which the inputs of the sweep lie.
    """

    def __init__(self, setting: Setting, base: Path) -> None:
        self._setting = setting
        self._base = base
        self._memory = Memory()

    def run(self, point: Point) -> Finished:
        """Simulate one point; the user's mistakes become its problems."""
        started = time.perf_counter()
        try:
            rows = self._rows(point.scenario)
        except OffloadSimError as error:
            return Finished(point.number, point.identity, problems=error.problems, seconds=_since(started))
        return Finished(point.number, point.identity, rows, seconds=_since(started))

    def warm_up(self, point: Point) -> None:
        """Read, tabulate and load what a point needs, as far as it can: simulate its first request, keep nothing."""
        with suppress(OffloadSimError):  # the point itself will tell
            system, plans = self._prepared(point.scenario)
            requests = draw(sources(system), point.scenario.seed, 0)
            columns = {field.name: getattr(requests, field.name) for field in fields(requests)}
            begun: dict[str, Any] = {name: None if column is None else column[:1] for name, column in columns.items()}
            first = Workload(**begun)
            expected = point.scenario.statistics.replications * self._setting.points_each
            plans = with_drawn_channels(plans, system, 0, first_reach_s(system, first))
            _, simulate = choose(self._setting.engine, effort(plans, requests.size) * expected, plans)
            for plan in plans:
                simulate(plan, first)

    def _prepared(self, scenario: Scenario) -> tuple[System, list[Plan]]:
        return prepare(LoadedScenario(scenario, "", self._base, Document({}, Place())), self._memory)

    def _rows(self, scenario: Scenario) -> tuple[Mapping[str, Any], ...]:
        setting = self._setting
        system, plans = self._prepared(scenario)
        taken = Partitions()

        def record(system: System, plan: Plan, workload: Workload, log: RequestLog, replication: int) -> Outcome:
            if setting.compares:
                taken.note(plan, log)
            return outcome(system, plan, workload, log, replication)

        runs = Replications(system, plans, record)
        wanted = scenario.statistics.replications
        if setting.precision is not None:
            wanted = min(max(wanted, LEAST_REPLICATIONS), setting.max_replications)
        while True:
            while runs.count < wanted:
                runs.add(setting.engine, expected=wanted * setting.points_each)
            columns, facts = columns_of(runs.records()), runs.facts()
            rows = summarise(
                columns,
                facts,
                warmup_s=scenario.statistics.warmup,
                batches=scenario.statistics.batches,
                horizon_s=scenario.horizon,
                until_s=runs.until_s,
                ended=runs.ended,
            ).rows
            more: dict[str, Any] = {"replications": runs.count}
            if setting.precision is not None:
                excess = worst_half_width(rows) / setting.precision
                if excess > 1 and runs.count < setting.max_replications:
                    wanted = min(next_count(runs.count, excess), setting.max_replications)
                    continue
                is_bound = any(row[metric.bound] for row in rows for metric in MEANS.values())
                more["precision_met"] = excess <= 1 and not is_bound
            if not setting.compares:
                return tuple({**row, **more} for row in rows)
            stand = _standings(scenario, columns, facts, rows, runs.until_s)
            return tuple({**row, **more, **taken.of(row["policy"]), **stand[row["policy"]]} for row in rows)


class Partitions:
    """Which options the requests of each policy took."""

    def __init__(self) -> None:
        self._taken: dict[str, Counter[str]] = {}

    def note(self, plan: Plan, log: RequestLog) -> None:
        """Add one run."""
        taken = self._taken.setdefault(plan.policy, Counter())
        counts = np.bincount(log.row, minlength=plan.options)
        for option in np.flatnonzero(counts).tolist():
            taken[plan.partition[option]] += int(counts[option])

    def of(self, policy: str) -> dict[str, str]:
        """What most requests took, and their share where that are not all."""
        most = self._taken[policy].most_common(1) if policy in self._taken else []
        if not most:
            return {PARTITION: ""}
        (name, count), total = most[0], self._taken[policy].total()
        return {PARTITION: name if count == total else f"{name} ({min(99, round(100 * count / total))} %)"}


def _standings(
    scenario: Scenario,
    columns: RequestColumns,
    facts: Mapping[tuple[str, str], RunFacts],
    rows: Sequence[Mapping[str, Any]],
    until_s: Sequence[float],
) -> dict[str, dict[str, Any]]:
    """How far each policy is behind the best one, by the comparison of a run."""
    reasons = reasons_by_metric(scenario.model_dump(mode="json", include={"link", "fleet"}, exclude_none=True), rows)
    differences = difference_rows(
        columns,
        warmup_s=scenario.statistics.warmup,
        batches=scenario.statistics.batches,
        until_s=until_s,
        short={key: fact.short for key, fact in facts.items() if fact.short},
        reasons=reasons,
    )
    return standings(rows, differences, reasons)


def _since(started: float) -> float:
    return time.perf_counter() - started


def worst_half_width(rows: Sequence[Mapping[str, Any]]) -> float:
    """Largest relative half-width of mean latency and energy over policies and groups, of several replications.

    A mean without an interval is the same in all of them, and more would not change that.
    """
    ratios = [0.0]
    for row in rows:
        ratios += [
            row[mean.interval] / abs(row[mean.name])
            for mean in MEANS.values()
            if not math.isnan(row[mean.interval]) and row[mean.name] != 0
        ]
    return max(ratios)


def next_count(count: int, excess: float) -> int:
    """Replications to have next: half-widths shrink with the root of their number, but one look may err by much."""
    return math.ceil(count * min(2.0, max(excess**2, 1 + 1 / count)))


#: sweeps that this process works for; a process pool and a cluster call functions, and functions need their runner
_runners: dict[str, PointRunner] = {}


def open_runner(sweep: str, setting: Setting, base: Path) -> PointRunner:
    """Get ready for the points of a sweep."""
    _runners[sweep] = PointRunner(setting, base)
    return _runners[sweep]


def is_open(sweep: str) -> bool:
    """Whether this process is ready for the points of a sweep."""
    return sweep in _runners


def close_runner(sweep: str) -> None:
    """Forget a sweep."""
    _runners.pop(sweep, None)


def run_points(sweep: str, points: Sequence[Point]) -> list[Finished]:
    """Run points of a sweep that was opened in this process."""
    runner = _runners[sweep]
    return [runner.run(point) for point in points]
