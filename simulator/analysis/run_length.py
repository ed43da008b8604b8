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

import numpy as np
from numpy.typing import NDArray

from simulator.engines.base import RequestLog
from simulator.plan.plan import Plan
from simulator.plan.serving import UNLIMITED
from simulator.plan.system import Group, System
from simulator.units import human
from simulator.workload import Workload

Floats = NDArray[np.float64]

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
                f"{100 * station.load:.0f} % loaded, and {station.visits:.0f} requests there are worth {independent} "
                f"independent ones; simulate about {_rounded(needed)}, in longer runs or more replications"
            )
    for station in stations:
        if station.bias > _MOST_BIAS:
            warmup = human(_WARM * station.memory / station.rate_per_s, "time", 2)
            return (
                "the start from empty queues lowers means by more than their intervals show, so these are at least as "
                f"wide as shown: the {station.name} is {100 * station.load:.0f} % loaded; set statistics.warmup to "
                f"about {warmup}, or simulate longer"
            )
    return ""


def _rounded(number: float) -> str:
    """Two digits are all that such an estimate has."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return f"{round(number / step) * step}"


@dataclass
class _Tally:
    """Sums over the visits of one group's requests to one kind of station."""

    visits: float = 0.0
    work_s: float = 0.0
    service_s: float = 0.0
    squares: float = 0.0

    def add(self, start_s: Floats, end_s: Floats, offered: int, work_s: float | None) -> None:
        """Count visits that ended; their mean service stands for all that were offered where no plan knows the work."""
        service = end_s - start_s
        service = service[~np.isnan(service)]
        self.visits += service.size
        if work_s is None:
            work_s = offered * float(service.mean()) if service.size else 0.0
        self.work_s += work_s
        self.service_s += float(service.sum())
        self.squares += float(np.square(service).sum())

    @property
    def scv(self) -> float:
        """Squared coefficient of variation of the services."""
        return max(0.0, self.visits * self.squares / self.service_s**2 - 1) if self.service_s else 0.0


class RunLengths:
    """Gathers, replication by replication, how loaded the stations of each policy are.

    Parameters
    ----------
    system : System
    """

    _STAGES = ("device", "uplink", "edge server", "downlink")

    def __init__(self, system: System) -> None:
        self._system = system
        self._plans: dict[str, Plan] = {}
        self._tallies: dict[tuple[str, int, str], _Tally] = {}
        self._counted = np.zeros(len(system.groups))
        self._observed_s = 0.0
        self._replications = 0

    def begin(self, workload: Workload, counted: NDArray[np.bool_], observed_s: float) -> None:
        """A replication: its requests, which of them count, and the time in which these arrive."""
        groups = np.repeat(np.arange(len(self._system.groups)), [len(group.devices) for group in self._system.groups])
        self._group = groups[workload.device]
        self._members = [(self._group == g) & counted for g in range(len(self._system.groups))]
        self._counted += [int(mine.sum()) for mine in self._members]
        self._observed_s += observed_s
        self._replications += 1
        if self._replications == 1:
            self._arrivals_scv = [_arrivals_scv(group, workload) for group in self._system.groups]

    def note(self, plan: Plan, log: RequestLog) -> None:
        """One policy in the replication that was begun."""
        self._plans[plan.policy] = plan
        for g, mine in enumerate(self._members):
            row = log.row[mine]
            offloaded = int(plan.offloaded[row].sum())
            stages = (
                (log.device_start_s, log.device_end_s, float(plan.device_s[row].sum())),
                (log.uplink_start_s, log.uplink_end_s, None),
                (log.edge_start_s, log.edge_end_s, float(plan.edge_s[row].sum())),
                (log.downlink_start_s, log.downlink_end_s, None),
            )
            for name, (start_s, end_s, work_s) in zip(self._STAGES, stages, strict=True):
                tally = self._tallies.setdefault((plan.policy, g, name), _Tally())
                tally.add(start_s[mine], end_s[mine], offloaded, work_s)
            if plan.serving.fallback:
                start_s, end_s = log.fallback_start_s[mine], log.fallback_end_s[mine]
                work_s = float(np.nansum(end_s - start_s))
                self._tallies[plan.policy, g, "device"].add(start_s, end_s, 0, work_s)

    def stations(self, policy: str, group: int) -> list[StationRun]:
        """The stations that requests of a group go through under a policy."""
        tallies = {name: self._tallies[policy, group, name] for name in self._STAGES}
        devices = len(self._system.groups[group].devices)
        found = []
        for name, tally in tallies.items():
            if not tally.visits:
                continue
            if name == "edge server":
                found.append(self._edge(policy))
                continue
            load = self._rate(group) * tally.work_s / self._counted[group]
            memory = memory_requests(load, self._arrivals_scv[group], tally.scv)
            starts = self._replications * devices
            rate = self._rate(group) * tally.visits / float(self._counted[group])
            found.append(StationRun(name, load, tally.visits, starts, memory, rate, self._warmup_s))
        return found

    def _edge(self, policy: str) -> StationRun:
        """The server, which all groups share; full batches are what it can do."""
        serving = self._plans[policy].serving
        tallies = [self._tallies[policy, g, "edge server"] for g in range(len(self._system.groups))]
        visits = np.array([tally.visits for tally in tallies])
        counted = np.maximum(self._counted, 1)
        rates = np.array([self._rate(g) * len(group.devices) for g, group in enumerate(self._system.groups)])
        work = np.array([tally.work_s for tally in tallies]) / counted
        full_batch = float(serving.batch_factor[serving.max_batch]) / serving.max_batch
        load = float(rates @ work) * full_batch / serving.workers
        whole = _Tally(visits.sum(), 0.0, sum(t.service_s for t in tallies), sum(t.squares for t in tallies))
        arrivals_scv = float(visits @ np.array(self._arrivals_scv)) / visits.sum()
        room = math.inf if serving.queue_limit >= UNLIMITED else serving.queue_limit + serving.workers
        memory = memory_requests(load, arrivals_scv, whole.scv, room)
        rate = float(rates @ (visits / counted))
        return StationRun("edge server", load, float(visits.sum()), self._replications, memory, rate, self._warmup_s)

    @property
    def _warmup_s(self) -> float:
        return self._system.scenario.statistics.warmup

    def _rate(self, group: int) -> float:
        """Requests per second of each device: as asked for, or as recorded."""
        member = self._system.groups[group]
        if member.workload.rate is not None:
            return member.workload.rate
        return float(self._counted[group]) / (len(member.devices) * self._observed_s) if self._observed_s else 0.0


def _arrivals_scv(group: Group, workload: Workload) -> float:
    """Squared coefficient of variation of the gaps between the requests of a device of a group."""
    if group.workload.arrivals == "poisson":
        return 1.0
    gaps = np.diff(workload.arrival_s[workload.device == group.devices.start])
    return float(gaps.var() / gaps.mean() ** 2) if gaps.size > 1 and gaps.mean() > 0 else 0.0
