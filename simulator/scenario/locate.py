"""A YAML document as plain values, with the place of every entry: how a mistake gets its file:line:column.

The text is read as a stream of events first, so that a file which nests or unfolds without end is refused before
anything is built from it. Tags, merge keys and keys that are not text are refused; an alias may repeat a value as long
as the whole stays small. Several mistakes in one file are reported together as far as YAML's grammar lets one go on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from simulator.errors import Problem, ScenarioError
from simulator.scenario.mistakes import shown

Path_ = tuple[str | int, ...]

MAX_BYTES = 200_000
MAX_DEPTH = 20
#: entries after every alias has been unfolded
MAX_ENTRIES = 30_000

_LONGEST_NUMBER = 400
#: what the YAML specification (1.2.2, section 5.1) excludes
_NO_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_MOST_UNREADABLE = 10
#: how the YAML reader gives up on texts that it has no words for
_GIVES_UP = (ValueError, OverflowError, NotImplementedError, LookupError, TypeError, AttributeError, AssertionError)
_LONG_ESCAPE = re.compile(r"\\U([0-9A-Fa-f]{8})")
#: half of a character that needs two: an escape can write it, and no file can hold it
_HALF = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Place:
    """Where something was written: a file with line and column from 1, or a command-line option with neither."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Document:
    """Plain values (dict, list, str, int, float, bool, None) and where each stands.

    Attributes
    ----------
    data : object
        The document.
    root : Place
        Where it begins.
    values, keys : dict
        Path of an entry to the place of its value and of its name.
    """

    data: Any
    root: Place
    values: dict[Path_, Place] = field(default_factory=dict)
    keys: dict[Path_, Place] = field(default_factory=dict)

    def place(self, path: Path_, of_key: bool = False) -> Place:
        """Place of an entry, or of the nearest entry around it that was written."""
        if of_key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), 0, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return self.root

    def located(self, problem: Problem) -> Problem:
        """The problem with file, line and column."""
        if problem.file:
            return problem
        place = self.place(problem.path, of_key=problem.message.startswith("unknown field"))
        return problem.located(place.file, place.line, place.column)


def read(text: str, file: str) -> Document:
    """Turn YAML text into a document.

    Parameters
    ----------
    text : str
    file : str
        Shown in messages.

    Raises
    ------
    ScenarioError
        For text that is not YAML, too large, too deep, or that uses more of YAML than a scenario needs.
    """
    unreadable = list(_unreadable(text, file))
    if unreadable:
        raise ScenarioError(unreadable)
    try:
        refused = list(_survey(text, file))
        if refused:
            raise ScenarioError(refused)
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise ScenarioError(_syntax(error, file)) from error
    except YAMLError as error:
        message = "is not readable as YAML: " + str(error).splitlines()[0]
        raise ScenarioError(Problem(message, "a scenario is a YAML text", file=file)) from error
    except _GIVES_UP as error:
        beyond = (match for match in _LONG_ESCAPE.finditer(text) if int(match.group(1), 16) > sys.maxunicode)
        match = next(beyond, None)
        reason = "something that the reader does not know" if match is None else f"{match.group()} is no character"
        line, column = (0, 0) if match is None else _position(text, match.start())
        raise ScenarioError(Problem(f"is not readable as YAML: {reason}", "", (), file, line, column)) from error
    reader = _Reader(file)
    document = Document(reader.value(root, ()), Place(file, 1, 1), reader.values, reader.keys)
    if reader.problems:
        raise ScenarioError(reader.problems)
    return document


def _unreadable(text: str, file: str) -> Iterator[Problem]:
    """Characters that no YAML may hold, each with its place."""
    for match in islice(_NO_YAML.finditer(text), _MOST_UNREADABLE):
        line, column = _position(text, match.start())
        message = f"is not readable as YAML: control character U+{ord(match.group()):04X}"
        yield Problem(message, "remove it: a scenario is a text that people can read", (), file, line, column)


def _position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    before = _LINE_END.split(text[:index])
    return len(before), len(before[-1]) + 1


