"""A rule that decides anew for each request, as numbers for an engine.

All rules that are data have one form: the option whose score is least, where a score is a constant and a sum of weights
times what the device knows at that instant (`Rule`). The rule ``fixed`` is one option; ``fastest_predicted_now`` has
all that can run and that no other beats whatever is known, and scores that are predicted latencies
(`simulator.plan.deciding`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: what stands at a device's own stations is counted in whole numbers, about a nanosecond and a sixteenth of a bit, so
#: that a sum does not hang on the order in which an instant is worked off
TICKS_PER_S, TICKS_PER_BIT = 2.0**30, 2.0**4
#: entries of what a device knows, by which options are scored: seconds of work at its processor, seconds for a bit over
#: its uplink, seconds until that has sent what stands there; then seconds until each server has done what waits there
PROCESSOR_S, PER_BIT_S, UPLINK_S, SERVERS_S = range(4)


@dataclass(frozen=True, eq=False)
class Rule:
    """What a device decides by.

    Attributes
    ----------
    first : array of int, shape (groups + 1,)
        First option of each group; the end of the last one.
    row : array of int, shape (options,)
        Row of each option with the first way out.
    constant_s : array, shape (options,)
    weights : array, shape (options, 3 + servers)
        The score of an option is its constant, and weights times what the device knows; the least one is taken.
    each_s : array, shape (groups, servers)
        By how much one who waits at a server is taken to delay others.
    mean_rate_bps : array, shape (groups,)
        What a device takes the rate of its uplink for before it has sent anything.
    ticks : array of int64, shape (legs,)
        What a leg adds to the work that stands at a station, as far as its device knows.
    """

    first: NDArray[np.int32]
    row: NDArray[np.int32]
    constant_s: Floats
    weights: Floats
    each_s: Floats
    mean_rate_bps: Floats
    ticks: NDArray[np.int64]
