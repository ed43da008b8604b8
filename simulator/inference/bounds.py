"""What no policy of a scenario can beat: the clairvoyant best option of each request, alone on the idle system.

The bound of latency is the mean, over the requests that a policy completed and that count, of the least that any option
of any policy takes of them on the channels that they really meet (`simulator.plan.alone`). That of energy is likewise
what they are charged at least; where one group completes all of its requests and all of them count, the idle energy of
its devices until the last arrival is in it too. Reasons and what is left out: `simulator.physics.bound`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Flags, Floats, Ints
from simulator.physics.bound import mean_energy_j
from simulator.plan.alone import least_alone
from simulator.plan.alone_energy import idle_w, least_energy_alone
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload

#: requests that are looked at together
_BLOCK = 50_000


@dataclass
class _Sum:
    """Of the bounds of requests, over replications."""

    requests: int = 0
    latency_s: float = 0.0
    completed: int = 0
    energy_j: float = 0.0

    @property
    def means(self) -> tuple[float, float]:
        """Mean latency and mean energy; NaN for none."""
        latency_s = self.latency_s / self.completed if self.completed else math.nan
        return latency_s, self.energy_j / self.requests if self.requests else math.nan


class Bounds:
    """Gathers, replication by replication, what each policy could at best have had.

    Parameters
    ----------
    system : System
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._sums: dict[tuple[str, int], _Sum] = {}

    def add(self, plans: Sequence[Plan], workload: Workload, completed: dict[str, Flags], counted: Flags) -> None:
        """One replication.

        Parameters
        ----------
        plans : sequence of Plan
            With the channels that were drawn.
        workload : Workload
        completed : dict of array of bool, shape (requests,)
            Which requests each policy completed, by its label.
        counted : array of bool, shape (requests,)
            Which requests count.
        """
        group = plans[0].group_of[workload.device]
        for g in range(len(self._system.groups)):
            mine = np.flatnonzero(group == g)
            latency_s, above_j, caused_j = self._least(plans, workload, g, mine)
            for policy, done in completed.items():
                noted = self._sums.setdefault((policy, g), _Sum())
                count, done = counted[mine], done[mine]
                noted.completed += int((count & done).sum())
                noted.latency_s += float(latency_s[count & done].sum())
                noted.requests += int(count.sum())
                energy_j = caused_j[count].sum()
                if len(self._system.groups) == 1 and done.all() and count.all():
                    span_s = float(workload.arrival_s[-1])
                    energy_j = mean_energy_j(above_j, idle_w(self._system, workload), span_s) * mine.size
                noted.energy_j += float(energy_j)

    def of(self, policy: str, group: int) -> tuple[float, float]:
        """Bounds of mean latency and mean energy of a policy and group."""
        return self._sums.get((policy, group), _Sum()).means

    def _least(self, plans: Sequence[Plan], workload: Workload, g: int, mine: Ints) -> tuple[Floats, Floats, Floats]:
        """Least latency, energy above idle and energy caused of each request of a group, over all policies' options."""
        latency_s, above_j, caused_j = np.full((3, mine.size), np.inf)
        seen: set[tuple[int, int]] = set()
        for plan in plans:
            choice = plan.choices[g]
            key = id(choice.table), id(choice.group.profile)
            if choice.taken is None and key in seen:
                continue
            seen.add(key)
            ways = len(choice.table.exits)
            fits = np.array([not reason for reason in choice.table.misfit])
            options = plan.first_rows[g] + ways * np.flatnonzero(fits)
            for first in range(0, mine.size, _BLOCK):
                here = slice(first, first + _BLOCK)
                asked = mine[here]
                way = np.full(asked.size, ways - 1)
                if choice.taken is not None:
                    way = choice.taken[workload.sample[asked]]
                found = least_alone(plan, workload, options, way, asked)
                energy = least_energy_alone(self._system, plan, workload, options, way, asked)
                latency_s[here] = np.minimum(latency_s[here], found.latency_s)
                above_j[here] = np.minimum(above_j[here], energy.above_j)
                caused_j[here] = np.minimum(caused_j[here], energy.caused_j)
        return latency_s, above_j, caused_j
