"""Every partition of one group's model with what it costs: the table from which policies choose.

For a partition and a way out (an early exit or the final output): seconds on each tier, bytes over each link. Layers
run in the profile's topological order; the head of an exit runs right after the layer that feeds it, and costs its time
whether or not the sample leaves there; where the input feeds it, it runs first, on a server for the cut ``input``.
Encoding and decoding are work of the tiers between which a message goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.codecs.base import Codec
from simulator.devices.card import Card
from simulator.plan.messages import messages, sent_bytes
from simulator.plan.system import Group
from simulator.profiling.graph import INPUT, Exit
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint, bytes_back, cut_points, execution_order
from simulator.profiling.set_cut import SetCut

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Partitions of one model over a device, an edge server and, where there is one, a cloud.

    All tables have shape (options, ways out); the last way out is the final output.

    Attributes
    ----------
    cuts : tuple of CutPoint or SetCut
        Cut before the device's link, of each option.
    names : tuple of str
        Of the options: of their cut, or of both where the cloud has a part.
    exits : tuple of str
        Name of each way out; ``final`` is the last.
    device_s, edge_s, cloud_s : array
        Compute time on each tier.
    bytes_up, bytes_down : array
        Size of what crosses the device's link either way.
    bytes_beyond, bytes_back : array
        The same of the link between edge and cloud.
    on_device, offloaded, on_edge, on_cloud : array of bool
        Whether anything runs on the device, elsewhere, on the edge server, in the cloud.
    fallback_s : array
        Device time of all that is computed elsewhere.
    misfit : tuple of str
        For each option, why it cannot run; empty when it can.
    """

    cuts: tuple[CutPoint | SetCut, ...]
    names: tuple[str, ...]
    exits: tuple[str, ...]
    device_s: Floats
    edge_s: Floats
    cloud_s: Floats
    bytes_up: Floats
    bytes_beyond: Floats
    bytes_back: Floats
    bytes_down: Floats
    on_device: Flags
    offloaded: Flags
    on_edge: Flags
    on_cloud: Flags
    fallback_s: Floats
    misfit: tuple[str, ...]

    def only(self, option: int) -> Candidates:
        """The table of one option."""
        arrays: dict[str, Any] = {k: v[[option]] for k, v in vars(self).items() if isinstance(v, np.ndarray)}
        arrays |= {name: (getattr(self, name)[option],) for name in ("cuts", "names", "misfit")}
        return replace(self, **arrays)


def option_name(names: Sequence[str]) -> str:
    """Name of an option: of its cut, or of both of them."""
    return " > ".join(names)


def names_of(option: str) -> tuple[str, ...]:
    """Cuts of an option that is named so."""
    return tuple(option.split(" > "))


@dataclass(frozen=True)
class _WayOut:
    """An exit, or the final output: how much of the trunk runs, which heads run, how large an exit's answer is."""

    name: str
    trunk: int
    heads: int
    exit_bytes: float | None


