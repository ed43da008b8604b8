"""The files that the points of a sweep read: each once, by content.

A reference of a scenario is replaced by a place below the sweep's own folder that is named after the hash of the
content of the file, and of the one that a card needs beside it. So the identity of a point covers what its files say,
the files of a running sweep cannot change, and a worker on another machine needs nothing but these files. A copy may be
read by whom its source lets read it, and only what turned out to be a profile, card, trace and so on is copied.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from simulator import paths
from simulator.devices.card import load_card
from simulator.devices.sourced import document_at
from simulator.devices.variability import file_beside
from simulator.errors import CardError, Problem, ScenarioError
from simulator.links.generator import load_gilbert_elliott, load_markov
from simulator.links.radio import load_radio
from simulator.links.trace import read_trace
from simulator.outputs import read_regular
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.samples import load_samples
from simulator.scenario.references import find_referenced

#: folder of the inputs below the folder of a sweep; the underscore hides it from readers of the data set
FOLDER = "_inputs"
#: hexadecimal digits of a hash in a place
_DIGITS = 32


@dataclass(frozen=True)
class Copy:
    """A file that points read.

    Attributes
    ----------
    content : bytes
    mode : int
        Permissions of its source.
    """

    content: bytes
    mode: int


class Inputs:
    """Files by content, collected while scenarios are validated."""

    def __init__(self) -> None:
        self._named: dict[tuple[str, str, Path | None], str] = {}
        self._places: dict[Path, str] = {}
        self._profiles: dict[str, ModelProfile] = {}
        self.copies: dict[str, Copy] = {}

    def stand_in(self, kind: str, reference: str, base: Path | None) -> str:
        """The place of a file relative to the folder of the sweep; reads the file when it is met first.

        Raises
        ------
        NotFoundError
            If there is no such file.
        OffloadSimError
            If it cannot be read, or is not what it should be.
        """
        known = (kind, reference, base)
        if known not in self._named:
            path = find_referenced(kind, reference, base)
            is_variant = kind == "model" and paths.split_variant(reference)[1]
            self._named[known] = self._variant(reference, base) if is_variant else self._place(kind, path)
        return self._named[known]

    def _variant(self, reference: str, base: Path | None) -> str:
        """The place of a profile that no file holds."""
        path = Path(reference)
        if path not in self._places:
            profile = load_profile(reference, base)
            self._places[path] = place = f"{FOLDER}/{profile.sha256[:_DIGITS]}/{profile.name}.json"
            self.copies[place] = Copy(profile.text.encode(), _READABLE)
            self._profiles[place] = profile
        return self._places[path]

    def _place(self, kind: str, path: Path) -> str:
        if path not in self._places:
            judged = _JUDGES[kind](path.absolute()) if kind in _JUDGES else None
            copies = {path: _copy(path)}
            beside = _beside(path) if kind == "device" else None
            if beside is not None:
                copies[beside] = _copy(beside)
            digest = hashlib.sha256(b"".join(copy.content for copy in copies.values())).hexdigest()[:_DIGITS]
            for file, copy in copies.items():
                self._places[file] = f"{FOLDER}/{digest}/{file.name}"
                self.copies[self._places[file]] = copy
            if isinstance(judged, ModelProfile):
                self._profiles[self._places[path]] = judged
        return self._places[path]

    def profiles(self) -> tuple[ModelProfile, ...]:
        """The models that were met so far."""
        return tuple(self._profiles.values())

    def told(self, problem: Problem) -> Problem:
        """A problem with the user's own file names."""
        return replace(problem, message=self._original(problem.message), file=self._original(problem.file))

    def _original(self, text: str) -> str:
        if FOLDER not in text:
            return text
        for path, place in self._places.items():
            text = re.sub(r'[^\s"]*' + re.escape(place), str(path).replace("\\", r"\\"), text)
        return text


def _copy(path: Path) -> Copy:
    try:
        mode = stat.S_IMODE(path.stat().st_mode) & _PERMISSIONS
        return Copy(read_regular(path), mode)
    except OSError as error:
        raise ScenarioError(Problem(f"cannot be read: {error.strerror}", file=str(path))) from error


def _beside(card: Path) -> Path | None:
    """The file that a card needs beside it; what is wrong with the card is told when it is read."""
    try:
        name = file_beside(document_at(card).data)
    except CardError:
        return None
    return None if name is None or not (card.parent / name).is_file() else card.parent / name


def _judge_generator(path: Path) -> None:
    content = document_at(path).data
    is_loss = isinstance(content, Mapping) and content.get("kind") == "gilbert-elliott"
    (load_gilbert_elliott if is_loss else load_markov)(str(path))


def _judge_arrivals(path: Path) -> None:
    """Whether a file begins like recorded arrivals; its rows are judged when they are read, with their devices."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            header = next((line for line in stream if line.strip() and line[0] != "#"), "")
    except (OSError, UnicodeDecodeError) as error:
        message = "cannot be read as text"
        raise ScenarioError(Problem(message, "a CSV with the column arrival_s", file=str(path))) from error
    if header.split(",")[0].strip() != "arrival_s":
        message = "header is not arrival_s or arrival_s,device"
        raise ScenarioError(Problem(message, file=str(path), line=1, column=1))


#: kind of a reference -> what raises if a file is nothing of this kind
_JUDGES: Mapping[str, Callable[[Path], object]] = MappingProxyType(
    {
        "model": load_profile,
        "device": lambda path: load_card(str(path)),
        "radio": lambda path: load_radio(str(path)),
        "trace": read_trace,
        "generator": _judge_generator,
        "samples": lambda path: load_samples(str(path)),
        "arrivals": _judge_arrivals,
    }
)
#: reading, writing and executing, for owner, group and others
_PERMISSIONS = 0o777
#: of what has no source file
_READABLE = 0o644
