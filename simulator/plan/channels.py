"""Random channels, drawn before a run: one for each device, in each replication, for all policies alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.physics.link import Channel
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import seeds


def with_drawn_channels(plans: list[Plan], system: System, replication: int) -> list[Plan]:
    """The plans with the random channels of a replication in them; the plans themselves when nothing is random."""
    kinds = [kind for group in system.groups for kind in (group.uplink_kind, group.downlink_kind)]
    if not any(kind.is_random for kind in kinds):
        return plans
    uplink, uplink_of = _drawn(system, replication, "uplink")
    downlink, downlink_of = _drawn(system, replication, "downlink")
    return [
        replace(plan, uplink=uplink, uplink_of=uplink_of, downlink=downlink, downlink_of=downlink_of) for plan in plans
    ]


def _drawn(system: System, replication: int, direction: str) -> tuple[tuple[Channel, ...], NDArray[np.int32]]:
    """Channels of one direction, and which of them each device has."""
    channels: list[Channel] = []
    channel_of = np.empty(system.devices, dtype=np.int32)
    for group in system.groups:
        kind = group.uplink_kind if direction == "uplink" else group.downlink_kind
        if not kind.is_random:
            channel_of[group.devices.start : group.devices.stop] = len(channels)
            channels.append(group.uplink if direction == "uplink" else group.downlink)
            continue
        for device in group.devices:
            channel_of[device] = len(channels)
            channels.append(kind.draw(system.base, seeds(system.scenario.seed, replication, direction, device)))
    return tuple(channels), channel_of
