"""Power of the device and of its radio over time, as intervals.

The radio follows Huang et al., MobiSys 2012, section 4.3: ``P = alpha_u * rate_up + alpha_d * rate_down + beta``
while it sends or receives, a low idle power otherwise. Because ``alpha * rate * time`` is ``alpha * bits``, only the
``beta`` part needs the intervals: it is paid once while uplink and downlink overlap, and shared between the two
requests that cause it. Promotion and tail of the radio's states are left out here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def overlap_s(
    starts_a: NDArray[np.float64],
    ends_a: NDArray[np.float64],
    starts_b: NDArray[np.float64],
    ends_b: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Time that each interval of ``a`` shares with the intervals of ``b``.

    Parameters
    ----------
    starts_a, ends_a : array, shape (n,)
        Intervals in any order.
    starts_b, ends_b : array, shape (m,)
        Intervals sorted by start that do not overlap one another.

    Returns
    -------
    array, shape (n,)
        Shared seconds.
    """
    if starts_a.size == 0 or starts_b.size == 0:
        return np.zeros(starts_a.size)
    covered = np.concatenate((np.zeros(1), np.cumsum(ends_b - starts_b)))

    def covered_until(t: Floats) -> Floats:
        k = np.searchsorted(starts_b, t, side="right")
        inside = np.where(k > 0, np.minimum(t, ends_b[k - 1]) - starts_b[k - 1], 0.0)
        return np.where(k > 0, covered[np.maximum(k - 1, 0)] + inside, 0.0)

    return covered_until(ends_a) - covered_until(starts_a)
