"""What can go wrong by the user's hand: one base error, one subclass per kind of mistake.

Every error carries a list of `Problem`; the command line prints them all at once and exits with code 2.
Anything else that escapes is a defect of the program.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from simulator.printable import one_line

#: how a further line of a message begins; any other line end comes from a name or value and is escaped
_CONTINUED = "\n    "


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands, what is wrong with the value shown, what would be right.

    Attributes
    ----------
    message : str
        What is wrong, showing the value.
    hint : str
        What would be right; empty when the message already says it.
    path : tuple of str or int
        Place inside the document, for example ``("policies", 2, "at")``.
    file : str
        File the document came from; empty for documents built in Python.
    line, column : int
        One-based position in the file; 0 when unknown.
    """

    message: str
    hint: str = ""
    path: tuple[str | int, ...] = ()
    file: str = ""
    line: int = 0
    column: int = 0

    def located(self, file: str, line: int, column: int) -> Problem:
        """The same problem at a place in a file."""
        return replace(self, file=file, line=line, column=column)

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}:{self.column}"
        dotted = ".".join(str(part) for part in self.path)
        parts = [part for part in (where, dotted, self.message) if part]
        text = ": ".join(parts)
        text = f"{text}{_CONTINUED}{self.hint}" if self.hint else text
        return _CONTINUED.join(map(one_line, text.split(_CONTINUED)))


class OffloadSimError(Exception):
    """Base of every mistake that a user can make; never raised itself."""

    def __init__(self, problems: Problem | str | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnitError(OffloadSimError):
    """A physical quantity without a unit, with a wrong unit, or not a number."""


class NotFoundError(OffloadSimError):
    """A name that no file or registered kind answers to."""


class ScenarioError(OffloadSimError):
    """A scenario that cannot be run as written."""


class PolicyError(OffloadSimError):
    """A policy that fails while it decides, or names what cannot run."""


class ProfileError(OffloadSimError):
    """A model profile that is damaged, incomplete or inconsistent."""


class CardError(OffloadSimError):
    """A device, server or radio card that is damaged or inconsistent."""


class TraceError(OffloadSimError):
    """A channel trace or sample record that cannot be used."""


class ExtractionError(OffloadSimError):
    """A model that cannot be built, captured or read."""


class ResultError(OffloadSimError):
    """A result folder that cannot be written or read."""


class OutputError(OffloadSimError):
    """Text that standard output does not take."""


class SweepError(OffloadSimError):
    """Points of a sweep that could not be computed."""


class ClusterError(OffloadSimError):
    """Workers that cannot be reached, or that are gone."""


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint naming the nearest known words, or the whole list when it is short.

    Examples
    --------
    >>> did_you_mean("locl", ["local", "edge"])
    'did you mean local?'
    """
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    if known and len(known) <= 12:
        return "known: " + ", ".join(known)
    return ""
