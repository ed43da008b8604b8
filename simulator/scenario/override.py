"""``--set path=value``: one entry of a document replaced before it is validated.

The path is dotted (``link.uplink.rate``, ``policies.1.at``); the value is read as YAML, so that numbers, lists and
mappings mean what they mean in the file. Whether the path exists is left to the validation, which then names the option
as the place of the mistake.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from simulator.errors import Problem, ScenarioError
from simulator.scenario.locate import Document, Path_, Place, read
from simulator.scenario.mistakes import shown


def override(document: Document, option: str) -> Document:
    """A copy of a document with ``path=value`` applied.

    Parameters
    ----------
    document : Document
    option : str
        For example ``link.uplink.rate=2 Mbit/s``.

    Raises
    ------
    ScenarioError
        For an option without ``=``, a value that is no YAML, and a path through a list or value that is not there.
    """
    origin = Place(f"--set {option[:80]}")
    dotted, equals, text = option.partition("=")
    if not equals or not all(dotted.split(".")):
        hint = 'write path=value, like link.uplink.rate="2 Mbit/s"'
        raise ScenarioError(Problem("is not path=value", hint, file=origin.file))
    value = read(text, origin.file).data
    return replaced(document, tuple(dotted.strip().split(".")), value, origin)


def replaced(document: Document, parts: tuple[str, ...], value: Any, origin: Place) -> Document:
    """A copy of a document with one entry replaced; mappings on the way that are missing are made.

    Parameters
    ----------
    document : Document
    parts : tuple of str
        Names of fields and numbers of list entries.
    value : object
        Plain value of the entry.
    origin : Place
        Where the value was given.
    """
    data = deepcopy(document.data)
    path: Path_ = ()
    here = data
    for part in parts[:-1]:
        key = _key(here, part, path, origin)
        path = (*path, key)
        if isinstance(here, dict) and here.get(key) is None:
            here[key] = {}
        here = here[key]
    key = _key(here, parts[-1], path, origin)
    path = (*path, key)
    here[key] = value
    kept = {place: where for place, where in document.values.items() if place[: len(path)] != path}
    keys = {place: where for place, where in document.keys.items() if place[: len(path)] != path}
    made = {path[:length]: origin for length in range(1, len(path) + 1) if path[:length] not in kept}
    return Document(data, document.root, kept | made, keys | made)


def _key(here: Any, part: str, path: Path_, origin: Place) -> str | int:
    """A part of the path as a key of what stands there."""
    around = ".".join(str(p) for p in path) or "the scenario"
    if isinstance(here, dict):
        return part
    if not isinstance(here, list):
        raise ScenarioError(Problem(f"{around} is {shown(here)}, which has no {shown(part)} in it", file=origin.file))
    if part.isdecimal() and part.isascii() and len(part) < 9 and int(part) < len(here):
        return int(part)
    hint = f"entries of {around} are numbered from 0 to {len(here) - 1}"
    raise ScenarioError(Problem(f"{around} has no entry {shown(part)}", hint, file=origin.file))
