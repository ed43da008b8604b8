"""Time that a processor needs for the layers of a network: the roofline with a fixed cost per layer.

A layer takes ``max(macs / rate, bytes / bandwidth) + overhead``: it is bound by arithmetic or by memory traffic
(Williams, Waterman, Patterson, "Roofline", CACM 2009), and each layer pays a launch or call cost that no faster
arithmetic removes. Rates are effective rates of one kind of layer, not peaks; narrow layers are slower.
Left out: overlap between layers, caches that keep a tensor between two layers, clock changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def narrowed_rate(
    macs_per_s: NDArray[np.float64], channels: NDArray[np.float64], half_rate_channels: float
) -> NDArray[np.float64]:
    """Rate of convolutions with few channels, which leave part of the vector units idle.

    A saturating law: half the full rate at ``half_rate_channels``, the full rate for very wide layers.

    Parameters
    ----------
    macs_per_s : float64 array, shape (n,)
        Rate of very wide layers of each layer's kind.
    channels : float64 array, shape (n,)
        The smaller of the numbers of input and output channels, more than zero; infinite for no narrowing.
    half_rate_channels : float
        Zero or more; zero for no narrowing.

    Returns
    -------
    float64 array, shape (n,)
    """
    return macs_per_s / (1.0 + half_rate_channels / channels)


def layer_times_s(
    macs: NDArray[np.float64],
    moved_bytes: NDArray[np.float64],
    macs_per_s: NDArray[np.float64],
    runs: NDArray[np.bool_],
    bytes_per_s: float,
    overhead_s: float,
) -> NDArray[np.float64]:
    """Time of every layer in seconds; layers that do not run on their own take none.

    Parameters
    ----------
    macs, moved_bytes : float64 array, shape (n,)
        Multiply-accumulates of each layer, and bytes of its inputs, parameters and output.
    macs_per_s : float64 array, shape (n,)
        Effective rate of each layer, more than zero.
    runs : bool array, shape (n,)
        False for layers that are fused into another or only rename a tensor.
    bytes_per_s : float
        Effective memory bandwidth, more than zero.
    overhead_s : float
        Fixed cost of starting a layer.

    Returns
    -------
    float64 array, shape (n,)
    """
    busy_s = np.maximum(macs / macs_per_s, moved_bytes / bytes_per_s) + overhead_s
    return np.where(runs, busy_s, 0.0)


def spread_time_s(total_s: float, macs: NDArray[np.float64], moved_bytes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share a measured time of one module among its layers.

    Layers get shares in proportion to their MACs; where none has any, to their bytes; else equal shares.

    Parameters
    ----------
    total_s : float
        Time of all these layers together.
    macs, moved_bytes : float64 array, shape (n,)
        Work and traffic of each layer.

    Returns
    -------
    float64 array, shape (n,)
        Sums to ``total_s``.
    """
    weights = macs
    if weights.sum() == 0.0:
        weights = moved_bytes
    if weights.sum() == 0.0:
        weights = np.ones(macs.shape[0])
    shares: NDArray[np.float64] = weights / weights.sum()
    return total_s * shares
