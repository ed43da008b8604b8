"""Every partition of one group's model with what it costs: the table from which policies choose.

For a partition and a way out (an early exit or the final output): seconds on the device, bytes up, seconds on the
server, bytes down. Layers run in the profile's topological order; the head of an exit runs right after the layer that
feeds it, and costs its time whether or not the sample leaves there. Compressing the input costs no device time here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.devices.card import Card
from simulator.devices.roofline import PROFILE_ELEMENT_BYTES
from simulator.physics import decide
from simulator.physics.rrc import tail_j
from simulator.plan.system import Group
from simulator.profiling.graph import Exit
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint

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


@dataclass(frozen=True)
class _WayOut:
    """An exit, or the final output: how much of the trunk runs, which heads run, how large the answer is."""

    name: str
    trunk: int
    heads: int
    answer_bytes: float


def candidates(group: Group, server: Card, slowdown: float, encoding: str, with_exits: bool) -> Candidates:
    """Tabulate every cut of a group's model.

    Parameters
    ----------
    group : Group
    server : Card
    slowdown : float
        Factor on the server's times, for the share of it that others use.
    encoding : str
        Encoding of the model input for the cut before the first layer, a key of ``profile.encodings``.
    with_exits : bool
        Whether the exit heads are evaluated; without them the final output is the only way out.
    """
    profile = group.profile
    exits = profile.exits if with_exits else ()
    position = {layer: k + 1 for k, layer in enumerate(profile.trunk)}
    head_at = [position[exit_.after] for exit_ in exits]
    answer = group.result_bytes
    ways = [
        _WayOut(exit_.name, head_at[k], k + 1, exit_.output_bytes if answer is None else answer)
        for k, exit_ in enumerate(exits)
    ]
    whole = len(profile.trunk)
    ways.append(_WayOut("final", whole, len(exits), profile.output_bytes if answer is None else answer))
    cuts = profile.cut_points
    shape = (len(cuts), len(ways))
    tables = {name: np.zeros(shape) for name in ("device_s", "edge_s", "fallback_s", "bytes_up", "bytes_down")}
    on_device, offloaded = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    near, far = _Times(group.card, profile, exits, 1.0), _Times(server, profile, exits, slowdown)
    for c, cut in enumerate(cuts):
        for w, way in enumerate(ways):
            here = min(cut.layers, way.trunk)
            heads_here = sum(at <= cut.layers for at in head_at[: way.heads])
            tables["device_s"][c, w] = near.between(0, here, 0, heads_here)
            on_device[c, w] = here > 0
            crosses = cut.layers < whole and (way.trunk > cut.layers or cut.layers == 0)
            offloaded[c, w] = crosses
            if crosses:
                tables["edge_s"][c, w] = far.between(here, way.trunk, heads_here, way.heads)
                tables["fallback_s"][c, w] = near.between(here, way.trunk, heads_here, way.heads)
                tables["bytes_up"][c, w] = _bytes_crossing(cut, group, encoding)
                tables["bytes_down"][c, w] = way.answer_bytes
    return Candidates(
        cuts=cuts,
        exits=tuple(way.name for way in ways),
        on_device=on_device,
        offloaded=offloaded,
        misfit=tuple(_misfit(cut, group, server) for cut in cuts),
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
        return group.profile.encodings[encoding].size_bytes
    return cut.bytes * group.card.element_bytes / PROFILE_ELEMENT_BYTES


def _misfit(cut: CutPoint, group: Group, server: Card) -> str:
    trunk = group.profile.trunk
    on_device = group.card.misfit(group.profile, trunk[: cut.layers])
    if on_device:
        return f"{group.card.name}: {on_device}"
    on_server = server.misfit(group.profile, trunk[cut.layers :])
    return f"{server.name}: {on_server}" if on_server else ""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted cost of every candidate, without queues, at the channel's mean rates; shape (cuts, ways out)."""

    uplink_s: Floats
    downlink_s: Floats
    propagation_s: Floats
    latency_s: Floats
    energy_j: Floats

    def expected(self, table: Floats, shares: Floats) -> Floats:
        """Mean over the ways out, weighted with the share of samples that takes each; shape (cuts,)."""
        return table @ shares


def predict(table: Candidates, group: Group, uplink_rate_bps: float | None = None) -> Prediction:
    """Score every candidate.

    Parameters
    ----------
    table : Candidates
    group : Group
    uplink_rate_bps : float, optional
        Uplink rate to assume instead of the channel's mean.
    """
    up_bps = group.uplink.mean_rate_bps if uplink_rate_bps is None else uplink_rate_bps
    bits_up, bits_down = table.bytes_up * 8, table.bytes_down * 8
    up_s, down_s = bits_up / up_bps, bits_down / group.downlink.mean_rate_bps
    propagation_s = np.where(table.offloaded, 2 * group.propagation_s, 0.0)
    waking_s, waking_j, tail = _states(group, bits_up > 0, up_s + down_s)
    latency = decide.latency_s(table.device_s, waking_s + up_s, table.edge_s, down_s, propagation_s)
    radio = group.radio
    energy = decide.energy_j(
        table.device_s,
        bits_up,
        up_s,
        bits_down,
        down_s,
        table.edge_s + propagation_s,
        group.card.active_w,
        group.card.idle_w,
        radio.active_power.value if radio else 0.0,
        radio.uplink_energy_per_bit.value if radio else 0.0,
        radio.downlink_energy_per_bit.value if radio else 0.0,
        radio.idle_power.value if radio else 0.0,
    )
    # while the radio wakes the processor idles, and the radio draws the power of its promotion
    energy = energy + group.card.idle_w * waking_s + waking_j + tail
    return Prediction(waking_s + up_s, down_s, propagation_s, latency, energy)


def _states(group: Group, sends: NDArray[np.bool_], on_air_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Promotion time, promotion energy and tail energy of a request, all else going on at its mean rate.

    The radio is taken to have been quiet for the mean time between two requests of the device, less what the request
    spends on the air; for ever where that time is not known.
    """
    radio, rate = group.radio, group.workload.rate
    nothing = np.zeros(sends.shape)
    if radio is None:
        return nothing, nothing, nothing
    quiet_s = np.maximum((np.inf if rate is None else 1 / rate) - on_air_s, 0.0)
    stages = np.searchsorted(radio.tail_ends_s, quiet_s, side="right")
    waking_s = np.where(sends, radio.wake_delays_s[stages], 0.0)
    tail = tail_j(quiet_s.ravel(), radio.tail_ends_s, radio.tail_powers_w).reshape(sends.shape)
    return waking_s, waking_s * radio.wake_powers_w[stages], np.where(sends, tail, 0.0)
