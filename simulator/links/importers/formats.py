"""What one format of measurement files is: its name, how well a file fits it, how it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.links.importers.model import ImportedTrace
from simulator.links.importers.source import Source

#: how well a file fits a format from which it is taken for one of it
CERTAIN = 1.0


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    name : str
        What ``--format`` takes.
    title : str
        What its rows look like, for messages.
    fit : callable
        How well a file fits, from 0 to `CERTAIN`, by its content alone.
    read : callable
        Reads a file that is known to be of this format.
    """

    name: str
    title: str
    fit: Callable[[Source], float]
    read: Callable[[Source], ImportedTrace]


def read_json(text: str) -> Any:
    """A JSON document.

    Raises
    ------
    ValueError
        If it is none, or nested without end.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def share_of_lines(pattern: re.Pattern[str], lines: Sequence[str]) -> float:
    """Share of the lines that a pattern matches in full."""
    return sum(pattern.fullmatch(line) is not None for line in lines) / len(lines) if lines else 0.0


def share_of_columns(wanted: Sequence[str], source: Source) -> float:
    """Share of the columns of a format that the first line names."""
    return sum(name in source.header for name in wanted) / len(wanted)
