"""How servers take requests from their queues: workers, batches, limits and order, as numbers for an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.devices.card import Card
from simulator.errors import Problem, ScenarioError
from simulator.plan.system import Group, System
from simulator.profiling.liveness import MemoryNeeds
from simulator.scenario.schema import Serving

#: a queue limit that no run reaches
UNLIMITED = 1 << 60


@dataclass(frozen=True, eq=False)
class ServingPlan:
    """Rules of a server.

    Attributes
    ----------
    workers : int
        Batches that are computed at once.
    max_batch : int
        Most requests in one batch.
    max_wait_s : float
        Longest time that a request waits for its batch to fill while a worker is idle.
    queue_limit : int
        Most requests that wait; `UNLIMITED` for no limit.
    fallback : bool
        Whether a request that finds the queue full finishes on its device; it is dropped otherwise.
    batch_factor : array, shape (max_batch + 1,)
        Time of a batch of b requests over the time of one; entry 1 is 1.
    """

    workers: int
    max_batch: int
    max_wait_s: float
    queue_limit: int
    fallback: bool
    batch_factor: NDArray[np.float64]

    @property
    def plain(self) -> bool:
        """Whether the server is a queue without batches and limit."""
        return self.max_batch == 1 and self.queue_limit >= UNLIMITED


def make_servers(system: System, groups: Sequence[Group]) -> dict[str, ServingPlan]:
    """The rules of a scenario's servers, by their stages.

    Parameters
    ----------
    system : System
    groups : sequence of Group
        As a policy sees them: what is turned back runs its model.

    Raises
    ------
    ScenarioError
        For batches on a server whose card has no batch curve, and for a fallback to devices that cannot run the whole
        model.
    """
    specs: dict[str, tuple[Serving, Card, tuple[str, ...]]] = {"edge": (system.scenario.serving, system.server, ())}
    if system.cloud is not None:
        specs["cloud"] = (system.cloud.serving, system.cloud.card, ("cloud",))
    problems: list[Problem] = []
    rules = {name: _rules(groups, *spec, problems) for name, spec in specs.items()}
    if problems:
        raise ScenarioError(problems)
    return rules


def _rules(
    groups: Sequence[Group], spec: Serving, server: Card, place: tuple[str, ...], problems: list[Problem]
) -> ServingPlan:
    """The rules of one server; what is wrong with them is added to the problems."""
    factor = np.array([0.0, 1.0])
    if spec.max_batch > 1 and server.batching is None:
        message = f"batches of {spec.max_batch} on {server.name}, whose card has no batch curve"
        hint = "take a server with one, such as t4-triton, or leave max_batch out"
        problems.append(Problem(message, hint, (*place, "serving", "max_batch")))
    elif spec.max_batch > 1 and server.batching is not None:
        factor = server.batching.factor(spec.max_batch)
    for group in groups if spec.when_full == "local" else ():
        trunk = group.profile.trunk
        needs = MemoryNeeds(group.profile, trunk, group.card.element_bytes_of(group.profile)).before(len(trunk))
        reason = group.card.misfit(group.profile.name, *needs)
        if reason is not None:
            hint = "write when_full: drop, or take another model or device"
            message = f"nothing can be finished on the device: {reason}"
            problems.append(Problem(message, hint, (*place, "serving", "when_full")))
    return ServingPlan(
        workers=server.workers if spec.workers is None else spec.workers,
        max_batch=spec.max_batch,
        max_wait_s=spec.max_wait,
        queue_limit=UNLIMITED if spec.queue_limit is None else spec.queue_limit,
        fallback=spec.when_full == "local",
        batch_factor=factor,
    )
