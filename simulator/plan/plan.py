"""A policy worked out for a scenario: every number an engine needs, as arrays in SI units.

There is an option for each (group, cut, way out), and a route for each option. Most policies decide before the run:
they choose one cut for each group, and the sample's records choose the way out; the engine looks the option up when a
request arrives. Others decide anew for each request, by a rule (`simulator.plan.rules`) or in Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.plan.candidates import names_of
from simulator.plan.choice import Choice, best_choice
from simulator.plan.lora import LoraPlan
from simulator.plan.medium import LinkPlan, cells_of, make_links
from simulator.plan.routes import Routes, make_routes
from simulator.plan.rules import Rule
from simulator.plan.serving import ServingPlan, make_servers
from simulator.plan.stages import Stage
from simulator.plan.system import Group, System
from simulator.plan.visits import end_to_end, visits_of
from simulator.policies.base import Policy
from simulator.policies.online import OnlinePolicy
from simulator.workload import Workload

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Arrays for an engine.

    Attributes
    ----------
    policy : str
        Label of the policy.
    choices : tuple of Choice
        One for each group.
    stages : tuple of Stage
        What requests can go through.
    routes : Routes
        What each option makes a request go through; rows beyond the options are those that take over.
    partition, exit : tuple of str, length options
        Names of each option's cut, or cuts, and way out.
    chosen_row : array of int, shape (groups,)
        Row of the chosen cut with the first way out.
    final : array of int, shape (groups,)
        Way out that samples without a record take.
    taken : tuple of (array of int, shape (samples,), or None), one for each group
        Way out of each sample.
    group_of : array of int, shape (devices,)
        Group of each device.
    links : mapping of str to LinkPlan
        Channels and losses of each stage that is a link.
    propagation_s : array, shape (groups,)
        One-way delay between device and edge.
    tail_ends_s, wake_delays_s : tuple of array, one for each group
        States of the radio, see `simulator.physics.rrc`; no tail and a delay of 0 for a radio without states.
    deadline_s, priority : array, shape (groups,)
        Relative deadline (infinite without one) and priority (smaller first) of a group's requests.
    order : {"arrival", "deadline", "priority"}
        What makes a request urgent at a server.
    servers : mapping of str to ServingPlan
        Rules of each stage that is a server.
    horizon_s : float
        End of the observation.
    tolerates_loss : array of bool, shape (groups,)
        Whether a request goes on although bytes of its input were lost.
    online : OnlinePolicy or None
        Decides for each request, in Python.
    rule : Rule or None
        What devices know and decide by, where a policy decides anew for each request; then `rows` is only where every
        request starts from.
    cell_of : array of int, shape (devices,), or None
        Cell whose airtime a device shares, -1 for none; None when nobody shares.
    lora : LoraPlan or None
        LoRaWAN links, once they are drawn.
    """

    policy: str
    choices: tuple[Choice, ...]
    stages: tuple[Stage, ...]
    routes: Routes
    partition: tuple[str, ...]
    exit: tuple[str, ...]
    chosen_row: NDArray[np.int32]
    final: NDArray[np.int32]
    taken: tuple[NDArray[np.int64] | None, ...]
    group_of: NDArray[np.int32]
    links: Mapping[str, LinkPlan]
    propagation_s: Floats
    tail_ends_s: tuple[Floats, ...]
    wake_delays_s: tuple[Floats, ...]
    deadline_s: Floats
    priority: Floats
    order: str
    servers: Mapping[str, ServingPlan]
    horizon_s: float
    tolerates_loss: NDArray[np.bool_]
    online: OnlinePolicy | None = None
    rule: Rule | None = None
    cell_of: NDArray[np.int32] | None = None
    lora: LoraPlan | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups as the policy sees them: with its model."""
        return tuple(choice.group for choice in self.choices)

    @property
    def decides_anew(self) -> bool:
        """Whether each request is decided when it arrives, so that nobody knows before the run what it takes."""
        return self.rule is not None

    @property
    def wakes(self) -> bool:
        """Whether any radio needs a promotion, so that a transfer depends on the one before it."""
        return any(delays.any() for delays in self.wake_delays_s)

    @property
    def counts_bits(self) -> bool:
        """Whether the bits of a transfer cannot be told from its option and its duration."""
        parts = (self.cell_of, self.lora, *(link.losses for link in self.links.values()))
        return any(part is not None for part in parts)

    @property
    def options(self) -> int:
        """Number of options: rows that a request can take at its arrival."""
        return len(self.partition)

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """The first option of each group, shape (groups,)."""
        return np.cumsum([0, *(choice.table.device_s.size for choice in self.choices[:-1])])

    def stage(self, name: str) -> int | None:
        """Place of a stage, None if no request goes through it."""
        return next((k for k, stage in enumerate(self.stages) if stage.name == name), None)

    def visits(self, name: str) -> NDArray[np.bool_]:
        """Which options go through a stage, shape (options,)."""
        place = self.stage(name)
        return np.zeros(self.options, dtype=bool) if place is None else self.routes.table(place)[0][: self.options]

    def work(self, name: str) -> Floats:
        """Work of each option at a stage, seconds or bits; shape (options,)."""
        place = self.stage(name)
        return np.zeros(self.options) if place is None else self.routes.table(place)[1][: self.options]

    def most_bits(self, link: str) -> Floats:
        """The most bits that an option of each group sends over a link; shape (groups,)."""
        borders = np.cumsum([0, *(choice.table.device_s.size for choice in self.choices)])
        bits = self.work(link)
        return np.array([bits[a:b].max() for a, b in pairwise(borders.tolist())])

    def rows(self, workload: Workload) -> NDArray[np.int32]:
        """The option that each request takes, shape (requests,)."""
        group = self.group_of[workload.device]
        rows = (self.chosen_row + self.final)[group].astype(np.int32)
        for g, taken in enumerate(self.taken):
            if taken is not None:
                mine = group == g
                rows[mine] = self.chosen_row[g] + taken[workload.sample[mine]]
        return rows

    def row_at(self, group: int, cut: str, sample: int) -> int:
        """The option that a sample of a group takes at a named cut.

        Raises
        ------
        ScenarioError
            For a cut that does not exist or cannot run.
        """
        choice = self.choices[group]
        index = choice.index_of(names_of(cut))
        ways, taken = len(choice.table.exits), self.taken[group]
        first_row = int(self.chosen_row[group]) + (index - choice.cut) * ways
        return first_row + (int(self.final[group]) if taken is None else int(taken[sample]))

    def urgency(self, workload: Workload) -> Floats:
        """What comes first at a server (smaller first), shape (requests,): 0, absolute deadline or priority."""
        group = self.group_of[workload.device]
        if self.order == "deadline":
            return workload.arrival_s + self.deadline_s[group]
        return self.priority[group] if self.order == "priority" else np.zeros(workload.size)


def make_plan(system: System, policy: Policy, place: tuple[str | int, ...] = ()) -> Plan:
    """Work a policy out for all groups of a system.

    Raises
    ------
    ScenarioError
        For a cut that does not exist, a partition that does not fit, a missing encoding, thresholds without exits or
        without records; all groups at once.
    """
    choices: list[Choice] = []
    problems: list[Problem] = []
    for group in system.groups:
        try:
            choices.append(best_choice(system, group, policy))
        except OffloadSimError as error:
            label = f' (group "{group.name}")' if len(system.groups) > 1 else ""
            problems += [
                Problem(f"{problem.message}{label}", problem.hint, (*place, *problem.path))
                for problem in error.problems
            ]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    servers = make_servers(system, [choice.group for choice in choices])
    tables = [choice.table for choice in choices]
    sizes = [table.device_s.size for table in tables]
    falls_back = servers["edge"].fallback
    parts = [visits_of(choice.table, choice.group, falls_back) for choice in choices]
    stages, routes = make_routes(end_to_end(parts))
    first_rows = np.cumsum([0, *sizes[:-1]])
    group_of = np.concatenate([np.full(len(group.devices), g, dtype=np.int32) for g, group in enumerate(system.groups)])
    return Plan(
        policy=policy.label(),
        choices=tuple(choices),
        stages=stages,
        routes=routes,
        partition=tuple(name for table in tables for name in table.names for _ in table.exits),
        exit=tuple(name for table in tables for _ in table.names for name in table.exits),
        chosen_row=np.array(
            [first + choice.cut * len(choice.table.exits) for first, choice in zip(first_rows, choices, strict=True)],
            dtype=np.int32,
        ),
        final=np.array([len(table.exits) - 1 for table in tables], dtype=np.int32),
        taken=tuple(choice.taken for choice in choices),
        group_of=group_of,
        links=make_links(system, group_of),
        propagation_s=np.array([group.propagation_s for group in system.groups]),
        tail_ends_s=tuple(np.empty(0) if g.cellular is None else g.cellular.tail_ends_s for g in system.groups),
        wake_delays_s=tuple(np.zeros(1) if g.cellular is None else g.cellular.wake_delays_s for g in system.groups),
        deadline_s=np.array([np.inf if g.workload.deadline is None else g.workload.deadline for g in system.groups]),
        priority=np.array([float(group.priority) for group in system.groups]),
        order=system.scenario.serving.order,
        servers=servers,
        horizon_s=system.horizon_s,
        tolerates_loss=np.array([choice.profile.loss_effect is not None for choice in choices]),
        cell_of=cells_of(system),
        online=policy if isinstance(policy, OnlinePolicy) else None,
    )
