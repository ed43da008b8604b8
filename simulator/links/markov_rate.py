"""A rate that follows a Markov chain in steps of time: how long a transfer takes in the mean.

First passage of a Markov renewal reward process (E. Cinlar, Adv. Appl. Prob. 1969). In state i the rate is drawn anew
at each step and carries X bits in it; with V_i(b) the mean time that b bits take from the begin of a step on,

    V_i(b) = E[min(step, b / rate)] + E[V_j(b - X); X < b] over the next states j,

solved on a lattice of bits. X is split between the two lattice points around it so that its mean stays, which is exact
where V is linear. V jumps at 0 to the mean time until the link carries anything at all. A transfer that begins at a
random instant has the rest of a step before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats

#: points of the lattice up to the longest message: for the built-in generators the mean is within 0.1 % of what a
#: lattice of eight times as many gives
_POINTS = 128
#: points of a Gauss-Legendre rule over the rates of a state's lower and upper half
_RATES = 8


@dataclass(frozen=True, eq=False)
class MarkovRate:
    """A chain whose states draw their rates uniformly from one or two intervals.

    Attributes
    ----------
    step_s : float
    share : array, shape (s,)
        Share of the steps in each state.
    transitions : array, shape (s, s)
        Row i: probabilities of the next state after state i.
    weight, lowest_bps, highest_bps : array, shape (h, s)
        Intervals of each state; of no width for one rate.
    """

    step_s: float
    share: Floats
    transitions: Floats
    weight: Floats
    lowest_bps: Floats
    highest_bps: Floats


def mean_transfer_s(chain: MarkovRate, longest_bits: float, parts: int) -> Floats:
    """Mean time of transfers that begin at a random instant, infinite if the link may stay dead for ever.

    Parameters
    ----------
    chain : MarkovRate
    longest_bits : float
    parts : int
        Divides the points of the lattice.

    Returns
    -------
    array, shape (parts,)
        For 1 / parts, 2 / parts, ... of the longest message.
    """
    ahead = _from_begin_s(chain, longest_bits / _POINTS)
    if not np.isfinite(ahead).all():
        return np.full(parts, np.inf)
    return _from_anywhere_s(chain, longest_bits / _POINTS, ahead, np.arange(1, parts + 1) * (_POINTS // parts))


def _from_begin_s(chain: MarkovRate, cell_bits: float) -> Floats:
    """Mean time from a step's end on, by the state that it was in, for each point of the lattice; shape (points, s).

    The first point stands for the last bit of all.
    """
    from scipy.sparse import csr_array

    size = chain.share.size
    cells = np.arange(_POINTS + 1, dtype=np.float64) * cell_bits
    below = _mean_below(chain, np.append(cells, cells[-1] + cell_bits)) / cell_bits
    shorter = _share_below(chain, cells)
    # shares of the steps that carry so many cells, and the part of the last one for messages that end in it
    carry = np.diff(below, n=2, axis=0, prepend=np.zeros((1, size)))
    last = shorter[1:] - np.diff(below[:-1], axis=0)
    takes_s = chain.step_s * shorter + cells[:, None] * _mean_pace(chain, cells)
    dead = np.where(chain.highest_bps == 0, chain.weight, 0.0).sum(axis=0)
    ahead = np.empty((_POINTS + 1, size))
    leads = csr_array(chain.transitions)
    try:
        first = _staying(leads, dead)(dead * chain.step_s)
        settled = _staying(leads, carry[0])
    except RuntimeError:  # the link may stay dead for ever
        return np.full((1, size), np.inf)
    ahead[0] = leads @ first
    for n in range(1, _POINTS + 1):
        later = takes_s[n] + last[n - 1] * ahead[0]
        if n > 1:
            later = later + (carry[1:n] * ahead[n - 1 : 0 : -1]).sum(axis=0)
        ahead[n] = leads @ settled(later)
    return ahead


def _staying(leads: Any, share: Floats) -> Callable[[Floats], Floats]:
    """Solver of v = x + share * (leads v), for what is added in each state until something moves on.

    Raises
    ------
    RuntimeError
        If it may never.
    """
    from scipy.sparse import diags_array, eye_array
    from scipy.sparse.linalg import splu

    solve: Callable[[Floats], Floats] = splu((eye_array(share.size) - diags_array(share) @ leads).tocsc()).solve
    return solve


def _from_anywhere_s(chain: MarkovRate, cell_bits: float, ahead: Floats, points: NDArray[np.int64]) -> Floats:
    """Mean over the rest of the step in which a transfer begins, at some points of the lattice."""
    nodes, weights = np.polynomial.legendre.leggauss(_RATES)
    spread = (chain.highest_bps - chain.lowest_bps) / 2
    rate = chain.lowest_bps + spread + spread * nodes[:, None, None]
    share = chain.share * chain.weight * weights[:, None, None] / 2
    area = np.concatenate((np.zeros((1, ahead.shape[1])), np.cumsum((ahead[1:] + ahead[:-1]) / 2, axis=0))) * cell_bits
    state = np.arange(ahead.shape[1])
    total = np.empty(points.size)
    for k, point in enumerate(points.tolist()):
        bits = point * cell_bits
        alone_s = np.divide(bits, rate, out=np.full(rate.shape, np.inf), where=rate > 0)
        part_s = np.minimum(alone_s, chain.step_s)
        left = np.maximum(bits - rate * part_s, 0.0)
        cell = np.minimum((left / cell_bits).astype(np.int64), point - 1)
        beyond = left - cell * cell_bits
        slope = (ahead[cell + 1, state] - ahead[cell, state]) / cell_bits
        passed = area[point, state] - area[cell, state] - beyond * (ahead[cell, state] + beyond * slope / 2)
        moves = bits - left > 1e-9 * cell_bits
        later = np.where(moves, passed / np.where(moves, rate, 1.0), ahead[point] * chain.step_s)
        ends = np.where(alone_s > part_s, 0.0, (chain.step_s - part_s) * np.where(rate > 0, alone_s, 0.0))
        total[k] = (share * (part_s**2 / 2 + later + ends)).sum() / chain.step_s
    return total


def _halves(chain: MarkovRate) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Fewest bits of a step in each interval, their spread, and whether there is one; shape (h, 1, s)."""
    fewest = chain.lowest_bps * chain.step_s
    spread = chain.highest_bps * chain.step_s - fewest
    return fewest[:, None, :], spread[:, None, :], spread[:, None, :] > 0


