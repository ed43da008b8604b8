"""Fitting a Markov-modulated rate with stalls to a measured series.

The series is cut into stalls (see `fit_stalls`) and the rest, the rest into regimes by the level of its moving mean,
and each of these into states: bins of the rate, finer towards low rates, on which long transfers depend. Regimes carry
the slow part of the channel (a cell, a blockage), which bins of the rate alone forget within a few steps. Transitions
are counted from sample to sample; each separate run is followed by the first sample of the next, and the last run by
the first, so that every state can be left and the time in each state outside stalls, and in each kind of stall, is
exactly the measured share.

What counts as a stall is chosen among a few thresholds: the one with which lone transfers over a drawn channel take
most nearly as long as over the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.errors import Problem, TraceError
from simulator.links.fit_stalls import find_stalls, kinds
from simulator.links.generator import MarkovGenerator, RateState, RateStatistics, Stall
from simulator.links.importers.model import RateSeries
from simulator.links.lone_transfers import misfit, transfer_statistics
from simulator.links.markov import generate
from simulator.units import SENSIBLE, exact

#: below this a link counts as out
OUTAGE_BPS = 10e3
#: samples that a series must have for transitions to be seen
_LEAST_SAMPLES = 30
#: samples that a state should have outside the low tail, and the most states of all regimes beside those of the tail
_PER_STATE, _MOST_STATES = 20, 48
#: bins of the rates above an outage within one kind of stall
_STALL_BINS = 3
#: thresholds of stalls that are tried, as shares of the mean rate; the first stands for outages alone
_THRESHOLDS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
#: share of the mean above which no rate counts as an outage
_SLOW = 0.1
#: transfers that decide between them: an image or a tensor, smaller and larger
_TRANSFERS_BITS = (15e3 * 8, 45e3 * 8, 150e3 * 8)
#: steps drawn for each, in lengths of the measurement and within bounds, and start instants
_TIMES, _LEAST_STEPS, _MOST_DRAWN, _STARTS = 1000, 1_000_000, 2_000_000, 200_000
#: share of the tolerances from which no better threshold is sought
_GOOD_ENOUGH = 0.25
_SEED = 1
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


@dataclass(frozen=True)
class Chain:
    """A measured series as a walk through states.

    Attributes
    ----------
    state_of : array of int, shape (samples,)
        State of each sample; those of stalls come first.
    transitions : array of float, shape (states, states)
        Share of the steps out of each state that lead to each other, those that end a stall left out.
    stall_of_state : list of int or None
    stalls : list of Stall
    regimes : int
        Levels of the moving mean that are told apart outside stalls.
    """

    state_of: NDArray[np.int64]
    transitions: Floats
    stall_of_state: list[int | None]
    stalls: list[Stall]
    regimes: int


def sampled(series: RateSeries) -> tuple[list[Floats], float]:
    """The rates of each run on one step of time, and that step: a regular series as it is.

    Any other is sampled in the middle of each median step, stalls as rate 0. A mean over a step would mix rates that
    the link never had, and a transfer that meets a high and a low rate takes longer than one that meets their mean.
    """
    runs, step = on_regular_grid(series)
    if np.array_equal(np.concatenate(runs), series.rates_bps):
        return runs, step
    channel = series.channel()
    middles = (np.arange(runs[0].size) + 0.5) * step
    return [channel.rates_bps[np.searchsorted(channel.edges_s, middles, side="right") - 1]], step


def fit_markov(series: RateSeries, origin: Origin) -> MarkovGenerator:
    """A Markov generator for a rate series.

    Raises
    ------
    TraceError
        If the series is too short for transitions to be seen, or every rate is 0.
    """
    runs, step = sampled(series)
    pooled = np.concatenate(runs)
    if pooled.size < _LEAST_SAMPLES:
        raise TraceError(
            Problem(f"{pooled.size} samples are too few to fit a generator", f"at least {_LEAST_SAMPLES} are needed")
        )
    if not pooled.any():
        raise TraceError(Problem("every rate is 0: the link is dead for ever", "there is nothing to fit"))
    statistics = rate_statistics(runs, step)
    recording = series.channel()
    measured = [transfer_statistics(recording, bits, _STARTS) for bits in _TRANSFERS_BITS]
    steps = int(np.clip(_TIMES * pooled.size, _LEAST_STEPS, _MOST_DRAWN))
    mean = float(pooled.mean())
    least = np.inf
    for share in _THRESHOLDS:
        # on a link as slow as this, 10 kbit/s is no outage
        below_bps = max(min(OUTAGE_BPS, mean * _SLOW), share * mean)
        fitted = fitted_below(runs, step, below_bps, origin, statistics)
        drawn = generate(fitted, np.random.SeedSequence(_SEED), steps * fitted.step)
        found = [transfer_statistics(drawn, bits, _STARTS) for bits in _TRANSFERS_BITS]
        worst = max(misfit(each, wanted) for each, wanted in zip(found, measured, strict=True))
        if worst < least:
            best, least = fitted, worst
        if least <= _GOOD_ENOUGH:
            break
    return best


def fitted_below(
    runs: Sequence[Floats], step: float, below_bps: float, origin: Origin, statistics: RateStatistics
) -> MarkovGenerator:
    """The generator of runs on one step whose stalls are below one threshold, which at least one rate exceeds."""
    pooled = np.concatenate(runs)
    chain = chain_of(runs, below_bps)
    count = len(chain.stall_of_state)
    members = [pooled[chain.state_of == state] for state in range(count)]
    return MarkovGenerator(
        name=origin.name,
        title=origin.title,
        source=origin.source,
        licence=origin.licence,
        estimated=f"{count} states: stalls below {below_bps / 1e3:.4g} kbit/s with their lengths, {len(chain.stalls)} "
        f"kind{'' if len(chain.stalls) == 1 else 's'} of them, and quantiles of the rate in each of {chain.regimes} "
        f"levels of its mean over {_WINDOW} steps; transitions counted at the step of the measurement",
        kind="markov",
        step=exact(rounded(step), "time"),
        states=[
            RateState(
                share=rounded(rates.size / pooled.size),
                lowest=_rate(rates.min()),
                mean=_rate(rates.mean()),
                highest=_rate(rates.max()),
                stall=stall,
            )
            for rates, stall in zip(members, chain.stall_of_state, strict=True)
        ],
        transitions=[[rounded(value) for value in row] for row in chain.transitions],
        stalls=chain.stalls,
        fitted_to=statistics,
    )


def chain_of(runs: Sequence[Floats], below_bps: float) -> Chain:
    """The states of all samples, with stalls below a threshold that at least one rate exceeds."""
    pooled = np.concatenate(runs)
    groups = kinds(find_stalls(pooled, below_bps))
    state_of = np.zeros(pooled.size, dtype=np.int64)
    stall_of_state: list[int | None] = []
    stall_at = np.full(pooled.size, -1)
    ends = np.zeros(pooled.size, dtype=np.bool_)
    for number, group in enumerate(groups):
        inside = group.members(pooled.size)
        stall_at[inside] = number
        ends[(group.firsts + group.lengths - 1) % pooled.size] = True
        own = _stall_bins(pooled[inside])
        state_of[inside] = len(stall_of_state) + own
        stall_of_state += [number] * (int(own.max()) + 1)
    outside = stall_at < 0
    level = np.concatenate([_moving_mean(run) for run in runs])
    wanted = int(np.clip(pooled.size // _PER_REGIME, 1, _MOST_REGIMES))
    regime_of = np.searchsorted(np.quantile(level[outside], np.arange(1, wanted) / wanted), level, side="right")
    regimes = np.unique(regime_of[outside])
    for regime in regimes:
        here = outside & (regime_of == regime)
        own = _bins(pooled[here], _MOST_STATES // wanted)
        state_of[here] = len(stall_of_state) + own
        stall_of_state += [None] * (int(own.max()) + 1)
    count = len(stall_of_state)
    transitions, exits = transition_shares(state_of, stall_at, ends, count)
    stalls = []
    for number, group in enumerate(groups):
        lengths, shares = group.distribution()
        stalls.append(
            Stall(
                lengths=lengths,
                shares=[rounded(value) for value in shares],
                exits=[rounded(value) for value in exits[number]],
            )
        )
    return Chain(state_of, transitions, stall_of_state, stalls, int(regimes.size))


def _moving_mean(run: Floats) -> Floats:
    """Mean over the steps around each sample, fewer of them at the ends."""
    half = min(_WINDOW, run.size) // 2
    carried = np.concatenate(([0.0], np.cumsum(run)))
    place = np.arange(run.size)
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, run.size)
    mean: Floats = (carried[high] - carried[low]) / (high - low)
    return mean


def _stall_bins(rates: Floats) -> NDArray[np.int64]:
    """Bin of each rate of a stall: outages, then quantiles."""
    alive = rates[rates >= OUTAGE_BPS]
    edges = np.quantile(alive, np.arange(_STALL_BINS) / _STALL_BINS) if alive.size else np.empty(0)
    return _numbered(np.searchsorted(np.unique(edges), rates, side="right"))


def _bins(rates: Floats, most: int) -> NDArray[np.int64]:
    """Bin of each rate: the lowest alone, then twice as many each time, then quantiles."""
    wanted = int(np.clip(rates.size // _PER_STATE, 1, most))
    tail = 2.0 ** np.arange(np.log2(max(1.0, rates.size / wanted)))
    places = np.concatenate((tail / rates.size, np.arange(wanted) / wanted))
    return _numbered(np.searchsorted(np.unique(np.quantile(rates, places)), rates, side="right"))


def _numbered(bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bins numbered without gaps."""
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def transition_shares(
    state_of: NDArray[np.int64], stall_at: NDArray[np.int64], ends: NDArray[np.bool_], states: int
) -> tuple[Floats, Floats]:
    """Share of the steps out of each state that lead to each other, and out of each stall, shape (., states).

    The last sample leads to the first. Because the walk is closed, these transitions leave the share of time in each
    state outside stalls, and in each stall, unchanged.

    Parameters
    ----------
    state_of, stall_at : array of int
        State of each sample, and number of its stall or -1.
    ends : array of bool
        The last samples of stalls.
    states : int
        Number of states.
    """
    following = np.roll(state_of, -1)
    counts = np.zeros((states, states))
    np.add.at(counts, (state_of[~ends], following[~ends]), 1.0)
    exits = np.zeros((int(stall_at.max()) + 1, states))
    np.add.at(exits, (stall_at[ends], following[ends]), 1.0)
    # a state that only ever ended a stall goes on as the stall does on the whole
    for state in np.flatnonzero(counts.sum(axis=1) == 0):
        stall = stall_at[np.argmax(state_of == state)]
        counts[state] = np.bincount(state_of[stall_at == stall], minlength=states)
    return counts / counts.sum(axis=1, keepdims=True), exits / exits.sum(axis=1, keepdims=True)


def rounded(value: float | np.floating) -> float:
    """A number with as many digits as a generator file gives it."""
    return float(f"{float(value):.{_DIGITS}g}")


def _rate(value: float | np.floating) -> str:
    # what nobody could measure is an outage
    return exact(rounded(value) if value >= SENSIBLE["bit rate"][0] else 0.0, "bit rate")
