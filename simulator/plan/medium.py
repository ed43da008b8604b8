"""What happens to bits on their way: frames that are lost, and cells whose airtime is shared; as arrays for an engine.

What becomes of each transmission is drawn here before a run, for each device, direction and replication, and is the
same for all policies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, ScenarioError
from simulator.links.gilbert_elliott import delivered_counts
from simulator.physics.link import Channel
from simulator.plan.system import System
from simulator.workload import seeds

#: transmissions drawn for each device: at least, at most, and for all devices together
_FEWEST, _MOST, _MOST_IN_ALL = 1 << 12, 1 << 18, 1 << 26
#: transmissions drawn for each device, however many devices there are
_LEAST = 1 << 6


@dataclass(frozen=True, eq=False)
class LossPlan:
    """Losses of one direction.

    Attributes
    ----------
    frame_bits : array of float, shape (devices,)
        Longest frame.
    retransmit : array of bool, shape (devices,)
        Whether lost frames are sent again.
    delivered : tuple of array of int
        Running counts of delivered transmissions, see `simulator.physics.losses`.
    delivered_of : array of int, shape (devices,)
        Which of them is a device's; -1 for a device that loses nothing.
    """

    frame_bits: NDArray[np.float64]
    retransmit: NDArray[np.bool_]
    delivered: tuple[NDArray[np.int64], ...]
    delivered_of: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class LinkPlan:
    """A stage that is a link.

    Attributes
    ----------
    channels : tuple of Channel
        One for each group whose channel is known, one for each device of a group whose channel is random, or the one
        that all devices share.
    channel_of : array of int, shape (devices,)
        Which of them is a device's.
    losses : LossPlan or None
        Once they are drawn; None where nothing is lost.
    """

    channels: tuple[Channel, ...]
    channel_of: NDArray[np.int32]
    losses: LossPlan | None = None

    def channel(self, device: int) -> Channel:
        """The channel of a device."""
        return self.channels[int(self.channel_of[device])]


def make_links(system: System, group_of: NDArray[np.int32]) -> dict[str, LinkPlan]:
    """The links of a system by their stages, with the channels that may be assumed before any is drawn.

    Parameters
    ----------
    system : System
    group_of : array of int, shape (devices,)
        Group of each device.
    """
    links = {
        "uplink": LinkPlan(tuple(group.uplink for group in system.groups), group_of),
        "downlink": LinkPlan(tuple(group.downlink for group in system.groups), group_of),
    }
    if system.cloud is not None:
        shared = np.zeros(group_of.size, dtype=np.int32)
        links["backhaul_up"] = LinkPlan((system.cloud.uplink,), shared)
        links["backhaul_down"] = LinkPlan((system.cloud.downlink,), shared)
    return links


def cells_of(system: System) -> NDArray[np.int32] | None:
    """Cell of each device, -1 for a link of its own; None when nothing is shared.

    Raises
    ------
    ScenarioError
        For a cell with a link whose rate changes.
    """
    names: dict[str, int] = {}
    cell_of = np.full(system.devices, -1, dtype=np.int32)
    problems = []
    for group in system.groups:
        if group.cell is None:
            continue
        kinds, channels = (group.uplink_kind, group.downlink_kind), (group.uplink, group.downlink)
        if any(kind.is_random for kind in kinds) or any(channel.rates_bps.size > 1 for channel in channels):
            message = f'cell "{group.cell}" has a link whose rate changes'
            hint = "airtime is shared between constant rates: write rate for both directions, or leave cell out"
            problems.append(Problem(message, hint, (*group.link_place, "cell")))
        cell_of[group.devices.start : group.devices.stop] = names.setdefault(group.cell, len(names))
    if problems:
        raise ScenarioError(problems)
    return cell_of if names else None


def draw_losses(system: System, replication: int, direction: str, most_bits: NDArray[np.float64]) -> LossPlan | None:
    """Losses of one direction in one replication; None when no device loses anything.

    Parameters
    ----------
    system : System
    replication : int
    direction : {"uplink", "downlink"}
    most_bits : array, shape (groups,)
        Longest message that any policy sends, for the number of transmissions to draw.
    """
    kinds = [group.uplink_kind if direction == "uplink" else group.downlink_kind for group in system.groups]
    if not any(kind.losses for kind in kinds):
        return None
    frame_bits, retransmit = np.full(system.devices, np.inf), np.zeros(system.devices, dtype=bool)
    delivered_of = np.full(system.devices, -1, dtype=np.int32)
    delivered: list[NDArray[np.int64]] = []
    for group, kind, most in zip(system.groups, kinds, most_bits.tolist(), strict=True):
        if kind.losses is None:
            continue
        chain = kind.losses.chain(system.base)
        # twice the mean; only a file knows how many requests are recorded in it
        requests = group.workload.expected_requests or math.inf
        tries = 2 / (1 - chain.loss_share) if kind.losses.retransmit else 2
        frames = max(math.ceil(most / (kind.losses.frame * 8)), 1) * requests * tries
        count = int(min(max(frames, _FEWEST), _MOST, max(_MOST_IN_ALL // system.devices, _LEAST)))
        for device in group.devices:
            frame_bits[device] = kind.losses.frame * 8
            retransmit[device] = kind.losses.retransmit
            delivered_of[device] = len(delivered)
            stream = seeds(system.scenario.seed, replication, f"{direction} losses", device)
            delivered.append(delivered_counts(chain, stream, count))
    return LossPlan(frame_bits, retransmit, tuple(delivered), delivered_of)