def _mean_below(chain: MarkovRate, bits: Floats) -> Floats:
    """Mean of how far a step's bits stay below some amounts, shape (n, s)."""
    fewest, spread, varies = _halves(chain)
    over = np.maximum(bits[:, None] - fewest, 0.0)
    inside = np.minimum(over, spread)
    curved = np.divide(inside**2, 2 * spread, out=np.zeros_like(inside), where=varies) + over - inside
    mean: Floats = (chain.weight[:, None, :] * np.where(varies, curved, over)).sum(axis=0)
    return mean


def _share_below(chain: MarkovRate, bits: Floats) -> Floats:
    """Share of the steps that carry less than some amounts, shape (n, s)."""
    fewest, spread, varies = _halves(chain)
    over = bits[:, None] - fewest
    part = np.divide(np.clip(over, 0.0, spread), spread, out=np.zeros_like(over), where=varies)
    share: Floats = (chain.weight[:, None, :] * np.where(varies, part, over > 0)).sum(axis=0)
    return share


def _mean_pace(chain: MarkovRate, bits: Floats) -> Floats:
    """Mean of the seconds for a bit over the steps that carry at least some amounts, 0 for no bits; shape (n, s)."""
    lowest, highest = chain.lowest_bps[:, None, :], chain.highest_bps[:, None, :]
    from_bps = np.maximum(lowest, bits[:, None] / chain.step_s)
    carries = (from_bps <= highest) & (from_bps > 0)
    safe = np.where(carries, from_bps, 1.0)
    width = highest - lowest
    log = np.log(np.where(carries, highest, 1.0) / safe)
    pace = np.where(width > 0, np.divide(log, width, out=np.zeros_like(log), where=width > 0), 1 / safe)
    mean: Floats = (chain.weight[:, None, :] * np.where(carries, pace, 0.0)).sum(axis=0)
    return mean
