"""A medium whose airtime is shared equally by all that transfer over it: the cell of a WiFi access point.

With ``n`` transfers going on, each gets one nth of the airtime, so its rate is its own rate divided by ``n``. This is
processor sharing (L. Kleinrock, J. ACM 1967), and follows one clock: the cell's virtual time, the airtime that each
transfer has been given since it could have begun. A transfer that needs ``d`` seconds of airtime ends when the virtual
time has advanced by ``d``. Left out: collisions and backoff, which take a few percent more for each sender, and frames,
which make the sharing coarse.
"""

from __future__ import annotations


def virtual_at(now_s: float, virtual_s: float, since_s: float, transfers: int) -> float:
    """Virtual time of a cell now, when it was ``virtual_s`` at ``since_s`` and nobody has come or gone in between."""
    if transfers == 0:
        return virtual_s
    return virtual_s + (now_s - since_s) / transfers


def next_end_s(first_end_virtual_s: float, virtual_s: float, since_s: float, transfers: int) -> float:
    """Instant at which the first of the transfers ends, if nobody comes before.

    Parameters
    ----------
    first_end_virtual_s : float
        Virtual time at which it ends.
    virtual_s, since_s : float
        Virtual time of the cell, and the instant at which it was that.
    transfers : int
        At least 1.
    """
    return since_s + max(first_end_virtual_s - virtual_s, 0.0) * transfers