def candidates(
    group: Group,
    servers: tuple[Card, ...],
    slowdowns: tuple[float, ...],
    encoding: str,
    with_exits: bool,
    over_cloud: bool = False,
    codec: Codec | None = None,
) -> Candidates:
    """Tabulate every cut of a group's model, or every pair of cuts.

    Parameters
    ----------
    group : Group
    servers : tuple of Card
        Edge server and, where there is one, cloud.
    slowdowns : tuple of float
        Factor on the times of each, for the share of it that others use.
    encoding : str
        Encoding of the model input for the cut before the first layer: a key of ``profile.encodings``, or the element
        type that the model reads.
    with_exits : bool
        Whether the exit heads are evaluated; without them the final output is the only way out.
    over_cloud : bool
        Whether there is an option for each pair of cuts; otherwise all that leaves the device runs on the edge server.
    codec : Codec or None
        How features are encoded that cross a link; None where they go as the sender holds them.

    Raises
    ------
    ScenarioError
        For a machine whose card does not say how fast it encodes or decodes.
    """
    profile = group.profile
    exits = profile.exits if with_exits else ()
    ways = _ways_out(profile, exits)
    cuts = cut_points(profile, exits) if exits else profile.cut_points
    first, second = _pairs(len(cuts), over_cloud)
    near, far = _Times(group.card, profile, exits, 1.0), _Times(servers[0], profile, exits, slowdowns[0])
    trunk, heads = np.array([way.trunk for way in ways]), np.array([way.heads for way in ways])
    before, heads_before = np.array([[cut.layers, cut.heads] for cut in cuts]).T[..., None]
    # of each way out, what lies before either cut
    here, heads_here = np.minimum(before[first], trunk), np.minimum(heads_before[first], heads)
    there, heads_there = np.minimum(before[second], trunk), np.minimum(heads_before[second], heads)
    offloaded = (trunk > here) | (heads > heads_here)
    on_edge = (there > here) | (heads_there > heads_here)
    on_cloud = (trunk > there) | (heads > heads_there)
    cloud_s = np.zeros(offloaded.shape)
    if over_cloud:
        farthest = _Times(servers[1], profile, exits, slowdowns[1])
        cloud_s = np.where(on_cloud, farthest.between(there, trunk, heads_there, heads), 0.0)
    up, beyond = (messages(cuts, group, card, encoding, codec) for card in (group.card, servers[0]))
    bytes_up = np.where(offloaded, up.size_bytes[first], 0.0)
    # what the edge computes nothing with it forwards as it is
    bytes_beyond = np.where(on_edge, beyond.size_bytes[second], bytes_up)
    encode_s = np.where(offloaded, up.encode_s[first], 0.0)
    edge_codec_s = np.where(on_edge, up.decoded_by(servers[0], slowdowns[0])[first], 0.0)
    edge_codec_s = edge_codec_s + np.where(on_edge & on_cloud, slowdowns[0] * beyond.encode_s[second], 0.0)
    if over_cloud:
        forwarded_s = up.decoded_by(servers[1], slowdowns[1])[first]
        cloud_decode_s = np.where(on_edge, beyond.decoded_by(servers[1], slowdowns[1])[second], forwarded_s)
        cloud_s = cloud_s + np.where(on_cloud, cloud_decode_s, 0.0)
    starts_here = (here > 0) | (heads_here > 0)
    beside = _beside(group, slowdowns, starts_here, on_edge, on_cloud)
    return Candidates(
        cuts=tuple(cuts[k] for k in first),
        names=_names(cuts, first, second),
        exits=tuple(way.name for way in ways),
        device_s=near.between(0, here, 0, heads_here) + encode_s + beside.device_s,
        edge_s=np.where(on_edge, far.between(here, there, heads_here, heads_there), 0.0) + edge_codec_s + beside.edge_s,
        cloud_s=cloud_s + beside.cloud_s,
        bytes_up=bytes_up,
        bytes_beyond=np.where(on_cloud, bytes_beyond, 0.0),
        bytes_back=np.where(on_cloud, _answers(group, ways)[second], 0.0),
        bytes_down=np.where(offloaded, _answers(group, ways)[first], 0.0),
        on_device=starts_here | (encode_s > 0),
        offloaded=offloaded,
        on_edge=on_edge,
        on_cloud=on_cloud,
        fallback_s=np.where(offloaded, near.between(here, trunk, heads_here, heads) + beside.fallback_s, 0.0),
        misfit=tuple(_misfits(group, servers, exits, first, second)),
    )


def _ways_out(profile: ModelProfile, exits: Sequence[Exit]) -> list[_WayOut]:
    """The exits that are evaluated, and the final output."""
    position = {INPUT: 0} | {layer: k + 1 for k, layer in enumerate(profile.trunk)}
    ways = [_WayOut(head.name, position[head.after], k + 1, head.output_bytes) for k, head in enumerate(exits)]
    return [*ways, _WayOut("final", len(profile.trunk), len(exits), None)]


def _pairs(cuts: int, over_cloud: bool) -> tuple[Ints, Ints]:
    """First and second cut of each option; the second is the last one where nothing runs in a cloud."""
    if not over_cloud:
        return np.arange(cuts), np.full(cuts, cuts - 1)
    first, second = np.triu_indices(cuts)
    return first, second


