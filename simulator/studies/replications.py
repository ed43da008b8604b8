"""All policies of a system, run over one replication after another, and what they add up to.

The order is replication by replication, so that all policies of a replication share one drawn workload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from simulator.accounts.energy import busy_s, end_of_run_s
from simulator.accounts.window import Window, first_run_out_s, require_requests
from simulator.engines.choose import choose, effort
from simulator.engines.log import RequestLog
from simulator.errors import PolicyError, Problem
from simulator.inference.ended import ENDED
from simulator.inference.metrics import RunFacts
from simulator.inference.run_length import shortness
from simulator.inference.saturation import Loads, loads_of, overload
from simulator.inference.station_loads import StationLoads
from simulator.plan.channels import first_reach_s, reaches, with_channels_until, with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.sources import sources
from simulator.plan.system import System
from simulator.workload import Workload, draw

T = TypeVar("T")


@dataclass
class _Busy:
    """Busy and available time of the stations of one policy and group, summed over replications."""

    busy: np.ndarray = field(default_factory=lambda: np.zeros(3))
    available: np.ndarray = field(default_factory=lambda: np.zeros(3))


class Replications(Generic[T]):
    """Runs of every policy over a growing number of replications.

    Parameters
    ----------
    system : System
    plans : list of Plan
        One for each policy.
    record : callable
        Makes what is kept of one policy in one replication.
    """

    def __init__(
        self, system: System, plans: list[Plan], record: Callable[[System, Plan, Workload, RequestLog, int], T]
    ) -> None:
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
            self._note_busy(plan, workload, log, counted_until_s)
            self.loads.note(plan, log)
            advance()
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
        top1 = {name: group.profile.top1 for name, group in zip(names, groups, strict=True)}
        facts = {}
        for (policy, group), noted in self._busy.items():
            if policy in self.ended:
                continue
            nothing = np.full(noted.busy.size, np.nan)  # where the warm-up outlasts the run
            shares = np.divide(noted.busy, noted.available, out=nothing, where=noted.available > 0)
            device, uplink, edge = shares.tolist()
            stations = self.offered.get((policy, group), ())
            reason = overload(stations)
            facts[policy, group] = RunFacts(
                utilisation_device=device,
                utilisation_uplink=uplink,
                utilisation_edge=edge,
                top1=top1[group],
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
        counted = Window(warmup_s, (until_s,)).holds(workload.arrival_s, np.zeros(workload.size))
        self.loads.begin(workload, counted, min(until_s, float(workload.arrival_s[-1])) - warmup_s)
        self._until_s.append(until_s)

    def _note_busy(self, plan: Plan, workload: Workload, log: RequestLog, until_s: float) -> None:
        """Add the busy times of one run, from the end of the warm-up to the end of the run or the first run-out."""
        since = self._system.scenario.statistics.warmup
        run_end = end_of_run_s(plan, workload, log)
        until = max(min(run_end, until_s), since)
        group = plan.group_of[workload.device]
        stages = (
            busy_s(log.start_s["device"], log.end_s["device"], run_end, since, until)
            + busy_s(log.start_s["fallback"], log.end_s["fallback"], run_end, since, until),
            busy_s(log.start_s["uplink"], log.end_s["uplink"], run_end, since, until),
            # a worker is busy once with a batch, however many requests it holds
            busy_s(log.start_s["edge"], log.end_s["edge"], run_end, since, until)
            * (log.batch == np.arange(workload.size)),
        )
        several = len(self._system.groups) > 1
        for g, member in enumerate(self._system.groups):
            noted = self._busy.setdefault((plan.policy, member.name if several else ""), _Busy())
            mine = group == g
            devices = len(member.devices)
            noted.busy += [stages[0][mine].sum(), stages[1][mine].sum(), stages[2].sum()]
            noted.available += np.array([devices, devices, plan.servers["edge"].workers]) * (until - since)


def _ends_s(log: RequestLog) -> dict[str, np.ndarray]:
    """Ends of the transfers of each request in either direction."""
    return {name: log.end_s[name] for name in ("uplink", "downlink")}
