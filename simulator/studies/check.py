"""Every problem of a scenario that its schema cannot see, at its place in the file."""

from __future__ import annotations

from simulator.accounts.window import first_run_out_s, require_requests
from simulator.errors import Problem, ScenarioError
from simulator.inference.foreseen import warnings
from simulator.inference.saturation import loads_of
from simulator.plan.memory import require_memory
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import LoadedScenario
from simulator.workload import draw


def check(loaded: LoadedScenario) -> tuple[list[Problem], list[str]]:
    """Problems and warnings of a scenario.

    Returns
    -------
    problems : list of Problem
        With references, cuts, memory, exits, arrivals and the warm-up; empty when the scenario can run.
    warnings : list of str
        What a run would caution against that is known before it: overload, stations that are nearly full.
    """
    try:
        system, plans = prepare(loaded)
    except ScenarioError as error:
        return list(error.problems), []
    try:
        require_memory(system, plans)
        drawn_from = sources(system)
        workload = draw(drawn_from, loaded.scenario.seed, 0)
        require_requests(loaded.scenario.statistics.warmup, first_run_out_s(drawn_from, workload), workload)
    except ScenarioError as error:
        return loaded.located(error.problems), []
    loads = loads_of(system, plans)
    return [], warnings(system, plans, loads)
