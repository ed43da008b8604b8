"""Where the command's text leaves the program: nothing goes to the terminal unescaped, and no stream ends it badly.

Standard output may be full, closed, or unable to hold the letters that a text has; the first two are told in words on
standard error, for the third letters are spelled out.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from simulator.errors import OutputError, Problem
from simulator.printable import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

#: name under which the codecs know `_spelled`
_SPELLED = "offload-sim-spelled"
_SPELLINGS = {"±": "+-", "µ": "u", "×": "x", "…": "..."}


def prepare_streams() -> None:
    """Get standard output and error ready for any text.

    Raises
    ------
    OutputError
        If standard output is closed: whatever a verb says would be lost.
    """
    if sys.stderr is None:  # nobody listens, but libraries want to speak
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        raise OutputError(Problem("standard output is closed", "redirect it to a file instead"))
    codecs.register_error(_SPELLED, _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SPELLED)


def say(text: str) -> None:
    """Print text of one or several lines on standard output.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with _Spoken():
        sys.stdout.write(f"{printable(text)}\n")


def show(view: RenderableType, to_error: bool = False) -> None:
    """Print a table or text of rich; raises like `say`."""
    from simulator.cli.console import PlainConsole

    with _Spoken():
        PlainConsole.on(sys.stderr if to_error else sys.stdout).show(view)


def complain(text: str) -> None:
    """Print text on standard error, as far as anybody can hear it."""
    to_stderr()(text)


def to_stderr() -> Callable[[str], None]:
    """What prints text on standard error as it is now, wherever a library sends it meanwhile."""
    stream = sys.stderr

    def write(text: str) -> None:
        with suppress(OSError, ValueError):
            stream.write(f"{printable(text)}\n")
            stream.flush()

    return write


def flush() -> None:
    """Make sure that everything was written; raises like `say`."""
    with _Spoken():
        sys.stdout.flush()


def forget_output() -> None:
    """Let what could not be written go, so that the end of the process does not try again."""
    if sys.stdout is None:
        return
    with suppress(OSError, ValueError):  # a stream in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Spoken:
    """A context manager: what goes wrong inside it is standard output's fault."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Letters that an encoding lacks, in letters that every encoding has."""
    assert isinstance(error, UnicodeEncodeError)  # only streams for writing have this handler
    letters = error.object[error.start : error.end]
    plain = (_SPELLINGS.get(letter, letter).encode("ascii", "backslashreplace") for letter in letters)
    return b"".join(plain).decode(), error.end
