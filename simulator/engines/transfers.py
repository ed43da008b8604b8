"""Transfers in the compiled event loop: rates, promotions and losses of each device, laid end to end in arrays.

`engines.fast` lays them; the formulas are those of `physics`.
"""

from __future__ import annotations

from typing import Any

from simulator.physics.link import transfer_s
from simulator.physics.losses import send
from simulator.physics.rrc import wake_s


def transfer_over(channels: Any, channel: int, now: float, bits: float) -> float:
    """`transfer_s` over one of the channels that `engines.fast` has laid end to end."""
    first, last, edges_s, rates_bps, cumulative_bits = channels
    a, b = first[channel], last[channel]
    if b - a == 1:  # views of the arrays would cost more than the division
        return float(bits / rates_bps[a])
    return transfer_s(now, bits, edges_s[a : b + 1], rates_bps[a:b], cumulative_bits[a : b + 1])


def wake_of(radios: Any, device: int, now: float, quiet_since: float, awake_from: float) -> float:
    """`wake_s` of the radio of a device; `engines.fast` has laid those of all groups end to end."""
    group_of, first, last, ends_s, delays_s = radios
    a, b = first[group_of[device]], last[group_of[device]]
    return wake_s(now, quiet_since, awake_from, ends_s[a:b], delays_s[a : b + 1])


def sent_bits(
    bits: float, device: int, request: int, losses: Any, position: Any, sent: Any, lost: Any, missing: Any
) -> float:
    """`send` on the link of a device; notes what is sent, lost and missing, and which transmission comes next."""
    frame_bits, retransmit, first, delivered, delivered_of = losses
    sent[request] = bits
    lost[request] = 0.0
    missing[request] = 0.0
    k = delivered_of[device]
    if k >= 0:
        counts = delivered[first[k] : first[k + 1]]
        outcome = send(position[device], bits, frame_bits[device], retransmit[device], counts)
        sent[request], lost[request], position[device] = outcome
        if not retransmit[device]:
            missing[request] = lost[request]
    return float(sent[request])


def wake(now: float, bits: float, device: int, radios: Any, awake: Any, wakes: bool) -> float:
    """Promotion delay of a transfer that takes the link of a device now."""
    quiet_since, awake_from, _ = awake
    delay = 0.0
    if wakes and bits > 0:
        delay = wake_of(radios, device, now, quiet_since[device], awake_from[device])
        awake_from[device] = now + delay
    return delay
