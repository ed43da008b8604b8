"""``--over path=values``: the axes of a sweep, and the scenario at every point of the grid that they span.

``path=a,b,c`` lists values, each read as YAML; ``path=lo:hi:n`` spaces n values evenly from lo to hi, and
``path=lo:hi:n:log`` by equal ratios. Either end of a range may carry the unit; one that has none takes the other's.
Axes multiply; the last one given turns fastest. Every value is validated once before anything runs, at a point of the
grid; a breach that only two values together make is found at its point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.axis_values import listed, spaced
from simulator.scenario.load import LoadedScenario
from simulator.scenario.locate import Document, Place
from simulator.scenario.mistakes import problems_of, shown
from simulator.scenario.override import replaced
from simulator.scenario.schema import Scenario

#: points that one grid may have
MAX_POINTS = 1_000_000

Cell = str | int | float | bool | None
#: axes as people give them: texts ``path=values``, or paths with their values
Over = Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Axis:
    """One axis of a grid.

    Attributes
    ----------
    path : str
        Dotted, like ``link.uplink.rate``; also the name of its column.
    values : tuple
        Plain values, as they would stand in the file.
    option : str
        How it was given, for messages: ``--over count=1,2``.
    is_environment : bool
        Whether nature chooses its value, not a person: a search judges each environment on its own.
    """

    path: str
    values: tuple[Any, ...]
    option: str
    is_environment: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of fields and numbers of list entries."""
        return tuple(self.path.split("."))


