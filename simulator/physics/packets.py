"""Messages in packets that are forwarded one by one, so that a hop begins before the hop before it has ended.

F packets of one size take ``(F - 1) * size / min(rates) + sum(size / rate)`` over several hops in a row, if nothing
else is on them (the pipeline of PORTEND, ICPADS 2023). A simulator that serves whole messages one hop after the other
gets the same sum when one of two hops carries all packets and the other what `forwarded_bits` says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def in_packets_bytes(size_bytes: Floats, packet_bytes: float) -> Floats:
    """Size of messages with the last packet filled up; what fits into one packet keeps its size."""
    whole: Floats = np.ceil(size_bytes / packet_bytes) * packet_bytes
    return np.where(size_bytes > packet_bytes, whole, size_bytes)


def forwarded_bits(bits: Floats, packet_bits: float, rate_bps: Floats | float, other_bps: Floats | float) -> Floats:
    """What a hop still carries by itself when another one carries the whole message before or after it.

    Parameters
    ----------
    bits : array
        Of the messages, in whole packets.
    packet_bits : float
    rate_bps, other_bps : float or array
        Rate of this hop and of the other one.

    Returns
    -------
    array
        One packet where this hop is the faster one, and what it falls behind by where it is the slower one.
    """
    behind = np.maximum(1 - rate_bps / other_bps, 0.0)
    own_bits: Floats = np.minimum(bits, packet_bits) + np.maximum(bits - packet_bits, 0.0) * behind
    return own_bits
