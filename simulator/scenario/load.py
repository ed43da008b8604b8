"""From the name of a scenario to a validated one: read, override, validate, and report every mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator import paths
from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.locate import MAX_BYTES, Document, Path_, Place, read
from simulator.scenario.mistakes import problems_of, shown
from simulator.scenario.override import override, replaced
from simulator.scenario.schema import Scenario
from simulator.textfile import read_text


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario together with where it was written.

    Attributes
    ----------
    scenario : Scenario
    file : str
        Its file; empty for one given as a dict.
    base : Path
        Folder that relative references start from.
    document : Document
        What was written, after overrides.
    """

    scenario: Scenario
    file: str
    base: Path
    document: Document

    def locate(self, path: Path_) -> tuple[int, int]:
        """Line and column of an entry, or of the nearest one around it; (0, 0) when it stands in no file."""
        place = self.document.place(path)
        return place.line, place.column

    def located(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems found later, with the file, line and column that their paths lead to; in order of place."""
        return _ordered(self.document.located(problem) for problem in problems)


def load_scenario(
    reference: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), seed: int | None = None
) -> LoadedScenario:
    """Read a scenario by name, by path, or from a dict.

    Parameters
    ----------
    reference : str, Path or Mapping
        Name of a built-in scenario, a YAML file, or the content of one.
    overrides : sequence of str
        ``path=value``, applied in order.
    seed : int, optional
        Replaces the seed of the scenario.

    Raises
    ------
    NotFoundError
        If there is no such scenario.
    ScenarioError
        With every problem, each at its file:line:column.
    """
    if isinstance(reference, Mapping):
        file, base = "", Path()
        document = Document(_plain(reference), Place())
    else:
        path = paths.find_file("scenario", str(reference)) if isinstance(reference, Path) else _find(reference)
        file, base = str(path), path.parent
        text = read_text(path, ScenarioError, MAX_BYTES, "a scenario is a short YAML text")
        document = read(text, file)
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else f"holds {shown(document.data)} instead of fields"
        hint = "`offload-sim show scenario first` prints one to start from"
        raise ScenarioError(document.located(Problem(what, hint)))
    document, problems = _overridden(document, overrides, seed)
    try:
        scenario = Scenario.model_validate(document.data, context={"base": base})
    except ValidationError as error:
        problems += [document.located(problem) for problem in problems_of(error, Scenario)]
        raise ScenarioError(_ordered(problems)) from error
    if problems:
        raise ScenarioError(problems)
    return LoadedScenario(scenario, file, base, document)


def _find(reference: str) -> Path:
    return paths.find("scenario", reference)


def _overridden(document: Document, overrides: Sequence[str], seed: int | None) -> tuple[Document, list[Problem]]:
    """The document after all options, and what is wrong with the options themselves."""
    problems: list[Problem] = []
    for option in overrides:
        try:
            document = override(document, option)
        except OffloadSimError as error:
            problems += error.problems
    if seed is not None:
        document = replaced(document, ("seed",), seed, Place(f"--seed {seed}"))
    return document, problems


def _ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by place in the file, options last."""
    return sorted(problems, key=lambda problem: (problem.line == 0, problem.line, problem.column))


def _plain(value: Any) -> Any:
    """A copy of a Python document made of the types that a file would give."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
