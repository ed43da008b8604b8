"""A measurement file as text: read once, unpacked if it is gzip, refused if it is empty, binary, cut short or huge."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NoReturn

from simulator.errors import Problem, TraceError

#: largest text that is read, unpacked, and most lines of it: rows take some 500 bytes of memory each
MAX_BYTES = 64 * 1024**2
MAX_LINES = 2_000_000
#: most separators of cells: a cell takes some 50 bytes
MAX_CELLS = 10_000_000
_SEPARATORS = b",;\t|"
#: lines that recognition looks at
_HEAD_LINES = 40
#: and no more of a file than this, which the lines of every format leave room for
_HEAD_CHARACTERS = 4 * 1024**2
_GZIP = b"\x1f\x8b"
_KNOWN_BINARY = {b"PK\x03\x04": "a zip archive", b"%PDF": "a PDF", b"\x89PNG": "a picture", b"PAR1": "a Parquet file"}


@dataclass(frozen=True)
class Source:
    """A file that is to be imported.

    Attributes
    ----------
    path : Path
    text : str
        All of it, unpacked.
    window_s : float
        Width of the bins in which formats that log packets or reads become rates.
    time_s, rate_bps : float or None
        Units of time and rate, where the user gives them to a format that has to guess.
    """

    path: Path
    text: str
    window_s: float = 1.0
    time_s: float | None = None
    rate_bps: float | None = None

    @property
    def file(self) -> str:
        """Path for messages."""
        return str(self.path)

    @cached_property
    def lines(self) -> list[tuple[int, str]]:
        """Lines that are not blank, with their numbers from 1."""
        return [(number, line) for number, line in enumerate(self.text.splitlines(), 1) if line.strip()]

    @cached_property
    def head(self) -> list[str]:
        """The first lines that are not blank, without the white space around them."""
        beginning = io.StringIO(self.text.lstrip()[:_HEAD_CHARACTERS])
        return list(islice((line.strip() for line in beginning if line.strip()), _HEAD_LINES))

    @cached_property
    def header(self) -> list[str]:
        """Cells of the first line, read as CSV; none if it cannot be."""
        try:
            return [cell.strip() for cell in next(csv.reader(self.head[:1]), [])]
        except csv.Error:
            return []

    def fail(self, message: str, hint: str = "", line: int = 0) -> NoReturn:
        """Refuse the file because of one line."""
        raise TraceError(self.problem(message, hint, line))

    def problem(self, message: str, hint: str = "", line: int = 0) -> Problem:
        """Something wrong in one line."""
        return Problem(message, hint, file=self.file, line=line, column=1 if line else 0)


def read_source(path: Path, window_s: float = 1.0) -> Source:
    """Read a file.

    Raises
    ------
    TraceError
        If it cannot be read or is no text worth reading.
    """
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise TraceError(Problem(f"cannot be read: {error.strerror}", file=file)) from error
    packed = content.startswith(_GZIP)
    if packed:
        content = _unpacked(content, file)
    if len(content) > MAX_BYTES:
        what = "holds more than" if packed else "is larger than"
        raise TraceError(
            Problem(
                f"{what} {MAX_BYTES // 1024**2} MiB{' once unpacked' if packed else ''}",
                "split the measurement into pieces",
                file=file,
            )
        )
    # a line may end in either character
    count = max(content.count(b"\n"), content.count(b"\r"))
    if count > MAX_LINES:
        raise TraceError(
            Problem(
                f"has {count} lines, about {count * 500 / 1e9:.1f} GB once read",
                f"at most {MAX_LINES} lines: split the measurement into pieces",
                file=file,
            )
        )
    cells = sum(content.count(bytes([separator])) for separator in _SEPARATORS)
    if cells > MAX_CELLS:
        raise TraceError(
            Problem(
                f"has {cells} cells, about {cells * 50 / 1e9:.1f} GB once read",
                f"at most {MAX_CELLS} cells: split the measurement into pieces",
                file=file,
            )
        )
    if not content.strip():
        raise TraceError(Problem("is empty", "a trace has at least one measured row", file=file))
    for magic, what in _KNOWN_BINARY.items():
        if content.startswith(magic):
            raise TraceError(Problem(f"is {what}, not a text", "unpack or convert it first", file=file))
    position = content.find(b"\0")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        position = error.start
        text = ""
    if position >= 0:
        line = content.count(b"\n", 0, position) + 1
        message = f"is not a text: byte 0x{content[position]:02x} at position {position}"
        raise TraceError(
            Problem(message, "traces are read from text files, plain or gzip", file=file, line=line, column=1)
        )
    if not text.strip():
        # white space that only text knows, like U+0085
        raise TraceError(Problem("is empty", "a trace has at least one measured row", file=file))
    return Source(path, text, window_s)


def _unpacked(content: bytes, file: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            return stream.read(MAX_BYTES + 1)
    except EOFError as error:
        raise TraceError(
            Problem("is cut short: the gzip stream has no end", "copy the file again", file=file)
        ) from error
    except (OSError, zlib.error) as error:
        raise TraceError(Problem(f"is a damaged gzip file: {error}", "copy the file again", file=file)) from error
