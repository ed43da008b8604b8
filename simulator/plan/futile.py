"""What a scenario asks for that can never be met or has no effect, as far as that is known before the run.

These are cautions, not mistakes: a sweep may pass through such a point, and the other policies of the run are sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.physics.exits import exit_taken
from simulator.plan.plan import Plan
from simulator.plan.system import Group, System
from simulator.units import human


def futile(system: System, plans: Sequence[Plan]) -> list[str]:
    """A sentence for each deadline, threshold and priority that decides nothing."""
    said = [*_deadlines(system, plans), *_thresholds(system, plans), *_priorities(system)]
    return list(dict.fromkeys(said))


def _deadlines(system: System, plans: Sequence[Plan]) -> Iterator[str]:
    """Deadlines shorter than the way to the server and back."""
    for g, group in enumerate(system.groups):
        deadline_s = group.workload.deadline
        if deadline_s is None:
            continue
        late: dict[float, list[str]] = {}
        for plan in plans:
            if _crosses(plan, g) and deadline_s < (way_s := _there_and_back_s(plan, g, group)):
                late.setdefault(way_s, []).append(plan.policy)
        for way_s, crossing in late.items():
            yield (
                f"{', '.join(crossing)}{_of(system, g)}: no answer of the server meets the deadline of "
                f"{human(deadline_s, 'time')}, because propagation alone takes {human(way_s, 'time')}"
            )


def _thresholds(system: System, plans: Sequence[Plan]) -> Iterator[str]:
    """Exits that no sample of the records takes, or that all take that come by."""
    for plan in plans:
        for g in range(len(system.groups)):
            choice = plan.choices[g]
            thresholds, records = choice.intent.thresholds, choice.group.samples
            if thresholds is None or records is None or choice.taken is None:
                continue
            last = len(choice.table.exits) - 1
            for e in range(last):
                alone = np.full(last, -np.inf if records.small_is_sure else np.inf)
                alone[e] = thresholds[e]
                meets = int((exit_taken(records.scores, alone, records.small_is_sure) == e).sum())
                if meets in (0, records.size):
                    who = "no sample meets" if meets == 0 else "every sample meets"
                    exit_ = choice.table.exits[e]
                    yield f"{plan.policy}{_of(system, g)}: {who} the threshold {thresholds[e]:g} of exit {exit_}"


def _priorities(system: System) -> Iterator[str]:
    """Priorities that nobody asks for."""
    if system.scenario.serving.order != "priority" and len({group.priority for group in system.groups}) > 1:
        yield "the priorities of the groups have no effect without serving.order: priority"


def _crosses(plan: Plan, g: int) -> bool:
    choice = plan.choices[g]
    return plan.decides_anew or bool(choice.table.offloaded[choice.cut].any())


def _there_and_back_s(plan: Plan, g: int, group: Group) -> float:
    """Propagation of an answer of a server, to the cloud where none comes from before it."""
    choice = plan.choices[g]
    offloaded, on_cloud = choice.table.offloaded[choice.cut], choice.table.on_cloud[choice.cut]
    beyond_s = 0.0
    if group.cloud is not None and not plan.decides_anew and on_cloud[offloaded].all():
        beyond_s = 2 * group.cloud.propagation_s
    return 2 * group.propagation_s + beyond_s


def _of(system: System, g: int) -> str:
    return f" (group {system.groups[g].name})" if len(system.groups) > 1 else ""
