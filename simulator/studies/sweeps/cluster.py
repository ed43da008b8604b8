"""The points of a sweep computed by the workers of a Dask cluster.

Workers need this package and nothing else: a plugin brings the profiles, cards and traces of the sweep to every
worker once, those that join later included. What a worker that dies had in hand is computed by the others.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any

from simulator.errors import ClusterError, Problem
from simulator.staging import StagedFiles
from simulator.studies.sweeps.inputs import Copy
from simulator.studies.sweeps.point import Finished, Point, Setting, close_runner, open_runner, run_points

try:
    from distributed import Client, Worker, WorkerPlugin
    from distributed.comm import get_address_host_port
except ModuleNotFoundError as missing:
    raise ClusterError(
        Problem("a cluster needs the package distributed", 'install it with: pip install "offload-sim[cluster]"')
    ) from missing

#: how long one waits for a scheduler that does not answer, and for workers when there are none
_ANSWER_S, _WORKER_S = 10.0, 30.0
#: ways over a network in which Dask speaks
_PROTOCOLS = ("tcp", "tls", "ws", "wss")
#: between the name of a sweep and that of its client
_OF = "@"
#: how often one looks
_LOOK_S = 1.0


class SweepPlugin(WorkerPlugin):  # type: ignore[misc]  # Dask does not say what its classes are
    """Brings what the points of a sweep have in common to a worker.

    Parameters
    ----------
    sweep : str
        Name of the sweep.
    setting : Setting
    copies : mapping of str to Copy
        Its inputs, by place.
    """

    def __init__(self, sweep: str, setting: Setting, copies: Mapping[str, Copy]) -> None:
        self.name = sweep
        self._setting = setting
        self._copies = copies

    def setup(self, worker: Worker) -> None:
        """Unpack the inputs below the worker's own folder, each with the permissions of its source."""
        base = Path(worker.local_directory) / self.name
        with StagedFiles(base) as staged:
            for place, copy in self._copies.items():
                staged.write_bytes(place, copy.content, copy.mode)
            staged.commit()
        open_runner(self.name, self._setting, base)

    def teardown(self, worker: Worker) -> None:
        """Forget the sweep and what was unpacked for it."""
        close_runner(self.name)
        rmtree(Path(worker.local_directory) / self.name, ignore_errors=True)


class Cluster:
    """Points are computed by a Dask cluster.

    Parameters
    ----------
    sweep : str
        Name of the sweep, unlike that of any other.
    setting : callable
        The setting for a number of workers.
    copies : mapping of str to Copy
        Inputs of the sweep, by place.
    address : str
        Of the scheduler, like ``tcp://10.0.0.1:8786``.

    Raises
    ------
    ClusterError
        If no scheduler answers there.
    """

    def __init__(self, sweep: str, setting: Callable[[int], Setting], copies: Mapping[str, Copy], address: str) -> None:
        self._address = address
        self._seen = self._looked = time.monotonic()
        self._logs = _own_logs()
        # connections that come and go are told in one sentence here, when it matters
        _set_logs(dict.fromkeys(self._logs, logging.CRITICAL + 1))
        try:
            _require_listener(address)
            self._client = Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:
            _set_logs(self._logs)
            hint = "start one with `dask scheduler`, and give its address, like tcp://10.0.0.1:8786"
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ClusterError(Problem(f'no cluster answers at "{address}": {reason}', hint)) from error
        # with the name of the client, so that others can tell when nobody needs the sweep any more
        self._sweep = f"{sweep}{_OF}{self._client.id}"
        self._forget_dead(sweep.rpartition("-")[0])
        self._threads = sum(self._client.nthreads().values())
        self._client.register_plugin(SweepPlugin(self._sweep, setting(self.width()), copies))
        self._executor = self._client.get_executor(pure=False)

    def width(self) -> int:
        """Threads of all workers when they were last looked at."""
        return max(1, int(self._threads))

    def submit(self, points: Sequence[Point]) -> Future[list[Finished]]:
        """Hand points over."""
        future: Future[list[Finished]] = self._executor.submit(run_points, self._sweep, tuple(points))
        return future

    def renew(self) -> None:
        """The scheduler replaces workers itself, so that lost points mean that it is gone."""
        raise self._gone("the scheduler has gone")

    def check(self) -> None:
        """Raise when the scheduler is gone, or when there have been no workers for a while."""
        if self._client.status != "running":
            raise self._gone("the scheduler has gone")
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        try:
            self._threads = sum(self._client.nthreads().values())
        except OSError as error:
            raise self._gone("the scheduler has gone") from error
        if self._threads:
            self._seen = now
        elif now - self._seen > _WORKER_S:
            raise self._gone(f"there has been no worker for {_WORKER_S:g} s")

    def close(self) -> None:
        """Give up what is still being computed and leave; the workers forget the sweep."""
        if self._client.status == "running":
            with suppress(OSError):  # a cluster that leaves at this moment need not be told
                self._executor.shutdown(wait=False)
                self._client.unregister_worker_plugin(self._sweep)
        self._client.close(timeout=_ANSWER_S)
        _set_logs(self._logs)

    def _forget_dead(self, prefix: str) -> None:
        """Let the workers forget sweeps whose clients were killed, with what was unpacked for them."""

        # a function of its own module would make the scheduler need this package
        def orphans(dask_scheduler: Any) -> list[str]:
            named = (name.rpartition(_OF) for name in dask_scheduler.worker_plugins if name.startswith(prefix))
            return ["".join(parts) for parts in named if parts[1] and parts[2] not in dask_scheduler.clients]

        for name in self._client.run_on_scheduler(orphans):
            self._client.unregister_worker_plugin(name)

    def _gone(self, what: str) -> ClusterError:
        hint = "finished points are kept: start the sweep again when the cluster is back"
        return ClusterError(Problem(f'lost the cluster at "{self._address}": {what}', hint))


def _require_listener(address: str) -> None:
    """Ask whether anybody listens, before Dask tries for many seconds to connect to nobody.

    Raises
    ------
    OSError, ValueError
        If nobody does, or the address is none.
    """
    protocol, separator, _ = address.rpartition("://")
    if separator and protocol not in _PROTOCOLS:
        # Dask itself would say so in a traceback at the end of the process
        raise ValueError(f'"{protocol}" is not one of {", ".join(_PROTOCOLS)}')
    host, port = get_address_host_port(address)
    with socket.create_connection((host, port), timeout=_ANSWER_S):
        return


def _own_logs() -> dict[str, int]:
    """Level of each of Dask's loggers; they have handlers of their own."""
    names = [name for name in logging.Logger.manager.loggerDict if name.partition(".")[0] == "distributed"]
    return {name: logging.getLogger(name).level for name in names}


def _set_logs(levels: Mapping[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
