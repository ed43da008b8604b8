"""What may be written over: a free place or a regular file, below a folder that is reached without links.

A device, a FIFO, a socket, a folder or a link at the place of a file would be lost or be led astray by a rename, so it
is refused. The folder that the user names may itself be reached through links; below it none is followed, because it
leads to where nobody asked to write.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: the file that stands for standard output
STANDARD_OUTPUT = Path("-")

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind_at(place: Path) -> str:
    """What stands at a place, in words, links not followed: ``a file``, ``a link``; empty if nothing does.

    Raises
    ------
    OSError
        If that cannot be told.
    """
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        return ""
    return "a file" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "no file")


def require_file_place(place: Path, folder: Path | None = None) -> None:
    """Refuse a place whose content would be no file of one's own.

    Parameters
    ----------
    place : Path
        Of a file to write or remove.
    folder : Path, optional
        The folder that the user named, where the place lies below it.

    Raises
    ------
    OSError
        Saying what stands there.
    """
    above = [] if folder is None else [path for path in place.parents if folder in path.parents]
    for path in reversed(above):
        if kind_at(path) == "a link":
            raise NotADirectoryError(errno.ENOTDIR, f'"{path}" is a link, which may lead elsewhere', str(place))
    found = kind_at(place)
    if found not in ("", "a file"):
        raise FileExistsError(errno.EEXIST, f"there is {found}, which is not replaced", str(place))


def read_regular(path: Path) -> bytes:
    """The content of a regular file; a FIFO or device, which may never end, is refused.

    Raises
    ------
    OSError
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return path.read_bytes()
