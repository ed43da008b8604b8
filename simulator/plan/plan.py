"""A policy worked out for a scenario: every number an engine needs, as arrays in SI units.

The option table has one row for each (group, cut, way out). A built-in policy decides before the run: it chooses one
cut for each group, and the sample's records choose the way out; the engine looks the row up when a request arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.physics import decide
from simulator.physics.exits import exit_taken
from simulator.physics.link import Channel
from simulator.plan.candidates import Candidates, Prediction, candidates, predict
from simulator.plan.serving import ServingPlan
from simulator.plan.system import Group, System
from simulator.policies.base import Intent, Policy
from simulator.profiling.partition import find_cut
from simulator.workload import Workload

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choice:
    """What one policy does with one group, and what it knew when it chose.

    Attributes
    ----------
    table : Candidates
    prediction : Prediction
    cut : int
        Index of the chosen cut.
    taken : array of int, shape (samples,), or None
        Way out of every sample of the record; None when all take the final output.
    shares : array, shape (ways out,)
        Share of samples that takes each way out.
    scores : array, shape (cuts,)
        What the policy minimised: expected latency in seconds or energy in joules.
    """

    table: Candidates
    prediction: Prediction
    cut: int
    taken: NDArray[np.int64] | None
    shares: Floats
    scores: Floats


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
        One for each group; every device of a group has a channel of its own with these rates.
    propagation_s : array, shape (groups,)
        One-way delay.
    deadline_s, priority : array, shape (groups,)
        Relative deadline (infinite without one) and priority (smaller first) of a group's requests.
    order : {"arrival", "deadline", "priority"}
        What makes a request urgent at the edge server.
    serving : ServingPlan
        Rules of the edge server.
    horizon_s : float
        End of the observation.
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
    propagation_s: Floats
    deadline_s: Floats
    priority: Floats
    order: str
    serving: ServingPlan
    horizon_s: float

    def rows(self, workload: Workload) -> NDArray[np.int32]:
        """The option that each request takes, shape (requests,)."""
        group = self.group_of[workload.device]
        rows = (self.chosen_row + self.final)[group].astype(np.int32)
        for g, taken in enumerate(self.taken):
            if taken is not None:
                mine = group == g
                rows[mine] = self.chosen_row[g] + taken[workload.sample[mine]]
        return rows

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
        propagation_s=np.array([group.propagation_s for group in system.groups]),
        deadline_s=np.array([np.inf if g.workload.deadline is None else g.workload.deadline for g in system.groups]),
        priority=np.zeros(len(system.groups)),
        order="arrival",
        serving=ServingPlan.one_by_one(system.server.workers),
        horizon_s=system.horizon_s,
    )


def choose(system: System, group: Group, intent: Intent) -> Choice:
    """Choose one group's cut.

    Raises
    ------
    OffloadSimError
        When the intent cannot be met; paths are relative to the policy.
    """
    profile = group.profile
    if intent.encoding not in profile.encodings:
        known = ", ".join(profile.encodings)
        raise ScenarioError(
            Problem(
                f'{profile.name} has no size for inputs encoded as "{intent.encoding}"',
                f"known: {known}",
                ("encoding",),
            )
        )
    taken, shares = _ways_out(group, intent)
    table = candidates(group, system.server, intent.encoding, taken is not None)
    prediction = predict(table, group)
    scores = prediction.expected(prediction.latency_s if intent.objective == "latency" else prediction.energy_j, shares)
    fits = np.array([not reason for reason in table.misfit])
    if intent.cut is None:
        cut = decide.best(scores, fits)
        if cut < 0:
            raise ScenarioError(Problem(f"no partition of {profile.name} fits: {table.misfit[0]}", path=("best",)))
    else:
        cut = find_cut(profile, intent.cut).index
        if table.misfit[cut]:
            raise ScenarioError(
                Problem(
                    f"{profile.name} cut at {intent.cut} cannot run: {table.misfit[cut]}",
                    "choose another cut, model or device",
                    ("at",) if intent.cut not in ("input", "output") else (),
                )
            )
    return Choice(table, prediction, cut, taken, shares, scores)


def _ways_out(group: Group, intent: Intent) -> tuple[NDArray[np.int64] | None, Floats]:
    if intent.thresholds is None:
        return None, np.ones(1)
    exits, records = len(group.profile.exits), group.samples
    path = ("thresholds",)
    if exits == 0:
        raise ScenarioError(Problem(f"{group.profile.name} has no early exits", "take a profile with exits", ("kind",)))
    if len(intent.thresholds) != exits:
        raise ScenarioError(
            Problem(
                f"{len(intent.thresholds)} thresholds for the {exits} early exits of {group.profile.name}",
                "one threshold for each early exit",
                path,
            )
        )
    if records is None or records.exits != exits:
        held = "there are no sample records" if records is None else f"the sample records know {records.exits} exits"
        raise ScenarioError(
            Problem(
                f"{held}, {group.profile.name} has {exits} early exits", "give workload.samples for this model", path
            )
        )
    taken = exit_taken(records.scores, np.array(intent.thresholds), records.small_is_sure)
    shares = np.bincount(taken, minlength=exits + 1) / records.size
    return taken, shares
