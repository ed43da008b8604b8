"""Loops over time in the file of a profile: rows that repeat are written once, with how often.

A network that calls the same modules for every step of time has one stretch of layers per step, and stretches differ
only in what their layers read and in the numbers within their names. `fold` finds such stretches, `unfold` gives back
the same rows. In a body, a layer is named by its number where every repetition means the same one, by ``[n]``, n layers
before its reader, where it moves along, and by ``[first, step]`` where it moves by another step (the parts of an input
that was taken apart before the loop). A name that counts is a list of texts and of ``[first, step]``.
Leaves out loops within loops, and blocks that are alike with parameters of their own: those are layers side by side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import Problem

#: repetitions from which on a body is written once
LEAST = 8
#: rows of the longest body, and places at which a repetition is looked for: they bound the time of `fold`
_LONGEST = 4096
_TRIES = 64
#: rows that a file may unfold to
MOST_ROWS = 1_000_000

#: numbers within a name, as they are written without leading zeros
_NUMBER = re.compile(r"(?<!\d)(?:0|[1-9][0-9]{0,8})(?!\d)")
_HINT = "the file is damaged or was edited: extract the profile again"

Row = list[Any]


@dataclass(frozen=True)
class Places:
    """Columns of a row that matter for folding.

    Attributes
    ----------
    name, inputs : int
        Columns of the name, and of the layers that are read.
    fused_into : int or None
        Column of the host; None where the file has none.
    shared : tuple of int
        Columns of pairs of a layer whose parameters are read, and bytes.
    own : tuple of int
        Columns that are 0 for a layer without parameters of its own.
    """

    name: int
    inputs: int
    fused_into: int | None
    shared: tuple[int, ...]
    own: tuple[int, ...]

    @classmethod
    def of(cls, columns: Sequence[str]) -> Places:
        """Where those columns stand."""
        fused = columns.index("fused_into") if "fused_into" in columns else None
        shared = tuple(columns.index(one) for one in ("shared", "shared_integers") if one in columns)
        own = tuple(columns.index(one) for one in ("params", "param_bytes"))
        return cls(columns.index("name"), columns.index("inputs"), fused, shared, own)


@dataclass
class _Parts:
    """A row taken apart: what may differ between repetitions, and a number for all that may not."""

    texts: list[str]
    numbers: tuple[int, ...]
    references: tuple[int, ...]
    likeness: int = field(default=-1)


def fold(rows: Sequence[Row], columns: Sequence[str]) -> list[Row | dict[str, Any]]:
    """The same rows, where stretches that repeat at least `LEAST` times are ``{"repeat": times, "body": rows}``."""
    places = Places.of(columns)
    parts = _taken_apart(rows, places)
    following = _next_alike(parts)
    stops: dict[int, int] = {}
    folded: list[Row | dict[str, Any]] = []
    at = 0
    while at < len(rows):
        length, times = _best_loop(parts, following, stops, at)
        if times < LEAST:
            folded.append(rows[at])
            at += 1
            continue
        body = [_general(rows, parts, at + k, length, places) for k in range(length)]
        folded.append({"repeat": times, "body": body})
        at += length * times
    return folded


def unfold(items: Sequence[Any], columns: Sequence[str], problems: list[Problem]) -> list[Any]:
    """The rows of a file, every body written out; what is wrong with a body goes to ``problems``."""
    places = Places.of(columns)
    rows: list[Any] = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            rows.append(item)
            continue
        wrong = _wrong(item, len(columns), len(rows))
        if not wrong:
            try:
                for repetition in range(item["repeat"]):
                    for row in item["body"]:
                        rows.append(_special(row, len(rows), repetition, places))
                continue
            except _BodyError as error:
                wrong = str(error)
        problems.append(Problem(wrong, _HINT, ("graph", place)))
    return rows


class _BodyError(Exception):
    """A name or a reference of a body that cannot be read."""


def _taken_apart(rows: Sequence[Row], places: Places) -> list[_Parts]:
    known: dict[str, int] = {}
    parts = []
    for index, row in enumerate(rows):
        name = row[places.name]
        numbers = tuple(int(found) for found in _NUMBER.findall(name))
        one = _Parts(_NUMBER.split(name), numbers, tuple(_references(row, places)))
        same = list(row)
        same[places.name], same[places.inputs] = one.texts, len(row[places.inputs])
        if places.fused_into is not None:
            same[places.fused_into] = row[places.fused_into] is None
        for column in places.shared:
            same[column] = [size for _, size in row[column]]
        has_own = any(row[column] for column in places.own)
        key = repr((same, index if has_own else None))
        one.likeness = known.setdefault(key, len(known))
        parts.append(one)
    return parts


def _references(row: Row, places: Places) -> list[int]:
    found = list(row[places.inputs])
    if places.fused_into is not None and row[places.fused_into] is not None:
        found.append(row[places.fused_into])
    for column in places.shared:
        found += [owner for owner, _ in row[column]]
    return found


def _next_alike(parts: Sequence[_Parts]) -> list[int]:
    """For every row the next one that is alike, or the number of rows."""
    following = [len(parts)] * len(parts)
    last: dict[int, int] = {}
    for index in range(len(parts) - 1, -1, -1):
        following[index] = last.get(parts[index].likeness, len(parts))
        last[parts[index].likeness] = index
    return following


def _best_loop(parts: Sequence[_Parts], following: Sequence[int], stops: dict[int, int], at: int) -> tuple[int, int]:
    """Length and number of the repetitions from a row on that save the most rows; of equal ones the shortest."""
    best, saved = (1, 1), 0
    other = at
    for _ in range(_TRIES):
        other = following[other]
        length = other - at
        if length > _LONGEST or at + LEAST * length > len(parts):
            break
        times = _times(parts, stops, at, length)
        if times >= LEAST and (times - 1) * length > saved:
            best, saved = (length, times), (times - 1) * length
    return best


def _times(parts: Sequence[_Parts], stops: dict[int, int], at: int, length: int) -> int:
    """How often the rows from a place on are the same, moved along.

    ``stops`` keeps for every length where the repetition ended that was looked for last: it ends there for all places
    that lie two repetitions or more before.
    """
    if any(parts[at + k * length].likeness != parts[at].likeness for k in range(1, LEAST)):
        return 1
    if at + 2 * length <= stops.get(length, 0):
        return (stops[length] - at) // length
    moves: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    end = at + length
    while end < len(parts):
        move = _move(parts[end - length], parts[end])
        if move is None or (len(moves) == length and moves[(end - at) % length] != move):
            break
        if len(moves) < length:
            moves.append(move)
        end += 1
    stops[length] = end
    return (end - at) // length


def _move(before: _Parts, after: _Parts) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """By how much the references and the numbers of a name move; None if the rows are no repetition."""
    if before.likeness != after.likeness:
        return None
    pairs = (before.references, after.references), (before.numbers, after.numbers)
    references, numbers = (tuple(b - a for a, b in zip(*pair, strict=True)) for pair in pairs)
    return references, numbers


def _general(rows: Sequence[Row], parts: Sequence[_Parts], index: int, length: int, places: Places) -> Row:
    """A row of a body: the one of the first repetition, with what moves."""
    row, first, second = list(rows[index]), parts[index], parts[index + length]
    pairs = iter(zip(first.references, second.references, strict=True))

    def reference() -> int | list[int]:
        here, there = next(pairs)
        if here == there:
            return here
        return [index - here] if there - here == length else [here, there - here]

    row[places.inputs] = [reference() for _ in row[places.inputs]]
    if places.fused_into is not None and row[places.fused_into] is not None:
        row[places.fused_into] = reference()
    for column in places.shared:
        row[column] = [[reference(), size] for _, size in row[column]]
    if first.numbers != second.numbers:
        name: list[str | list[int]] = [first.texts[0]]
        for here, there, text in zip(first.numbers, second.numbers, first.texts[1:], strict=True):
            name += [[here, there - here], text]
        row[places.name] = name
    return row


def _wrong(item: dict[str, Any], columns: int, before: int) -> str:
    """What is wrong with a body as a whole; empty if nothing is."""
    if item.keys() != {"repeat", "body"}:
        return "a repeated body is an object with the keys repeat, body"
    times, body = item["repeat"], item["body"]
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        return "a body is not repeated a whole number of times of at least 1"
    if not isinstance(body, list) or not body:
        return "a repeated body is not a list of rows"
    if any(not isinstance(row, list) or len(row) != columns for row in body):
        return f"a row of a repeated body is not a row of {columns} values"
    if before + times * len(body) > MOST_ROWS:
        return f"bodies unfold to more than {MOST_ROWS:.0e} layers"
    return ""


def _special(row: Row, index: int, repetition: int, places: Places) -> Row:
    """A row of a body in one of its repetitions."""
    made = list(row)
    made[places.inputs] = [_resolved(one, index, repetition) for one in _listed(row[places.inputs])]
    if places.fused_into is not None:
        made[places.fused_into] = _resolved(row[places.fused_into], index, repetition)
    for column in places.shared:
        pairs = [_listed(pair) for pair in _listed(row[column])]
        made[column] = [[_resolved(one, index, repetition) for one in pair[:1]] + pair[1:] for pair in pairs]
    if isinstance(row[places.name], list):
        made[places.name] = "".join(_counted(part, repetition) for part in row[places.name])
    return made


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _BodyError(f"{str(value)[:60]!r} in a repeated body is not a list")
    return value


def _resolved(reference: Any, index: int, repetition: int) -> Any:
    """The number of a layer; what is none is judged with its row."""
    if not isinstance(reference, list):
        return reference
    if len(reference) not in (1, 2) or not all(map(_is_whole, reference)):
        raise _BodyError(f"{str(reference)[:60]} in a repeated body is neither [layers before] nor [first, step]")
    return index - reference[0] if len(reference) == 1 else reference[0] + repetition * reference[1]


def _counted(part: Any, repetition: int) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, list) or len(part) != 2 or not all(map(_is_whole, part)):
        raise _BodyError(f"{str(part)[:60]} in a name of a repeated body is neither a text nor [first, step]")
    return str(part[0] + repetition * part[1])


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_ROWS * 1000
