"""A sweep: every point of a grid is an ordinary run, and the summaries of all of them are one data set.

All points draw from the same named random streams of the same seed, so that differences between points, like those
between policies, are paired. Points that are in the folder already are not computed again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from simulator.engines.choose import ENGINES
from simulator.errors import Problem, ScenarioError, did_you_mean
from simulator.inference.incomplete import cautions_of
from simulator.plan.stages import THREE_TIERS, TWO_TIERS
from simulator.scenario.grid import Over, read_grid
from simulator.scenario.load import LoadedScenario
from simulator.scenario.locate import Place
from simulator.scenario.override import replaced
from simulator.scenario.schema import Scenario
from simulator.studies.axes import of_grid
from simulator.studies.sweeps.inputs import Inputs
from simulator.studies.sweeps.store import schema_of

#: a relative half-width as people write it
_PRECISION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)\s*(%?)")


@dataclass(frozen=True)
class Options:
    """How a sweep runs.

    Attributes
    ----------
    replications : int or None
        Instead of the scenario's own; with a precision, the least number.
    precision : float or None
        Relative half-width (95 %) of mean latency and energy at which the replications of a point end.
    max_replications : int
        Most replications of a point where a precision is wanted.
    workers : int or None
        Processes on this machine; one for each core without a number, and no other process than this one for 1.
    cluster : str
        Address of a Dask scheduler instead.
    engine : {"auto", "reference", "fast"}
    progress : bool
        Whether a terminal shows a bar.
    compares : bool or None
        Whether rows say how far each policy is behind the best one, and what it took (`simulator.inference.standings`);
        None: where there is one axis, of numbers.
    """

    replications: int | None = None
    precision: float | None = None
    max_replications: int = 1000
    workers: int | None = None
    cluster: str = ""
    engine: str = "auto"
    progress: bool = False
    compares: bool | None = False


class Sweep:
    """A sweep that is ready to run: its axes are read and each of their values is valid.

    Parameters
    ----------
    loaded : LoadedScenario
    over : sequence of str, or mapping
        Axes, see `simulator.scenario.grid.read_grid`.
    options : Options
    environments : sequence of str, or mapping
        Axes that nature chooses; they come first and turn slowest.
    flags : sequence of str
        The option that each axis of ``over`` was given with, for messages.

    Raises
    ------
    ScenarioError
        With every problem of scenario and axes.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        over: Over,
        options: Options,
        environments: Over = (),
        flags: Sequence[str] = (),
    ) -> None:
        problems = _problems_of(options)
        if problems:
            raise ScenarioError(problems)
        self.options = options
        self.inputs = Inputs()
        self._context = {"base": loaded.base, "stand_in": self.inputs.stand_in}
        self.loaded = _replicated(loaded, options.replications)
        self.grid = read_grid(self.loaded, over, self._context, environments, flags)
        first = self.scenario(0)
        is_line = len(self.grid.axes) == 1 and of_grid(self.grid)[0].is_numeric and len(first.policies) > 1
        self.compares = is_line if options.compares is None else options.compares
        has_groups = first.fleet is not None and len(first.fleet) > 1
        has_cloud = first.cloud is not None or any(axis.path.split(".")[0] == "cloud" for axis in self.grid.axes)
        beyond = [stage.name for stage in THREE_TIERS if stage not in TWO_TIERS] if has_cloud else []
        self.schema = schema_of(self.grid, has_groups, options.precision is not None, beyond, self.compares)
        self.file = loaded.file
        self.cautions = tuple(cautions_of(self.inputs.profiles()))

    def scenario(self, number: int) -> Scenario:
        """The scenario of a point, its references leading to the inputs.

        Raises
        ------
        ScenarioError
            If the values of this point do not go together.
        """
        return self.grid.scenario(self.grid.indices(number), self._context)

    def scenario_at(self, value: Any) -> Scenario:
        """The validated scenario at any value of its only axis.

        Raises
        ------
        ScenarioError
            If it is not valid there.
        """
        [axis] = self.grid.axes
        between = replace(self.grid, axes=(replace(axis, values=(value,)),))
        return between.scenario((0,), self._context)

    def identity(self, number: int, scenario: Scenario) -> str:
        """Hash of everything that decides the rows of a point: scenario, content of its files, stopping rule."""
        content = scenario.model_dump(mode="json", exclude={"name", "description"}, exclude_none=True)
        options = self.options
        stopping = (options.precision, options.max_replications) if options.precision else None
        return _hash([content, stopping, self.grid.row(self.grid.indices(number))])

    def manifest(self) -> dict[str, Any]:
        """What decides the rows of the data set; corners stand for all points, since axes and values are named."""
        options = self.options
        axes = {axis.path: list(axis.values) for axis in self.grid.axes}
        corner = self.scenario(0)
        stated = {
            "version": version("offload-sim"),
            "axes": axes,
            "replications": corner.statistics.replications,
            "precision": options.precision,
            "max_replications": options.max_replications if options.precision else None,
        }
        if self.compares:
            stated["compares"] = True
        return {
            **stated,
            "points": self.grid.size,
            "scenario_file": self.file,
            "cautions": list(self.cautions),
            "first_point": corner.model_dump(mode="json", exclude_none=True),
            "identity": _hash([stated, self.identity(0, corner)]),
        }


def parse_precision(text: str | float) -> float:
    """A relative half-width: ``"2%"`` and ``0.02`` are the same.

    Raises
    ------
    ScenarioError
        Unless it lies between 0 and 1.
    """
    match = _PRECISION.fullmatch(str(text).strip())
    value = float(match.group(1)) / (100 if match.group(2) else 1) if match else 0.0
    if not 0 < value < 1:
        raise ScenarioError(Problem(f'"{text}" is not a precision', 'write a relative half-width, like "2%"'))
    return value


def _problems_of(options: Options) -> list[Problem]:
    """What is wrong with the options themselves."""
    problems = []
    if options.workers is not None and options.workers < 1:
        problems.append(Problem(f"{options.workers} workers cannot do anything", "give at least one"))
    if options.workers is not None and options.cluster:
        problems.append(Problem("workers and cluster exclude each other", "a cluster brings its own workers"))
    if options.engine not in ENGINES:
        hint = did_you_mean(options.engine, ENGINES) or "known: " + ", ".join(ENGINES)
        problems.append(Problem(f'"{options.engine}" is not an engine', hint))
    if options.precision is not None and options.max_replications < max(2, options.replications or 0):
        problems.append(
            Problem(
                f"at most {options.max_replications} replications are too few for a precision",
                "give at least 2, and no fewer than the least number",
            )
        )
    return problems


def _replicated(loaded: LoadedScenario, count: int | None) -> LoadedScenario:
    """The scenario with another number of replications."""
    if count is None:
        return loaded
    place = Place(f"--replications {count}")
    document = replaced(loaded.document, ("statistics", "replications"), count, place)
    return replace(loaded, document=document)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
