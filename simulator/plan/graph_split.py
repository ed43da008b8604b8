"""Cuts of a group's model that are no prefix: which are worth a row in the table of options, and what a row costs.

Worth it are those that are best for some price of a byte, by time or by the device's energy (see
`profiling.supported_cuts`): they do not depend on the link, so that one search serves every rate, and whatever else an
option costs is then predicted for them as for any other. Early exits are left out, and so are cuts for a third tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulator.arrays import Floats
from simulator.devices.card import Card
from simulator.physics.packets import in_packets_bytes
from simulator.plan.candidates import Candidates, candidates
from simulator.plan.system import Group
from simulator.profiling.closed_sets import ClosedSets
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.graph import size_at
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.set_cut import SetCut
from simulator.profiling.supported_cuts import supported_cuts


@dataclass(frozen=True, eq=False)
class SetColumns:
    """What closed sets of layers cost, as columns of the table of options; arrays of shape (cuts,).

    Attributes
    ----------
    device_s, edge_s : array
        Compute time on either side.
    bytes_up, bytes_down : array
        Size of what crosses the device's link either way.
    fallback_s : array
        Device time of all that is computed elsewhere.
    misfit : tuple of str
        Why a cut cannot run; empty when it can.
    """

    device_s: Floats
    edge_s: Floats
    bytes_up: Floats
    bytes_down: Floats
    fallback_s: Floats
    misfit: tuple[str, ...]


def with_sets(group: Group, servers: tuple[Card, ...], slowdowns: tuple[float, ...], encoding: str) -> Candidates:
    """The table of all cuts over two tiers, and behind them the cuts that are no prefix and worth a row.

    Parameters
    ----------
    group, servers, slowdowns, encoding
        As in `simulator.plan.candidates.candidates`.
    """
    table = candidates(group, servers, slowdowns, encoding, with_exits=False)
    cuts = worthwhile_sets(group, servers[0], slowdowns[0], encoding)
    if not cuts:
        return table
    columns = set_columns(group, servers[0], slowdowns[0], encoding, cuts)
    here, there = np.full(len(cuts), True), np.array([len(cut.after) > 0 for cut in cuts])
    nothing = np.zeros(len(cuts))
    added: dict[str, Any] = {
        "device_s": columns.device_s + group.preprocess.device,
        "edge_s": columns.edge_s + slowdowns[0] * group.postprocess.edge,
        "cloud_s": nothing,
        "bytes_up": columns.bytes_up,
        "bytes_beyond": nothing,
        "bytes_back": nothing,
        "bytes_down": columns.bytes_down,
        "on_device": here,
        "offloaded": there,
        "on_edge": there,
        "on_cloud": ~here,
        "fallback_s": columns.fallback_s + group.postprocess.device,
    }
    rows: dict[str, Any] = {name: np.concatenate([getattr(table, name), of[:, None]]) for name, of in added.items()}
    return replace(
        table,
        cuts=(*table.cuts, *cuts),
        names=(*table.names, *(cut.name for cut in cuts)),
        misfit=(*table.misfit, *columns.misfit),
        **rows,
    )


def worthwhile_sets(
    group: Group, server: Card, slowdown: float, encoding: str, keeps_input: bool = False
) -> tuple[SetCut, ...]:
    """The cuts that are no prefix and best for some price of a byte, those with the fewest layers on the device first.

    Parameters
    ----------
    group : Group
    server : Card
    slowdown : float
        Factor on the server's times, for the share of it that others use.
    encoding : str
        Encoding of the model input, see `simulator.plan.candidates`.
    keeps_input : bool
        Whether the raw input must not leave the device.
    """
    profile, card = group.profile, group.card
    sets = ClosedSets(profile)
    if all(len(region) == 1 for region in sets.regions):
        return ()
    device_s, server_s = card.layer_times_s(profile), server.layer_times_s(profile) * slowdown
    free = np.zeros(device_s.size)
    back = 0.0 if group.result_bytes is not None else group.uplink.mean_rate_bps / group.downlink.mean_rate_bps
    sent = _input_bytes(group, encoding)
    size = CutCosts(free, free, 1.0, sent, card.element_bytes_of(profile), per_byte_back=back, keeps_input=keeps_input)
    found: dict[str, SetCut] = {}
    for here_w, there_w in ((1.0, 1.0), (card.active_w, card.idle_w)):
        work = replace(size, here=here_w * device_s, there=there_w * server_s, per_byte=0.0, per_byte_back=0.0)
        found |= {one.cut.name: one.cut for one in supported_cuts(profile, work, size, sets) if not one.cut.is_prefix}
    return tuple(sorted(found.values(), key=lambda cut: (cut.layers, cut.name)))


def set_columns(group: Group, server: Card, slowdown: float, encoding: str, cuts: Sequence[SetCut]) -> SetColumns:
    """What cuts cost; parameters as in `worthwhile_sets`."""
    profile, card = group.profile, group.card
    device_s, server_s = card.layer_times_s(profile), server.layer_times_s(profile) * slowdown
    sent = _input_bytes(group, encoding)
    tensors = [size_at(card.element_bytes_of(profile), float(cut.bytes), float(cut.integer_bytes)) for cut in cuts]
    sizes = [size if cut.layers else sent for size, cut in zip(tensors, cuts, strict=True)]
    offloaded = np.array([len(cut.after) > 0 for cut in cuts])
    answers = [float(cut.bytes_back) if group.result_bytes is None else group.result_bytes for cut in cuts]
    return SetColumns(
        device_s=np.array([device_s[list(cut.before)].sum() for cut in cuts]),
        edge_s=np.array([server_s[list(cut.after)].sum() for cut in cuts]),
        bytes_up=np.where(offloaded, _sent(group, sizes), 0.0),
        bytes_down=np.where(offloaded, _sent(group, answers), 0.0),
        fallback_s=np.array([device_s[list(cut.after)].sum() for cut in cuts]),
        misfit=tuple(_misfit(group, server, cut) for cut in cuts),
    )


def _input_bytes(group: Group, encoding: str) -> float:
    known = group.profile.encodings.get(encoding)
    return float(group.profile.sent_input_bytes) if known is None else known.size_bytes


def _sent(group: Group, sizes: Sequence[float]) -> Floats:
    """All of each message, or whole packets."""
    whole = np.array(sizes, dtype=np.float64)
    return whole if group.packet_bytes is None else in_packets_bytes(whole, group.packet_bytes)


def _misfit(group: Group, server: Card, cut: SetCut) -> str:
    """Why a side cannot hold its layers; both run in stored order."""
    profile = group.profile
    needs = (MemoryNeeds(profile, cut.order, card.element_bytes_of(profile)) for card in (group.card, server))
    device, edge = next(needs).before(cut.layers), next(needs).after(cut.layers)
    for card, need in ((group.card, device), (server, edge)):
        reason = card.misfit(group.profile.name, *need)
        if reason is not None:
            return f"{card.name}: {reason}"
    return ""
