"""Several switches between device and server: the shortest path over a chain of stages.

JointDNN (Eshratifar, Abrishami, Pedram, "JointDNN: an efficient training and inference engine for intelligent mobile
cloud computing services", IEEE TMC 2021, section 3): each stage of a chain runs on the device or on the server, and at
each boundary the tensor between two stages may be sent either way. A request begins and ends on the device, so its
input goes up if the server has the first stage, and its result comes down if the server has the last. The graph has two
nodes a stage and is solved in one pass. Costs are seconds for latency, joules of the device for energy, or a sum of
such with weights. Left out: constraints on a second cost, which make the shortest path a hard problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEVICE, SERVER = "device", "server"


@dataclass(frozen=True, eq=False)
class SwitchCosts:
    """Costs of a chain of n stages; infinite where something is not possible.

    Attributes
    ----------
    device, server : array, shape (n,)
        Of each stage on either machine.
    up, down : array, shape (n + 1,)
        Of sending what crosses before each stage to the server, and to the device; the last one is the result. ``up``
        of the result and ``down`` of the input are never paid.
    """

    device: Floats
    server: Floats
    up: Floats
    down: Floats


@dataclass(frozen=True)
class Segment:
    """Stages that run on one machine without a switch.

    Attributes
    ----------
    tier : str
        `DEVICE` or `SERVER`.
    first, last : int
        First and last stage.
    """

    tier: str
    first: int
    last: int


@dataclass(frozen=True)
class SwitchedRoute:
    """Where each stage of a chain runs.

    Attributes
    ----------
    segments : tuple of Segment
        In order; neighbours are on different machines.
    cost : float
    """

    segments: tuple[Segment, ...]
    cost: float


def weighted(parts: Sequence[tuple[float, SwitchCosts]]) -> SwitchCosts:
    """The sum of several costs of one chain, each with its weight; what one of them forbids stays forbidden."""

    def add(name: str) -> Floats:
        whole = np.zeros(getattr(parts[0][1], name).shape)
        for weight, costs in parts:
            values = getattr(costs, name)
            whole += np.where(np.isinf(values), np.inf, weight * np.where(np.isinf(values), 0.0, values))
        return whole

    return SwitchCosts(add("device"), add("server"), add("up"), add("down"))


def cheapest_switches(costs: SwitchCosts) -> SwitchedRoute:
    """The way through a chain that costs least; of equal ones the one that is on the device where they first part.

    Parameters
    ----------
    costs : SwitchCosts
        At least one way is finite.
    """
    device, server, up, down = (side.tolist() for side in (costs.device, costs.server, costs.up, costs.down))
    # least cost from before a stage to the end, for a request that is on the device and for one that is on the server
    here, there = 0.0, down[-1]
    switches: list[tuple[bool, bool]] = []
    for stage in reversed(range(len(device))):
        on_device, on_server = device[stage] + here, server[stage] + there
        goes_up, goes_down = up[stage] + on_server < on_device, down[stage] + on_device <= on_server
        here = up[stage] + on_server if goes_up else on_device
        there = down[stage] + on_device if goes_down else on_server
        switches.append((goes_up, goes_down))
    tiers: list[str] = []
    tier = DEVICE
    for goes_up, goes_down in reversed(switches):
        if goes_up if tier == DEVICE else goes_down:
            tier = SERVER if tier == DEVICE else DEVICE
        tiers.append(tier)
    runs = [(tier, [stage for stage, _ in of]) for tier, of in groupby(enumerate(tiers), key=lambda pair: pair[1])]
    return SwitchedRoute(tuple(Segment(tier, stages[0], stages[-1]) for tier, stages in runs), here)
