"""Frames that are lost on a link, and how often they are sent again.

What happens to the k-th transmission on a link is drawn before the run (E. N. Gilbert, BSTJ 1960; E. O. Elliott, BSTJ
1963) and comes here as a running count of the delivered ones, which starts again at its end. With retransmission a
frame is sent until it gets through (stop-and-wait: 1 / (1 - p) times in the mean); without it what is lost stays lost.
Left out: the time that a sender waits for an acknowledgement.

The functions use only loops and arithmetic, so that they can be compiled.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.physics.link import segment_reaching


def attempts_until(position: int, frames: int, delivered: NDArray[np.int64]) -> int:
    """Transmissions until so many frames have got through.

    Parameters
    ----------
    position : int
        Transmission that comes next, below k.
    frames : int
        At least 1.
    delivered : array of int, shape (k + 1,)
        How many of the first transmissions get through; the last entry is at least 1.
    """
    last = len(delivered) - 1
    per_lap = delivered[last]
    target = delivered[position] + frames
    laps = (target - 1) // per_lap
    return int(laps * last + segment_reaching(delivered, target - laps * per_lap) + 1 - position)


def delivered_among(position: int, frames: int, delivered: NDArray[np.int64]) -> int:
    """How many of the next so many transmissions get through; parameters as in `attempts_until`."""
    last = len(delivered) - 1
    end = position + frames
    laps = end // last
    return int(laps * delivered[last] + delivered[end - laps * last] - delivered[position])


def send(
    position: int, bits: float, frame_bits: float, retransmit: bool, delivered: NDArray[np.int64]
) -> tuple[float, float, int]:
    """Send a message in frames, the last of which may be shorter.

    Parameters
    ----------
    position, delivered
        As in `attempts_until`.
    bits : float
        Length of the message.
    frame_bits : float
        Longest frame.
    retransmit : bool
        Whether a frame that is lost is sent again.

    Returns
    -------
    sent_bits, lost_bits : float
        What goes over the air, and how much of it is lost; the rest is delivered.
    position : int
        Transmission that comes next.
    """
    if bits <= 0.0:
        return 0.0, 0.0, position
    whole = math.ceil(bits / frame_bits) - 1
    rest_bits = bits - whole * frame_bits
    k = len(delivered) - 1
    tries = whole
    if retransmit:
        if whole > 0:
            tries = attempts_until(position, whole, delivered)
        lost_whole = tries - whole
    else:
        lost_whole = whole - delivered_among(position, whole, delivered)
    position = (position + tries) % k
    tries = attempts_until(position, 1, delivered) if retransmit else 1
    lost_rest = tries - delivered_among(position, tries, delivered)
    lost = lost_whole * frame_bits + lost_rest * rest_bits
    return (bits + lost if retransmit else bits), lost, (position + tries) % k