@dataclass(frozen=True)
class Grid:
    """A scenario and the axes over which it varies.

    Attributes
    ----------
    document : Document
        The scenario without the axes.
    axes : tuple of Axis
    cells : tuple of tuple
        For each axis, its values as they stand in a table: quantities as SI floats, lists and mappings as JSON.
    """

    document: Document
    axes: tuple[Axis, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(len(axis.values) for axis in self.axes)

    def indices(self, number: int) -> tuple[int, ...]:
        """Place of a point on each axis."""
        places = []
        for axis in reversed(self.axes):
            number, place = divmod(number, len(axis.values))
            places.append(place)
        return tuple(reversed(places))

    def number(self, indices: Sequence[int]) -> int:
        """The inverse of `indices`."""
        number = 0
        for axis, place in zip(self.axes, indices, strict=True):
            number = number * len(axis.values) + place
        return number

    def row(self, indices: Sequence[int]) -> dict[str, Cell]:
        """Axis columns of a point."""
        return {axis.path: cells[k] for axis, cells, k in zip(self.axes, self.cells, indices, strict=True)}

    def words(self, indices: Sequence[int]) -> str:
        """A point for messages: ``link.uplink.rate=2 Mbit/s workload.rate=3 /s``."""
        return " ".join(f"{axis.path}={_text(axis.values[k])}" for axis, k in zip(self.axes, indices, strict=True))

    def data(self, indices: Sequence[int]) -> Any:
        """The document at a point, as plain values."""
        data = self.document.data
        for axis, k in zip(self.axes, indices, strict=True):
            data = _put(data, axis.parts, axis.values[k])
        return data

    def scenario(self, indices: Sequence[int], context: Mapping[str, Any]) -> Scenario:
        """The validated scenario at a point.

        Parameters
        ----------
        indices : sequence of int
        context : mapping
            Validation context, see `simulator.scenario.references`.

        Raises
        ------
        ScenarioError
            With every problem of this point.
        """
        try:
            return Scenario.model_validate(self.data(indices), context=dict(context))
        except ValidationError as error:
            raise ScenarioError(self.located(indices, problems_of(error, Scenario))) from error

    def located(self, indices: Sequence[int], problems: Sequence[Problem]) -> list[Problem]:
        """Problems of a point, each at the option or the line of the file that it comes from."""
        document = self.document
        for axis, k in zip(self.axes, indices, strict=True):
            document = replaced(document, axis.parts, axis.values[k], Place(axis.option))
        return [document.located(problem) for problem in problems]


def read_grid(
    loaded: LoadedScenario,
    over: Over,
    context: Mapping[str, Any],
    environments: Over = (),
    flags: Sequence[str] = (),
) -> Grid:
    """Read the axes of a sweep and validate every value of each.

    Parameters
    ----------
    loaded : LoadedScenario
    over : sequence of str, or mapping
        ``path=values`` texts; or paths to lists of values or to the text after the ``=``.
    context : mapping
        Validation context.
    environments : sequence of str, or mapping
        Axes that nature chooses, in the same form; they come first.
    flags : sequence of str
        The option that each axis of ``over`` was given with, for messages; ``--over`` if left out.

    Raises
    ------
    ScenarioError
        With every problem of every axis.
    """
    outer, problems = _axes(environments, repeat("--for"), is_environment=True)
    inner, more = _axes(over, flags or repeat("--over"), is_environment=False)
    axes = outer + inner
    problems += [*more, *_clashes(axes)]
    for axis in axes:
        try:
            replaced(loaded.document, axis.parts, axis.values[0], Place(axis.option))
        except ScenarioError as error:
            problems += error.problems
    if not axes and not problems:
        problems.append(Problem("a sweep needs at least one axis", "like --over link.uplink.rate=1:50 Mbit/s:20:log"))
    size = math.prod(len(axis.values) for axis in axes)
    if size > MAX_POINTS:
        problems.append(Problem(f"the axes span {size:,} points", f"at most {MAX_POINTS:,}: take fewer values"))
    if problems:
        raise ScenarioError(problems)
    bare = Grid(loaded.document, axes, tuple(() for _ in axes))
    cells: list[tuple[Cell, ...]] = []
    for k, axis in enumerate(axes):
        column: list[Cell] = []
        for j in range(len(axis.values)):
            try:
                scenario = bare.scenario([j if i == k else 0 for i in range(len(axes))], context)
                column.append(_cell(scenario, axis.parts, axis.values[j]))
            except ScenarioError as error:
                problems += error.problems
        if any(isinstance(cell, str) for cell in column):  # numbers among texts are texts too
            column = [cell if cell is None else str(cell) for cell in column]
        cells.append(tuple(column))
        if len(set(map(repr, column))) < len(column):
            twice = next(cell for n, cell in enumerate(column) if cell in column[:n])
            problems.append(Problem(f"the value {shown(twice)} comes twice", file=axis.option))
    if problems:
        raise ScenarioError(dict.fromkeys(problems))
    return Grid(loaded.document, axes, tuple(cells))


def _axes(over: Over, flags: Iterable[str], *, is_environment: bool) -> tuple[tuple[Axis, ...], list[Problem]]:
    axes: list[Axis] = []
    problems: list[Problem] = []
    for (path, given, option), flag in zip(_options(over), flags, strict=False):
        try:
            if given is None or not path or not all(path.split(".")):
                hint = "write path=a,b,c or path=lo:hi:n or path=lo:hi:n:log"
                raise ScenarioError(Problem("is not path=values", hint))
            values = (spaced(given) or listed(given)) if isinstance(given, str) else tuple(given)
            if not values:
                raise ScenarioError(Problem("has no values", "give at least one"))
            axes.append(Axis(path, values, f"{flag} {option}", is_environment))
        except OffloadSimError as error:
            problems += (problem.located(f"{flag} {option}", 0, 0) for problem in error.problems)
    return tuple(axes), problems


def _options(over: Over) -> Iterator[tuple[str, Any, str]]:
    """Path, values and how the user wrote them, for each axis."""
    if isinstance(over, Mapping):
        for path, values in over.items():
            is_list = isinstance(values, Sequence) or hasattr(values, "__iter__")
            plain = values if isinstance(values, str) or not is_list else [_plain(value) for value in values]
            yield str(path), plain if isinstance(plain, str | list) else [plain], str(path)
        return
    for option in [over] if isinstance(over, str) else over:
        path, equals, text = option.partition("=")
        yield path.strip(), text if equals else None, option[:120]


def _plain(value: Any) -> Any:
    """A value from Python as a file would give it; numpy's scalars become Python's."""
    return value.item() if hasattr(value, "item") else value


def _clashes(axes: Sequence[Axis]) -> Iterator[Problem]:
    """Axes of which one would overwrite the other."""
    for k, axis in enumerate(axes):
        for other in axes[:k]:
            short = min(len(axis.parts), len(other.parts))
            if axis.parts[:short] == other.parts[:short]:
                where = "is given twice" if axis.path == other.path else f"overlaps with {other.path}"
                yield Problem(f"{axis.path} {where}", "one axis for each entry", file=axis.option)


def _put(data: Any, parts: tuple[str, ...], value: Any) -> Any:
    """A copy of plain data with one entry replaced; everything beside the path is shared with the original."""
    if isinstance(data, list):
        copied: Any = list(data)
        key: Any = int(parts[0])
        inner = copied[key]
    else:
        copied, key = dict(data or {}), parts[0]
        inner = copied.get(key)
    copied[key] = value if len(parts) == 1 else _put(inner, parts[1:], value)
    return copied


def _cell(scenario: Scenario, parts: tuple[str, ...], given: Any) -> Cell:
    """What stands in the column of an axis: the value as validated, references and texts as they were given."""
    here: Any = scenario
    for part in parts:
        if isinstance(here, BaseModel):
            names = {field.alias or name: name for name, field in type(here).model_fields.items()}
            here = getattr(here, names[part])
        else:
            here = here[int(part)]
    if isinstance(here, bool | int | float) and not isinstance(given, bool):
        return here
    return given if isinstance(given, str | bool) or given is None else json.dumps(given, ensure_ascii=False)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
