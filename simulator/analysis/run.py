"""Running a scenario: every policy over every replication, then one result.

The order is replication by replication, so that all policies of a replication share one drawn workload.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.analysis.curves import rate_sweep
from simulator.analysis.energy import busy_s, end_of_run_s
from simulator.analysis.metrics import RunFacts
from simulator.analysis.requests import table
from simulator.analysis.result import Result, build_result
from simulator.engines.base import RequestLog
from simulator.engines.choose import choose
from simulator.errors import Problem, ScenarioError
from simulator.plan.plan import Plan, make_plan
from simulator.plan.system import System, resolve
from simulator.scenario.load import LoadedScenario
from simulator.workload import Source, Workload, draw

#: libraries whose version may change a result or its bytes
_LIBRARIES = ("numpy", "simpy", "pyarrow", "pydantic")
#: a run that takes longer than this shows a progress bar
_PATIENCE_S = 2.0


@dataclass
class _Busy:
    """Busy and available time of the stations of one policy and group, summed over replications."""

    busy: np.ndarray = field(default_factory=lambda: np.zeros(3))
    available: np.ndarray = field(default_factory=lambda: np.zeros(3))


def run_scenario(
    loaded: LoadedScenario,
    engine: str = "auto",
    output_dir: Path | None = None,
    plots: bool = True,
    progress: bool = False,
) -> Result:
    """Run a scenario and, when a folder is given, write its result.

    Parameters
    ----------
    loaded : LoadedScenario
    engine : {"auto", "reference", "fast"}
        ``auto`` takes the engine that will be finished sooner; the result is the same.
    output_dir : Path, optional
        Folder to write; nothing is written without it.
    plots : bool
        Whether figures are drawn into the folder.
    progress : bool
        Whether a run of more than two seconds shows a progress bar on a terminal.

    Raises
    ------
    OffloadSimError
        For everything that is wrong with the scenario or with the folder.
    """
    started = time.perf_counter()
    if output_dir is not None:
        from simulator.analysis.store import check_writable, write_result

        check_writable(output_dir)
    system, plans = prepare(loaded)
    scenario = loaded.scenario
    replications = scenario.statistics.replications
    tables: list[pa.Table] = []
    busy: dict[tuple[str, str], _Busy] = {}
    with _progress(progress, replications * len(plans)) as advance:
        for replication in range(replications):
            workload = draw(sources(system), scenario.seed, replication)
            name, simulate = choose(engine, workload.size * len(plans) * replications)
            for plan in plans:
                log = simulate(plan, workload)
                tables.append(table(system, plan, workload, log, replication))
                _note_busy(busy, system, plan, workload, log)
                advance()
    requests = pa.concat_tables(_by_policy(tables, len(plans)), promote_options="default")
    manifest = _manifest(loaded, system, name, time.perf_counter() - started)
    result = build_result(
        scenario.name,
        manifest["scenario"],
        requests,
        _facts(busy, system),
        manifest=manifest,
        curves=rate_sweep(system, plans),
        warmup_s=scenario.statistics.warmup,
        batches=scenario.statistics.batches,
        horizon_s=scenario.horizon,
    )
    return result if output_dir is None else write_result(result, output_dir, ("svg",) if plots else ())


def prepare(loaded: LoadedScenario) -> tuple[System, list[Plan]]:
    """Resolve a scenario and work out all of its policies.

    Raises
    ------
    ScenarioError
        With every problem at its place in the file.
    """
    problems: list[Problem] = []
    plans: list[Plan] = []
    try:
        system = resolve(loaded.scenario, loaded.base)
    except ScenarioError as error:
        raise ScenarioError(loaded.located(error.problems)) from error
    for k, policy in enumerate(loaded.scenario.policies):
        try:
            plans.append(make_plan(system, policy, ("policies", k)))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(loaded.located(problems))
    return system, plans


def sources(system: System) -> list[Source]:
    """What drawing the workload of a system needs, one entry for each group."""
    return [
        Source(
            spec=group.workload,
            devices=group.devices,
            samples=0 if group.samples is None else group.samples.size,
            device_variability=group.card.variability,
            edge_variability=system.server.variability,
            base=system.base,
        )
        for group in system.groups
    ]


def _by_policy(tables: list[pa.Table], policies: int) -> list[pa.Table]:
    return [tables[k] for first in range(policies) for k in range(first, len(tables), policies)]


def _note_busy(
    busy: dict[tuple[str, str], _Busy], system: System, plan: Plan, workload: Workload, log: RequestLog
) -> None:
    """Add the busy times of one run; the warm-up is not cut out, stations are judged over the whole run."""
    end = end_of_run_s(plan, workload, log)
    group = plan.group_of[workload.device]
    stages = (
        busy_s(log.device_start_s, log.device_end_s, end) + busy_s(log.fallback_start_s, log.fallback_end_s, end),
        busy_s(log.uplink_start_s, log.uplink_end_s, end),
        # a worker is busy once with a batch, however many requests it holds
        busy_s(log.edge_start_s, log.edge_end_s, end) * (log.batch == np.arange(workload.size)),
    )
    several = len(system.groups) > 1
    for g, member in enumerate(system.groups):
        noted = busy.setdefault((plan.policy, member.name if several else ""), _Busy())
        mine = group == g
        devices = len(member.devices)
        noted.busy += [stages[0][mine].sum(), stages[1][mine].sum(), stages[2].sum()]
        noted.available += np.array([devices, devices, plan.serving.workers]) * end


def _facts(busy: dict[tuple[str, str], _Busy], system: System) -> dict[tuple[str, str], RunFacts]:
    top1 = {group.name if len(system.groups) > 1 else "": group.profile.top1 for group in system.groups}
    facts = {}
    for (policy, group), noted in busy.items():
        device, uplink, edge = (noted.busy / noted.available).tolist()
        facts[policy, group] = RunFacts(device, uplink, edge, top1[group])
    return facts


def _manifest(loaded: LoadedScenario, system: System, engine: str, wall_s: float) -> dict[str, Any]:
    return {
        "scenario": loaded.scenario.model_dump(mode="json", exclude_none=True),
        "scenario_file": loaded.file,
        "seed": loaded.scenario.seed,
        "engine": engine,
        "profiles": {group.profile.name: group.profile.sha256 for group in system.groups},
        "versions": {
            "offload-sim": version("offload-sim"),
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "wall_time_s": round(wall_s, 3),
    }


@contextmanager
def _progress(wanted: bool, steps: int) -> Iterator[Any]:
    """A callable that counts a finished step; a bar appears once the run has taken a while."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=steps)
    started = time.perf_counter()
    shown = False

    def advance() -> None:
        nonlocal shown
        bar.advance(task)
        if not shown and time.perf_counter() - started > _PATIENCE_S:
            shown = True
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
