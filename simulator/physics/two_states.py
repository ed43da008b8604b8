"""A link that is fast and slow in turn, each for exponential times: how long a transfer takes in the mean.

The first passage of a Markov-modulated fluid through a level (D. Mitra, Adv. Appl. Prob. 1988), whose mean obeys linear
differential equations in the level; for two states they are solved in closed form. Left out: its distribution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_transfer_s(bits: Floats, fast_bps: float, slow_bps: float, mean_fast_s: float, mean_slow_s: float) -> Floats:
    """Mean time of transfers that begin at a random instant, shape of ``bits``; 0 for no bits.

    With leaving rates l (fast) and m (slow), rates f and s, and mean times F(b) and S(b) of b bits from either state:
    ``f F' = 1 + l (S - F)`` and ``s S' = 1 + m (F - S)``. The difference S - F grows from 0 towards
    ``(f - s) / (m f + l s)`` with the constant ``m / s + l / f``; on a link that stops it is 1 / m from the first bit.

    Parameters
    ----------
    bits : array
        At least 0.
    fast_bps, slow_bps : float
        Rates; the first is above 0, the second at least 0 and not above the first.
    mean_fast_s, mean_slow_s : float
        Mean stays.
    """
    leaves_fast, leaves_slow = 1 / mean_fast_s, 1 / mean_slow_s
    most_s = (fast_bps - slow_bps) / (leaves_slow * fast_bps + leaves_fast * slow_bps)
    if slow_bps == 0:
        later_s, area = np.where(bits > 0, most_s, 0.0), most_s * bits
    else:
        per_bit = leaves_slow / slow_bps + leaves_fast / fast_bps
        grown = -np.expm1(-per_bit * bits)
        later_s, area = most_s * grown, most_s * (bits - grown / per_bit)
    from_fast_s = (bits + leaves_fast * area) / fast_bps
    mean_s: Floats = from_fast_s + later_s * mean_slow_s / (mean_fast_s + mean_slow_s)
    return mean_s
