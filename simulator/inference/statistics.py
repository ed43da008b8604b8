"""Means with 95 % confidence intervals, paired differences and percentiles of correlated simulation output.

Requests of one run are correlated (they share queues), so intervals come from blocks of requests. With two or more
replications each replication is one independent value and the interval is Student's on few degrees of freedom. With
one replication the values are means of batches of consecutive requests; batches are joined in pairs until von
Neumann's test finds them uncorrelated, and what correlation is left widens the interval. The mean of a block is a ratio
(sum over requests / number of requests); with blocks of equal size the interval is the textbook one of the block
means, with unequal blocks it is the ratio estimator's.

There is no interval where the blocks show no variation at all: equal replications are copies of each other, and equal
batches say nothing of what another run would show.

Sources: Law, "Simulation Modeling and Analysis", 5th ed., sections 9.5.2-9.5.3 (replications, batch means) and 10.2.1
(paired t); Cochran, "Sampling Techniques", 3rd ed., section 6.4 (variance of a ratio); `batch_means` for what is done
about correlated and skewed means.

Left out: sequential stopping rules, standardised time series, intervals of percentiles. MSER-5 is left out on purpose:
on runs of one replication it cuts by chance where a queue happens to be long at the start, which costs 4 to 10 points
of coverage (M/M/1, load 0.5 to 0.9, 500 to 20 000 requests); `run_length` says where a start from empty queues matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.arrays import Floats, Ints
from simulator.inference.batch_means import (
    CONFIDENCE,
    CORRELATION_Z,
    JOINED_Z,
    are_correlated,
    joined,
    lengthening,
    student_t,
    widening,
)

#: fewer requests in a batch say little about a mean that queues correlate
MIN_BATCH_REQUESTS = 10
#: relative size below which a deviation is a rounding error of instants
_ROUNDING = 1e-9
#: what an interval that is only a lower bound is multiplied with before it says that a difference is not 0
SHORT_FACTOR = 3.0
#: caution of an interval from batch means that fail the test
CORRELATED = (
    "neighbouring batch means stay correlated, so intervals are at least as wide as shown: "
    "simulate more requests, or use replications"
)
#: why replications or batches that do not differ have no interval
COPIES = (
    "all replications give the same value, because nothing in the scenario that decides it differs from one "
    "replication to the next"
)
NO_VARIATION = "it is the same in every batch, and one replication says nothing of what another would show"
CONSTANT = "it is the same for every request"
#: why the energy of one replication has no interval where idle energy is part of it
SHARED_IDLE = (
    "idle energy is shared equally by all requests of a device, so batches of one replication cannot tell how it "
    "varies: set statistics.replications to 2 or more"
)


@dataclass(frozen=True)
class Blocks:
    """How requests in order of (replication, arrival) are cut into blocks.

    Attributes
    ----------
    starts : int array, shape (blocks,)
        First request of each block; empty where no interval can be had.
    replication : int array, shape (blocks,)
        Which replication a block is part of, 0 to ``replications - 1``.
    replications : int
        Number of replications.
    requests : int
        Number of requests.
    reason : str
        Why no interval can be had; empty otherwise.
    """

    starts: Ints
    replication: Ints
    replications: int
    requests: int
    reason: str = ""

    @property
    def count(self) -> int:
        """Number of blocks; 0 where no interval can be had."""
        return len(self.starts)

    def without_interval(self, reason: str) -> Blocks:
        """The same requests, for a quantity that has no interval."""
        nothing = np.empty(0, np.int64)
        return Blocks(nothing, nothing, self.replications, self.requests, reason)


@dataclass(frozen=True)
class Estimate:
    """A mean with the half-width of its 95 % confidence interval.

    Attributes
    ----------
    mean : float
        In the unit of the values; NaN without any value.
    half_width : float
        In the unit of the values; NaN where no interval can be had, never 0.
    caution : str
        Why there is no interval, or why it is only a lower bound; empty otherwise.
    source : str
        What the interval comes from, like ``"5 replications"``.
    is_constant : bool
        Whether every request has the same value (of a difference: differs by the same), so that there is nothing to
        be uncertain about in what was simulated.
    """

    mean: float
    half_width: float
    caution: str = ""
    source: str = "no interval"
    is_constant: bool = False

    @property
    def is_at_least(self) -> bool:
        """Whether the half-width is only a lower bound: the true interval is at least that wide."""
        return bool(self.caution) and not math.isnan(self.half_width)


def make_blocks(replication: npt.NDArray[np.integer], batches: int) -> Blocks:
    """Cut requests into blocks.

    Parameters
    ----------
    replication : int array, shape (requests,)
        Replication of each request, requests in order of (replication, arrival).
    batches : int
        Blocks of consecutive requests in all: batches of one replication, or parts of several, which tell how skewed
        their means are.

    Returns
    -------
    Blocks
        Of sizes that differ by at most one within a replication.
    """
    requests = len(replication)
    firsts = np.flatnonzero(np.diff(replication, prepend=replication[:1] - 1))
    replications = len(firsts)
    empty = Blocks(np.empty(0, np.int64), np.empty(0, np.int64), replications, requests)
    if replications < 2 and batches < 2:
        return empty.without_interval(
            f"{batches} batch gives no interval: set statistics.batches to 2 or more, or use replications"
        )
    if replications < 2 and requests < MIN_BATCH_REQUESTS * batches:
        return empty.without_interval(
            f"{requests} requests after warm-up are too few for {batches} batches of at least {MIN_BATCH_REQUESTS}: "
            "simulate more requests or set statistics.replications to 2 or more"
        )
    sizes = np.diff(firsts, append=requests)
    parts = np.minimum(sizes, -(-batches // replications))
    of = np.repeat(np.arange(replications), parts)
    number = np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)
    starts = firsts[of] + (number * sizes[of] + parts[of] - 1) // parts[of]
    return Blocks(starts.astype(np.int64), of.astype(np.int64), replications, requests)


def estimate_mean(values: Floats, blocks: Blocks, caution: str = "") -> Estimate:
    """Mean of all values and its interval from the blocks.

    Parameters
    ----------
    values : float array, shape (requests,)
        One value per request; NaN where the request has none (a dropped request has no latency).
    blocks : Blocks
        Of the same requests.
    caution : str
        Why an interval of this run is only a lower bound, where that is known already.
    """
    mean, deviations = _mean_and_deviations(values, blocks)
    return _estimate(mean, deviations, abs(mean), blocks, caution, lambda: values)


def estimate_difference(values: Floats, baseline: Floats, blocks: Blocks, caution: str = "") -> Estimate:
    """Paired difference of two means, ``mean(values) - mean(baseline)``, with its interval.

    Both arrays hold the same requests in the same order under two policies, so what the policies share (arrivals,
    samples, channel) cancels inside each block.

    Parameters
    ----------
    values, baseline : float array, shape (requests,)
        NaN where a request has no value.
    blocks : Blocks
        Of the same requests.
    caution : str
        As in `estimate_mean`.
    """
    mean, deviations = _mean_and_deviations(values, blocks)
    baseline_mean, baseline_deviations = _mean_and_deviations(baseline, blocks)
    scale = max(abs(mean), abs(baseline_mean))
    return _estimate(
        mean - baseline_mean, deviations - baseline_deviations, scale, blocks, caution, lambda: values - baseline
    )


def is_separated(difference: Estimate, scale: float) -> bool:
    """Whether a paired difference is clearly not 0.

    It must lie outside its interval and outside rounding errors of values near ``scale``. Where the interval is only a
    lower bound, it must lie outside `SHORT_FACTOR` times the interval. Without an interval it must be the same for
    every request.
    """
    size = abs(difference.mean) - _ROUNDING * abs(scale)
    if math.isnan(difference.half_width):
        return difference.is_constant and size > 0
    return size > difference.half_width * (SHORT_FACTOR if difference.is_at_least else 1.0)


def percentiles(values: Floats, ranks: Sequence[float]) -> list[float]:
    """Percentiles (0 to 100) with linear interpolation between order statistics, NaN values left out."""
    present = values[~np.isnan(values)]
    if not len(present):
        return [math.nan] * len(ranks)
    return [float(value) for value in np.percentile(present, ranks)]


def _mean_and_deviations(values: Floats, blocks: Blocks) -> tuple[float, Floats]:
    """The mean, and per block its sum of deviations from it, scaled so that they average like block means."""
    present = ~np.isnan(values)
    count = int(present.sum())
    if not count:
        return math.nan, np.full(blocks.count, math.nan)
    mean = float(values[present].mean()) if count < len(values) else float(values.mean())
    if not blocks.count:
        return mean, np.empty(0)
    centred = np.where(present, values - mean, 0.0)
    return mean, np.add.reduceat(centred, blocks.starts) * (blocks.count / count)


def _estimate(
    mean: float,
    deviations: Floats,
    scale: float,
    blocks: Blocks,
    caution: str,
    each: Callable[[], Floats],
) -> Estimate:
    """The interval of a mean from the deviations of its blocks; ``each`` makes the values of the requests."""
    if math.isnan(mean):
        return Estimate(mean, math.nan)
    if not blocks.count:
        return Estimate(mean, math.nan, blocks.reason)
    if blocks.replications >= 2:
        number = blocks.replications
        means = np.bincount(blocks.replication, deviations, number) * (number / blocks.count)
        source, reason, factor = f"{number} replications", COPIES, 1.0
    else:
        first, deviations = deviations, joined(deviations)
        means = deviations
        source, reason, factor = f"{len(means)} batch means", NO_VARIATION, widening(means)
        if are_correlated(means, CORRELATION_Z if len(means) == len(first) else JOINED_Z):
            caution = caution or CORRELATED
    if np.all(np.abs(means) <= _ROUNDING * scale):
        is_constant = _is_constant(each(), scale)
        return Estimate(mean, math.nan, CONSTANT if is_constant else reason, is_constant=is_constant)
    error = math.sqrt(float(np.square(means).sum()) / (len(means) - 1) / len(means))
    quantile = student_t((1 + CONFIDENCE) / 2, len(means) - 1) * lengthening(deviations)
    return Estimate(mean, quantile * factor * error, caution, source)


def _is_constant(values: Floats, scale: float) -> bool:
    """Whether all values that there are agree but for rounding."""
    present = values[~np.isnan(values)]
    return bool(np.ptp(present) <= _ROUNDING * scale)
