"""Every problem of a scenario that its schema cannot see, at its place in the file."""

from __future__ import annotations

from simulator.analysis.replications import sources
from simulator.analysis.run import prepare
from simulator.analysis.window import first_run_out_s, require_requests
from simulator.errors import Problem, ScenarioError
from simulator.scenario.load import LoadedScenario
from simulator.workload import draw


def check(loaded: LoadedScenario) -> list[Problem]:
    """Problems with references, cuts, memory, exits, arrivals and the warm-up; empty when the scenario can run."""
    try:
        system, _ = prepare(loaded)
    except ScenarioError as error:
        return list(error.problems)
    try:
        drawn_from = sources(system)
        workload = draw(drawn_from, loaded.scenario.seed, 0)
        require_requests(loaded.scenario.statistics.warmup, first_run_out_s(drawn_from, workload), workload)
    except ScenarioError as error:
        return loaded.located(error.problems)
    return []
