"""The values of one axis from their text: a list ``a,b,c`` or a range ``lo:hi:n[:log]``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.locate import read
from simulator.scenario.mistakes import shown
from simulator.units import UNITS, exact, parse

#: values that one range may have
MAX_VALUES = 100_000

_END = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(\S.*)?")
_FORM = 'write lo:hi:n or lo:hi:n:log, like "1:50 Mbit/s:20:log"'


def listed(text: str) -> tuple[Any, ...]:
    """Values between commas, each read as YAML; commas inside brackets and quotes do not separate.

    Raises
    ------
    ScenarioError
        For an empty entry, or one that is no YAML.
    """
    entries = [entry.strip() for entry in _split(text)]
    if not all(entries):
        raise ScenarioError(Problem(f"{shown(text)} has an empty value", "write a,b,c without gaps"))
    return tuple(read(entry, "").data for entry in entries)


def spaced(text: str) -> tuple[Any, ...]:
    """Values of a range; empty if the text is none (no colon outside brackets and quotes).

    Raises
    ------
    ScenarioError
        For a range with a part missing, ends that are no numbers or have unlike units, and a count below 2.
    """
    if re.search(r"[\[\]{}\"',]", text) or ":" not in text:
        return ()
    parts = [part.strip() for part in text.split(":")]
    is_log = len(parts) == 4 and parts[3] == "log"
    if len(parts) != 3 and not is_log:
        raise ScenarioError(Problem(f"{shown(text)} is not a range", _FORM))
    if not re.fullmatch(r"[0-9]{1,9}", parts[2]) or not 2 <= int(parts[2]) <= MAX_VALUES:
        raise ScenarioError(Problem(f"{shown(parts[2])} is not a number of values", f"from 2 to {MAX_VALUES}"))
    ends, dimension = _ends(parts[0], parts[1])
    if is_log and min(ends) <= 0:
        raise ScenarioError(Problem(f"{shown(text)} cannot be spaced by equal ratios", "both ends must be above 0"))
    values = list(_steps(*ends, int(parts[2]), is_log))
    if dimension:
        return tuple(exact(float(value), dimension) for value in values)
    return tuple(int(value) if value == int(value) and _are_whole(parts[:2]) else float(value) for value in values)


def _steps(low: Fraction, high: Fraction, count: int, is_log: bool) -> Iterator[Fraction | float]:
    """Even steps are exact and rounded once; those by ratio are floats, whole where they should be."""
    for k in range(count):
        if not is_log:
            yield low + (high - low) * k / (count - 1)
        elif k in (0, count - 1):
            yield high if k else low
        else:
            value = math.exp(math.log(low) + (math.log(high) - math.log(low)) * k / (count - 1))
            yield float(round(value)) if math.isclose(value, round(value), rel_tol=1e-12) else value


def _ends(low: str, high: str) -> tuple[tuple[Fraction, Fraction], str]:
    """Both ends in SI units, and their dimension; empty for plain numbers."""
    found = []
    for end in (low, high):
        match = _END.fullmatch(end)
        if match is None:
            raise ScenarioError(Problem(f"{shown(end)} is not the end of a range", _FORM))
        found.append((match.group(1), match.group(2) or ""))
    units = [unit for _, unit in found if unit]
    if not units:
        return (Fraction(found[0][0]), Fraction(found[1][0])), ""
    dimension = _dimension(units[0])
    values = []
    for number, unit in found:
        try:
            values.append(Fraction(repr(parse(f"{number} {unit or units[0]}", dimension))))
        except OffloadSimError as error:
            raise ScenarioError(error.problems) from error
    return (values[0], values[1]), dimension


def _dimension(unit: str) -> str:
    """The dimension that a unit belongs to; no unit belongs to two."""
    unit = unit.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    for dimension, table in UNITS.items():
        if unit in table:
            return dimension
    known = ", ".join(next(iter(table)) for table in UNITS.values())
    raise ScenarioError(Problem(f"{shown(unit)} is not a unit", f"units are like {known}"))


def _are_whole(ends: list[str]) -> bool:
    return all(re.fullmatch(r"[+-]?[0-9]+", end) for end in ends)


def _split(text: str) -> Iterator[str]:
    """Parts between commas at depth 0."""
    depth, quote, start = 0, "", 0
    for k, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth == 0:
            yield text[start:k]
            start = k + 1
    yield text[start:]
