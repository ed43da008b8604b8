"""Time from one request of a device to its next, as a distribution: what a radio's state before a request follows from.

Exponential for Poisson arrivals, one value for periodic ones, what was recorded for recorded ones. Periodic arrivals
with a jitter are drawn, as a run draws them, from a stream that no run has a part in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.links.base import PLANNER
from simulator.scenario.schema import Workload as WorkloadSpec
from simulator.workload import Source, recorded_gaps_s

Floats = NDArray[np.float64]

#: arrivals drawn with a jitter: shares of them are right within 1 % or better
_DRAWN = 16_384


class Gaps(Protocol):
    """Distribution of the gaps between two requests of a device."""

    def at_least(self, time_s: Floats) -> Floats:
        """Share of the gaps that are not shorter."""
        ...

    def mean_up_to(self, time_s: Floats) -> Floats:
        """Mean of the gaps, each cut at a time of at least 0."""
        ...


@dataclass(frozen=True)
class ExponentialGaps:
    """Gaps of Poisson arrivals."""

    rate: float

    def at_least(self, time_s: Floats) -> Floats:
        """1 for times before 0."""
        return np.exp(-self.rate * np.maximum(time_s, 0.0))

    def mean_up_to(self, time_s: Floats) -> Floats:
        """The integral of the former from 0 on."""
        return -np.expm1(-self.rate * time_s) / self.rate


@dataclass(frozen=True, eq=False)
class ListedGaps:
    """Equally likely gaps.

    Attributes
    ----------
    gaps_s : array, shape (n,)
        In ascending order; infinite where no request comes before.
    """

    gaps_s: Floats

    def at_least(self, time_s: Floats) -> Floats:
        """By counting."""
        return 1 - np.searchsorted(self.gaps_s, time_s, side="left") / self.gaps_s.size

    def mean_up_to(self, time_s: Floats) -> Floats:
        """By running sums."""
        shorter = np.searchsorted(self.gaps_s, time_s, side="left")
        return (self._sums_s[shorter] + time_s * (self.gaps_s.size - shorter)) / self.gaps_s.size

    @cached_property
    def _sums_s(self) -> Floats:
        """Sums of the first gaps, shape (n + 1,)."""
        return np.concatenate((np.zeros(1), np.cumsum(self.gaps_s)))


def gaps_of(spec: WorkloadSpec, devices: range, base: Path | None) -> Gaps:
    """Gaps between the requests of a device of a group.

    Raises
    ------
    ScenarioError
        When an arrival file cannot be used.
    """
    if spec.rate is None:
        recorded = recorded_gaps_s(Source(spec, devices, 0, None, None, base))
        return ListedGaps(np.sort(recorded) if recorded.size else np.array([np.inf]))
    if spec.arrivals == "poisson":
        return ExponentialGaps(spec.rate)
    if spec.jitter == 0:
        return ListedGaps(np.array([1 / spec.rate]))
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(PLANNER)))
    times = np.arange(_DRAWN) / spec.rate + generator.uniform(0.0, spec.jitter, _DRAWN)
    return ListedGaps(np.sort(np.diff(np.sort(times))))
