"""What the means of blocks say of the mean of all of them: correlation, skewness, Student's t.

Means of neighbouring batches are correlated, and means of queues are skewed: a run that saw no long queue has a low
mean and a narrow interval. Johnson's expansion says how far an interval reaches on either side of a skewed mean; the
longer side is taken for both, so that an interval that is printed as one number covers on both.

Sources: Fishman and Yarberry, "An implementation of the batch means method", INFORMS J. Computing 9, 1997 (batches
that grow until von Neumann's test passes); Tafazzoli and Wilson, "Skart: a skewness- and autoregression-adjusted
batch-means procedure", IIE Transactions 43, 2011 (both corrections); Willink, "A confidence interval and test for the
mean of an asymmetric distribution", Communications in Statistics 34, 2005.

All functions take deviations of block means from their common mean, in order of time.
"""

from __future__ import annotations

import math

import numpy as np

from simulator.arrays import Floats

#: probability that an interval covers the true mean
CONFIDENCE = 0.95
#: batches are not joined to fewer than this (Schmeiser, Operations Research 30, 1982: 10 to 30)
_LEAST_BATCHES = 10
#: blocks below which their skewness is not known well enough to correct for
_LEAST_SKEWED = 10
#: one-sided normal quantiles of the test for correlated batch means: false-alarm rate 1 %; 10 % for batches that were
#: joined, which are too few for a test to notice much
CORRELATION_Z = 2.326
JOINED_Z = 1.282
#: largest correlation of neighbouring batches that widens an interval; beyond it the variance has no estimate
_MOST_CORRELATION = 0.8


def student_t(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def joined(deviations: Floats) -> Floats:
    """Batch means of neighbours joined in pairs until they are uncorrelated, or too few to join."""
    while len(deviations) // 2 >= _LEAST_BATCHES and are_correlated(deviations):
        pairs = len(deviations) // 2  # the last of an odd number joins the pair before it
        deviations = np.add.reduceat(deviations, 2 * np.arange(pairs)) * (pairs / len(deviations))
    return deviations


def lag_1(deviations: Floats) -> float:
    """Correlation of neighbouring block means."""
    total = float(np.square(deviations).sum())
    return float((deviations[1:] * deviations[:-1]).sum()) / total if total else 0.0


def widening(deviations: Floats) -> float:
    """Root of the factor by which first-order autocorrelation raises the variance of a mean; never below 1."""
    correlation = min(max(lag_1(deviations), 0.0), _MOST_CORRELATION)
    return math.sqrt((1 + correlation) / (1 - correlation))


def lengthening(deviations: Floats) -> float:
    """By how much the longer side of the interval of a skewed mean exceeds the half-width of a symmetric one."""
    count = len(deviations)
    spread = float(np.square(deviations).mean())
    if count < _LEAST_SKEWED or spread == 0.0:
        return 1.0
    skewness = float((deviations**3).mean()) / spread**1.5 * math.sqrt(count * (count - 1)) / (count - 2)
    beta = abs(skewness) / (6 * math.sqrt(count))
    if beta < 1e-9:  # the expansion divides by it
        return 1.0
    quantile = student_t((1 + CONFIDENCE) / 2, count - 1)
    return float((1 - np.cbrt(1 - 6 * beta * (quantile + beta))) / (2 * beta) / quantile)


def are_correlated(deviations: Floats, quantile: float = CORRELATION_Z) -> bool:
    """Von Neumann's ratio test of neighbouring block means (one-sided)."""
    count = len(deviations)
    total = float(np.square(deviations).sum())
    if count < 5 or total == 0.0:
        return False
    ends = float(deviations[0] ** 2 + deviations[-1] ** 2) / (2 * total)
    # the sum has mean 0 and this variance for independent normal values
    return lag_1(deviations) + ends > quantile * math.sqrt((count - 2) / (count**2 - 1))
