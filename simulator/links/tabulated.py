"""Functions of amounts that span decades, worked out where they are needed and linear in between."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from simulator.arrays import Floats

#: numbers of the grid's points along one amount, for a common number of several
_RADIX = 1 << 24


def interpolated(known: dict[int, float], mean: Callable[..., float], per_doubling: int, *amounts: Floats) -> Floats:
    """A function of some amounts, known at the points of a geometric grid and linear between them.

    Parameters
    ----------
    known : dict
        What is known already; takes up what is worked out.
    mean : callable
        The function.
    per_doubling : int
        Points of the grid in each doubling of an amount.
    *amounts : array
        Of one shape; the function is 0 where the first is 0.
    """
    lows, parts = [], []
    for amount in amounts:
        positive = np.maximum(amount, np.finfo(np.float64).tiny)
        low = np.floor(np.log2(positive) * per_doubling).astype(np.int64)
        edge, next_edge = np.exp2(low / per_doubling), np.exp2((low + 1) / per_doubling)
        lows.append(low)
        parts.append(np.clip((positive - edge) / (next_edge - edge), 0.0, 1.0))
    total = np.zeros(amounts[0].shape)
    for corner in product((0, 1), repeat=len(amounts)):
        weight = np.ones(total.shape)
        for part, step in zip(parts, corner, strict=True):
            weight = weight * (part if step else 1 - part)
        used = (amounts[0] > 0) & (weight > 0)
        codes = np.zeros(total.shape, dtype=np.int64)
        for low, step in zip(lows, corner, strict=True):
            codes = codes * _RADIX + (low + step + _RADIX // 2)
        nodes, which = np.unique(codes[used], return_inverse=True)
        values = np.empty(nodes.size)
        for k, node in enumerate(nodes.tolist()):
            if node not in known:
                places = [node // _RADIX**power % _RADIX - _RADIX // 2 for power in reversed(range(len(amounts)))]
                known[node] = mean(*(2.0 ** (place / per_doubling) for place in places))
            values[k] = known[node]
        total[used] += weight[used] * values[which]
    return total
