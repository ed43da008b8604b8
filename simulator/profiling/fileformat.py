"""The JSON form of a profile: a header, then one layer per line as a row of values; loops are folded (`folding`).

`encode` writes it, `decode` turns text into checked values or into a list of what is wrong with their form (missing
keys, wrong types, negative or non-finite numbers). Whether the values agree with each other is `check`'s business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from simulator.errors import Problem, did_you_mean
from simulator.jsontext import JsonError, read_json
from simulator.printable import one_line
from simulator.profiling.folding import fold, unfold
from simulator.profiling.graph import ELEMENT_BYTES, KINDS, PRECISIONS, Encoding, Exit, Layer, LossEffect

#: version of this format
FORMAT = 1

#: largest count or size; beyond, sums over a network leave the range of 64-bit integers
MOST = 10**15

#: columns of a layer's row, in the order of the fields of `Layer`
COLUMNS = tuple(Layer.__dataclass_fields__)
#: how many of them every profile has; of the others it leaves out the last ones that say nothing
_REQUIRED = COLUMNS.index("integer_bytes")

Path = tuple[str | int, ...]
Reader = Callable[[Any, Path, list[Problem]], Any]


def encode(header: Mapping[str, Any], graph: Sequence[Layer]) -> str:
    """Text of a profile: ``header`` key by key, then the layers, one per line."""
    lines = [f'"format": {FORMAT}']
    lines += [f"{json.dumps(key)}: {_dump(value)}" for key, value in header.items()]
    said = [k for k, column in enumerate(COLUMNS) if k < _REQUIRED or any(getattr(one, column) for one in graph)]
    columns = COLUMNS[: said[-1] + 1]
    lines.append(f'"columns": {_dump(columns)}')
    rows = fold([[getattr(layer, column) for column in columns] for layer in graph], columns)
    lines.append(f'"graph": [\n{_lines(rows)}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def decode(text: str, file: str) -> tuple[dict[str, Any], list[Problem]]:
    """Read the text of a profile.

    Returns
    -------
    fields : dict
        Arguments of `ModelProfile`; meaningful only if there are no problems.
    problems : list of Problem
        Everything that is wrong with the form.
    """
    problems: list[Problem] = []
    try:
        document = read_json(text)
    except JsonError as error:
        hint = "the file is damaged or truncated: extract the profile again"
        return {}, [Problem(f"not valid JSON: {error}", hint, (), file, error.line, error.column)]
    if not isinstance(document, dict):
        return {}, [Problem(f"a profile is a JSON object, not a {type(document).__name__}", "", (), file)]
    version = document.pop("format", None)
    if version != FORMAT:
        problems.append(
            Problem(f"format {_short(version)} is not known", f"this version reads format {FORMAT}", ("format",))
        )
    columns = document.pop("columns", None)
    if not isinstance(columns, list) or len(columns) < _REQUIRED or columns != list(COLUMNS[: len(columns)]):
        hint = f"expected {', '.join(COLUMNS)}; the last {len(COLUMNS) - _REQUIRED} may be left out"
        problems.append(Problem(f"columns are {_short(columns)}", hint, ("columns",)))
    if problems:
        return {}, problems
    unknown = [key for key in document if key not in _HEADER]
    problems += [Problem(f'unknown key "{key[:60]}"', _nearest(key, list(_HEADER)), (key,)) for key in unknown]
    fields: dict[str, Any] = {}
    folded = isinstance(document.get("graph"), list) and any(isinstance(row, dict) for row in document["graph"])
    if folded:
        document["graph"] = unfold(document["graph"], columns, problems)
    for key, reader in (_HEADER | {"graph": _list(_row(columns))}).items():
        if key in document:
            fields[key] = reader(document[key], (key,), problems)
        elif key not in OPTIONAL:
            problems.append(Problem(f'key "{key}" is missing', "extract the profile again"))
    if folded:  # what is wrong with a row of a body is wrong with all its repetitions
        problems = list({(problem.message, problem.hint): problem for problem in reversed(problems)}.values())[::-1]
    return fields, problems


def _lines(rows: Sequence[list[Any] | dict[str, Any]]) -> str:
    """Rows with one layer per line, the layers of a body too."""
    return ",\n".join(
        f'{{"repeat":{row["repeat"]},"body":[\n{_lines(row["body"])}\n]}}' if isinstance(row, dict) else _dump(row)
        for row in rows
    )


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=vars, allow_nan=False)


def _short(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, list | dict) else str(value)
    text = f"{text!r}" if isinstance(value, str) else text
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong(value: Any, wanted: str, path: Path, problems: list[Problem]) -> None:
    problems.append(Problem(f"{_short(value)} is not {wanted}", "", path))


def _text(value: Any, path: Path, problems: list[Problem]) -> str:
    if not isinstance(value, str) or not value:
        _wrong(value, "a non-empty text", path, problems)
        return ""
    if one_line(value) != value:
        _wrong(value, "a text without control characters", path, problems)
    return value


def _count(value: Any, path: Path, problems: list[Problem], least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        _wrong(value, f"a whole number of at least {least} and at most {MOST:.0e}", path, problems)
        return least
    return value


def _size(value: Any, path: Path, problems: list[Problem]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST:
        _wrong(value, f"a positive number up to {MOST:.0e}", path, problems)
        return 1.0
    return float(value)


def _flag(value: Any, path: Path, problems: list[Problem]) -> bool:
    if not isinstance(value, bool):
        _wrong(value, "true or false", path, problems)
    return bool(value)


def _kind(value: Any, path: Path, problems: list[Problem]) -> str:
    if not isinstance(value, str) or value not in KINDS:
        problems.append(Problem(f"kind {_short(value)} is not known", _nearest(value, KINDS), path))
        return KINDS[-1]
    return value


def _precision(value: Any, path: Path, problems: list[Problem]) -> str:
    if not isinstance(value, str) or value not in PRECISIONS:
        hint = f"write {' or '.join(PRECISIONS)}, or leave it out"
        problems.append(Problem(f"precision {_short(value)} is not known", hint, path))
        return ""
    return value


def _dtype(value: Any, path: Path, problems: list[Problem]) -> str:
    if not isinstance(value, str) or value not in ELEMENT_BYTES:
        hint = _nearest(value, list(ELEMENT_BYTES))
        problems.append(Problem(f"element type {_short(value)} is not known", hint, path))
        return "float32"
    return value


def _nearest(value: Any, known: Sequence[str]) -> str:
    return did_you_mean(_short(value).strip("'"), known)


def _fraction(value: Any, path: Path, problems: list[Problem]) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        _wrong(value, "a fraction between 0 and 1", path, problems)
        return None
    return float(value)


def _share(value: Any, path: Path, problems: list[Problem]) -> float:
    fraction = _fraction(value, path, problems)
    if value is None:
        _wrong(value, "a fraction between 0 and 1", path, problems)
    return 0.0 if fraction is None else fraction


def _or_none(reader: Reader) -> Reader:
    return lambda value, path, problems: None if value is None else reader(value, path, problems)


def _list(reader: Reader) -> Reader:
    def read(value: Any, path: Path, problems: list[Problem]) -> tuple[Any, ...]:
        if not isinstance(value, list):
            _wrong(value, "a list", path, problems)
            return ()
        return tuple(reader(item, (*path, place), problems) for place, item in enumerate(value))

    return read


def _mapping(reader: Reader) -> Reader:
    def read(value: Any, path: Path, problems: list[Problem]) -> dict[str, Any]:
        if not isinstance(value, dict):
            _wrong(value, "an object", path, problems)
            return {}
        return {key: reader(item, (*path, key), problems) for key, item in value.items()}

    return read


def _record(cls: type, readers: Mapping[str, Reader]) -> Reader:
    """Reader of a JSON object with exactly the keys of a dataclass."""

    def read(value: Any, path: Path, problems: list[Problem]) -> Any:
        if not isinstance(value, dict) or value.keys() != readers.keys():
            _wrong(value, "an object with the keys " + ", ".join(readers), path, problems)
            return None
        return cls(**{key: reader(value[key], (*path, key), problems) for key, reader in readers.items()})

    return read


def _row(columns: Sequence[str]) -> Reader:
    """Reader of a layer whose values stand in the order of these columns."""

    def read(value: Any, path: Path, problems: list[Problem]) -> Layer | None:
        if not isinstance(value, list) or len(value) != len(columns):
            _wrong(value, f"a row of {len(columns)} values", path, problems)
            return None
        cells = zip(columns, value, strict=True)
        return Layer(**{column: _LAYER[column](cell, (*path, column), problems) for column, cell in cells})

    return read


def _source_index(value: Any, path: Path, problems: list[Problem]) -> int:
    return _count(value, path, problems, least=-1)


def _share_of(value: Any, path: Path, problems: list[Problem]) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        _wrong(value, "a layer and a number of bytes", path, problems)
        return 0, 0
    return _count(value[0], path, problems), _count(value[1], path, problems)


def _extent(value: Any, path: Path, problems: list[Problem]) -> int:
    return _count(value, path, problems, least=1)


_LAYER: Mapping[str, Reader] = {
    "name": _text,
    "kind": _kind,
    "op": _text,
    "macs": _count,
    "params": _count,
    "param_bytes": _count,
    "inputs": _list(_source_index),
    "input_bytes": _count,
    "output_shape": _list(_count),
    "output_bytes": _count,
    "fused_into": _or_none(_count),
    "integer_bytes": _count,
    "shared": _list(_share_of),
    "integer_param_bytes": _count,
    "shared_integers": _list(_share_of),
}
_EXIT: Mapping[str, Reader] = {
    "name": _text,
    "after": _source_index,
    "layers": _list(_count),
    "output_bytes": _count,
}
_ENCODING: Mapping[str, Reader] = {"size_bytes": _size, "source": _text, "estimated": _flag}
_LOSS_EFFECT: Mapping[str, Reader] = {
    "lost": _list(_share),
    "kept": _list(_share),
    "source": _text,
    "estimated": _flag,
}
_HEADER: dict[str, Reader] = {
    "name": _text,
    "source": _text,
    "input_shape": _list(_extent),
    "input_dtype": _dtype,
    "macs": _count,
    "params": _count,
    "unread_params": _count,
    "exits": _list(_record(Exit, _EXIT)),
    "output_bytes": _count,
    "encodings": _mapping(_record(Encoding, _ENCODING)),
    "top1": _fraction,
    "top1_source": _or_none(_text),
    "uncounted": _list(_text),
    "versions": _mapping(_text),
    "loss_effect": _record(LossEffect, _LOSS_EFFECT),
    "missing_macs": _count,
    "outputs": _list(_count),
    "form": _text,
    "precision": _precision,
    "graph": _list(_row(COLUMNS)),
}
#: keys that a profile without the thing leaves out, and what they are then
OPTIONAL: Mapping[str, Any] = MappingProxyType(
    {"loss_effect": None, "missing_macs": 0, "outputs": (), "form": "", "precision": ""}
)
