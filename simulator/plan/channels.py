"""Random channels and losses, drawn before a run, in each replication, for all policies alike.

Generated channels and losses are drawn for each device. Where in a recording a run begins is drawn for each group.

Of a generated channel no more is drawn than a run needs, which only the run itself can tell: it may go on long after
the last request has come. So a beginning is drawn, and a run that used more than that is run again with twice as
much. A longer beginning is the shorter one and more of the same stream, so that a run has the instants that it would
have over the whole channel, and so has every policy, whatever the others needed.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, ScenarioError
from simulator.physics.link import Channel
from simulator.plan.lora import make_lora
from simulator.plan.medium import draw_losses
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.units import human
from simulator.workload import Workload, seeds, stream

#: intervals of all drawn channels of a direction together, and bytes of each in memory: time, rate and running bits,
#: once by themselves and once as an engine holds them
_MOST_INTERVALS, _INTERVAL_BYTES = 50_000_000, 48
#: what is drawn first reaches so far, and beyond the last arrival by this factor
_FIRST_S, _BEYOND = 60.0, 1.25


def first_reach_s(system: System, workload: Workload) -> float:
    """Time of the generated channels that is drawn before anybody knows how long the run will take."""
    # of what ends beyond the horizon nobody asks when
    return min(max(_FIRST_S, _BEYOND * float(workload.arrival_s[-1])), math.nextafter(system.horizon_s, math.inf))


def with_drawn_channels(plans: list[Plan], system: System, replication: int, until_s: float = math.inf) -> list[Plan]:
    """The plans with what is random about the links in a replication; the plans themselves when nothing is.

    Parameters
    ----------
    plans : list of Plan
    system : System
    replication : int
    until_s : float
        Time that is needed of generated channels; all of them if left out.

    Raises
    ------
    ScenarioError
        If the channels would not fit into memory.
    """
    kinds = [kind for group in system.groups for kind in (group.uplink_kind, group.downlink_kind)]
    if any(kind.is_random or kind.begins_anywhere for kind in kinds):
        plans = with_channels_until(plans, system, replication, until_s)
    if any(kind.losses for kind in kinds):
        losses = {
            name: draw_losses(system, replication, name, np.max([plan.most_bits(name) for plan in plans], axis=0))
            for name in plans[0].links
        }
        plans = [
            replace(plan, links={name: replace(link, losses=losses[name]) for name, link in plan.links.items()})
            for plan in plans
        ]
    lora = make_lora(system, replication)
    return plans if lora is None else [replace(plan, lora=lora) for plan in plans]


def with_channels_until(plans: list[Plan], system: System, replication: int, until_s: float) -> list[Plan]:
    """The plans with other channels, drawn at least until an instant; raises like `with_drawn_channels`."""
    drawn = {name: _drawn(system, replication, name, until_s) for name in plans[0].links}
    return [
        replace(
            plan,
            links={
                name: replace(link, channels=drawn[name][0], channel_of=drawn[name][1])
                for name, link in plan.links.items()
            },
        )
        for plan in plans
    ]


def reaches(system: System, ends_s: dict[str, NDArray[np.float64]], device: NDArray[np.int32], until_s: float) -> bool:
    """Whether a run has used no more of its generated channels than was drawn.

    Parameters
    ----------
    system : System
    ends_s : dict of array, shape (requests,)
        Ends of the transfers in each direction, NaN for those that did not end.
    device : array of int, shape (requests,)
    until_s : float
        Time that was drawn.
    """
    for direction, ends in ends_s.items():
        for group in system.groups:
            kind = group.uplink_kind if direction == "uplink" else group.downlink_kind
            if kind.is_random and kind.drawn_s > until_s:
                mine = (device >= group.devices.start) & (device < group.devices.stop)
                if (ends[mine] >= until_s).any():
                    return False
    return True


def _drawn(
    system: System, replication: int, direction: str, until_s: float
) -> tuple[tuple[Channel, ...], NDArray[np.int32]]:
    """Channels of one direction, and which of them each device has."""
    channels: list[Channel] = []
    channel_of = np.empty(system.devices, dtype=np.int32)
    intervals = 0
    for g, group in enumerate(system.groups):
        kind = group.uplink_kind if direction == "uplink" else group.downlink_kind
        draw = group.uplink_draw if direction == "uplink" else group.downlink_draw
        if draw is None:
            channel_of[group.devices.start : group.devices.stop] = len(channels)
            channel = group.uplink if direction == "uplink" else group.downlink
            if kind.begins_anywhere:
                channel = channel.starting_at(start_share(system, replication, g) * float(channel.edges_s[-1]))
            channels.append(channel)
            continue
        for device in group.devices:
            channel_of[device] = len(channels)
            channels.append(draw(seeds(system.scenario.seed, replication, direction, device), until_s))
            if device == group.devices.start:
                intervals += channels[-1].rates_bps.size * len(group.devices)
                if intervals > _MOST_INTERVALS:
                    size = human(_INTERVAL_BYTES * intervals, "size")
                    message = f"{len(group.devices)} devices need {size} of generated channels"
                    most = human(_INTERVAL_BYTES * _MOST_INTERVALS, "size")
                    hint = f"at most {most} are drawn: take fewer devices, a shorter run or a longer step"
                    raise ScenarioError(Problem(message, hint, (*group.link_place, direction)))
    return tuple(channels), channel_of


def start_share(system: System, replication: int, group: int) -> float:
    """Share of their recordings at which both links of a group begin a replication."""
    return float(stream(system.scenario.seed, replication, "recording", group).random())
