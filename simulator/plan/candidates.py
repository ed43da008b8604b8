"""Every partition of one group's model with what it costs: the table from which policies choose.

For a partition and a way out (an early exit or the final output): seconds on the device, bytes up, seconds on the
server, bytes down. Layers run in the profile's topological order; the head of an exit runs right after the layer that
feeds it, and costs its time whether or not the sample leaves there; where the input feeds it, it runs first, on the
server for the cut ``input``. Compressing the input costs no device time here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.devices.card import Card
from simulator.plan.system import Group
from simulator.profiling.graph import INPUT, Exit, size_at
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint, bytes_back, cut_points, execution_order

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Partitions of one model between one device and one server.

    All tables have shape (cuts, ways out); the last way out is the final output.

    Attributes
    ----------
    cuts : tuple of CutPoint
    exits : tuple of str
        Name of each way out; ``final`` is the last.
    device_s, edge_s : array
        Compute time on either side.
    bytes_up, bytes_down : array
        Size of what crosses.
    on_device, offloaded : array of bool
        Whether anything runs on the device, whether the request crosses the link.
    fallback_s : array
        Device time of what the server would have computed.
    misfit : tuple of str
        For each cut, why it cannot run; empty when it can.
    """

    cuts: tuple[CutPoint, ...]
    exits: tuple[str, ...]
    device_s: Floats
    edge_s: Floats
    bytes_up: Floats
    bytes_down: Floats
    on_device: NDArray[np.bool_]
    offloaded: NDArray[np.bool_]
    fallback_s: Floats
    misfit: tuple[str, ...]

    def only(self, cut: int) -> Candidates:
        """The table of one cut."""
        arrays: dict[str, Any] = {k: v[[cut]] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        return replace(self, cuts=(self.cuts[cut],), misfit=(self.misfit[cut],), **arrays)


@dataclass(frozen=True)
class _WayOut:
    """An exit, or the final output: how much of the trunk runs, which heads run, how large an exit's answer is."""

    name: str
    trunk: int
    heads: int
    exit_bytes: float | None


def candidates(group: Group, server: Card, slowdown: float, encoding: str, with_exits: bool) -> Candidates:
    """Tabulate every cut of a group's model.

    Parameters
    ----------
    group : Group
    server : Card
    slowdown : float
        Factor on the server's times, for the share of it that others use.
    encoding : str
        Encoding of the model input for the cut before the first layer: a key of ``profile.encodings``, or the element
        type that the model reads.
    with_exits : bool
        Whether the exit heads are evaluated; without them the final output is the only way out.
    """
    profile = group.profile
    exits = profile.exits if with_exits else ()
    position = {INPUT: 0} | {layer: k + 1 for k, layer in enumerate(profile.trunk)}
    head_at = [position[exit_.after] for exit_ in exits]
    ways = [_WayOut(exit_.name, head_at[k], k + 1, exit_.output_bytes) for k, exit_ in enumerate(exits)]
    whole = len(profile.trunk)
    ways.append(_WayOut("final", whole, len(exits), None))
    final_bytes = bytes_back(profile)
    cuts = cut_points(profile, exits) if exits else profile.cut_points
    shape = (len(cuts), len(ways))
    tables = {name: np.zeros(shape) for name in ("device_s", "edge_s", "fallback_s", "bytes_up", "bytes_down")}
    on_device, offloaded = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    near, far = _Times(group.card, profile, exits, 1.0), _Times(server, profile, exits, slowdown)
    for c, cut in enumerate(cuts):
        for w, way in enumerate(ways):
            here = min(cut.layers, way.trunk)
            heads_here = min(cut.heads, way.heads)
            tables["device_s"][c, w] = near.between(0, here, 0, heads_here)
            on_device[c, w] = here > 0 or heads_here > 0
            crosses = way.trunk > cut.layers or way.heads > cut.heads
            offloaded[c, w] = crosses
            if crosses:
                tables["edge_s"][c, w] = far.between(here, way.trunk, heads_here, way.heads)
                tables["fallback_s"][c, w] = near.between(here, way.trunk, heads_here, way.heads)
                tables["bytes_up"][c, w] = _bytes_crossing(cut, group, encoding)
                answer = final_bytes[c] if way.exit_bytes is None else way.exit_bytes
                tables["bytes_down"][c, w] = answer if group.result_bytes is None else group.result_bytes
    return Candidates(
        cuts=cuts,
        exits=tuple(way.name for way in ways),
        on_device=on_device,
        offloaded=offloaded,
        misfit=tuple(_misfits(group, server, exits)),
        **tables,
    )


class _Times:
    """Running sums of compute time over the trunk and over the exit heads on one machine."""

    def __init__(self, card: Card, profile: ModelProfile, exits: tuple[Exit, ...], slowdown: float) -> None:
        seconds = card.layer_times_s(profile) * slowdown
        self.trunk = np.concatenate((np.zeros(1), np.cumsum(seconds[list(profile.trunk)])))
        heads = [float(seconds[list(exit_.layers)].sum()) for exit_ in exits]
        self.heads = np.concatenate((np.zeros(1), np.cumsum(heads)))

    def between(self, first: int, last: int, first_head: int, last_head: int) -> float:
        """Time of a stretch of the trunk and of some heads; exactly 0 when both are empty."""
        return float((self.trunk[last] - self.trunk[first]) + (self.heads[last_head] - self.heads[first_head]))


def _bytes_crossing(cut: CutPoint, group: Group, encoding: str) -> float:
    if cut.layers == 0:
        known = group.profile.encodings.get(encoding)
        return group.profile.sent_input_bytes if known is None else known.size_bytes
    return size_at(group.card.element_bytes, float(cut.bytes), float(cut.integer_bytes))


def _misfits(group: Group, server: Card, exits: tuple[Exit, ...]) -> Iterator[str]:
    """For each cut, why either side cannot hold its layers; empty when both can."""
    profile, device = group.profile, group.card
    order = execution_order(profile, exits)
    here, there = (MemoryNeeds(profile, order, card.element_bytes) for card in (device, server))
    for cut in profile.cut_points:
        place = cut.steps(exits)
        reason = device.misfit(profile.name, *here.before(place))
        if reason is not None:
            yield f"{device.name}: {reason}"
        else:
            reason = server.misfit(profile.name, *there.after(place))
            yield "" if reason is None else f"{server.name}: {reason}"
