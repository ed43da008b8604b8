"""One direction of all links, as the reference engine sees it: channels, losses, and the columns of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.engines.base import RequestLog
from simulator.physics.link import Channel
from simulator.physics.losses import send
from simulator.plan.plan import Plan


class Direction:
    """Uplinks, or downlinks, of all devices."""

    def __init__(self, plan: Plan, log: RequestLog, name: str, ended: Callable[[int], None]) -> None:
        channels, channel_of = getattr(plan, name), getattr(plan, f"{name}_of").tolist()
        self.channels = [_lists(channels[k]) for k in channel_of]
        self.losses = getattr(plan, f"{name}_losses")
        self.counts_bits = plan.counts_bits
        self.position = [0] * len(channel_of)
        self.start_s, self.wake_s = getattr(log, f"{name}_start_s"), getattr(log, f"{name}_wake_s")
        self.sent_bits, self.lost_bits, self.missing_bits = (
            getattr(log, f"{name}_{what}_bits") for what in ("sent", "lost", "missing")
        )
        self.ended = ended
        self.on_end: list[Callable[[Any], None]] = [lambda moment: ended(moment.request)]

    def send(self, device: int, request: int, bits: float) -> float:
        """Bits that go over the air for a message, repeated frames included."""
        if not self.counts_bits:
            return bits
        sent, lost, missing = bits, 0.0, 0.0
        if self.losses is not None and self.losses.delivered_of[device] >= 0:
            delivered = self.losses.delivered[self.losses.delivered_of[device]]
            frame_bits, retransmit = float(self.losses.frame_bits[device]), bool(self.losses.retransmit[device])
            sent, lost, self.position[device] = send(self.position[device], bits, frame_bits, retransmit, delivered)
            missing = 0.0 if retransmit else lost
        self.sent_bits[request], self.lost_bits[request], self.missing_bits[request] = sent, lost, missing
        return sent


def _lists(channel: Channel) -> tuple[list[float], list[float], list[float]]:
    """A channel as lists, which plain Python reads faster than arrays."""
    return channel.edges_s.tolist(), channel.rates_bps.tolist(), channel.cumulative_bits.tolist()
