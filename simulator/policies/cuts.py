"""The field ``at`` of a policy: one cut, or a list of two, the second of which lies between edge and cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from simulator.scenario.mistakes import shown


def _read(given: Any) -> Any:
    """One name or two, as a tuple."""
    if isinstance(given, str):
        return (given,)
    is_list = isinstance(given, Sequence)
    if is_list and 1 <= len(given) <= 2 and all(isinstance(name, str) for name in given):
        return tuple(given)
    what = f"a list of {len(given)}" if isinstance(given, list | tuple) else shown(given)
    words = {"message": f"{what} is no place to cut at", "hint": "write a cut, or a list of two: [CUT, CUT]"}
    raise PydanticCustomError("cuts", "{message}", words)


def _write(cuts: tuple[str, ...] | None) -> str | list[str] | None:
    return None if cuts is None else cuts[0] if len(cuts) == 1 else list(cuts)


_NAME = {"type": "string", "minLength": 1}
Cuts = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_read),
    PlainSerializer(_write, return_type=Any),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1, "maxItems": 2}]}),
]


def words(cuts: tuple[str, ...]) -> str:
    """The cuts in a label."""
    return " and ".join(cuts)
