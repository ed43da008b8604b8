"""Minimum cut of a network with integer capacities, and how floats become integers without rounding.

The maximum flow by shortest augmenting paths in layers (Dinitz 1970). Capacities are Python integers of any size: every
finite float is an integer times a power of two, so `whole_numbers` gives costs one common scale and loses nothing. The
cut that is found is the optimum of the costs as they are given, not of rounded ones; integers of fixed width, as those
of `scipy.sparse.csgraph.maximum_flow`, would have to round, and overflow silently where they are too narrow.
Left out: what only pays for tens of thousands of nodes (push-relabel, capacity scaling).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def whole_numbers(values: NDArray[np.float64], exponent: int | None = None) -> tuple[list[int], int]:
    """Floats as integers times a power of two, without rounding.

    Parameters
    ----------
    values : array
        Finite.
    exponent : int, optional
        Of the power, at most that of the smallest bit of all values, which is taken without it.

    Returns
    -------
    whole : list of int
    exponent : int
        Each value is ``whole * 2 ** exponent``.

    Examples
    --------
    >>> whole_numbers(np.array([0.5, 3.0]))
    ([1, 6], -1)
    """
    parts, powers = np.frexp(values)
    digits = np.ldexp(parts, 53).astype(np.int64)
    smallest = digits & -digits
    zeros = np.where(digits == 0, 0, np.log2(np.maximum(smallest, 1)).astype(np.int64))
    digits, shifts = digits >> zeros, powers.astype(np.int64) - 53 + zeros
    if exponent is None:
        exponent = int(shifts[digits != 0].min(initial=0))
    pairs = zip(digits.tolist(), (shifts - exponent).tolist(), strict=True)
    return [digit << shift if digit else 0 for digit, shift in pairs], exponent


def minimum_cut(nodes: int, arcs: Iterable[tuple[int, int, int]], source: int, sink: int) -> tuple[int, list[bool]]:
    """Value of the minimum cut, and the smallest set of nodes that is the source's side of one.

    Parameters
    ----------
    nodes : int
        Their number; they are numbered from 0.
    arcs : iterable of (int, int, int)
        From, to and capacity, at least 0; several arcs between two nodes add up.
    source, sink : int

    Returns
    -------
    value : int
    on_source_side : list of bool
        The smallest such set: those of all minimum cuts are closed under intersection.
    """
    leaving: list[list[int]] = [[] for _ in range(nodes)]
    target: list[int] = []
    room: list[int] = []
    for begin, end, capacity in arcs:
        leaving[begin].append(len(target))
        leaving[end].append(len(target) + 1)
        target += (end, begin)
        room += (capacity, 0)
    value = 0
    while True:
        level = _levels(leaving, target, room, source)
        if level[sink] < 0:
            return value, [depth >= 0 for depth in level]
        value += _blocked(leaving, target, room, level, source, sink)


def _levels(leaving: list[list[int]], target: list[int], room: list[int], source: int) -> list[int]:
    """Number of arcs with room from the source to each node, -1 where no way leads."""
    level = [-1] * len(leaving)
    level[source] = 0
    reached = [source]
    for node in reached:
        for arc in leaving[node]:
            if room[arc] and level[target[arc]] < 0:
                level[target[arc]] = level[node] + 1
                reached.append(target[arc])
    return level


def _blocked(
    leaving: list[list[int]], target: list[int], room: list[int], level: list[int], source: int, sink: int
) -> int:
    """Send flow along shortest ways until none is left; how much it was."""
    sent = 0
    tried = [0] * len(leaving)
    way: list[int] = []
    node = source
    while True:
        if node == sink:
            least = min(room[arc] for arc in way)
            sent += least
            for arc in way:
                room[arc] -= least
                room[arc ^ 1] += least
            full = next(place for place, arc in enumerate(way) if not room[arc])
            node = target[way[full] ^ 1]
            del way[full:]
        choices = leaving[node]
        while tried[node] < len(choices):
            arc = choices[tried[node]]
            if room[arc] and level[target[arc]] == level[node] + 1:
                way.append(arc)
                node = target[arc]
                break
            tried[node] += 1
        else:
            if node == source:
                return sent
            level[node] = -1
            node = target[way.pop() ^ 1]
