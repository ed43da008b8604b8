"""Who computes the points of a sweep: this process, or processes on this machine.

Both speak the interface of `concurrent.futures`, as does the cluster of `simulator.studies.sweeps.cluster`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, Protocol

from simulator.studies.sweeps.point import Finished, Point, Setting, close_runner, is_open, open_runner, run_points


class Crew(Protocol):
    """Workers that take points."""

    def width(self) -> int:
        """Number of points that are computed at the same time."""

    def submit(self, points: Sequence[Point]) -> Future[list[Finished]]:
        """Hand points over."""

    def renew(self) -> None:
        """Replace workers that died."""

    def check(self) -> None:
        """Raise `ClusterError` when there is nobody left to wait for."""

    def close(self) -> None:
        """Stop working, whatever is still being computed."""


class OwnProcess:
    """Points are computed in a thread of this process, one after another."""

    def __init__(self, sweep: str, setting: Setting, base: Path) -> None:
        self._sweep = sweep
        open_runner(sweep, setting, base)
        self._executor = ThreadPoolExecutor(max_workers=1)

    def width(self) -> int:
        """One."""
        return 1

    def submit(self, points: Sequence[Point]) -> Future[list[Finished]]:
        """Hand points over."""
        return self._executor.submit(run_points, self._sweep, points)

    def renew(self) -> None:
        """Nothing dies here without everything."""

    def check(self) -> None:
        """There is always this process."""

    def close(self) -> None:
        """Let the points at hand end, forget the others."""
        self._executor.shutdown(cancel_futures=True)
        close_runner(self._sweep)


class _Starter:
    """A context of `multiprocessing` that knows which processes it started.

    Parameters
    ----------
    method : {"spawn", "fork"}
        Start them with nothing in them, or as copies of this one (which not every system can).
    """

    def __init__(self, method: Literal["spawn", "fork"]) -> None:
        self._context: Any = get_context(method)
        self.started: list[BaseProcess] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def Process(self, *args: Any, **options: Any) -> BaseProcess:  # noqa: N802
        """A new process."""
        process: BaseProcess = self._context.Process(*args, **options)
        self.started.append(process)
        return process


class Processes:
    """Points are computed in processes of their own on this machine.

    They are copies of this process where that is safe (Linux, no other thread that may hold a lock), so that what
    the first point needs is read and compiled once for all; else they start with nothing and read it themselves.

    Parameters
    ----------
    sweep : str
        Name of the sweep, unlike that of any other.
    setting : Setting
    base : Path
        Folder of the inputs.
    workers : int
        Number of processes.
    first : Point
        The first point that will be handed over.
    """

    def __init__(self, sweep: str, setting: Setting, base: Path, workers: int, first: Point) -> None:
        self._start = (sweep, setting, base)
        self._workers = workers
        self._context = _Starter("spawn")
        if sys.platform == "linux" and threading.active_count() == 1:
            self._context = _Starter("fork")
            open_runner(*self._start).warm_up(first)
        self._executor = self._new_executor()
        with warnings.catch_warnings():
            # newer Pythons count threads of the system; those of OpenBLAS and Arrow are prepared to be copied
            warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
            # all copies are made at the first task, before anything here starts a thread
            self._executor.submit(os.getpid)

    def _new_executor(self) -> ProcessPoolExecutor:
        # it has all of a context that is used here, without being one of its classes
        context: Any = self._context
        return ProcessPoolExecutor(self._workers, context, _start_process, self._start)

    def width(self) -> int:
        """Number of processes."""
        return self._workers

    def submit(self, points: Sequence[Point]) -> Future[list[Finished]]:
        """Hand points over."""
        return self._executor.submit(run_points, self._start[0], points)

    def renew(self) -> None:
        """Begin anew after a process died: an executor that lost one takes nothing more."""
        self._stop()
        self._context = _Starter("spawn")
        self._executor = self._new_executor()

    def check(self) -> None:
        """Processes are replaced when they die."""

    def close(self) -> None:
        """End all processes at once."""
        self._stop()
        close_runner(self._start[0])

    def _stop(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in self._context.started:
            if process.is_alive():
                process.terminate()
        for process in self._context.started:
            if process.pid is not None:
                process.join()
        self._context.started.clear()


def _start_process(sweep: str, setting: Setting, base: Path) -> None:
    """First thing in a new process: Ctrl-C is for the parent, and the parent's end is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if not is_open(sweep):
        open_runner(sweep, setting, base)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
