"""Random channels and losses, drawn before a run, in each replication, for all policies alike.

Generated channels and losses are drawn for each device. Where in a recording a run begins is drawn for each group.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.physics.link import Channel
from simulator.plan.lora import make_lora
from simulator.plan.medium import draw_losses
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import seeds, stream


def with_drawn_channels(plans: list[Plan], system: System, replication: int) -> list[Plan]:
    """The plans with what is random about the links in a replication; the plans themselves when nothing is."""
    kinds = [kind for group in system.groups for kind in (group.uplink_kind, group.downlink_kind)]
    if any(kind.is_random or kind.begins_anywhere for kind in kinds):
        uplink, uplink_of = _drawn(system, replication, "uplink")
        downlink, downlink_of = _drawn(system, replication, "downlink")
        plans = [
            replace(plan, uplink=uplink, uplink_of=uplink_of, downlink=downlink, downlink_of=downlink_of)
            for plan in plans
        ]
    if any(kind.losses for kind in kinds):
        most_up = np.max([plan.most_bits(plan.bits_up) for plan in plans], axis=0)
        most_down = np.max([plan.most_bits(plan.bits_down) for plan in plans], axis=0)
        up = draw_losses(system, replication, "uplink", most_up)
        down = draw_losses(system, replication, "downlink", most_down)
        plans = [replace(plan, uplink_losses=up, downlink_losses=down) for plan in plans]
    lora = make_lora(system, replication)
    return plans if lora is None else [replace(plan, lora=lora) for plan in plans]


def _drawn(system: System, replication: int, direction: str) -> tuple[tuple[Channel, ...], NDArray[np.int32]]:
    """Channels of one direction, and which of them each device has."""
    channels: list[Channel] = []
    channel_of = np.empty(system.devices, dtype=np.int32)
    for g, group in enumerate(system.groups):
        kind = group.uplink_kind if direction == "uplink" else group.downlink_kind
        if not kind.is_random:
            channel_of[group.devices.start : group.devices.stop] = len(channels)
            channel = group.uplink if direction == "uplink" else group.downlink
            if kind.begins_anywhere:
                channel = channel.starting_at(start_share(system, replication, g) * float(channel.edges_s[-1]))
            channels.append(channel)
            continue
        for device in group.devices:
            channel_of[device] = len(channels)
            channels.append(kind.draw(system.base, seeds(system.scenario.seed, replication, direction, device)))
    return tuple(channels), channel_of


def start_share(system: System, replication: int, group: int) -> float:
    """Share of their recordings at which both links of a group begin a replication."""
    return float(stream(system.scenario.seed, replication, "recording", group).random())
