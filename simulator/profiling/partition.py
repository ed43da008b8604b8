"""Cut points: where a model can be split between two machines, and how many bytes cross there.

A cut lies on a prefix of the trunk in topological order, so what runs before it is closed under predecessors. No cut
separates a layer from what is fused into it. Tensors that are only reshaped, sliced or expanded share the storage of
their source, so a cut sends whichever is smaller and never the same bytes twice. The head of an exit runs right after
the layer that feeds it; behind each head that reads nothing but the input lies a cut of its own, where a small network
has run and the input is still needed.
Leaves out cuts that are no prefix of the stored order (two branches of which only the other has run): see `set_cut`;
`ordering` says which order is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from simulator.errors import Problem, ProfileError, did_you_mean
from simulator.profiling.graph import INPUT, Exit

if TYPE_CHECKING:
    from simulator.profiling.graph import Layer
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
        fused into another: of the trunk, or of the head of an exit that reads the input.
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
    heads : int
        How many of the exits, in order, have their heads before the cut.
    """

    index: int
    name: str
    layers: int
    macs_before: int
    macs_after: int
    bytes: int
    tensors: int
    integer_bytes: int
    heads: int

    def steps(self, exits: Sequence[Exit]) -> int:
        """Length of the prefix of `execution_order` before the cut, where these exits (all or none) are evaluated."""
        return self.layers + sum(len(head.layers) for head in exits[: self.heads])


def execution_order(profile: ModelProfile, exits: Sequence[Exit]) -> tuple[int, ...]:
    """Layers of the trunk, each exit's head right after the layer that feeds it, or before all where the input does.

    Parameters
    ----------
    profile : ModelProfile
    exits : sequence of Exit
        Those whose heads run.
    """
    fed: dict[int, list[int]] = {}
    for head in exits:
        fed.setdefault(head.after, []).extend(head.layers)
    return (*fed.get(INPUT, ()), *chain.from_iterable((index, *fed.get(index, ())) for index in profile.trunk))


def cut_points(profile: ModelProfile, exits: Sequence[Exit] = ()) -> tuple[CutPoint, ...]:
    """Every valid cut of a profile, from ``input`` to ``output``.

    Parameters
    ----------
    profile : ModelProfile
    exits : sequence of Exit
        All exits of the profile where they are evaluated: a head behind a cut may read what is made long before it.
    """
    graph, order = profile.graph, execution_order(profile, exits)
    last_use = _last_uses(profile, order)
    parents = {index: graph[index].inputs[0] for index in order if is_alias(graph[index].kind, graph[index].inputs)}
    sizes = {index: graph[index].output_bytes for index in order} | {INPUT: profile.input_bytes}
    integers = {index: graph[index].integer_bytes for index in order} | {INPUT: profile.input_integer_bytes}

    cuts: list[CutPoint] = []
    live, whole = _Live(parents, sizes), _Live(parents, integers)
    for tensors in (live, whole):
        tensors.add(INPUT)
    read_last: dict[int, list[int]] = {}
    for tensor, last in last_use.items():
        read_last.setdefault(last, []).append(tensor)
    done = before = seen = 0
    for name, layers, heads in _stops(profile):
        before += sum(graph[index].macs for index in profile.trunk[seen:layers])
        cut = CutPoint(len(cuts), name, layers, before, profile.macs - before, 0, 0, 0, heads)
        for place in range(done, cut.steps(exits)):
            for tensors in (live, whole):
                if order[place] in last_use:
                    tensors.add(order[place])
                for tensor in read_last.get(place, []):
                    tensors.remove(tensor)
        done, seen = cut.steps(exits), layers
        crossing, count = live.crossing()
        cuts.append(replace(cut, bytes=crossing, tensors=count, integer_bytes=whole.crossing()[0]))
    return tuple(cuts)


def _stops(profile: ModelProfile) -> Iterator[tuple[str, int, int]]:
    """Name of every cut, with the layers of the trunk and the heads before it."""
    graph, trunk = profile.graph, profile.trunk
    position = {index: place for place, index in enumerate(trunk)}
    closed = _inside_fusion(profile, position)
    fed = [position.get(head.after, -1) for head in profile.exits]
    yield "input", 0, 0
    for heads in range(1, fed.count(-1) + 1):
        yield next(graph[k].name for k in reversed(profile.exits[heads - 1].layers) if _is_host(graph[k])), 0, heads
    name = "input"
    for place, index in enumerate(trunk, start=1):
        if _is_host(graph[index]):
            name = graph[index].name
        if not closed[place]:
            heads = sum(at < place for at in fed)
            yield "output" if place == len(trunk) else name, place, heads


def _is_host(layer: Layer) -> bool:
    return layer.fused_into is None


def find_cut(profile: ModelProfile, name: str) -> CutPoint:
    """The cut called ``name``, or the cut after the last layer of the module ``name``, head of an exit or not.

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
    inside = {k for k, one in enumerate(profile.graph) if one.name == name or one.name.startswith(f"{name}.")}
    places = [place for place, index in enumerate(profile.trunk) if index in inside]
    if places:
        return next(cut for cut in cuts if cut.layers > places[-1])
    heads = [place for place, head in enumerate(profile.exits) if not inside.isdisjoint(head.layers)]
    if heads:
        return next(cut for cut in cuts if cut.heads > heads[-1])
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
    return fewest_bytes(set(results), parents, sizes)[0]


def is_alias(kind: str, inputs: Sequence[int]) -> bool:
    """Whether the output of a layer shares the storage of its only input."""
    return kind == "reshape" and len(set(inputs)) == 1


def _views(profile: ModelProfile, index: int) -> list[int]:
    """A layer, what it is a view of, and so on to the tensor that owns the storage."""
    found = [index]
    while found[-1] != INPUT and is_alias(profile.graph[found[-1]].kind, profile.graph[found[-1]].inputs):
        found.append(profile.graph[found[-1]].inputs[0])
    return found


def _last_uses(profile: ModelProfile, order: Sequence[int]) -> dict[int, int]:
    """Place in the order of the last layer that reads each tensor; an unread input goes at the first."""
    return {INPUT: 0} | {source: place for place, index in enumerate(order) for source in profile.graph[index].inputs}


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
            new = self._cost[root] = fewest_bytes(self._tree[root], self._parents, self._sizes)
            self._bytes, self._tensors = self._bytes + new[0] - old[0], self._tensors + new[1] - old[1]
        self._changed.clear()
        return self._bytes, self._tensors


def fewest_bytes(live: set[int], parents: Mapping[int, int], sizes: Mapping[int, int]) -> tuple[int, int]:
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
