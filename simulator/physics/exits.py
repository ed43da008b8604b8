"""Which exit a sample takes, from its scores and the thresholds of a policy.

Rule of BranchyNet (Teerapittayanon et al., ICPR 2016, section III-C): a sample leaves at the first exit whose
output entropy is below that exit's threshold; the last exit takes the rest. The same with the sign turned serves
for confidence scores, where a sample leaves when it is sure enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def exit_taken(scores: NDArray[np.float64], thresholds: NDArray[np.float64], small_is_sure: bool) -> NDArray[np.int64]:
    """Index of the exit that each sample takes.

    Parameters
    ----------
    scores : array, shape (samples, exits)
        Entropy or confidence at each early exit.
    thresholds : array, shape (exits,)
        One threshold for each early exit.
    small_is_sure : bool
        True for entropies (leave when ``score <= threshold``), False for confidences (``score >= threshold``).

    Returns
    -------
    array of int, shape (samples,)
        0 for the first exit, ``exits`` for the final output.
    """
    samples, exits = scores.shape
    taken = np.full(samples, exits, dtype=np.int64)
    for k in range(exits - 1, -1, -1):
        for i in range(samples):
            sure = scores[i, k] <= thresholds[k] if small_is_sure else scores[i, k] >= thresholds[k]
            if sure:
                taken[i] = k
    return taken
