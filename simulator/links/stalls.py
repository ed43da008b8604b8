"""Walking a Markov chain of rates that has stalls: stretches at (nearly) no rate whose lengths do not follow a chain.

An outage of a mobile link lasts as long as its cause does, a tunnel or a handover, not for a geometric number of
steps. A stall is therefore a set of states that the chain enters from outside and leaves when a length is over that is
drawn on entering: a semi-Markov chain (P. Lévy, 1954; W. L. Smith, 1955), with an ordinary chain of rates inside the
stall. Left out: that a length may depend on the state in which the stall begins.

One uniform number is used for each step, in order of time: what remains of it after the choice of a state chooses the
length. A walk can go on from where another one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.links.generator import MarkovGenerator

#: what is left of a uniform number stays below 1
_BELOW_ONE = 1.0 - 2.0**-53
#: steps from which a walk takes longer than compiling it
_LONG = 200_000


@dataclass(frozen=True)
class Position:
    """Where a walk is.

    Attributes
    ----------
    state : int
        State of the step that was walked last.
    left : int
        Steps that its stall lasts beyond that step; 0 outside stalls.
    """

    state: int
    left: int


def start(spec: MarkovGenerator, uniform: float) -> Position:
    """A position drawn from the shares of time: within a stall, any of its steps is as likely as another."""
    borders = _borders([entry.share for entry in spec.states])
    state = chosen(borders, uniform)
    stall = spec.states[state].stall
    if stall is None:
        return Position(state, 0)
    rest = left_over(borders, state, uniform)
    lengths = spec.stalls[stall].lengths
    of_time = _borders([length * share for length, share in zip(lengths, spec.stalls[stall].shares, strict=True)])
    place = chosen(of_time, rest)
    return Position(state, int(left_over(of_time, place, rest) * lengths[place]))


def walk(
    spec: MarkovGenerator, position: Position, uniforms: NDArray[np.float64]
) -> tuple[NDArray[np.int64], Position]:
    """States of the steps after a position, one for each uniform number, and the position after them."""
    most = max((len(stall.lengths) for stall in spec.stalls), default=1)
    rows = [_borders(row) for row in spec.transitions]
    exits = [_borders(stall.exits) for stall in spec.stalls] or [[1.0]]
    # rows of one length: what is added can never be chosen
    shares = [_borders([*stall.shares, *[0.0] * (most - len(stall.shares))]) for stall in spec.stalls] or [[1.0]]
    lengths = [[*stall.lengths, *[1] * (most - len(stall.lengths))] for stall in spec.stalls] or [[1]]
    stall_of = [-1 if entry.stall is None else entry.stall for entry in spec.states]
    path = np.empty(uniforms.size, dtype=np.int64)
    last = (position.state, position.left)
    if uniforms.size < _LONG:
        last = steps(rows, exits, shares, lengths, stall_of, *last, uniforms.tolist(), path)
    else:
        tables = [np.array(table) for table in (rows, exits, shares, lengths, stall_of)]
        last = _compiled()(*tables, *last, np.ascontiguousarray(uniforms), path)
    return path, Position(*map(int, last))


def steps(
    rows: Any, exits: Any, shares: Any, lengths: Any, stall_of: Any, state: int, left: int, uniforms: Any, path: Any
) -> tuple[int, int]:
    """Fill a path, one step for each uniform number; lists and arrays give the same."""
    for k in range(len(uniforms)):
        uniform = uniforms[k]
        if left > 0:
            state = chosen(rows[state], uniform)
            left -= 1
        else:
            # out of a stall, or a step outside of stalls: it may lead into one
            borders = exits[stall_of[state]] if stall_of[state] >= 0 else rows[state]
            state = chosen(borders, uniform)
            entered = stall_of[state]
            if entered >= 0:
                left = lengths[entered][chosen(shares[entered], left_over(borders, state, uniform))] - 1
        path[k] = state
    return state, left


@cache
def _compiled() -> Callable[..., tuple[int, int]]:
    from numba import njit
    from numba.extending import register_jitable

    for helper in (chosen, left_over):
        register_jitable(helper)
    loop: Callable[..., tuple[int, int]] = njit(steps)
    return loop


def chosen(borders: Any, uniform: float) -> int:
    """First place whose border lies above a uniform number (binary search)."""
    low = 0
    high = len(borders) - 1
    while low < high:
        middle = (low + high) // 2
        if borders[middle] > uniform:
            high = middle
        else:
            low = middle + 1
    return low


def left_over(borders: Any, place: int, uniform: float) -> float:
    """What is left of a uniform number that chose a place: again a uniform number between 0 and 1."""
    low = borders[place - 1] if place > 0 else 0.0
    width = borders[place] - low
    return min((uniform - low) / width, _BELOW_ONE) if width > 0 else 0.0


def _borders(weights: Sequence[float]) -> list[float]:
    """Cumulative shares, the last 1."""
    carried = list(accumulate(weights))
    return [value / carried[-1] for value in carried]
