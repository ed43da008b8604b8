"""Whether messages can go in packets: what has to be constant for it, and how large a packet may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.errors import Problem
from simulator.physics.link import Channel
from simulator.profiling.model import ModelProfile
from simulator.scenario.schema import Link
from simulator.units import human


def packet_problems(
    link: Link, profile: ModelProfile, channels: Sequence[Channel], is_forwarded: bool, place: tuple[str | int, ...]
) -> Iterator[Problem]:
    """What speaks against the packets of a link.

    Parameters
    ----------
    link : Link
        With packets.
    profile : ModelProfile
        Whose messages they cut.
    channels : sequence of Channel
        Of all hops, both ways.
    is_forwarded : bool
        Whether a hop follows to which packets are forwarded one by one.
    place : tuple
        Of the link in the scenario.
    """
    assert link.packets is not None
    encoded = [profile.sent_input_bytes, *(encoding.size_bytes for encoding in profile.encodings.values())]
    largest = max(*encoded, *(float(cut.bytes) for cut in profile.cut_points))
    if link.packets.mtu > largest:
        message = f"a packet of {human(link.packets.mtu, 'size')} is larger than every message of {profile.name}"
        hint = f"the largest has {human(largest, 'size')}; 1500 B is usual"
        yield Problem(message, hint, (*place, "packets", "mtu"))
    if not is_forwarded:
        return
    kinds = [kind for kind in (link.uplink, link.downlink) if kind is not None]
    lossy = any(kind.losses is not None for kind in kinds)
    changing = any(kind.is_random for kind in kinds) or any(channel.rates_bps.size > 1 for channel in channels)
    if lossy or changing or link.cell is not None:
        why = "loses frames" if lossy else "changes its rate" if changing else "shares its airtime"
        hint = "leave packets out: whole messages are then forwarded"
        yield Problem(f"packets are forwarded at constant rates, and a link {why}", hint, (*place, "packets"))
