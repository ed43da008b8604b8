"""Folders of runs, sweeps, optimisations and maps: each verb writes into a new folder or into one of its own kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from simulator.errors import Problem, ResultError
from simulator.outputs import kind_at, read_regular

#: kind -> files that only a folder of this kind holds
_MARKS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "run": ("manifest.json",),
        "sweep": ("_sweep.json",),
        "optimisation": ("front.parquet", "points/_sweep.json"),
        "map": ("map.json", "plane/_sweep.json"),
    }
)
_MANIFESTS = ("manifest.json", "_sweep.json", "map.json")
_ELSEWHERE = "choose another folder with -o; nothing was changed in this one"


def require_kind(folder: Path, kind: str) -> None:
    """Refuse a folder that holds something of another kind.

    Parameters
    ----------
    folder : Path
        To be written; it need not exist.
    kind : {"run", "sweep", "optimisation", "map"}
        What is to be written.

    Raises
    ------
    ResultError
        Saying what the folder holds.
    """
    if str(folder) == "-":
        message = f'"-" stands for standard output, and a {kind} fills a folder'
        raise ResultError(Problem(message, "name a folder with -o"))
    for other, marks in _MARKS.items():
        for mark in marks:
            place = folder / mark
            try:
                found = kind_at(place)
            except OSError:  # a folder that cannot be looked into cannot be written either, and the writing says why
                return
            if found and other != kind:
                raise ResultError(Problem(f'"{folder}" is the folder of a {other}: it holds {mark}', _ELSEWHERE))
            if found == "a file" and mark in _MANIFESTS and not _is_own(place):
                raise ResultError(Problem(f'"{place}" was not written by this program', _ELSEWHERE))


def _is_own(manifest: Path) -> bool:
    """Whether a manifest says that it is one; an unreadable one does not."""
    try:
        content = json.loads(read_regular(manifest))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and str(content.get("format")).startswith("offload-sim ")
