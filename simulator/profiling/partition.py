"""Cut points: where a model can be split between two machines, and how many bytes cross there.

A cut lies on a prefix of the trunk in topological order, so what runs before it is closed under predecessors. No cut
separates a layer from what is fused into it. Tensors that are only reshaped, sliced or expanded share the storage of
their source, so a cut sends whichever is smaller and never the same bytes twice.
Leaves out cuts that are no prefix of the stored order (two branches of which only one has run).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.errors import Problem, ProfileError, did_you_mean
from simulator.profiling.graph import INPUT

if TYPE_CHECKING:
    from simulator.profiling.model import ModelProfile


@dataclass(frozen=True)
class CutPoint:
    """A split of the trunk into what runs before and what runs after.

    Attributes
    ----------
    index : int
        Position among the cuts of the profile, 0 is ``input``.
    name : str
        ``input`` (nothing runs before), ``output`` (everything does), else the last layer before the cut that is not
        fused into another.
    layers : int
        Length of the prefix of ``profile.trunk`` that runs before the cut.
    macs_before, macs_after : int
        Multiply-accumulates of the trunk on either side.
    bytes : int
        Size of the tensors that cross, each counted once; the unencoded input for ``input``, 0 for ``output``.
    tensors : int
        Number of tensors that cross.
    integer_bytes : int
        The part of ``bytes`` that keeps its size at every precision.
    """

    index: int
    name: str
    layers: int
    macs_before: int
    macs_after: int
    bytes: int
    tensors: int
    integer_bytes: int


def cut_points(profile: ModelProfile) -> tuple[CutPoint, ...]:
    """Every valid cut of a profile, from ``input`` to ``output``."""
    graph, trunk = profile.graph, profile.trunk
    position = {index: place for place, index in enumerate(trunk)}
    last_use = _last_uses(profile, position)
    closed = _inside_fusion(profile, position)
    parents = {index: graph[index].inputs[0] for index in trunk if is_alias(graph[index].kind, graph[index].inputs)}
    sizes = {index: graph[index].output_bytes for index in trunk} | {INPUT: profile.input_bytes}
    integers = {index: graph[index].integer_bytes for index in trunk} | {INPUT: profile.input_integer_bytes}
    has_integers = any(integers.values())

    cuts: list[CutPoint] = []
    live = {INPUT}
    before = 0
    name = "input"
    for place in range(len(trunk) + 1):
        if place:
            index = trunk[place - 1]
            live.add(index)
            live = {tensor for tensor in live if last_use.get(tensor, -1) >= place}
            before += graph[index].macs
            if graph[index].fused_into is None:
                name = graph[index].name
        if closed[place]:
            continue
        crossing, tensors = _crossing(live, parents, sizes)
        integer_bytes = _crossing(live, parents, integers)[0] if has_integers else 0
        label = "output" if place == len(trunk) else name
        cuts.append(CutPoint(len(cuts), label, place, before, profile.macs - before, crossing, tensors, integer_bytes))
    return tuple(cuts)


def find_cut(profile: ModelProfile, name: str) -> CutPoint:
    """The cut called ``name``, or the cut after the last layer of the module ``name``.

    Parameters
    ----------
    profile : ModelProfile
        Profile of the model.
    name : str
        ``input``, ``output``, the name of a layer, or the path of a module (``layer2``).

    Raises
    ------
    ProfileError
        Naming the nearest cuts.
    """
    cuts = profile.cut_points
    for cut in cuts:
        if cut.name == name:
            return cut
    places = [
        place
        for place, index in enumerate(profile.trunk)
        if profile.graph[index].name == name or profile.graph[index].name.startswith(f"{name}.")
    ]
    if places:
        return next(cut for cut in cuts if cut.layers > places[-1])
    known = dict.fromkeys(cut.name for cut in cuts)
    for cut in cuts:
        parts = cut.name.split(".")
        known.update(dict.fromkeys(".".join(parts[:depth]) for depth in range(1, len(parts))))
    hint = did_you_mean(name, list(known)) or f'the cuts of "{profile.name}" are listed by its `cuts` table'
    raise ProfileError(Problem(f'model "{profile.name}" has no cut called "{name}"', hint))


def is_alias(kind: str, inputs: Sequence[int]) -> bool:
    """Whether the output of a layer shares the storage of its only input."""
    return kind == "reshape" and len(set(inputs)) == 1


def _last_uses(profile: ModelProfile, position: Mapping[int, int]) -> dict[int, int]:
    """Place in the trunk of the last trunk layer that reads each tensor."""
    last: dict[int, int] = {}
    for index in profile.trunk:
        for source in profile.graph[index].inputs:
            last[source] = position[index]
    return last


def _inside_fusion(profile: ModelProfile, position: Mapping[int, int]) -> list[bool]:
    """For every place of the trunk, whether a cut there would separate a fused layer from its host."""
    closed = [False] * (len(profile.trunk) + 1)
    for index in profile.trunk:
        host = profile.graph[index].fused_into
        if host is not None:
            for place in range(position[host] + 1, position[index] + 1):
                closed[place] = True
    return closed


def _crossing(live: set[int], parents: Mapping[int, int], sizes: Mapping[int, int]) -> tuple[int, int]:
    """Bytes and number of the fewest bytes from which every live tensor can be viewed.

    The aliases of one tensor form a tree; each subtree costs the smaller of its root and of its live parts.
    """
    nodes = set(live)
    for tensor in live:
        while tensor in parents:
            tensor = parents[tensor]
            nodes.add(tensor)
    needs: dict[int, tuple[int, int]] = dict.fromkeys(nodes, (0, 0))
    total = tensors = 0
    for node in sorted(nodes, reverse=True):
        need = needs[node]
        if node in live or need[0] >= sizes[node]:
            need = (sizes[node], 1)
        if node in parents:
            above = needs[parents[node]]
            needs[parents[node]] = (above[0] + need[0], above[1] + need[1])
        else:
            total, tensors = total + need[0], tensors + need[1]
    return total, tensors
