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
from simulator.plan.choice import Choice, choose
from simulator.plan.lora import LoraPlan
from simulator.plan.medium import LinkPlan, cells_of
from simulator.plan.routes import ANSWER_LOST, INPUT_LOST, NO_REASON, Routes, Visits, make_routes
from simulator.plan.rules import Rule
from simulator.plan.serving import ServingPlan, make_serving
from simulator.plan.stages import DEVICE, DOWNLINK, EDGE, UPLINK, Stage
from simulator.plan.system import System
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
        Names of each option's cut and way out.
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
        One-way delay.
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
        index = choice.index_of(cut)
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
            choices.append(choose(system, group, policy.intent()))
        except OffloadSimError as error:
            label = f' (group "{group.name}")' if len(system.groups) > 1 else ""
            problems += [
                Problem(f"{problem.message}{label}", problem.hint, (*place, *problem.path))
                for problem in error.problems
            ]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    serving = make_serving(system)
    tables = [choice.table for choice in choices]
    sizes = [table.device_s.size for table in tables]
    first_row = np.cumsum([0, *sizes[:-1]])
    group_of = np.concatenate([np.full(len(group.devices), g, dtype=np.int32) for g, group in enumerate(system.groups)])
    propagation_s = np.array([group.propagation_s for group in system.groups])
    tolerates_loss = np.array([group.profile.loss_effect is not None for group in system.groups])

    def column(name: str) -> Floats:
        return np.concatenate([getattr(table, name).ravel() for table in tables])

    stages, routes = make_routes(
        two_tiers(
            device_s=column("device_s"),
            bits_up=column("bytes_up") * 8,
            edge_s=column("edge_s"),
            bits_down=column("bytes_down") * 8,
            on_device=column("on_device").astype(bool),
            offloaded=column("offloaded").astype(bool),
            propagation_s=np.repeat(propagation_s, sizes),
            tolerates_loss=np.repeat(tolerates_loss, sizes),
            rest_s=column("fallback_s") if serving.fallback else None,
        )
    )
    return Plan(
        policy=policy.label(),
        choices=tuple(choices),
        stages=stages,
        routes=routes,
        partition=tuple(cut.name for table in tables for cut in table.cuts for _ in table.exits),
        exit=tuple(name for table in tables for _ in table.cuts for name in table.exits),
        chosen_row=np.array(
            [first + choice.cut * len(choice.table.exits) for first, choice in zip(first_row, choices, strict=True)],
            dtype=np.int32,
        ),
        final=np.array([len(table.exits) - 1 for table in tables], dtype=np.int32),
        taken=tuple(choice.taken for choice in choices),
        group_of=group_of,
        links={
            "uplink": LinkPlan(tuple(group.uplink for group in system.groups), group_of),
            "downlink": LinkPlan(tuple(group.downlink for group in system.groups), group_of),
        },
        propagation_s=propagation_s,
        tail_ends_s=tuple(np.empty(0) if g.cellular is None else g.cellular.tail_ends_s for g in system.groups),
        wake_delays_s=tuple(np.zeros(1) if g.cellular is None else g.cellular.wake_delays_s for g in system.groups),
        deadline_s=np.array([np.inf if g.workload.deadline is None else g.workload.deadline for g in system.groups]),
        priority=np.array([float(group.priority) for group in system.groups]),
        order=system.scenario.serving.order,
        servers={"edge": serving},
        horizon_s=system.horizon_s,
        tolerates_loss=tolerates_loss,
        cell_of=cells_of(system),
        online=policy if isinstance(policy, OnlinePolicy) else None,
    )


def two_tiers(
    *,
    device_s: Floats,
    bits_up: Floats,
    edge_s: Floats,
    bits_down: Floats,
    on_device: NDArray[np.bool_],
    offloaded: NDArray[np.bool_],
    propagation_s: Floats,
    tolerates_loss: NDArray[np.bool_],
    rest_s: Floats | None = None,
) -> list[Visits]:
    """What options over a device and the edge visit; all arrays have shape (options,).

    Parameters
    ----------
    device_s, edge_s : array
        Work of either side.
    bits_up, bits_down : array
    on_device, offloaded : array of bool
        Whether an option has a part on the device, and one on the edge.
    propagation_s : array
        One way.
    tolerates_loss : array of bool
        Whether a request goes on although bits of its input were lost.
    rest_s : array or None
        Time on the device of what the edge had no room for; None if such requests are dropped.
    """
    input_lost = np.where(tolerates_loss, NO_REASON, INPUT_LOST).astype(np.int8)
    answer_lost = np.full(device_s.size, ANSWER_LOST, dtype=np.int8)
    return [
        Visits(DEVICE, on_device, device_s),
        Visits(UPLINK, offloaded, bits_up, propagation_s, input_lost),
        Visits(EDGE, offloaded, edge_s, rest_s=rest_s, back_s=None if rest_s is None else propagation_s),
        Visits(DOWNLINK, offloaded, bits_down, propagation_s, answer_lost),
    ]
