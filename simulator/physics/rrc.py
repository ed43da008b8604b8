"""Radio resource control: what a cellular radio waits for when it wakes, and what it draws while it falls asleep.

After its last transfer a radio passes through tail stages (continuous reception, short and long DRX of LTE; DCH and
FACH of 3G) before it is idle; each stage has a duration, a power, and a promotion that a new transfer must go through
first. Sources: Huang et al., MobiSys 2012, section 3; Qian et al., IMC 2010, section 2; the state machines of AT&T's
Application Resource Optimizer. Stages are averages: the pings inside a DRX stage are part of its power. Left out:
thresholds on the size of a transfer (a 3G radio always goes to DCH here), and releases by the network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.link import Floats


def stage_after(quiet_s: float, ends_s: Floats) -> int:
    """Stage that a radio is in after ``quiet_s`` without a transfer; ``len(ends_s)`` means idle.

    Parameters
    ----------
    quiet_s : float
        Time since the end of the last transfer; infinite when there was none.
    ends_s : sequence of float
        End of each tail stage, counted from the end of the last transfer, increasing.
    """
    for k in range(len(ends_s)):
        if quiet_s < ends_s[k]:
            return k
    return len(ends_s)


def stages_after(quiet_s: NDArray[np.float64], ends_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """`stage_after` of many pauses at once.

    Parameters
    ----------
    quiet_s : array, shape (n,)
    ends_s : array, shape (k,)
        As in `stage_after`.
    """
    return np.searchsorted(ends_s, quiet_s, side="right")


def wake_s(now_s: float, quiet_since_s: float, awake_from_s: float, ends_s: Floats, delays_s: Floats) -> float:
    """Delay before bits of a transfer that takes the radio now can flow.

    Parameters
    ----------
    now_s : float
    quiet_since_s : float
        End of the last transfer; in the future while one is going on, minus infinity when there was none.
    awake_from_s : float
        End of the last promotion: a transfer that comes while the radio still wakes for another waits for it too.
    ends_s : sequence of float, length k
        As in `stage_after`.
    delays_s : sequence of float, length k + 1
        Promotion from each stage, last from idle.
    """
    if now_s < quiet_since_s:
        return max(awake_from_s - now_s, 0.0)
    return delays_s[stage_after(now_s - quiet_since_s, ends_s)]


def tail_j(
    quiet_s: NDArray[np.float64], ends_s: NDArray[np.float64], powers_w: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Energy of the tail stages during pauses of the given lengths, without what the idle radio draws afterwards.

    Parameters
    ----------
    quiet_s : array, shape (n,)
        Lengths of the pauses.
    ends_s, powers_w : array, shape (k,)
        End and power of each stage.
    """
    energy = np.zeros(quiet_s.size)
    begin = 0.0
    for k in range(ends_s.size):
        energy += powers_w[k] * (np.minimum(quiet_s, ends_s[k]) - np.minimum(quiet_s, begin))
        begin = ends_s[k]
    return energy
