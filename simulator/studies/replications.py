"""All policies of a system, run over one replication after another, and what they add up to.

The order is replication by replication, so that all policies of a replication share one drawn workload.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.energy import busy_s, end_of_run_s
from simulator.accounts.window import Window, first_run_out_s, require_requests
from simulator.arrays import Flags
from simulator.engines.choose import choose, effort
from simulator.engines.log import COMPLETED, RequestLog
from simulator.errors import PolicyError, Problem
from simulator.inference.bounds import Bounds
from simulator.inference.ended import ENDED
from simulator.inference.metrics import RunFacts
from simulator.inference.run_length import shortness
from simulator.inference.saturation import Loads, loads_of, overload
from simulator.inference.station_loads import StationLoads
from simulator.plan.channels import first_reach_s, reaches, with_channels_until, with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.sources import sources
from simulator.plan.stages import DOWNLINK, LINK, Stage
from simulator.plan.system import System
from simulator.workload import Workload, draw

T = TypeVar("T")


@dataclass
class _Busy:
    """Busy and available time of the stations of one policy and group by stage, summed over replications."""

    busy: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    available: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def shares(self) -> dict[str, float]:
        """Busy time over available time of each stage; NaN where the warm-up outlasts the run."""
        return {
            name: self.busy[name] / available if available > 0 else math.nan
            for name, available in self.available.items()
        }


class Replications(Generic[T]):
    """Runs of every policy over a growing number of replications.

    Parameters
    ----------
    system : System
    plans : list of Plan
        One for each policy.
    record : callable
        Makes what is kept of one policy in one replication.
    bounds : Bounds, optional
        Gathers what no policy can beat; nobody asks if left out.
    """

    def __init__(
        self,
        system: System,
        plans: list[Plan],
        record: Callable[[System, Plan, Workload, RequestLog, int], T],
        bounds: Bounds | None = None,
    ) -> None:
        self._bounds = bounds
        self._system = system
        self._plans = plans
        self._record = record
        self._records: list[list[T]] = [[] for _ in plans]
        #: why policies have ended by an error, by name; they have no records and no facts
        self.ended: dict[str, str] = {}
        self._busy: dict[tuple[str, str], _Busy] = {}
        self.offered: Loads = {}
        self.loads = StationLoads(system)
        self._until_s: list[float] = []
        self.count = 0
        self.engine = ""

    def add(self, engine: str, expected: int, advance: Callable[[], object] = lambda: None) -> None:
        """Run the next replication.

        Parameters
        ----------
        engine : {"auto", "reference", "fast"}
        expected : int
            How many such replications are to be expected in this process, for the choice of the engine.
        advance : callable
            Called after each policy.

        Raises
        ------
        ScenarioError
            When no request arrives or the warm-up outlasts the run, an arrival file cannot be used, or channels do not
            fit into memory.
        PolicyError
            When all policies have ended by an error.
        """
        system, drawn_from = self._system, sources(self._system)
        workload = draw(drawn_from, system.scenario.seed, self.count)
        counted_until_s = first_run_out_s(drawn_from, workload)
        self._begin(workload, counted_until_s)
        if not self.count:
            self.offered = loads_of(system, self._plans)
        drawn_until_s = first_reach_s(system, workload)
        plans = with_drawn_channels(self._plans, system, self.count, drawn_until_s)
        self.engine, simulate = choose(engine, effort(plans, workload.size) * expected, plans)
        completed: dict[str, Flags] = {}
        for k in range(len(plans)):
            if plans[k].policy in self.ended:
                advance()
                continue
            try:
                log = simulate(plans[k], workload)
                while not reaches(system, _ends_s(log), workload.device, drawn_until_s):
                    drawn_until_s *= 2
                    plans = with_channels_until(plans, system, self.count, drawn_until_s)
                    log = simulate(plans[k], workload)
            except PolicyError as error:
                self._end(k, error)
                advance()
                continue
            plan = plans[k]
            self._records[k].append(self._record(system, plan, workload, log, self.count))
            completed[plan.policy] = log.status == COMPLETED
            self._note_busy(plan, workload, log, counted_until_s)
            self.loads.note(plan, log)
            advance()
        if self._bounds is not None:
            self._bounds.add(plans, workload, completed, self._counted(workload, counted_until_s))
        self.count += 1

    @property
    def until_s(self) -> tuple[float, ...]:
        """Per replication, when its first device had run out; infinite where nothing arrived after that."""
        return tuple(self._until_s)

    def records(self) -> list[T]:
        """What was kept, policy by policy, and of each policy replication by replication."""
        return [record for records in self._records for record in records]

    def facts(self) -> dict[tuple[str, str], RunFacts]:
        """What the requests cannot tell: utilisations, offered loads and published accuracies, by policy and group."""
        groups = self._system.groups
        names = [group.name if len(groups) > 1 else "" for group in groups]
        top1 = {
            (plan.policy, name): choice.top1
            for plan in self._plans
            for name, choice in zip(names, plan.choices, strict=True)
        }
        facts = {}
        for (policy, group), noted in self._busy.items():
            if policy in self.ended:
                continue
            stations = self.offered.get((policy, group), ())
            reason = overload(stations)
            facts[policy, group] = RunFacts(
                utilisation=noted.shares(),
                bounds=None if self._bounds is None else self._bounds.of(policy, names.index(group)),
                top1=top1[policy, group],
                offered_load=stations[0].load if stations else np.nan,
                busiest_station=stations[0].station if stations else "",
                overload=reason,
                # a run without a steady state is never long enough, and has no interval that could be too narrow
                short="" if reason else shortness(self.loads.stations(policy, names.index(group))),
            )
        return facts

    def _end(self, k: int, error: PolicyError) -> None:
        """Forget a policy that has raised; the others go on."""
        policy = self._plans[k].policy
        self.ended[policy] = f"{ENDED}: replication {self.count}, {error.problems[0].message}"
        self._records[k].clear()
        if len(self.ended) == len(self._plans):
            raise PolicyError(Problem(f"{name} {reason}") for name, reason in self.ended.items())

    def _begin(self, workload: Workload, until_s: float) -> None:
        """Note what counts in the next replication, and refuse a warm-up that leaves nothing."""
        warmup_s = self._system.scenario.statistics.warmup
        require_requests(warmup_s, until_s, workload)
        counted = self._counted(workload, until_s)
        self.loads.begin(workload, counted, min(until_s, float(workload.arrival_s[-1])) - warmup_s)
        self._until_s.append(until_s)

    def _counted(self, workload: Workload, until_s: float) -> Flags:
        """Which requests of a replication count."""
        window = Window(self._system.scenario.statistics.warmup, (until_s,))
        return window.holds(workload.arrival_s, np.zeros(workload.size))

    def _note_busy(self, plan: Plan, workload: Workload, log: RequestLog, until_s: float) -> None:
        """Add the busy times of one run, from the end of the warm-up to the end of the run or the first run-out."""
        since = self._system.scenario.statistics.warmup
        run_end = end_of_run_s(plan, workload, log)
        until = max(min(run_end, until_s), since)
        group = plan.group_of[workload.device]
        several = len(self._system.groups) > 1
        for station, served in _served(plan).items():
            parts = [
                busy_s(log.start_s[stage.name], log.end_s[stage.name], run_end, since, until)
                * _counts(plan, log, stage)
                for stage in served
            ]
            busy = np.sum(parts, axis=0)
            for g, member in enumerate(self._system.groups):
                noted = self._busy.setdefault((plan.policy, member.name if several else ""), _Busy())
                if station in plan.servers:
                    workers, mine = plan.servers[station].workers, slice(None)
                elif served[0].shared:
                    workers, mine = 1, slice(None)
                else:
                    workers, mine = len(member.devices), group == g
                noted.busy[station] += float(busy[mine].sum())
                noted.available[station] += workers * (until - since)


def _served(plan: Plan) -> dict[str, list[Stage]]:
    """Stages by the station that serves them, but for the downlink, which LoRaWAN answers do not use."""
    found: dict[str, list[Stage]] = {}
    for stage in plan.stages:
        if stage is not DOWNLINK:
            found.setdefault(stage.station, []).append(stage)
    return found


def _counts(plan: Plan, log: RequestLog, stage: Stage) -> NDArray[np.bool_] | float:
    """Which requests stand for the time of a server: one of each batch, however many requests it holds."""
    rules = plan.servers.get(stage.station)
    if rules is None or rules.max_batch == 1:
        return 1.0
    start_s, end_s = log.start_s[stage.name], np.nan_to_num(log.end_s[stage.name], nan=np.inf)
    order = np.lexsort((end_s, start_s))
    first = np.ones(order.size, dtype=bool)
    first[1:] = (np.diff(start_s[order]) != 0) | (end_s[order][1:] != end_s[order][:-1])
    # batches that begin at one instant are full but for the last
    place = np.arange(order.size) - np.maximum.accumulate(np.where(first, np.arange(order.size), 0))
    leads = np.empty(order.size, dtype=bool)
    leads[order] = place % rules.max_batch == 0
    return leads


def _ends_s(log: RequestLog) -> dict[str, np.ndarray]:
    """Ends of the transfers of each request over each link."""
    return {stage.name: log.end_s[stage.name] for stage in log.stages if stage.kind == LINK}
