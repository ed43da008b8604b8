"""Fitting Gilbert-Elliott losses to frames that arrived or did not, by maximum likelihood.

The four probabilities of the chain are found by expectation maximisation (L. E. Baum et al., Ann. Math. Statist. 1970):
the states are hidden, only the losses are seen. Bursts of losses and stretches in which frames are lost more often are
both told apart from losses at random; which is why the good state may lose frames too and the bad one let some pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Flags, Floats
from simulator.errors import Problem, TraceError
from simulator.links.fit import LAGS, Origin, autocorrelation, rounded
from simulator.links.generator import GilbertElliottGenerator, LossStatistics

_ROUNDS = 500
_SETTLED = 1e-7
#: probabilities stay this far from 0 and 1 while they are sought
_EDGE = 1e-6


def loss_statistics(runs: Sequence[Flags]) -> LossStatistics:
    """The statistics that a Gilbert-Elliott generator is fitted to; ``runs`` hold True for a lost frame."""
    pooled = np.concatenate(runs)
    bursts = burst_lengths(runs)
    lags = [lag for lag in LAGS if max(run.size for run in runs) > 2 * lag]
    return LossStatistics(
        frames=pooled.size,
        lost=rounded(pooled.mean()),
        burst_mean=rounded(bursts.mean() if bursts.size else 0.0),
        burst_longest=int(bursts.max(initial=0)),
        lags=lags,
        autocorrelation=[rounded(value) for value in autocorrelation([run.astype(float) for run in runs], lags)],
    )


def burst_lengths(runs: Sequence[Flags]) -> NDArray[np.int64]:
    """Number of frames lost in a row, for every burst."""
    found = []
    for run in runs:
        edges = np.flatnonzero(np.diff(np.concatenate(([0], run.astype(np.int8), [0]))))
        found.append(edges[1::2] - edges[::2])
    return np.concatenate(found)


def fit_gilbert_elliott(runs: Sequence[Flags], origin: Origin) -> GilbertElliottGenerator:
    """A Gilbert-Elliott generator for the losses of frames.

    Parameters
    ----------
    runs : sequence of array of bool
        True for each frame that was lost, one array for each stretch without a restart.
    origin : Origin

    Raises
    ------
    TraceError
        If no frame was lost, or none arrived.
    """
    pooled = np.concatenate(runs)
    if not pooled.any() or pooled.all():
        what = "no frame was lost" if not pooled.any() else "no frame arrived"
        raise TraceError(Problem(f"{what}: there are no bursts to fit", "a log with losses between arrivals is needed"))
    found = most_likely(runs)
    return GilbertElliottGenerator(
        name=origin.name,
        title=origin.title,
        source=origin.source,
        licence=origin.licence,
        estimated="most likely parameters for the losses in order of the frame counter",
        kind="gilbert-elliott",
        good_to_bad=rounded(found.good_to_bad),
        bad_to_good=rounded(found.bad_to_good),
        loss_good=rounded(found.loss_good),
        loss_bad=rounded(found.loss_bad),
        fitted_to=loss_statistics(runs),
    )


class Chances(NamedTuple):
    """The four probabilities of a Gilbert-Elliott chain, per frame."""

    good_to_bad: float
    bad_to_good: float
    loss_good: float
    loss_bad: float


def most_likely(runs: Sequence[Flags]) -> Chances:
    """The chain under which the losses are likeliest, the state that loses less being the good one.

    Sought from a fast and from a slow chain; what is likelier in the end is taken.
    """
    from numba import njit

    compiled = njit(expectations)
    pooled = np.concatenate(runs).astype(np.float64)
    ends = np.cumsum([run.size for run in runs])
    share = float(pooled.mean())
    starts = (
        Chances(0.1, 0.3, 0.5 * share, 0.5 + 0.5 * share),
        Chances(0.01, 0.01, 0.5 * share, min(0.95, 1.5 * share)),
    )
    found = [_climbed(compiled, pooled, ends, start) for start in starts]
    best = max(found, key=lambda pair: pair[0])[1]
    if best.loss_good > best.loss_bad:
        return Chances(best.bad_to_good, best.good_to_bad, best.loss_bad, best.loss_good)
    return best


def _climbed(
    expected: Callable[..., Floats], losses: Floats, ends: NDArray[np.int64], start: Chances
) -> tuple[float, Chances]:
    """Log-likelihood at its local top, and the four probabilities there."""
    last = -np.inf
    parameters = start
    for _ in range(_ROUNDS):
        likelihood, to_bad, in_good, to_good, in_bad, lost_good, all_good, lost_bad, all_bad = expected(
            losses, ends, *parameters
        )
        estimates = (to_bad / in_good, to_good / in_bad, lost_good / all_good, lost_bad / all_bad)
        parameters = Chances(*(float(np.clip(value, _EDGE, 1 - _EDGE)) for value in estimates))
        if likelihood - last < _SETTLED * abs(likelihood):
            break
        last = likelihood
    return float(likelihood), parameters


def expectations(
    losses: Floats, ends: NDArray[np.int64], good_to_bad: float, bad_to_good: float, loss_good: float, loss_bad: float
) -> Floats:
    """One forward and backward pass over every run.

    Returns
    -------
    array of float, shape (9,)
        Log-likelihood; expected steps from good to bad and out of good; from bad to good and out of bad; expected
        losses and frames in the good state; and in the bad state.
    """
    sums = np.zeros(9)
    bad_share = good_to_bad / (good_to_bad + bad_to_good)
    size = losses.size
    forward = np.empty((size, 2))
    scale = np.empty(size)
    first = 0
    for end in ends:
        for k in range(first, end):
            if k == first:
                good, bad = 1.0 - bad_share, bad_share
            else:
                good = forward[k - 1, 0] * (1.0 - good_to_bad) + forward[k - 1, 1] * bad_to_good
                bad = forward[k - 1, 0] * good_to_bad + forward[k - 1, 1] * (1.0 - bad_to_good)
            good *= loss_good if losses[k] > 0.5 else 1.0 - loss_good
            bad *= loss_bad if losses[k] > 0.5 else 1.0 - loss_bad
            scale[k] = good + bad
            forward[k, 0] = good / scale[k]
            forward[k, 1] = bad / scale[k]
            sums[0] += np.log(scale[k])
        back_good, back_bad = 1.0, 1.0
        for k in range(end - 1, first - 1, -1):
            in_good, in_bad = forward[k, 0] * back_good, forward[k, 1] * back_bad
            total = in_good + in_bad
            in_good /= total
            in_bad /= total
            sums[5] += in_good * losses[k]
            sums[6] += in_good
            sums[7] += in_bad * losses[k]
            sums[8] += in_bad
            if k == first:
                break
            seen_good = (loss_good if losses[k] > 0.5 else 1.0 - loss_good) * back_good / scale[k]
            seen_bad = (loss_bad if losses[k] > 0.5 else 1.0 - loss_bad) * back_bad / scale[k]
            stay_good = forward[k - 1, 0] * (1.0 - good_to_bad) * seen_good
            leave_good = forward[k - 1, 0] * good_to_bad * seen_bad
            leave_bad = forward[k - 1, 1] * bad_to_good * seen_good
            stay_bad = forward[k - 1, 1] * (1.0 - bad_to_good) * seen_bad
            total = stay_good + leave_good + leave_bad + stay_bad
            sums[1] += leave_good / total
            sums[2] += (stay_good + leave_good) / total
            sums[3] += leave_bad / total
            sums[4] += (stay_bad + leave_bad) / total
            back_good = (1.0 - good_to_bad) * seen_good + good_to_bad * seen_bad
            back_bad = bad_to_good * seen_good + (1.0 - bad_to_good) * seen_bad
        first = end
    return sums
