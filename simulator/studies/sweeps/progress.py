"""The bar of a running sweep: points done, points per second, time left, points that failed. Only on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """A context manager; shows nothing when nobody wants it or nobody looks.

    Parameters
    ----------
    wanted : bool
    points : int
        Points of the whole sweep.
    """

    def __init__(self, wanted: bool, points: int) -> None:
        self._points = points
        self._started = time.perf_counter()
        self._bar: Bar | None = _bar() if wanted and sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.add_task("", total=self._points, pace="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, found: int, computed: int, failed: int) -> None:
        """Points that were there before, that were computed now, and that failed."""
        if self._bar is None:
            return
        elapsed = time.perf_counter() - self._started
        pace = (computed + failed) / elapsed
        left = self._points - found - computed - failed
        words = f"{pace:.3g} points/s, {duration(left / pace) if pace else '-'} left"
        if failed:
            words += f", {failed} failed"
        self._bar.update(self._bar.task_ids[0], completed=self._points - left, pace=words)


def duration(seconds: float) -> str:
    """``0:03:25``: hours, minutes and seconds.

    Examples
    --------
    >>> duration(205.4)
    '0:03:25'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("sweeping"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    return Bar(*columns, console=Console(stderr=True))
