"""All policies of a system, run over one replication after another, and what they add up to.

The order is replication by replication, so that all policies of a replication share one drawn workload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from simulator.analysis.energy import busy_s, end_of_run_s
from simulator.analysis.metrics import RunFacts
from simulator.analysis.saturation import Loads, loads_of, overload
from simulator.engines.base import RequestLog
from simulator.engines.choose import choose, effort
from simulator.plan.channels import first_reach_s, reaches, with_channels_until, with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Source, Workload, draw

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
        self._records: list[T] = []
        self._busy: dict[tuple[str, str], _Busy] = {}
        self.loads: Loads = {}
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
            When no request arrives, an arrival file cannot be used, or channels do not fit into memory.
        """
        system = self._system
        workload = draw(sources(system), system.scenario.seed, self.count)
        if not self.count:
            self.loads = loads_of(system, self._plans, workload)
        until_s = first_reach_s(system, workload)
        plans = with_drawn_channels(self._plans, system, self.count, until_s)
        self.engine, simulate = choose(engine, effort(plans, workload.size) * expected, plans)
        for k in range(len(plans)):
            log = simulate(plans[k], workload)
            while not reaches(system, _ends_s(log), workload.device, until_s):
                until_s *= 2
                plans = with_channels_until(plans, system, self.count, until_s)
                log = simulate(plans[k], workload)
            plan = plans[k]
            self._records.append(self._record(system, plan, workload, log, self.count))
            self._note_busy(plan, workload, log)
            advance()
        self.count += 1

    def records(self) -> list[T]:
        """What was kept, policy by policy, and of each policy replication by replication."""
        policies = len(self._plans)
        return [self._records[k] for first in range(policies) for k in range(first, len(self._records), policies)]

    def facts(self) -> dict[tuple[str, str], RunFacts]:
        """What the requests cannot tell: utilisations, offered loads and published accuracies, by policy and group."""
        groups = self._system.groups
        top1 = {group.name if len(groups) > 1 else "": group.profile.top1 for group in groups}
        facts = {}
        for (policy, group), noted in self._busy.items():
            nothing = np.full(noted.busy.size, np.nan)  # where the warm-up outlasts the run
            shares = np.divide(noted.busy, noted.available, out=nothing, where=noted.available > 0)
            device, uplink, edge = shares.tolist()
            stations = self.loads.get((policy, group), ())
            facts[policy, group] = RunFacts(
                utilisation_device=device,
                utilisation_uplink=uplink,
                utilisation_edge=edge,
                top1=top1[group],
                offered_load=stations[0].load if stations else np.nan,
                busiest_station=stations[0].station if stations else "",
                overload=overload(stations),
            )
        return facts

    def _note_busy(self, plan: Plan, workload: Workload, log: RequestLog) -> None:
        """Add the busy times of one run, from the end of the warm-up to the end of the run."""
        since = self._system.scenario.statistics.warmup
        end = max(end_of_run_s(plan, workload, log), since)
        group = plan.group_of[workload.device]
        stages = (
            busy_s(log.device_start_s, log.device_end_s, end, since)
            + busy_s(log.fallback_start_s, log.fallback_end_s, end, since),
            busy_s(log.uplink_start_s, log.uplink_end_s, end, since),
            # a worker is busy once with a batch, however many requests it holds
            busy_s(log.edge_start_s, log.edge_end_s, end, since) * (log.batch == np.arange(workload.size)),
        )
        several = len(self._system.groups) > 1
        for g, member in enumerate(self._system.groups):
            noted = self._busy.setdefault((plan.policy, member.name if several else ""), _Busy())
            mine = group == g
            devices = len(member.devices)
            noted.busy += [stages[0][mine].sum(), stages[1][mine].sum(), stages[2].sum()]
            noted.available += np.array([devices, devices, plan.serving.workers]) * (end - since)


def _ends_s(log: RequestLog) -> dict[str, np.ndarray]:
    """Ends of the transfers of each request in either direction."""
    return {"uplink": log.uplink_end_s, "downlink": log.downlink_end_s}


def sources(system: System) -> list[Source]:
    """What drawing the workload of a system needs, one entry for each group."""
    return [
        Source(
            spec=group.workload,
            devices=group.devices,
            samples=0 if group.samples is None else group.samples.size,
            device_variability=group.card.variability,
            edge_variability=system.server.variability,
            base=system.base,
            horizon_s=system.horizon_s,
        )
        for group in system.groups
    ]
