"""The files that the points of a sweep read: each once, by content.

A reference of a scenario is replaced by a place below the sweep's own folder that is named after the hash of the
content of the file, and of the one that a card needs beside it. So the identity of a point covers what its files say,
the files of a running sweep cannot change, and a worker on another machine needs nothing but these files.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from simulator.devices.sourced import document_at
from simulator.devices.variability import file_beside
from simulator.errors import CardError, Problem, ScenarioError
from simulator.scenario.references import find_referenced

#: folder of the inputs below the folder of a sweep; the underscore hides it from readers of the data set
FOLDER = "_inputs"
#: hexadecimal digits of a hash in a place
_DIGITS = 32


class Inputs:
    """Files by content, collected while scenarios are validated."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str, Path | None], str] = {}
        self._places: dict[Path, str] = {}
        self.contents: dict[str, bytes] = {}

    def stand_in(self, kind: str, reference: str, base: Path | None) -> str:
        """The place of a file relative to the folder of the sweep; reads the file when it is met first.

        Raises
        ------
        NotFoundError
            If there is no such file.
        ScenarioError
            If it cannot be read.
        """
        known = (kind, reference, base)
        if known not in self._named:
            self._named[known] = self._place(find_referenced(kind, reference, base), kind)
        return self._named[known]

    def _place(self, path: Path, kind: str) -> str:
        if path not in self._places:
            contents = {path: _content(path)}
            beside = _beside(path) if kind == "device" else None
            if beside is not None:
                contents[beside] = _content(beside)
            digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:_DIGITS]
            for file, content in contents.items():
                self._places[file] = f"{FOLDER}/{digest}/{file.name}"
                self.contents[self._places[file]] = content
        return self._places[path]

    def told(self, problem: Problem) -> Problem:
        """A problem with the user's own file names."""
        return replace(problem, message=self._original(problem.message), file=self._original(problem.file))

    def _original(self, text: str) -> str:
        if FOLDER not in text:
            return text
        for path, place in self._places.items():
            text = re.sub(r'[^\s"]*' + re.escape(place), str(path).replace("\\", r"\\"), text)
        return text


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScenarioError(Problem(f"cannot be read: {error.strerror}", file=str(path))) from error


def _beside(card: Path) -> Path | None:
    """The file that a card needs beside it; what is wrong with the card is told when it is read."""
    try:
        name = file_beside(document_at(card).data)
    except CardError:
        return None
    return None if name is None or not (card.parent / name).is_file() else card.parent / name
