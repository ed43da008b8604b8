"""Links of a rate that only their device uses: when its radio wakes, what is lost, and when the last bit has left.

Both engines use these functions, written in the subset of Python that numba compiles. The formulas are those of
`physics`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulator.engines.records import FLAG, INT, LONG, REAL, table
from simulator.physics.link import transfer_s
from simulator.physics.losses import send
from simulator.physics.rrc import wake_s
from simulator.plan.medium import LinkPlan
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, Stage

#: media of a link: a channel of its own, a shared cell, LoRaWAN frames, and the windows after them
OWN, CELL, FRAMES, WINDOWS = range(4)


class Air(NamedTuple):
    """Links of all devices.

    Attributes
    ----------
    wires : records, shape (links x devices,)
        Link k of a device is number ``k * devices + device``. ``medium``: `OWN`, `CELL`, `FRAMES` or `WINDOWS`.
        ``first``, ``last``: its segments; ``rate_bps``: of the first. ``has_radio``: whether a radio must wake for it.
        ``frame_bits``, ``retransmit``, and ``counts``, ``counts_end``: where its running counts of delivered
        transmissions lie, -1 if nothing is lost; ``position``: its next transmission.
    edges_s, rates_bps, cumulative_bits : array of float
        Segments of all channels; each channel has one entry more than segments.
    delivered : array of int
    radios : records, shape (devices,)
        ``first``, ``last``: stages of its tail. ``quiet_since_s``, ``awake_from_s``: end of the last transfer and of
        the last promotion. ``cell``: -1 for none; ``on_air``: transfers in it that are going on. ``propagation_s``.
    tail_ends_s, wake_delays_s : array of float
        Of all groups, see `simulator.physics.rrc`.
    """

    wires: Any
    edges_s: Any
    rates_bps: Any
    cumulative_bits: Any
    delivered: Any
    radios: Any
    tail_ends_s: Any
    wake_delays_s: Any


def make_air(plan: Plan) -> Air:
    """The state before the first transfer."""
    devices = plan.group_of.size
    links = [(stage, plan.links[stage.name]) for stage in plan.stages if _has_wires(stage)]
    channels = [channel for _, link in links for channel in link.channels]
    first, last = _borders([channel.rates_bps.size for channel in channels])
    before = np.cumsum([0, *(len(link.channels) for _, link in links)])
    of = np.concatenate([link.channel_of + k for (_, link), k in zip(links, before, strict=False)] or [_nothing(int)])
    rates_bps = _end_to_end([np.append(channel.rates_bps, np.nan) for channel in channels], np.float64)
    stage_first, stage_last = _borders([ends.size for ends in plan.tail_ends_s])
    radios = table(
        devices,
        quiet_since_s=(REAL, -np.inf),
        awake_from_s=(REAL, -np.inf),
        propagation_s=(REAL, plan.propagation_s[plan.group_of]),
        first=(INT, stage_first[plan.group_of]),
        last=(INT, stage_last[plan.group_of]),
        cell=(INT, -1 if plan.cell_of is None else plan.cell_of),
        on_air=(INT, 0),
    )
    losses, delivered = _losses([link for _, link in links], devices)
    wires = table(
        len(links) * devices,
        rate_bps=(REAL, rates_bps[first[of]] if of.size else 0.0),
        frame_bits=(REAL, losses["frame_bits"]),
        counts=(LONG, losses["counts"]),
        counts_end=(LONG, losses["counts_end"]),
        position=(LONG, 0),
        first=(LONG, first[of]),
        last=(LONG, last[of]),
        medium=(FLAG, OWN),
        has_radio=(FLAG, np.repeat([stage.has_radio and plan.wakes for stage, _ in links], devices)),
        retransmit=(FLAG, losses["retransmit"]),
    )
    _share(plan, wires, devices)
    return Air(
        wires=wires,
        edges_s=_end_to_end([channel.edges_s for channel in channels], np.float64),
        rates_bps=rates_bps,
        cumulative_bits=_end_to_end([channel.cumulative_bits for channel in channels], np.float64),
        delivered=delivered,
        radios=radios,
        tail_ends_s=np.concatenate([np.append(ends, np.inf) for ends in plan.tail_ends_s]),
        wake_delays_s=np.concatenate(plan.wake_delays_s),
    )


def _has_wires(stage: Stage) -> bool:
    """Whether a stage is a link that no other stage serves."""
    return stage.kind == LINK and not stage.served_by


def _share(plan: Plan, wires: Any, devices: int) -> None:
    """Say which wires are no channels of their own."""
    names = [stage.name for stage in plan.stages if stage.kind == LINK and stage.has_radio]
    medium = wires["medium"].reshape(-1, devices)
    for k, stage in enumerate(stage for stage in plan.stages if _has_wires(stage)):
        if stage.name in names and plan.cell_of is not None:
            medium[k, plan.cell_of >= 0] = CELL
        if stage.name in names and plan.lora is not None:
            medium[k, plan.lora.uses] = FRAMES if stage.name == "uplink" else WINDOWS
    wires["medium"] = medium.ravel()


def _losses(links: list[LinkPlan], devices: int) -> tuple[dict[str, Any], Any]:
    """What each wire loses, and the running counts of all, end to end."""
    plans = [link.losses for link in links]
    counts = [count for losses in plans if losses is not None for count in losses.delivered]
    ends = np.cumsum([0, *(count.size for count in counts)])
    made = {
        "frame_bits": np.ones((len(links), devices)),
        "retransmit": np.ones((len(links), devices), dtype=bool),
        "counts": np.full((len(links), devices), -1, dtype=np.int64),
        "counts_end": np.full((len(links), devices), -1, dtype=np.int64),
    }
    before = 0
    for k, losses in enumerate(plans):
        if losses is None:
            continue
        mine = losses.delivered_of >= 0
        made["frame_bits"][k], made["retransmit"][k] = losses.frame_bits, losses.retransmit
        made["counts"][k, mine] = ends[before + losses.delivered_of[mine]]
        made["counts_end"][k, mine] = ends[before + losses.delivered_of[mine] + 1]
        before += len(losses.delivered)
    return {name: values.ravel() for name, values in made.items()}, _end_to_end(counts, np.int64)


def _borders(lengths: list[int]) -> tuple[Any, Any]:
    """First and last place of each of several stretches that have one entry more than their length."""
    sizes = np.array(lengths, dtype=np.int64)
    first = np.cumsum(np.append(0, sizes + 1))[:-1]
    return first, first + sizes


def _nothing(kind: type) -> Any:
    return np.empty(0, dtype=kind)


def _end_to_end(parts: list[Any], kind: type) -> Any:
    return np.concatenate([_nothing(kind), *parts]).astype(kind)


def transfer_time_s(air: Any, wire: Any, now: float, bits: float) -> float:
    """Time that bits take over the channel of a wire, see `transfer_s`."""
    a, b = wire.first, wire.last
    if b - a == 1:  # views of the arrays would cost more than the division
        return float(bits / wire.rate_bps)
    return float(transfer_s(now, bits, air.edges_s[a : b + 1], air.rates_bps[a:b], air.cumulative_bits[a : b + 1]))


def wake(air: Any, radio: Any, bits: float, now: float) -> float:
    """Promotion delay of a transfer that takes a link of the radio now."""
    if bits <= 0:
        return 0.0
    ends_s, delays_s = air.tail_ends_s[radio.first : radio.last], air.wake_delays_s[radio.first : radio.last + 1]
    delay = float(wake_s(now, radio.quiet_since_s, radio.awake_from_s, ends_s, delays_s))
    radio.awake_from_s = now + delay
    return delay


def sent_bits(air: Any, book: Any, column: int, request: int, wire: Any, bits: float) -> float:
    """Bits that go over the air for a message, repeated frames included; notes what is lost and missing."""
    sent, lost, missing = bits, 0.0, 0.0
    if wire.counts >= 0:
        counts = air.delivered[wire.counts : wire.counts_end]
        sent, lost, wire.position = send(wire.position, bits, wire.frame_bits, wire.retransmit > 0, counts)
        if not wire.retransmit:
            missing = lost
    note_bits(book, column, request, sent, lost, missing)
    return float(sent)


def note_bits(book: Any, column: int, request: int, sent: float, lost: float, missing: float) -> None:
    """Note what a transfer sends, how much of it is lost, and what is missing in the end."""
    book.block[column, request] = sent
    book.block[column + 1, request] = lost
    book.block[column + 2, request] = missing
