"""Cut points: where a model can be split between two machines, and how many bytes cross there.

A cut lies on a prefix of the trunk in topological order, so what runs before it is closed under predecessors. No cut
separates a layer from what is fused into it. Tensors that are only reshaped, sliced or expanded share the storage of
their source, so a cut sends whichever is smaller and never the same bytes twice.
Leaves out cuts that are no prefix of the stored order (two branches of which only one has run).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
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

    cuts: list[CutPoint] = []
    live, whole = _Live(parents, sizes), _Live(parents, integers)
    for tensors in (live, whole):
        tensors.add(INPUT)
    read_last: dict[int, list[int]] = {}
    for tensor, last in last_use.items():
        read_last.setdefault(last, []).append(tensor)
    before = 0
    name = "input"
    for place in range(len(trunk) + 1):
        if place:
            index = trunk[place - 1]
            for tensors in (live, whole):
                if index in last_use:
                    tensors.add(index)
                for tensor in read_last.get(place - 1, []):
                    tensors.remove(tensor)
            before += graph[index].macs
            if graph[index].fused_into is None:
                name = graph[index].name
        if closed[place]:
            continue
        crossing, count = live.crossing()
        integer_bytes = whole.crossing()[0]
        label = "output" if place == len(trunk) else name
        cuts.append(CutPoint(len(cuts), label, place, before, profile.macs - before, crossing, count, integer_bytes))
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


def bytes_back(profile: ModelProfile) -> tuple[int, ...]:
    """For every cut, the size of the results that are made behind it: what a server sends back.

    What is made before the cut, or is a view of something that is, is there already. A profile that does not list its
    results makes them all in the last layer.
    """
    if not profile.outputs:
        return (profile.output_bytes,) * (len(profile.cut_points) - 1) + (0,)
    position = {index: place for place, index in enumerate(profile.trunk)}
    begins = {output: min(position.get(node, -1) for node in _views(profile, output)) for output in profile.outputs}
    return tuple(
        results_bytes(profile, [output for output, begin in begins.items() if begin >= cut.layers])
        for cut in profile.cut_points
    )


def results_bytes(profile: ModelProfile, results: Sequence[int]) -> int:
    """Size of some results, views of one tensor counted once."""
    views = [_views(profile, result) for result in results]
    parents = dict(chain.from_iterable(map(pairwise, views)))
    sizes = {node: profile.tensor_bytes(node) for node in chain.from_iterable(views)}
    return _crossing(set(results), parents, sizes)[0]


def is_alias(kind: str, inputs: Sequence[int]) -> bool:
    """Whether the output of a layer shares the storage of its only input."""
    return kind == "reshape" and len(set(inputs)) == 1


def _views(profile: ModelProfile, index: int) -> list[int]:
    """A layer, what it is a view of, and so on to the tensor that owns the storage."""
    found = [index]
    while found[-1] != INPUT and is_alias(profile.graph[found[-1]].kind, profile.graph[found[-1]].inputs):
        found.append(profile.graph[found[-1]].inputs[0])
    return found


def _last_uses(profile: ModelProfile, position: Mapping[int, int]) -> dict[int, int]:
    """Place in the trunk of the last trunk layer that reads each tensor; an unread input goes at the first."""
    last = {INPUT: 0}
    for index in profile.trunk:
        for source in profile.graph[index].inputs:
            last[source] = position[index]
    return last


def _inside_fusion(profile: ModelProfile, position: Mapping[int, int]) -> list[bool]:
    """For every place of the trunk, whether a cut there would separate a fused layer from its host."""
    opens = [0] * (len(profile.trunk) + 2)
    for index in profile.trunk:
        host = profile.graph[index].fused_into
        if host is not None and position[host] < position[index]:
            opens[position[host] + 1] += 1
            opens[position[index] + 1] -= 1
    return [depth > 0 for depth in accumulate(opens[:-1])]


class _Live:
    """The tensors that layers still read: trees of aliases, of which only those are counted anew that have changed."""

    def __init__(self, parents: Mapping[int, int], sizes: Mapping[int, int]) -> None:
        self._parents, self._sizes = parents, sizes
        self._root: dict[int, int] = {}
        self._tree: dict[int, set[int]] = {}
        self._cost: dict[int, tuple[int, int]] = {}
        self._changed: set[int] = set()
        self._bytes = self._tensors = 0

    def add(self, tensor: int) -> None:
        root = tensor
        while root in self._parents and root not in self._root:
            root = self._parents[root]
        self._root[tensor] = root = self._root.get(root, root)
        self._tree.setdefault(root, set()).add(tensor)
        self._changed.add(root)

    def remove(self, tensor: int) -> None:
        root = self._root[tensor]
        self._tree[root].discard(tensor)
        self._changed.add(root)

    def crossing(self) -> tuple[int, int]:
        """Bytes and number of the fewest bytes from which every live tensor can be viewed."""
        for root in self._changed:
            old = self._cost.get(root, (0, 0))
            new = self._cost[root] = _crossing(self._tree[root], self._parents, self._sizes)
            self._bytes, self._tensors = self._bytes + new[0] - old[0], self._tensors + new[1] - old[1]
        self._changed.clear()
        return self._bytes, self._tensors


def _crossing(live: set[int], parents: Mapping[int, int], sizes: Mapping[int, int]) -> tuple[int, int]:
    """The same for the live tensors of one tree.

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
