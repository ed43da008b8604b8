"""A scenario made ready to run: its system resolved, and every policy worked out."""

from __future__ import annotations

from simulator.errors import Problem, ScenarioError
from simulator.plan.deciding import with_rule
from simulator.plan.library import Library
from simulator.plan.plan import Plan, make_plan
from simulator.plan.system import System, resolve
from simulator.scenario.load import LoadedScenario


def prepare(loaded: LoadedScenario, library: Library | None = None) -> tuple[System, list[Plan]]:
    """Resolve a scenario and work out all of its policies.

    Parameters
    ----------
    loaded : LoadedScenario
    library : Library, optional
        Where files come from; each is read anew without one.

    Raises
    ------
    ScenarioError
        With every problem at its place in the file.
    """
    problems: list[Problem] = []
    plans: list[Plan] = []
    try:
        system = resolve(loaded.scenario, loaded.base, library)
    except ScenarioError as error:
        raise ScenarioError(loaded.located(error.problems)) from error
    for k, policy in enumerate(loaded.scenario.policies):
        try:
            place = ("policies", k)
            plans.append(with_rule(make_plan(system, policy, place), system, policy, place))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        # what is wrong with the server is wrong for every policy
        raise ScenarioError(loaded.located(dict.fromkeys(problems)))
    return system, plans
