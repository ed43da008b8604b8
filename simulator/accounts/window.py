"""Which requests of a run count: those after the warm-up and before the first device runs out.

At the end of a run in which each device has a number of requests, those that still have some send alone, and less is
going on than before: a cool-down, the mirror of the warm-up (Law, "Simulation Modeling and Analysis", 5th ed., section
9.5.1, on both ends of a run that are not its steady state). What arrives then is recorded and left out of means.

A device runs out with its last request where ``requests`` limits it, and at the end of its ``duration``. A recording
that ends by itself, and a horizon, end what happens, not what was asked for: they cut nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.arrays import Floats
from simulator.errors import Problem, ScenarioError
from simulator.units import human
from simulator.workload import Source, Workload


@dataclass(frozen=True)
class Window:
    """The part of each replication that counts.

    Attributes
    ----------
    warmup_s : float
        Requests that arrive earlier are left out.
    until_s : tuple of float
        Per replication: requests that arrive later are left out; infinite where nothing is. Empty for no such end.
    """

    warmup_s: float = 0.0
    until_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, warmup_s: float, until_s: Sequence[float]) -> Window:
        """A window; ends that cut nothing in any replication are forgotten."""
        return cls(warmup_s, tuple(until_s) if any(map(math.isfinite, until_s)) else ())

    def end_s(self, replication: npt.NDArray[np.integer]) -> Floats | float:
        """End of the window in each of these replications."""
        return np.array(self.until_s)[replication] if self.until_s else math.inf

    def holds(self, arrival_s: Floats, replication: Floats) -> npt.NDArray[np.bool_]:
        """Which of these arrivals count."""
        counts = arrival_s >= self.warmup_s
        if self.until_s:
            counts &= arrival_s <= self.end_s(replication.astype(np.int64))
        return np.asarray(counts)


def first_run_out_s(sources: Iterable[Source], workload: Workload) -> float:
    """When the first device has issued its last request; infinite where no request arrives after that."""
    until = math.inf
    devices = 1 + int(workload.device.max())
    last_s = np.full(devices, -math.inf)
    last_s[workload.device] = workload.arrival_s  # of equal places the last is kept, and arrivals are in order
    counts = np.bincount(workload.device, minlength=devices)
    for source in sources:
        spec = source.spec
        if spec.duration is not None:
            until = min(until, spec.duration)
        if spec.requests is not None:
            mine = slice(source.devices.start, min(source.devices.stop, devices))
            finished = last_s[mine][counts[mine] >= spec.requests]
            until = min(until, float(finished.min(initial=math.inf)))
    return until if until < workload.arrival_s[-1] else math.inf


def require_requests(warmup_s: float, until_s: float, workload: Workload) -> None:
    """Refuse a warm-up that outlasts the run.

    Raises
    ------
    ScenarioError
        If the last request that could count arrives before the warm-up ends.
    """
    last_s = min(until_s, float(workload.arrival_s[-1]))
    if warmup_s <= last_s:
        return
    what = "the last request arrives" if math.isinf(until_s) else "the first device issues its last request"
    message = f"the warm-up of {human(warmup_s, 'time')} outlasts the run: {what} at {human(last_s, 'time')}"
    hint = "shorten the warm-up or simulate more requests"
    raise ScenarioError(Problem(message, hint, path=("statistics", "warmup")))
