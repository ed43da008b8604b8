"""What pydantic found wrong, in words for people: the value shown, what would be right, the nearest known names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from simulator.errors import Problem, did_you_mean

_LONGEST = 60
#: mistakes of one part that are told; whoever made more has seen enough
_MOST = 100


def shown(value: Any) -> str:
    """A value for a message: strings in double quotes, YAML's own words for the rest, nothing endless."""
    if value is None:
        return "an empty value"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def nested(*problems: Problem) -> PydanticCustomError:
    """An error to raise inside a validator that stands for several problems below its field."""
    return PydanticCustomError("nested", "{text}", {"text": "; ".join(map(str, problems)), "problems": problems})


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every mistake of a failed validation, with paths relative to the validated document."""
    found = [details for details in error.errors(include_url=False) if not _is_echo(details)]
    problems = [problem for details in found[:_MOST] for problem in _problems(details, model)]
    if len(found) > _MOST:
        problems.append(Problem(f"{len(found) - _MOST} more mistakes are not shown"))
    return problems


def _is_echo(details: ErrorDetails) -> bool:
    """Whether a list is called too short only because its entries are wrong, which is reported for each of them."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _problems(details: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    path, context = details["loc"], details.get("ctx", {})
    if details["type"] == "nested":
        for problem in context["problems"]:
            yield Problem(problem.message, problem.hint, (*path, *problem.path))
    elif "hint" in context:
        yield Problem(context["message"], context["hint"], path)
    elif details["type"] == "missing":
        parent = _model_at(model, path[:-1])
        field = _fields(parent).get(str(path[-1])) if parent else None
        yield Problem(f'field "{path[-1]}" is missing', field.description or "" if field else "", path)
    elif details["type"] == "extra_forbidden":
        parent = _model_at(model, path[:-1])
        known = list(_fields(parent)) if parent else []
        hint = did_you_mean(str(path[-1])[:_LONGEST], known) or "known: " + ", ".join(known)
        yield Problem(f"unknown field {shown(path[-1])}", hint, path)
    elif details["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        hint = did_you_mean(str(details["input"])[:_LONGEST], allowed)
        yield Problem(f"{shown(details['input'])} is not a choice here", hint, path)
    elif details["type"] == "value_error":
        yield Problem(str(context["error"]), "", path)
    else:
        yield _plain(details, path, _model_at(model, path))


def _plain(details: ErrorDetails, path: tuple[str | int, ...], model: type[BaseModel] | None) -> Problem:
    """Mistakes of type and range."""
    value, context = shown(details["input"]), details.get("ctx", {})
    if details["type"] in _WORDS:
        message, hint = (words.format_map(context) for words in _WORDS[details["type"]])
        if model is not None:
            hint = "its fields: " + ", ".join(_fields(model))
        return Problem(f"{value} {message}", hint, path)
    return Problem(f"{value}: {details['msg'][:1].lower()}{details['msg'][1:]}", "", path)


_MAPPING = ("is not a mapping", "")
_LIST = ("is not a list", "start each entry with a dash, or write [a, b]")
_WHOLE = ("is not a whole number", "write digits only, like 1000")

#: pydantic error type -> what to say after the value, and a hint; both filled from the error's context
_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": ("is not a number", ""),
        "float_parsing": ("is not a number", ""),
        "finite_number": ("is not a finite number", ""),
        "string_type": ("is not text", "put quotes around a number that is meant as a name"),
        "string_too_short": ("is empty", ""),
        "string_too_long": ("is longer than {max_length} characters", ""),
        "string_pattern_mismatch": (
            "is not a name",
            "use letters, digits, dots, dashes and _, a letter or digit first",
        ),
        "model_type": _MAPPING,
        "model_attributes_type": _MAPPING,
        "dict_type": _MAPPING,
        "tuple_type": _LIST,
        "list_type": _LIST,
        "too_short": ("needs at least {min_length} entry", ""),
        "too_long": ("has more than {max_length} entries", ""),
        "greater_than": ("must be more than {gt}", ""),
        "greater_than_equal": ("must be {ge} or more", ""),
        "less_than": ("must be less than {lt}", ""),
        "less_than_equal": ("must be {le} or less", ""),
    }
)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model class that a path of field names and list indices leads to; None where there is none."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel) and isinstance(part, str):
            field = _fields(here).get(part)
            here = _bare(field.annotation) if field else None
        else:
            here = _bare(next(iter(get_args(here)), None))
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """An annotation without ``| None``."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
