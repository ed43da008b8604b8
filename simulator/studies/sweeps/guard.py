"""One sweep at a time in a folder, among the threads of this process: a lock of the system may not tell them apart."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: folders that threads of this process are writing into
_open: set[str] = set()
_changing = threading.Lock()


@contextmanager
def taken(folder: Path) -> Iterator[bool]:
    """Take a folder for this thread; yields False if another one has it."""
    place = os.path.realpath(folder)
    with _changing:
        is_free = place not in _open
        if is_free:
            _open.add(place)
    try:
        yield is_free
    finally:
        if is_free:
            with _changing:
                _open.discard(place)