def _names(cuts: Sequence[CutPoint], first: Ints, second: Ints) -> tuple[str, ...]:
    """Names of the options."""
    names, last = [cut.name for cut in cuts], len(cuts) - 1
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return tuple(names[a] if b == last else option_name((names[a], names[b])) for a, b in pairs)


class _Beside(NamedTuple):
    """Work before and after the model, on each tier and where the device finishes what a server had no room for."""

    device_s: Floats
    edge_s: Floats
    cloud_s: Floats
    fallback_s: Floats


def _beside(group: Group, slowdowns: tuple[float, ...], starts_here: Flags, on_edge: Flags, on_cloud: Flags) -> _Beside:
    """What comes before the first layer on the tier that runs it, and after the last one on that."""
    before, after = group.preprocess, group.postprocess
    starts_edge, ends_edge = on_edge & ~starts_here, on_edge & ~on_cloud
    starts_cloud, ends_here = on_cloud & ~starts_here & ~on_edge, ~on_edge & ~on_cloud
    last = slowdowns[-1]
    return _Beside(
        device_s=np.where(starts_here, before.device, 0.0) + np.where(ends_here, after.device, 0.0),
        edge_s=slowdowns[0] * (np.where(starts_edge, before.edge, 0.0) + np.where(ends_edge, after.edge, 0.0)),
        cloud_s=last * (np.where(starts_cloud, before.cloud, 0.0) + np.where(on_cloud, after.cloud, 0.0)),
        fallback_s=np.where(starts_here, 0.0, before.device) + after.device,
    )


class _Times:
    """Running sums of compute time over the trunk and over the exit heads on one machine."""

    def __init__(self, card: Card, profile: ModelProfile, exits: tuple[Exit, ...], slowdown: float) -> None:
        seconds = card.layer_times_s(profile) * slowdown
        self.trunk = np.concatenate((np.zeros(1), np.cumsum(seconds[list(profile.trunk)])))
        heads = [float(seconds[list(exit_.layers)].sum()) for exit_ in exits]
        self.heads = np.concatenate((np.zeros(1), np.cumsum(heads)))

    def between(self, first: Ints | int, last: Ints, first_head: Ints | int, last_head: Ints) -> Floats:
        """Time of stretches of the trunk and of some heads; exactly 0 where both are empty."""
        time_s: Floats = (self.trunk[last] - self.trunk[first]) + (self.heads[last_head] - self.heads[first_head])
        return time_s


def _answers(group: Group, ways: Sequence[_WayOut]) -> Floats:
    """What is sent back over a link for each cut before it; shape (cuts, ways out)."""
    final = np.array(bytes_back(group.profile), dtype=np.float64)
    of_ways = [final if way.exit_bytes is None else np.full(final.shape, way.exit_bytes) for way in ways]
    answers = np.stack(of_ways, axis=1)
    if group.result_bytes is not None:
        answers = np.full(answers.shape, group.result_bytes)
    return sent_bytes(answers, group)


def _misfits(
    group: Group, servers: tuple[Card, ...], exits: tuple[Exit, ...], first: Ints, second: Ints
) -> Iterator[str]:
    """For each option, why a tier cannot hold its layers; empty when all can."""
    profile, device, edge, cloud = group.profile, group.card, servers[0], servers[-1]
    order = execution_order(profile, exits)
    here, there, farthest = (
        MemoryNeeds(profile, order, card.element_bytes_of(profile)) for card in (device, edge, cloud)
    )
    places = [cut.steps(exits) for cut in profile.cut_points]
    last = len(places) - 1

    def reason(card: Card, needs: tuple[float, float]) -> str:
        why = card.misfit(profile.name, *needs)
        return "" if why is None else f"{card.name}: {why}"

    of_device = [reason(device, here.before(place)) for place in places]
    of_edge = [reason(edge, there.after(place)) for place in places]
    of_cloud = [reason(cloud, farthest.after(place)) for place in places]
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        middle = of_edge[a]
        # what fits as a whole fits in part
        if b != last and middle:
            middle = reason(edge, there.between(places[a], places[b]))
        yield of_device[a] or middle or ("" if b == last else of_cloud[b])
