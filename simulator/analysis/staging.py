"""Files that appear whole or not at all: written under temporary names beside their place, then renamed together.

Until `StagedFiles.commit` nothing that a reader looks for has changed; whatever ends the writing early (a full disk,
Ctrl-C) leaves neither temporary files nor folders behind. Between two renames of one commit a reader could see new
beside old, so the file that makes a folder valid (the manifest) is removed first and renamed last.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import BinaryIO, Self

from simulator.errors import Problem, ResultError


class StagedFiles:
    """Files on their way into a folder, a context manager.

    Parameters
    ----------
    folder : Path
        Created, with its parents, if it does not exist.

    Raises
    ------
    ResultError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staged: dict[Path, Path] = {}
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        try:
            self._make_folder(self._folder)
        except OSError as error:
            self._discard()
            raise unwritable(self._folder, error) from error
        return self

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Stage one file; staging a place again replaces what was staged there.

        Parameters
        ----------
        name : str
            Place below the folder, like ``"figures/latency_cdf.svg"``.
        write : callable
            Writes the content into an open binary file.
        """
        place = self._folder / name
        try:
            self._make_folder(place.parent)
            if place.is_dir():
                raise IsADirectoryError(f"{place} is a folder")
            if place in self._staged:
                self._staged[place].unlink()
            self._staged[place] = place.with_name(f".{place.name}.{token_hex(6)}.part")
            with self._staged[place].open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(place, error) from error

    def write_bytes(self, name: str, content: bytes) -> None:
        """Stage one file that is already in memory."""
        self.write(name, lambda file: file.write(content))

    @property
    def names(self) -> tuple[str, ...]:
        """Places of the staged files below the folder, in the order in which they were staged."""
        return tuple(place.relative_to(self._folder).as_posix() for place in self._staged)

    def staged_path(self, name: str) -> Path:
        """Where a staged file lies for now."""
        return self._staged[self._folder / name]

    def commit(self, last: str | None = None) -> None:
        """Move every staged file to its place; ``last`` (the file that makes the folder valid) after all others."""
        places = [place for place in self._staged if last is None or place != self._folder / last]
        try:
            if last is not None:
                (self._folder / last).unlink(missing_ok=True)
                places.append(self._folder / last)
            for place in places:
                os.replace(self._staged[place], place)
                del self._staged[place]
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._created.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._discard()

    def _make_folder(self, folder: Path) -> None:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._created.append(path)
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is a file, not a folder")

    def _discard(self) -> None:
        for temporary in self._staged.values():
            temporary.unlink(missing_ok=True)
        self._staged.clear()
        for path in reversed(self._created):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        self._created.clear()


def unwritable(place: Path, error: OSError) -> ResultError:
    """The error for a place that cannot be written, with what would help."""
    reason = error.strerror or str(error)
    return ResultError(
        Problem(f'cannot write "{place}": {reason}', "choose another folder with -o, or free the space and run again")
    )
