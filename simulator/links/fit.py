"""Fitting a Markov-modulated rate to a measured series.

The series is cut into regimes by the level of its moving mean, and each regime into states: an outage state and
quantile bins of the rate above it. Regimes carry the slow part of the channel (a cell, a blockage), which bins of the
rate alone forget within a few steps. Transitions are counted from sample to sample; each separate run is followed by
the first sample of the next, and the last run by the first, so that every state can be left and the stationary
distribution of the chain is exactly the measured share of each state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, TraceError
from simulator.links.generator import MarkovGenerator, RateState, RateStatistics
from simulator.links.importers.model import Floats, RateSeries
from simulator.units import SENSIBLE, exact

#: below this a link counts as out
OUTAGE_BPS = 10e3
#: samples that a state should have, and the most states of all regimes beside their outages
_PER_STATE, _MOST_STATES = 20, 32
#: samples that a regime should have, the most regimes, and the steps of the moving mean that tells them apart
_PER_REGIME, _MOST_REGIMES, _WINDOW = 200, 4, 31
LAGS = (1, 2, 5, 10, 20, 50)
_DIGITS = 6
_MOST_STEPS = 10_000_000
#: relative difference of two steps that count as equal
_SAME_STEP = 0.01


@dataclass(frozen=True)
class Origin:
    """What a generator file says about its measurement."""

    name: str
    title: str
    source: str
    licence: str


def on_regular_grid(series: RateSeries) -> tuple[list[Floats], float]:
    """The rates of each run on one step of time, and that step.

    A series of equal intervals stays as it is; any other is averaged over its median step, stalls as rate 0.
    """
    step = series.step_s
    widths = series.ends_s - series.times_s
    has_holes = bool(np.any(series.times_s[1:] - series.ends_s[:-1] > _SAME_STEP * step))
    if not has_holes and np.all(np.abs(widths - step) <= _SAME_STEP * step):
        return np.split(series.rates_bps, series.run_starts[1:]), step
    channel = series.channel()
    count = max(1, int(channel.edges_s[-1] / step))
    if count > _MOST_STEPS:
        raise TraceError(Problem(f"spans {count} steps of {step:g} s", f"at most {_MOST_STEPS} can be fitted"))
    carried = np.interp(np.arange(count + 1) * step, channel.edges_s, channel.cumulative_bits)
    return [np.diff(carried) / step], step


def autocorrelation(runs: Sequence[Floats], lags: Sequence[int]) -> Floats:
    """Autocorrelation at each lag, over pairs inside runs; NaN where there is no pair, 0 for a constant."""
    pooled = np.concatenate(runs)
    mean, variance = float(pooled.mean()), float(pooled.var())
    found = np.full(len(lags), np.nan)
    for k, lag in enumerate(lags):
        products = [(run[:-lag] - mean) * (run[lag:] - mean) for run in runs if run.size > lag]
        if products:
            found[k] = float(np.concatenate(products).mean()) / variance if variance > 0 else 0.0
    return found


def rate_statistics(runs: Sequence[Floats], step_s: float) -> RateStatistics:
    """The statistics that a Markov generator is fitted to."""
    pooled = np.concatenate(runs)
    lags = [lag for lag in LAGS if max(run.size for run in runs) > 2 * lag]
    p10, p50, p90 = np.percentile(pooled, [10, 50, 90])
    return RateStatistics(
        samples=pooled.size,
        duration=exact(rounded(pooled.size * step_s), "time"),
        mean=_rate(pooled.mean()),
        deviation=_rate(pooled.std()),
        p10=_rate(p10),
        p50=_rate(p50),
        p90=_rate(p90),
        outage=rounded(np.mean(pooled < OUTAGE_BPS)),
        lags=lags,
        autocorrelation=[rounded(value) for value in autocorrelation(runs, lags)],
    )


def fit_markov(series: RateSeries, origin: Origin) -> MarkovGenerator:
    """A Markov generator for a rate series.

    Raises
    ------
    TraceError
        If the series is too short for transitions to be seen, or every rate is 0.
    """
    runs, step = on_regular_grid(series)
    pooled = np.concatenate(runs)
    if pooled.size < 2 * _PER_STATE:
        raise TraceError(
            Problem(f"{pooled.size} samples are too few to fit a generator", f"at least {2 * _PER_STATE} are needed")
        )
    if not pooled.any():
        raise TraceError(Problem("every rate is 0: the link is dead for ever", "there is nothing to fit"))
    state_of, regimes = states(runs)
    count = int(state_of.max()) + 1
    members = [pooled[state_of == state] for state in range(count)]
    return MarkovGenerator(
        name=origin.name,
        title=origin.title,
        source=origin.source,
        licence=origin.licence,
        estimated=f"{count} states: outage and quantiles of the rate in each of {regimes} levels of its mean over "
        f"{_WINDOW} steps; transitions counted at the step of the measurement",
        kind="markov",
        step=exact(rounded(step), "time"),
        states=[
            RateState(
                share=rounded(rates.size / pooled.size),
                lowest=_rate(rates.min()),
                mean=_rate(rates.mean()),
                highest=_rate(rates.max()),
            )
            for rates in members
        ],
        transitions=[[rounded(value) for value in row] for row in transition_shares(state_of, count)],
        fitted_to=rate_statistics(runs, step),
    )


def states(runs: Sequence[Floats]) -> tuple[NDArray[np.int64], int]:
    """State of each sample of all runs, numbered by regime and then by rate, and the number of regimes."""
    pooled = np.concatenate(runs)
    level = np.concatenate([_moving_mean(run) for run in runs])
    wanted = int(np.clip(pooled.size // _PER_REGIME, 1, _MOST_REGIMES))
    regime_of = np.searchsorted(np.quantile(level, np.arange(1, wanted) / wanted), level, side="right")
    regimes = np.unique(regime_of)
    state_of = np.zeros(pooled.size, dtype=np.int64)
    first = 0
    for regime in regimes:
        inside = regime_of == regime
        own = _bins(pooled[inside], _MOST_STATES // wanted)
        state_of[inside] = first + own
        first += int(own.max()) + 1
    return state_of, int(regimes.size)


def _moving_mean(run: Floats) -> Floats:
    """Mean over the steps around each sample, fewer of them at the ends."""
    half = min(_WINDOW, run.size) // 2
    carried = np.concatenate(([0.0], np.cumsum(run)))
    place = np.arange(run.size)
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, run.size)
    mean: Floats = (carried[high] - carried[low]) / (high - low)
    return mean


def _bins(rates: Floats, most: int) -> NDArray[np.int64]:
    """Bin of each rate: 0 for an outage, if there is any, then quantile bins."""
    is_out = rates < OUTAGE_BPS
    alive = rates[~is_out]
    wanted = int(np.clip(alive.size // _PER_STATE, 1, most))
    edges = np.unique(np.quantile(alive, np.arange(wanted) / wanted)) if alive.size else np.empty(0)
    bin_of = np.where(is_out, -1, np.searchsorted(edges, rates, side="right") - 1)
    return np.unique(bin_of, return_inverse=True)[1].astype(np.int64)


def transition_shares(state_of: NDArray[np.int64], states: int) -> Floats:
    """Share of the steps out of each state that lead to each other, shape (states, states).

    The last sample leads to the first. Because the walk is closed, these transitions leave the share of time in each
    state unchanged.
    """
    counts = np.zeros((states, states))
    np.add.at(counts, (state_of, np.roll(state_of, -1)), 1.0)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def rounded(value: float | np.floating) -> float:
    """A number with as many digits as a generator file gives it."""
    return float(f"{float(value):.{_DIGITS}g}")


def _rate(value: float | np.floating) -> str:
    # what nobody could measure is an outage
    return exact(rounded(value) if value >= SENSIBLE["bit rate"][0] else 0.0, "bit rate")