def _survey(text: str, file: str) -> Iterator[Problem]:
    """What is refused before anything is built: endless nesting, tags, directives."""
    depth = 0
    for number, event in enumerate(YAML(typ="rt", pure=True).parse(text)):
        refused = hint = ""
        if number == 2 * MAX_ENTRIES:  # fields have a name and a value
            refused = f"has more than {MAX_ENTRIES} entries"
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                refused = f"nests deeper than {MAX_DEPTH} levels"
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            depth -= 1
        elif isinstance(event, DocumentStartEvent) and (event.version or event.tags):
            refused, hint = "directives are not allowed", "leave out the lines that start with %"
        tag = getattr(event, "tag", None)
        if tag is not None:
            refused, hint = (
                f"the tag {str(tag).replace(_TAG, '!!')[:60]} is not allowed",
                "write plain values without !",
            )
        if refused:
            yield Problem(refused, hint, (), file, event.start_mark.line + 1, event.start_mark.column + 1)
        if depth > MAX_DEPTH or number == 2 * MAX_ENTRIES:
            return


#: words of the YAML reader -> what to do about it
_SYNTAX_HINTS = {
    "'\\t'": "indent with spaces: YAML allows no tabs there",
    "mapping values are not allowed": "check the indentation, and put quotes around text that holds a colon",
    "expected <block end>": "check the indentation: fields of one mapping start in one column",
    "another document": "one file holds one scenario: no further --- line",
    "<stream end>": "a bracket is not closed",
    "unexpected end of stream": "a quotation mark is not closed",
}


def _syntax(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = "is not readable as YAML: " + (error.problem or error.context or "unknown reason")
    hint = next((hint for words, hint in _SYNTAX_HINTS.items() if words in message), "")
    return Problem(message, hint, (), file, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0)


class _Reader:
    """Builds plain values from YAML nodes and notes where each stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[Path_, Place] = {}
        self.keys: dict[Path_, Place] = {}
        self.problems: list[Problem] = []
        self.open: list[Node] = []

    def value(self, node: Node | None, path: Path_) -> Any:
        """The plain value of a node; None stands for one that was refused."""
        if node is None:
            return None
        self.values[path] = self._place(node)
        if len(self.values) > MAX_ENTRIES:
            message = f"unfolds to more than {MAX_ENTRIES} entries"
            raise ScenarioError(
                [*self.problems, self._problem(node, path, message, "write the values out, no aliases")]
            )
        if any(node is outer for outer in self.open):
            return self._refuse(node, path, "contains itself through an alias", "write the values out")
        self.open.append(node)
        built = self._built(node, path)
        self.open.pop()
        return built

    def _built(self, node: Node, path: Path_) -> Any:
        if isinstance(node, SequenceNode):
            return [self.value(child, (*path, k)) for k, child in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return dict(self._entries(node, path))
        assert isinstance(node, ScalarNode)  # YAML has no fourth kind of node
        if _HALF.search(node.value):
            return self._refuse(node, path, f"{shown(node.value)} holds half of a character", "write the whole one")
        return _scalar(node)

    def _entries(self, node: MappingNode, path: Path_) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Place] = {}
        for key, value in node.value:
            is_text = isinstance(key, ScalarNode) and (key.style is not None or str(key.tag) == f"{_TAG}str")
            if not is_text or _HALF.search(key.value):
                hint = "write the fields out" if key.value == "<<" else "a field name is text, in quotes if need be"
                self._refuse(key, path, f"{shown(key.value)} is not a field name", hint)
                continue
            name, entry = key.value, (*path, key.value)
            if name in seen:
                hint = f"it stands in line {seen[name].line} already"
                self._refuse(key, path, f"field {shown(name)} is given twice", hint)
                continue
            seen[name] = self.keys[entry] = self._place(key)
            yield name, self.value(value, entry)

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: Node, path: Path_, message: str, hint: str) -> Problem:
        place = self._place(node)
        return Problem(message, hint, path, place.file, place.line, place.column)

    def _refuse(self, node: Node, path: Path_, message: str, hint: str) -> None:
        self.problems.append(self._problem(node, path, message, hint))


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    """The value of a plain scalar by YAML 1.2; what is quoted, or dated, or endless stays the text that it is."""
    text: str = node.value
    kind = str(node.tag).removeprefix(_TAG) if node.style is None else "str"
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    digits = text.replace("_", "")
    with suppress(ValueError):  # what looks like a number and has no digits, like 0x_
        if kind == "int" and len(text) <= _LONGEST_NUMBER:
            return int(digits, 0 if text.lstrip("+-")[:2] in ("0x", "0o", "0b") else 10)
        if kind == "float":
            return float(digits.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
