"""The values of one axis from their text: a list ``a,b,c`` or a range ``lo:hi:n[:log]``.

A unit that only some of the numbers carry is that of all: ``1,5 Mbit/s`` and ``1:5 Mbit/s:9``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.locate import read
from simulator.scenario.mistakes import shown
from simulator.units import UNITS, exact, parse

#: values that one range may have
MAX_VALUES = 100_000

_END = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(\S.*)?")
_KNOWN_UNITS = frozenset(unit for table in UNITS.values() for unit in table)
_FORM = 'write lo:hi:n or lo:hi:n:log, like "1:50 Mbit/s:20:log"'


def listed(text: str) -> tuple[Any, ...]:
    """Values between commas, each read as YAML; commas inside brackets and quotes do not separate.

    Raises
    ------
    ScenarioError
        For an empty entry, one that is no YAML, and numbers without a unit among several units.
    """
    entries = [entry.strip() for entry in _split(text)]
    if not all(entries):
        raise ScenarioError(Problem(f"{shown(text)} has an empty value", "write a,b,c without gaps"))
    units = dict.fromkeys(unit for _, unit in map(_quantity, entries) if unit)
    bare = [entry for entry in entries if _quantity(entry)[0] and not _quantity(entry)[1]]
    if len(units) > 1 and bare:
        hint = "give each value its unit, or one unit for all of them"
        raise ScenarioError(Problem(f"{shown(bare[0])} has no unit among {', '.join(units)}", hint))
    shared = next(iter(units), "")
    return tuple(read(f"{entry} {shared}" if shared and entry in bare else entry, "").data for entry in entries)


def dimension_of(values: Sequence[Any]) -> str:
    """The dimension of an axis whose values are all quantities of it or missing; empty for other axes.

    Examples
    --------
    >>> dimension_of(["1 Mbit/s", "500 kbit/s"])
    'bit rate'
    >>> dimension_of([1, 2])
    ''
    """
    found = {_dimension(_quantity(value)[1]) if _is_quantity(value) else "" for value in values if value is not None}
    return found.pop() if len(found) == 1 else ""


def _is_quantity(value: object) -> bool:
    return isinstance(value, str) and bool(_quantity(value)[1])


def _quantity(text: str) -> tuple[str, str]:
    """Number and unit of a text; no unit where what follows the number is none, no number where there is none."""
    match = _END.fullmatch(text)
    if match is None:
        return "", ""
    number, unit = match.group(1), match.group(2) or ""
    is_unit = unit.replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}") in _KNOWN_UNITS
    return (number, unit) if is_unit or not unit else ("", "")


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
