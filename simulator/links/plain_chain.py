"""The plain Markov chain behind a generator, for predictions: states of stalls, once for each step that is left.

A stall lasts a drawn number of steps, so its states alone are no chain; together with the steps that are left they are.
Generators without stalls are their own chain.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Floats
from simulator.links.generator import MarkovGenerator
from simulator.links.markov_rate import MarkovRate

#: shares that are equal but for rounding
_ROUNDING = 1e-9
#: the chain is followed for 2 to this power of steps where its shares have no equation
_DOUBLINGS = 30


def plain_chain(spec: MarkovGenerator) -> MarkovRate:
    """The chain of a generator with its rates below and above the mean of each state."""
    states = [(k, left) for k, entry in enumerate(spec.states) for left in range(_most_steps(spec, entry.stall))]
    place = {state: number for number, state in enumerate(states)}
    transitions = np.zeros((len(states), len(states)))
    for (k, left), row in zip(states, transitions, strict=True):
        stall = spec.states[k].stall
        if left:
            for next_state, share in enumerate(spec.transitions[k]):
                if share > 0:
                    row[place[next_state, left - 1]] += share
            continue
        leads = spec.transitions[k] if stall is None else spec.stalls[stall].exits
        for next_state, share in enumerate(leads):
            for steps, part in _lengths(spec, spec.states[next_state].stall):
                row[place[next_state, steps - 1]] += share * part
    transitions /= transitions.sum(axis=1, keepdims=True)
    of = [k for k, _ in states]
    lowest, mean, highest = (
        np.array([getattr(state, name) for state in spec.states])[of] for name in ("lowest", "mean", "highest")
    )
    below = share_below(lowest, mean, highest)
    return MarkovRate(
        step_s=spec.step,
        share=_stationary(transitions, _of_time(spec, states)),
        transitions=transitions,
        weight=np.stack((below, 1 - below)),
        lowest_bps=np.stack((lowest, mean)),
        highest_bps=np.stack((mean, highest)),
    )


def _lengths(spec: MarkovGenerator, stall: int | None) -> list[tuple[int, float]]:
    """Steps that a visit lasts, with their shares."""
    if stall is None:
        return [(1, 1.0)]
    return list(zip(spec.stalls[stall].lengths, spec.stalls[stall].shares, strict=True))


def _most_steps(spec: MarkovGenerator, stall: int | None) -> int:
    return max(steps for steps, _ in _lengths(spec, stall))


def _of_time(spec: MarkovGenerator, states: list[tuple[int, int]]) -> Floats:
    """Share of time in each state as the file says it; within a stall each of its steps is as likely as another."""
    shares: Floats = np.empty(len(states))
    for number, (k, left) in enumerate(states):
        lengths = _lengths(spec, spec.states[k].stall)
        mean = sum(steps * part for steps, part in lengths)
        shares[number] = spec.states[k].share * sum(part for steps, part in lengths if steps > left) / mean
    shares /= shares.sum()
    return shares


def _stationary(transitions: Floats, begins: Floats) -> Floats:
    """Shares of time of an endless walk that begins by some shares.

    The shares of a file are rounded, and a run follows the transitions.
    """
    equations = transitions.T - np.eye(begins.size)
    equations[-1] = 1.0
    try:
        shares = np.linalg.solve(equations, np.append(np.zeros(begins.size - 1), 1.0))
    except np.linalg.LinAlgError:  # a walk that may end in several places
        shares = np.full(begins.size, np.nan)
    if (shares > -_ROUNDING).all() and np.abs(shares @ transitions - shares).max() < _ROUNDING:
        settled: Floats = np.clip(shares, 0.0, 1.0)
        return settled
    # a walk that rests half the time forgets its period, not its beginning
    steps = (transitions + np.eye(begins.size)) / 2
    for _ in range(_DOUBLINGS):
        steps = steps @ steps
        steps /= steps.sum(axis=1, keepdims=True)
    anywhere: Floats = begins @ steps
    return anywhere


def share_below(lowest: Floats, mean: Floats, highest: Floats) -> Floats:
    """Share of draws below the mean that makes the mean of both halves the mean of the state."""
    width = highest - lowest
    return np.divide(highest - mean, width, out=np.ones_like(width), where=width > 0)
