"""What one policy made of every request of one replication, as arrays: the columns that every summary is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.energy import Energy, attribute
from simulator.accounts.request_columns import RequestColumns
from simulator.arrays import Floats
from simulator.engines.log import COMPLETED, STATUS_NAMES, RequestLog
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload


@dataclass(frozen=True, eq=False)
class Outcome:
    """Requests of one policy in one replication; arrays of shape (requests,), NaN where there is no value.

    Attributes
    ----------
    policy : str
    replication : int
    groups : tuple of str
        Names of the groups.
    group : array of int
        Group of each request.
    status : array of int
        Code, see `simulator.engines.log`.
    arrival_s, finish_s, latency_s : array
    deadline_s : array
        Relative deadline.
    deadline_met, correct : array
        1, 0, or NaN where there is no deadline, or nothing known about the answer.
    accuracy_kept : array or None
        Share of the accuracy that is left after what was lost on the way; None where no model can do without a byte.
    bytes_up : array
        What the request sends if all of it is sent, repeated frames included.
    energy : Energy
    """

    policy: str
    replication: int
    groups: tuple[str, ...]
    group: NDArray[np.int32]
    status: NDArray[np.int8]
    arrival_s: Floats
    finish_s: Floats
    latency_s: Floats
    deadline_s: Floats
    deadline_met: Floats
    correct: Floats
    accuracy_kept: Floats | None
    bytes_up: Floats
    energy: Energy


def outcome(system: System, plan: Plan, workload: Workload, log: RequestLog, replication: int) -> Outcome:
    """Judge the requests of one policy in one replication."""
    group = plan.group_of[workload.device]
    completed = log.status == COMPLETED
    latency = log.finish_s - workload.arrival_s
    deadline = np.array([np.nan if m.workload.deadline is None else m.workload.deadline for m in system.groups])[group]
    return Outcome(
        policy=plan.policy,
        replication=replication,
        groups=tuple(member.name for member in system.groups),
        group=group,
        status=log.status,
        arrival_s=workload.arrival_s,
        finish_s=log.finish_s,
        latency_s=latency,
        deadline_s=deadline,
        deadline_met=np.where(np.isnan(deadline), np.nan, completed & (latency <= deadline)),
        correct=_correct(plan, workload, log, group),
        accuracy_kept=_accuracy_kept(plan, log, group),
        bytes_up=sent_or_planned(log.sent_bits["uplink"], plan.work("uplink")[log.row]) / 8,
        energy=attribute(system, plan, workload, log),
    )


def _correct(plan: Plan, workload: Workload, log: RequestLog, group: NDArray[np.int32]) -> Floats:
    """Whether the answer is right: NaN without sample records and for requests without an answer.

    The way out is that of the option that the request took.
    """
    completed = log.status == COMPLETED
    first_row = plan.first_rows
    correct = np.full(workload.size, np.nan)
    for g, member in enumerate(plan.groups):
        if member.samples is None or plan.choices[g].alters:
            continue
        mine = (group == g) & completed
        ways = len(plan.choices[g].table.exits)
        # without exits there is only the final output, which the records name last
        way = (log.row[mine] - first_row[g]) % ways + member.samples.exits - (ways - 1)
        correct[mine] = member.samples.correct[workload.sample[mine], way]
    return correct


def sent_or_planned(sent_bits: Floats, planned_bits: Floats) -> Floats:
    """What was sent where that was counted, else what the option sends."""
    return np.where(np.isnan(sent_bits), planned_bits, sent_bits)


def _accuracy_kept(plan: Plan, log: RequestLog, group: NDArray[np.int32]) -> Floats | None:
    """What the loss of bytes leaves of the accuracy, by what each profile declares."""
    if not plan.counts_bits or not plan.tolerates_loss.any():
        return None
    kept = np.ones(group.size)
    for g, member in enumerate(plan.groups):
        effect = member.profile.loss_effect
        if effect is None:
            continue
        missing, wanted = np.nan_to_num(log.missing_bits["uplink"]), plan.work("uplink")[log.row]
        share = np.divide(missing, wanted, out=np.zeros(group.size), where=missing > 0)
        kept = np.where(group == g, np.interp(share, effect.lost, effect.kept), kept)
    return kept


def columns_of(outcomes: Sequence[Outcome]) -> RequestColumns:
    """The columns that summaries need, without a table; outcomes in order of policy, then replication."""
    names = ("arrival_s", "finish_s", "latency_s", "deadline_s", "deadline_met", "correct", "bytes_up")
    sizes = [one.status.size for one in outcomes]
    floats: dict[str, Floats] = {name: np.concatenate([getattr(one, name) for one in outcomes]) for name in names}
    floats["energy_j"] = np.concatenate([one.energy.total_j for one in outcomes])
    floats["energy_idle_j"] = np.concatenate([one.energy.idle_j for one in outcomes])
    floats["replication"] = np.repeat([float(one.replication) for one in outcomes], sizes)
    floats["request"] = np.concatenate([np.arange(size, dtype=np.float64) for size in sizes])
    if any(one.accuracy_kept is not None for one in outcomes):
        kept = [np.ones(one.status.size) if one.accuracy_kept is None else one.accuracy_kept for one in outcomes]
        floats["accuracy_kept"] = np.concatenate(kept)
    policies = list(dict.fromkeys(one.policy for one in outcomes))
    codes = {
        "policy": (np.repeat(np.array([policies.index(one.policy) for one in outcomes], np.int32), sizes), policies),
        "status": (np.concatenate([one.status for one in outcomes]).astype(np.int32), list(STATUS_NAMES)),
    }
    if len(outcomes[0].groups) > 1:
        codes["group"] = (np.concatenate([one.group for one in outcomes]).astype(np.int32), list(outcomes[0].groups))
    return RequestColumns(None, floats, codes)
