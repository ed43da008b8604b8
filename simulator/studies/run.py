"""Running a scenario: every policy over every replication, then one result."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Timer
from typing import Any

import pyarrow as pa

from simulator.accounts.radio_timeline import RadioTimelines
from simulator.accounts.recordings import seen_recordings
from simulator.accounts.requests import table
from simulator.engines.log import RequestLog
from simulator.errors import ScenarioError
from simulator.inference.bounds import Bounds
from simulator.inference.foreseen import foreseen
from simulator.plan.memory import require_memory
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.system import System
from simulator.scenario.load import LoadedScenario
from simulator.studies.curves import rate_sweep
from simulator.studies.cut_costs import cut_costs
from simulator.studies.destination import require_same_scenario
from simulator.studies.drawing import NO_FIGURES, Drawing
from simulator.studies.replications import Replications
from simulator.studies.result import Result, build_result
from simulator.workload import Workload

#: libraries whose version may change a result or its bytes
_LIBRARIES = ("numpy", "simpy", "pyarrow", "pydantic")
#: a run that takes longer than this shows a progress bar
_PATIENCE_S = 2.0


def run_scenario(
    loaded: LoadedScenario,
    engine: str = "auto",
    output_dir: Path | None = None,
    plots: bool = True,
    progress: bool = False,
    replace: bool = False,
    drawing: Drawing = NO_FIGURES,
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
    replace : bool
        Whether the result of another scenario in that folder may be replaced.
    drawing : Drawing
        Who draws the figures of the result.

    Raises
    ------
    OffloadSimError
        For everything that is wrong with the scenario or with the folder.
    """
    started = time.perf_counter()
    if output_dir is not None:
        from simulator.studies.store import check_writable, write_result

        check_writable(output_dir, drawing)
        if not replace:
            require_same_scenario(output_dir, _as_resolved(loaded))
    system, plans = prepare(loaded)
    _require_memory(loaded, system, plans)
    scenario = loaded.scenario
    replications = scenario.statistics.replications
    timelines = RadioTimelines(system)

    def record(system: System, plan: Plan, workload: Workload, log: RequestLog, replication: int) -> pa.Table:
        timelines.note(plan, workload, log, replication)
        return table(system, plan, workload, log, replication)

    runs = Replications(system, plans, record, Bounds(system))
    with _progress(progress, replications * len(plans)) as advance:
        for _ in range(replications):
            try:
                runs.add(engine, expected=replications, advance=advance)
            except ScenarioError as error:
                raise ScenarioError(loaded.located(error.problems)) from error
    requests = pa.concat_tables(runs.records(), promote_options="default")
    manifest = _manifest(loaded, plans, runs.engine, time.perf_counter() - started)
    manifest["cautions"] = foreseen(system, plans, runs.offered)
    manifest["recordings"] = seen_recordings(system, requests)
    going = [plan for plan in plans if plan.policy not in runs.ended]
    result = build_result(
        scenario.name,
        manifest["scenario"],
        requests,
        runs.facts(),
        manifest=manifest,
        curves=rate_sweep(system, plans, runs.ended) | cut_costs(system, going) | timelines.tables(runs.ended),
        warmup_s=scenario.statistics.warmup,
        batches=scenario.statistics.batches,
        horizon_s=scenario.horizon,
        until_s=runs.until_s,
        ended=runs.ended,
        drawing=drawing,
    )
    return result if output_dir is None else write_result(result, output_dir, ("svg",) if plots else ())


def _as_resolved(loaded: LoadedScenario) -> dict[str, Any]:
    """The scenario with its defaults, as the manifest holds it."""
    resolved: dict[str, Any] = loaded.scenario.model_dump(mode="json", exclude_none=True)
    return resolved


def _require_memory(loaded: LoadedScenario, system: System, plans: list[Plan]) -> None:
    try:
        require_memory(system, plans)
    except ScenarioError as error:
        raise ScenarioError(loaded.located(error.problems)) from error


def _manifest(loaded: LoadedScenario, plans: list[Plan], engine: str, wall_s: float) -> dict[str, Any]:
    return {
        "scenario": _as_resolved(loaded),
        "scenario_file": loaded.file,
        "seed": loaded.scenario.seed,
        "engine": engine,
        "profiles": {group.profile.name: group.profile.sha256 for plan in plans for group in plan.groups},
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
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=steps)
    patience = Timer(_PATIENCE_S, bar.start)
    patience.daemon = True
    patience.start()
    try:
        yield lambda: bar.advance(task)
    finally:
        patience.cancel()
        bar.stop()
