"""How loaded the stations of a run are, gathered replication by replication: what `run_length` judges a run by.

The load is that of the scenario, not of the run: rates as they are asked for, times the mean work that the plan knows
for the options that were taken. Where no plan knows the work, as on links, the mean time of the run stands for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.engines.log import RequestLog
from simulator.inference.run_length import StationRun, memory_requests
from simulator.plan.plan import Plan
from simulator.plan.serving import UNLIMITED
from simulator.plan.stages import FALLBACK, LINK, SERVER, Stage
from simulator.plan.system import Group, System
from simulator.workload import Workload


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


class StationLoads:
    """Gathers, replication by replication, how loaded the stations of each policy are.

    Parameters
    ----------
    system : System
    """

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
        group = groups[workload.device]
        self._members = [(group == g) & counted for g in range(len(self._system.groups))]
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
            for stage in plan.stages:
                tally = self._tallies.setdefault((plan.policy, g, stage.station), _Tally())
                start_s, end_s = log.start_s[stage.name][mine], log.end_s[stage.name][mine]
                if stage is FALLBACK:  # who goes back is known only from the run
                    tally.add(start_s, end_s, 0, float(np.nansum(end_s - start_s)))
                    continue
                work_s = None if stage.kind == LINK else float(plan.work(stage.name)[row].sum())
                tally.add(start_s, end_s, int(plan.visits(stage.name)[row].sum()), work_s)

    def stations(self, policy: str, group: int) -> list[StationRun]:
        """The stations that requests of a group go through under a policy."""
        devices = len(self._system.groups[group].devices)
        found = []
        for stage in self._plans[policy].stages:
            tally = self._tallies[policy, group, stage.station]
            if stage.served_by or not tally.visits:
                continue
            if stage.shared:
                found.append(self._shared(policy, stage))
                continue
            load = self._rate(group) * tally.work_s / self._counted[group]
            memory = memory_requests(load, self._arrivals_scv[group], tally.scv)
            starts = self._replications * devices
            rate = self._rate(group) * tally.visits / float(self._counted[group])
            found.append(StationRun(stage.title, load, tally.visits, starts, memory, rate, self._warmup_s))
        return found

    def _shared(self, policy: str, stage: Stage) -> StationRun:
        """A station that all groups share; full batches are what a server can do."""
        tallies = [self._tallies[policy, g, stage.station] for g in range(len(self._system.groups))]
        visits = np.array([tally.visits for tally in tallies])
        counted = np.maximum(self._counted, 1)
        rates = np.array([self._rate(g) * len(group.devices) for g, group in enumerate(self._system.groups)])
        work = np.array([tally.work_s for tally in tallies]) / counted
        load, room = float(rates @ work), math.inf
        if stage.kind == SERVER:
            serving = self._plans[policy].servers[stage.name]
            full_batch = float(serving.batch_factor[serving.max_batch]) / serving.max_batch
            load = load * full_batch / serving.workers
            if serving.queue_limit < UNLIMITED:
                room = serving.queue_limit + serving.workers
        whole = _Tally(visits.sum(), 0.0, sum(t.service_s for t in tallies), sum(t.squares for t in tallies))
        arrivals_scv = float(visits @ np.array(self._arrivals_scv)) / visits.sum()
        memory = memory_requests(load, arrivals_scv, whole.scv, room)
        rate = float(rates @ (visits / counted))
        return StationRun(stage.title, load, float(visits.sum()), self._replications, memory, rate, self._warmup_s)

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
