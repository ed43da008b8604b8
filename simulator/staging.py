"""Files that appear whole or not at all: written in a folder of their own beside their place, then renamed together.

Until `StagedFiles.commit` nothing that a reader looks for has changed; whatever ends the writing early (a full disk,
Ctrl-C) leaves neither temporary files nor folders behind. Between two renames of one commit a reader could see new
beside old, so the file that makes a folder valid (the manifest) is removed first and renamed last.

A process that is killed leaves its temporary folder. Its lock goes with the process, so whoever writes into the same
place next knows that nobody needs the folder any more, and removes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from simulator.errors import OutputError, Problem, ResultError
from simulator.outputs import STANDARD_OUTPUT, kind_at, require_file_place

if TYPE_CHECKING:
    from filelock import FileLock

#: names of temporary folders, and of the lock in each; the dot hides them from readers of a data set
_PREFIX, _SUFFIX, _OWNER = ".offload-sim-", ".part", "owner"
#: temporary folders that may be taken away while their lock is made
_ATTEMPTS = 10


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
        self._unwanted: list[Path] = []
        self._created: list[Path] = []
        self._aside: Path | None = None
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        try:
            self._make_folder(self._folder)
            remove_dead(self._folder)
        except OSError as error:
            self._discard()
            raise unwritable(self._folder, error) from error
        return self

    def write(self, name: str, write: Callable[[BinaryIO], object], mode: int | None = None) -> None:
        """Stage one file; staging a place again replaces what was staged there.

        Parameters
        ----------
        name : str
            Place below the folder, like ``"figures/latency_cdf.svg"``.
        write : callable
            Writes the content into an open binary file.
        mode : int, optional
            Permissions of the file; those of any new file if left out.

        Raises
        ------
        ResultError
            If it cannot be written, or something that is no file stands in its place.
        """
        place = self._folder / name
        self.require(name)
        try:
            self._make_folder(place.parent)
            if place in self._staged:
                self._staged[place].unlink()
            self._staged[place] = self._temporary() / f"{token_hex(3)}-{place.name}"
            with open(self._staged[place], "xb", opener=None if mode is None else _private) as file:
                write(file)
                file.flush()
                if mode is not None:
                    self._staged[place].chmod(mode)
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(place, error) from error

    def write_bytes(self, name: str, content: bytes, mode: int | None = None) -> None:
        """Stage one file that is already in memory."""
        self.write(name, lambda file: file.write(content), mode)

    def remove(self, name: str) -> None:
        """Let `commit` remove a file, if there is one; raises like `write`."""
        self.require(name)
        self._unwanted.append(self._folder / name)

    def require(self, name: str) -> None:
        """Refuse a place below the folder where something stands that is no file.

        Raises
        ------
        ResultError
            Saying what it is.
        """
        place = self._folder / name
        try:
            require_file_place(place, self._folder)
        except OSError as error:
            raise unwritable(place, error) from error

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
            for place in places:
                self._move(place)
            for place in self._unwanted:
                place.unlink(missing_ok=True)
            if last is not None:
                self._move(self._folder / last)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        self._created.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._discard()

    def _move(self, place: Path) -> None:
        os.replace(self._staged[place], place)
        del self._staged[place]

    def _make_folder(self, folder: Path) -> None:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._created.append(path)
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is a file, not a folder")

    def _temporary(self) -> Path:
        """The folder of what is staged, made when it is needed first; locked as long as this process lives."""
        from filelock import FileLock, Timeout

        for _ in range(_ATTEMPTS):
            if self._aside is not None:
                break
            aside = self._folder / f"{_PREFIX}{token_hex(6)}{_SUFFIX}"
            aside.mkdir()
            self._created.append(aside)
            lock = FileLock(aside / _OWNER, timeout=0)
            with suppress(Timeout, FileNotFoundError):  # another process took it for one of a dead process
                lock.acquire()
                if (aside / _OWNER).exists():
                    self._aside, self._lock = aside, lock
        if self._aside is None:
            raise OSError(f"temporary files in {self._folder} are removed by another process")
        return self._aside

    def _discard(self) -> None:
        if self._aside is not None:
            with suppress(OSError):
                _remove(self._aside)
        if self._lock is not None:
            self._lock.release()
        self._aside = self._lock = None
        self._staged.clear()
        self._unwanted.clear()
        for path in reversed(self._created):
            with suppress(OSError):  # a folder that somebody else uses by now, or a disk that is gone
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        self._created.clear()


def write_file(file: Path, content: bytes) -> None:
    """Write one file whole or not at all; `STANDARD_OUTPUT` is printed.

    Raises
    ------
    ResultError, OutputError
        If it cannot be written.
    """
    write_files({file: content})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write files of one folder together; raises like `write_file`, and then writes none."""
    if STANDARD_OUTPUT in files:
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(files[STANDARD_OUTPUT])
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(Problem(f"cannot write to standard output: {error.strerror}")) from error
        return
    with StagedFiles(next(iter(files)).parent) as staged:
        for file, content in files.items():
            staged.write_bytes(file.name, content)
        staged.commit()


def remove_dead(folder: Path) -> None:
    """Remove temporary folders of processes that are no more."""
    from filelock import FileLock, Timeout

    for left in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if kind_at(left) != "a folder":
            continue
        with suppress(OSError, Timeout):  # whoever holds the lock is alive; what is another user's stays
            if not (left / _OWNER).exists():
                left.rmdir()  # only an empty one: its owner may be about to lock it
                continue
            with FileLock(left / _OWNER, timeout=0):
                _remove(left)


def _remove(aside: Path) -> None:
    """Remove a temporary folder, its lock last: what is left by a kill on the way can still be told and removed."""
    for path in aside.iterdir():
        if path.name != _OWNER:
            path.unlink()
    (aside / _OWNER).unlink(missing_ok=True)
    aside.rmdir()


def unwritable(place: Path, error: OSError) -> ResultError:
    """The error for a place that cannot be written, with what would help."""
    reason = error.strerror or str(error)
    return ResultError(
        Problem(f'cannot write "{place}": {reason}', "choose another folder with -o, or free the space and run again")
    )


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else may read before it has its own permissions."""
    return os.open(path, flags, 0o600)
