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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, ScenarioError
from simulator.links.base import Draw, LinkKind
from simulator.physics.link import Channel
from simulator.plan.lora import make_lora
from simulator.plan.medium import draw_losses
from simulator.plan.plan import Plan
from simulator.plan.system import Cloud, Group, System
from simulator.units import human
from simulator.workload import Workload, seeds, stream

Ints = NDArray[np.int32]

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
    kinds = {name: [end.kind for end in _ends(system, name)] for name in plans[0].links}
    if any(kind.is_random or kind.begins_anywhere for of in kinds.values() for kind in of):
        plans = with_channels_until(plans, system, replication, until_s)
    if any(kind.losses for of in kinds.values() for kind in of):
        losses = {
            name: draw_losses(system, replication, name, np.max([plan.most_bits(name) for plan in plans], axis=0))
            for name, of in kinds.items()
            if any(kind.losses for kind in of)
        }
        plans = [
            replace(plan, links={name: replace(link, losses=losses.get(name)) for name, link in plan.links.items()})
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
        Ends of the transfers at each stage that is a link, NaN for those that did not end.
    device : array of int, shape (requests,)
    until_s : float
        Time that was drawn.
    """
    for name, ends in ends_s.items():
        for end in _ends(system, name):
            if end.kind.is_random and end.kind.drawn_s > until_s:
                mine = (device >= end.devices.start) & (device < end.devices.stop)
                if (ends[mine] >= until_s).any():
                    return False
    return True


class _End(NamedTuple):
    """One direction of a link, of equal devices or of all.

    Attributes
    ----------
    kind : LinkKind
    channel : Channel
    draw : callable or None
        What draws its channels, where they are random.
    devices : range
    is_shared : bool
        Whether all of these devices have one channel; each has its own otherwise, as far as it is random.
    recording : int
        Number of the place in a recording at which it begins.
    place : tuple
        Where it stands in the scenario, for messages.
    """

    kind: LinkKind
    channel: Channel
    draw: Draw | None
    devices: range
    is_shared: bool
    recording: int
    place: tuple[str | int, ...]


def _ends(system: System, name: str) -> list[_End]:
    """A link by its stage: of each group, or the one of all."""
    is_up = name in ("uplink", "backhaul_up")
    way = "uplink" if is_up else "downlink"

    def parts(of: Group | Cloud) -> tuple[LinkKind, Channel, Draw | None]:
        if is_up:
            return of.uplink_kind, of.uplink, of.uplink_draw
        return of.downlink_kind, of.downlink, of.downlink_draw

    if name in ("uplink", "downlink"):
        return [
            _End(*parts(group), group.devices, False, g, (*group.link_place, way))
            for g, group in enumerate(system.groups)
        ]
    assert system.cloud is not None
    everyone = range(system.devices)
    return [_End(*parts(system.cloud), everyone, True, len(system.groups), ("cloud", "link", way))]


def _drawn(system: System, replication: int, name: str, until_s: float) -> tuple[tuple[Channel, ...], Ints]:
    """Channels of a link in one direction, and which of them each device has."""
    channels: list[Channel] = []
    channel_of = np.empty(system.devices, dtype=np.int32)
    intervals = 0
    for end in _ends(system, name):
        if end.draw is None:
            channel_of[end.devices.start : end.devices.stop] = len(channels)
            channel = end.channel
            if end.kind.begins_anywhere:
                share = start_share(system, replication, end.recording)
                channel = channel.starting_at(share * float(channel.edges_s[-1]))
            channels.append(channel)
            continue
        for device in end.devices[:1] if end.is_shared else end.devices:
            channel_of[device : end.devices.stop] = len(channels)
            channels.append(end.draw(seeds(system.scenario.seed, replication, name, device), until_s))
            if device == end.devices.start:
                drawn = 1 if end.is_shared else len(end.devices)
                intervals += channels[-1].rates_bps.size * drawn
                if intervals > _MOST_INTERVALS:
                    size = human(_INTERVAL_BYTES * intervals, "size")
                    message = f"{drawn} devices need {size} of generated channels"
                    most = human(_INTERVAL_BYTES * _MOST_INTERVALS, "size")
                    hint = f"at most {most} are drawn: take fewer devices, a shorter run or a longer step"
                    raise ScenarioError(Problem(message, hint, end.place))
    return tuple(channels), channel_of


def start_share(system: System, replication: int, number: int) -> float:
    """Share of their recordings at which both links of a group begin a replication; the backhaul is one group more."""
    return float(stream(system.scenario.seed, replication, "recording", number).random())
