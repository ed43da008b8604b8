"""Reading a file of text: what keeps it from being one is said with its place, in the same words for every kind."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import OffloadSimError, Problem


def read_text(path: Path, error: type[OffloadSimError], most_bytes: int | None = None, form: str = "") -> str:
    """The text of a file, without a byte order mark.

    Parameters
    ----------
    path : Path
    error : type
        What is raised.
    most_bytes : int, optional
        Size beyond which it is not read.
    form : str
        What to give instead of a larger one.

    Raises
    ------
    OffloadSimError
        Of the given type, if the file cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(-1 if most_bytes is None else most_bytes + 1)
    except OSError as reason:
        raise error(Problem(f"cannot be read: {reason.strerror}", file=str(path))) from reason
    if most_bytes is not None and len(content) > most_bytes:
        size = f"{most_bytes // 1_000_000} MB" if most_bytes >= 1_000_000 else f"{most_bytes // 1000} kB"
        raise error(Problem(f"is larger than {size}", form, file=str(path)))
    try:
        # line ends as in a file that is opened as text
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        message = f"is not UTF-8 text (byte 0x{content[reason.start]:02x})"
        raise error(Problem(message, "save the file as UTF-8", (), str(path), line, 1)) from reason


def filled_lines(text: str) -> list[tuple[int, str]]:
    """Lines that hold something and are no comment, with their numbers."""
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
