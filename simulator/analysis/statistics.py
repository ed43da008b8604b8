"""Means with 95 % confidence intervals, paired differences and percentiles of correlated simulation output.

Requests of one run are correlated (they share queues), so intervals come from blocks of requests whose means are
treated as independent: replications where there are at least two, else batches of consecutive requests. The mean of
a block is a ratio (sum over requests / number of requests); with blocks of equal size the interval below is the
textbook Student t interval of the block means, with unequal blocks it is the ratio estimator's.

Sources: Law, "Simulation Modeling and Analysis", 5th ed., sections 9.5.2-9.5.3 (replication/deletion, batch means)
and 10.2.1 (paired t); Cochran, "Sampling Techniques", 3rd ed., section 6.4 (variance of a ratio).

Left out: sequential stopping rules, standardised time series, intervals of percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: probability that an interval covers the true mean
CONFIDENCE = 0.95
#: fewer requests in a batch say little about a mean that queues correlate
MIN_BATCH_REQUESTS = 10
#: one-sided normal quantile of the test for correlated batch means: false-alarm rate 1 %
_CORRELATION_Z = 2.326
#: relative size below which a deviation is a rounding error
_ROUNDING = 1e-12
#: caution of an interval from batch means that fail the test
CORRELATED = (
    "neighbouring batch means are correlated, so the intervals are probably too narrow: "
    "simulate more requests, use fewer batches, or use replications"
)


@dataclass(frozen=True)
class Blocks:
    """Which block each request belongs to.

    Attributes
    ----------
    labels : int array, shape (requests,)
        Block of each request, 0 to ``count - 1``.
    count : int
        Number of blocks; 0 where no interval can be had.
    method : str
        ``"replications"`` or ``"batch means"``.
    reason : str
        Why no interval can be had; empty otherwise.
    """

    labels: IntArray
    count: int
    method: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.count} {self.method}" if self.count else "no interval"


@dataclass(frozen=True)
class Estimate:
    """A mean with the half-width of its 95 % confidence interval.

    Attributes
    ----------
    mean : float
        In the unit of the values; NaN without any value.
    half_width : float
        In the unit of the values; NaN where no interval can be had.
    caution : str
        Why there is no interval, or why it is probably too narrow; empty otherwise.
    """

    mean: float
    half_width: float
    caution: str = ""


def make_blocks(replication: npt.NDArray[np.integer], batches: int) -> Blocks:
    """Cut requests into blocks with nearly independent means.

    Parameters
    ----------
    replication : int array, shape (requests,)
        Replication of each request, requests in order of (replication, arrival).
    batches : int
        Number of batches of consecutive requests when there is one replication.

    Returns
    -------
    Blocks
        One per replication where there are two or more, else ``batches`` batches whose sizes differ by at most one.
    """
    numbers, labels = np.unique(replication, return_inverse=True)
    if len(numbers) >= 2:
        return Blocks(labels.astype(np.int64), len(numbers), "replications")
    requests = len(replication)
    if batches < 2:
        reason = f"{batches} batch gives no interval: set statistics.batches to 2 or more, or use replications"
        return Blocks(np.zeros(requests, np.int64), 0, "batch means", reason)
    if requests < MIN_BATCH_REQUESTS * batches:
        reason = (
            f"{requests} requests after warm-up are too few for {batches} batches of at least {MIN_BATCH_REQUESTS}: "
            "simulate more requests or set statistics.replications to 2 or more"
        )
        return Blocks(np.zeros(requests, np.int64), 0, "batch means", reason)
    return Blocks(np.arange(requests, dtype=np.int64) * batches // requests, batches, "batch means")


def estimate_mean(values: FloatArray, blocks: Blocks) -> Estimate:
    """Mean of all values and its interval from the blocks.

    Parameters
    ----------
    values : float array, shape (requests,)
        One value per request; NaN where the request has none (a dropped request has no latency).
    blocks : Blocks
        Of the same requests.
    """
    mean, deviations = _mean_and_deviations(values, blocks)
    return _estimate(mean, deviations, blocks)


def estimate_difference(values: FloatArray, baseline: FloatArray, blocks: Blocks) -> Estimate:
    """Paired difference of two means, ``mean(values) - mean(baseline)``, with its interval.

    Both arrays hold the same requests in the same order under two policies, so what the policies share (arrivals,
    samples, channel) cancels inside each block.

    Parameters
    ----------
    values, baseline : float array, shape (requests,)
        NaN where a request has no value.
    blocks : Blocks
        Of the same requests.
    """
    mean, deviations = _mean_and_deviations(values, blocks)
    baseline_mean, baseline_deviations = _mean_and_deviations(baseline, blocks)
    return _estimate(mean - baseline_mean, _without_rounding(deviations - baseline_deviations, mean), blocks)


def is_separated(difference: Estimate, scale: float) -> bool:
    """Whether a paired difference lies outside its interval (and outside rounding errors of values near ``scale``)."""
    if math.isnan(difference.half_width) or math.isnan(difference.mean):
        return False
    return abs(difference.mean) > difference.half_width + 1e-9 * abs(scale)


def percentiles(values: FloatArray, ranks: Sequence[float]) -> list[float]:
    """Percentiles (0 to 100) with linear interpolation between order statistics, NaN values left out."""
    present = values[~np.isnan(values)]
    if not len(present):
        return [math.nan] * len(ranks)
    return [float(value) for value in np.percentile(present, ranks)]


def student_t(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _mean_and_deviations(values: FloatArray, blocks: Blocks) -> tuple[float, FloatArray]:
    """The mean, and per block its sum of deviations from it, scaled so that they average like block means."""
    present = ~np.isnan(values)
    count = int(present.sum())
    if not count:
        return math.nan, np.full(blocks.count, math.nan)
    mean = float(values[present].mean())
    centred = np.where(present, values - mean, 0.0)
    sums = np.bincount(blocks.labels, weights=centred, minlength=blocks.count)[: blocks.count]
    deviations = np.asarray(sums * (blocks.count / count), dtype=np.float64)
    return mean, _without_rounding(deviations, mean)


def _without_rounding(deviations: FloatArray, mean: float) -> FloatArray:
    """Deviations of equal block means differ from 0 by rounding; that is no variation."""
    return np.where(np.abs(deviations) <= _ROUNDING * abs(mean), 0.0, deviations)


def _estimate(mean: float, deviations: FloatArray, blocks: Blocks) -> Estimate:
    count = blocks.count
    if count < 2 or math.isnan(mean):
        return Estimate(mean, math.nan, blocks.reason)
    variance = float(np.square(deviations).sum()) / (count - 1)
    half_width = student_t((1 + CONFIDENCE) / 2, count - 1) * math.sqrt(variance / count)
    correlated = blocks.method == "batch means" and _are_correlated(deviations)
    return Estimate(mean, half_width, CORRELATED if correlated else "")


def _are_correlated(deviations: FloatArray) -> bool:
    """Von Neumann's ratio test of neighbouring block means (one-sided, false-alarm rate 1 %)."""
    count = len(deviations)
    total = float(np.square(deviations).sum())
    if count < 5 or total == 0.0:
        return False
    lag_1 = float((deviations[1:] * deviations[:-1]).sum()) / total
    ends = float(deviations[0] ** 2 + deviations[-1] ** 2) / (2 * total)
    # lag_1 + ends has mean 0 and this variance for independent normal values
    return lag_1 + ends > _CORRELATION_Z * math.sqrt((count - 2) / (count**2 - 1))
