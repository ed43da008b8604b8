"""A policy worked out for a scenario: every number an engine needs, as arrays in SI units.

The option table has one row for each (group, cut, way out). A built-in policy decides before the run: it chooses one
cut for each group, and the sample's records choose the way out; the engine looks the row up when a request arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.physics.link import Channel
from simulator.plan.choice import Choice, choose
from simulator.plan.lora import LoraPlan
from simulator.plan.medium import LossPlan, cells_of
from simulator.plan.serving import ServingPlan, make_serving
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
    device_s, bits_up, edge_s, bits_down : array, shape (rows,)
        Cost of each row of the option table.
    on_device, offloaded : array of bool, shape (rows,)
        Which stages a row has.
    fallback_s : array, shape (rows,)
        Device time of what the edge would have computed.
    partition, exit : tuple of str, length rows
        Names of each row's cut and way out.
    chosen_row : array of int, shape (groups,)
        Row of the chosen cut with the first way out.
    final : array of int, shape (groups,)
        Way out that samples without a record take.
    taken : tuple of (array of int, shape (samples,), or None), one for each group
        Way out of each sample.
    group_of : array of int, shape (devices,)
        Group of each device.
    uplink, downlink : tuple of Channel
        One for each group whose channel is known, one for each device of a group whose channel is random.
    uplink_of, downlink_of : array of int, shape (devices,)
        Which of them is a device's; each device has its link to itself.
    propagation_s : array, shape (groups,)
        One-way delay.
    tail_ends_s, wake_delays_s : tuple of array, one for each group
        States of the radio, see `simulator.physics.rrc`; no tail and a delay of 0 for a radio without states.
    deadline_s, priority : array, shape (groups,)
        Relative deadline (infinite without one) and priority (smaller first) of a group's requests.
    order : {"arrival", "deadline", "priority"}
        What makes a request urgent at the edge server.
    serving : ServingPlan
        Rules of the edge server.
    horizon_s : float
        End of the observation.
    tolerates_loss : array of bool, shape (groups,)
        Whether a request goes on although bytes of its input were lost.
    online : OnlinePolicy or None
        Decides for each request instead; then `rows` is only where every request starts from.
    cell_of : array of int, shape (devices,), or None
        Cell whose airtime a device shares, -1 for none; None when nobody shares.
    uplink_losses, downlink_losses : LossPlan or None
        Losses of either direction, once they are drawn.
    lora : LoraPlan or None
        LoRaWAN links, once they are drawn.
    """

    policy: str
    choices: tuple[Choice, ...]
    device_s: Floats
    bits_up: Floats
    edge_s: Floats
    bits_down: Floats
    on_device: NDArray[np.bool_]
    offloaded: NDArray[np.bool_]
    fallback_s: Floats
    partition: tuple[str, ...]
    exit: tuple[str, ...]
    chosen_row: NDArray[np.int32]
    final: NDArray[np.int32]
    taken: tuple[NDArray[np.int64] | None, ...]
    group_of: NDArray[np.int32]
    uplink: tuple[Channel, ...]
    downlink: tuple[Channel, ...]
    uplink_of: NDArray[np.int32]
    downlink_of: NDArray[np.int32]
    propagation_s: Floats
    tail_ends_s: tuple[Floats, ...]
    wake_delays_s: tuple[Floats, ...]
    deadline_s: Floats
    priority: Floats
    order: str
    serving: ServingPlan
    horizon_s: float
    tolerates_loss: NDArray[np.bool_]
    online: OnlinePolicy | None = None
    cell_of: NDArray[np.int32] | None = None
    uplink_losses: LossPlan | None = None
    downlink_losses: LossPlan | None = None
    lora: LoraPlan | None = None

    @property
    def wakes(self) -> bool:
        """Whether any radio needs a promotion, so that a transfer depends on the one before it."""
        return any(delays.any() for delays in self.wake_delays_s)

    @property
    def counts_bits(self) -> bool:
        """Whether the bits of a transfer cannot be told from its option and its duration."""
        parts = (self.cell_of, self.uplink_losses, self.downlink_losses, self.lora)
        return any(part is not None for part in parts)

    def most_bits(self, bits: Floats) -> Floats:
        """The most of a column of the option table, for each group; shape (groups,)."""
        borders = np.cumsum([0, *(choice.table.device_s.size for choice in self.choices)])
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
        """What comes first at the edge server (smaller first), shape (requests,): 0, absolute deadline or priority."""
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
    first_row = np.cumsum([0, *(table.device_s.size for table in tables[:-1])])
    group_of = np.concatenate([np.full(len(group.devices), g, dtype=np.int32) for g, group in enumerate(system.groups)])
    return Plan(
        policy=policy.label(),
        choices=tuple(choices),
        device_s=np.concatenate([table.device_s.ravel() for table in tables]),
        bits_up=np.concatenate([table.bytes_up.ravel() for table in tables]) * 8,
        edge_s=np.concatenate([table.edge_s.ravel() for table in tables]),
        bits_down=np.concatenate([table.bytes_down.ravel() for table in tables]) * 8,
        on_device=np.concatenate([table.on_device.ravel() for table in tables]),
        offloaded=np.concatenate([table.offloaded.ravel() for table in tables]),
        partition=tuple(cut.name for table in tables for cut in table.cuts for _ in table.exits),
        exit=tuple(name for table in tables for _ in table.cuts for name in table.exits),
        fallback_s=np.concatenate([table.fallback_s.ravel() for table in tables]),
        chosen_row=np.array(
            [first + choice.cut * len(choice.table.exits) for first, choice in zip(first_row, choices, strict=True)],
            dtype=np.int32,
        ),
        final=np.array([len(table.exits) - 1 for table in tables], dtype=np.int32),
        taken=tuple(choice.taken for choice in choices),
        group_of=group_of,
        uplink=tuple(group.uplink for group in system.groups),
        downlink=tuple(group.downlink for group in system.groups),
        uplink_of=group_of,
        downlink_of=group_of,
        propagation_s=np.array([group.propagation_s for group in system.groups]),
        tail_ends_s=tuple(np.empty(0) if g.cellular is None else g.cellular.tail_ends_s for g in system.groups),
        wake_delays_s=tuple(np.zeros(1) if g.cellular is None else g.cellular.wake_delays_s for g in system.groups),
        deadline_s=np.array([np.inf if g.workload.deadline is None else g.workload.deadline for g in system.groups]),
        priority=np.array([float(group.priority) for group in system.groups]),
        order=system.scenario.serving.order,
        serving=serving,
        horizon_s=system.horizon_s,
        tolerates_loss=np.array([group.profile.loss_effect is not None for group in system.groups]),
        cell_of=cells_of(system),
        online=policy if isinstance(policy, OnlinePolicy) else None,
    )
