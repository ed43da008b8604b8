"""Whether a run is long enough for its load to say how sure its means are.

A queue near saturation forgets slowly: at a load of 0.9 a request still feels what happened hundreds of requests ago,
so that thousands of requests are worth a handful of independent ones, and no method can see that from a run that is
shorter than its own memory. What is asked of a run is therefore worked out from its load, not from its outcome: a run
that by luck saw no long queue would else be the one that is believed.

In heavy traffic waiting times behave like reflected Brownian motion. Its mean over a time has the variance of
independent values that are ``2 load (ca2 + cs2) / (1 - load)^2`` requests apart (`memory_requests`; ca2 and cs2 are the
squared coefficients of variation of the gaps between arrivals and of the services). Of M/M/1, whose exact value is
known, this is within 20 % from a load of 0.5 on. A queue that starts empty is short of its mean in sum by a quarter of
that, and what a warm-up leaves of it is known too (`left_of_transient`).

Sources: Whitt, "Planning queueing simulations", Management Science 35, 1989 (run lengths from heavy traffic); Abate
and Whitt, "Transient behavior of regulated Brownian motion, I", Advances in Applied Probability 19, 1987 (start from
empty).

Left out: what other stations do to the gaps between arrivals, cells (whose load no single link shows), and the memory
of channels; batch means test for what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.units import human

#: independent requests that an interval asks for; intervals of M/M/1 cover in more than 90 of 100 from 25 on
LEAST_INDEPENDENT = 50
#: most that a start from empty queues may bias a mean, in standard errors of that mean; 0.3 costs one point of coverage
_MOST_BIAS = 0.3
#: memories after which a warm-up has left 3 % of the bias
_WARM = 2.0


@dataclass(frozen=True)
class StationRun:
    """What one kind of station did, over all replications.

    Attributes
    ----------
    name : str
        Like ``"edge server"``.
    load : float
        Offered load: mean work that arrives in a time over what the station can do in it.
    visits : float
        Requests that it served and that count.
    starts : int
        Stations that began empty: replications times stations of this kind.
    memory : float
        Requests after which a station has forgotten, see `memory_requests`.
    rate_per_s : float
        Requests that arrive at each station.
    warmup_s : float
        Time before the requests that count.
    """

    name: str
    load: float
    visits: float
    starts: int
    memory: float
    rate_per_s: float
    warmup_s: float = 0.0

    @property
    def independent(self) -> float:
        """Independent requests that the visits are worth."""
        return self.visits / max(1.0, self.memory)

    @property
    def bias(self) -> float:
        """What the start from empty queues takes from the mean, in standard errors of the mean.

        The mean of a wait is that share of its standard deviation that it is in M/M/1.
        """
        if math.isinf(self.memory):
            return math.inf
        if not self.memory:
            return 0.0
        share = math.sqrt(self.load / (2 - self.load)) if self.load < 1 else 1.0
        missing = (
            share * self.starts * self.memory / 4 * left_of_transient(self.warmup_s * self.rate_per_s / self.memory)
        )
        return missing / self.visits * math.sqrt(self.independent)


def memory_requests(load: float, arrivals_scv: float, services_scv: float, room: float = math.inf) -> float:
    """Requests that are as far apart as independent ones; infinite where a queue grows for ever.

    Parameters
    ----------
    load : float
        Offered load.
    arrivals_scv, services_scv : float
        Squared coefficients of variation of the gaps between arrivals and of the services.
    room : float
        Most requests that a station holds; what is reflected at both ends forgets in a time that grows with the square
        of their distance, whatever the load.
    """
    spread = arrivals_scv + services_scv
    memory = math.inf if load >= 1 else 2 * load * spread / (1 - load) ** 2
    if math.isfinite(room) and spread > 0:
        memory = min(memory, 4 / math.pi**2 * room**2 / spread)
    return memory


def left_of_transient(memories: float) -> float:
    """Share of the bias of a start from empty that is left after a warm-up of so many memories."""
    time = 2 * memories  # in the unit of Brownian motion of drift -1 and variance 1
    root = math.sqrt(time)
    beyond = math.erfc(root / math.sqrt(2)) / 2
    density = math.exp(-time / 2) / math.sqrt(2 * math.pi)
    return max(0.0, 2 * beyond * (1 - 2 * time - time**2) + 2 * root * density * (1 + time))


def shortness(stations: Sequence[StationRun]) -> str:
    """Why intervals of a run with these stations are only lower bounds; empty where they can be trusted."""
    for station in sorted(stations, key=lambda one: one.independent):
        if math.isinf(station.memory):
            return (
                f"the {station.name} is offered {100 * station.load:.0f} % of what it can do, so there is no steady "
                "mean: intervals tell of runs of this length only"
            )
        if station.memory > 1 and station.independent < LEAST_INDEPENDENT:
            needed, independent = LEAST_INDEPENDENT * station.memory, max(1, round(station.independent))
            return (
                f"the run is too short for its load, so intervals are at least as wide as shown: the {station.name} is "
                f"busy {100 * station.load:.0f} % of the time, and {station.visits:.0f} requests there are worth "
                f"{independent} independent ones; simulate about {_rounded(needed)}, in longer or more runs"
            )
    for station in stations:
        if station.bias > _MOST_BIAS:
            warmup = human(_WARM * station.memory / station.rate_per_s, "time", 2)
            busy = f"{100 * station.load:.0f} % of the time"
            return (
                "the start from empty queues lowers means by more than their intervals show, so these are at least as "
                f"wide as shown: the {station.name} is busy {busy}; set statistics.warmup to "
                f"about {warmup}, or simulate longer"
            )
    return ""


def _rounded(number: float) -> str:
    """Two digits are all that such an estimate has."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{round(number / step) * step}"
