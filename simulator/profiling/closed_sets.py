"""The closed sets of a model's layers, by what they are made of: units, regions of units, and trees of views.

A unit is a set of layers that no cut separates: a layer with what is fused into it, and units that read each other. A
region is a stretch of units between two places that every order passes (all that comes later needs all before), so a
closed set is a number of whole regions and a closed part of the next one. A chain, DenseNet with all its shortcuts
included, has regions of one unit.
Leaves out the heads of early exits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise

from simulator.profiling.graph import INPUT
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import is_alias


@dataclass(frozen=True, eq=False)
class Tree:
    """A tensor and all its views, which share its storage.

    Attributes
    ----------
    tensors : tuple of int
        Layers that make them, parents first; the first owns the storage.
    parents : mapping of int to int
        What each view is a view of.
    makers : mapping of int to int
        Unit that makes each, -1 for the model input.
    readers : mapping of int to tuple of int
        Units that read each and do not make it.
    results : tuple of int
        Those that are final results.
    last : int
        Last unit that reads any of them; -1 if none does.
    """

    tensors: tuple[int, ...]
    parents: Mapping[int, int]
    makers: Mapping[int, int]
    readers: Mapping[int, tuple[int, ...]]
    results: tuple[int, ...]
    last: int

    @property
    def maker(self) -> int:
        """Unit that makes the tensor that owns the storage."""
        return self.makers[self.tensors[0]]

    def live(self, first: int, last: int) -> list[int]:
        """Tensors that are made by a unit before the first, and read by the last or a later one."""
        made = (tensor for tensor in self.tensors if self.makers[tensor] < first)
        return [tensor for tensor in made if self.readers[tensor] and self.readers[tensor][-1] >= last]

    def is_read_in(self, region: range) -> bool:
        """Whether a unit of a region reads any of them."""
        return any(unit in region for units in self.readers.values() for unit in units)


class ClosedSets:
    """Units of a profile's trunk in topological order.

    Attributes
    ----------
    units : list of tuple of int
        Layers of each unit.
    needs : list of tuple of int
        Units that each reads from.
    regions : list of range
        Of unit numbers.
    trees : list of Tree
        Those that any unit reads or that hold results.
    trees_of_regions : list of list of Tree
        Those that may cross behind a part of each region: made in it or before, read in it or later.
    ends : list of int
        Units from which no other reads.
    """

    def __init__(self, profile: ModelProfile) -> None:
        graph, trunk = profile.graph, profile.trunk
        groups = _inseparable(profile)
        place = {index: number for number, group in enumerate(groups) for index in group}
        reads = [
            {place[source] for index in group for source in graph[index].inputs if source != INPUT} - {number}
            for number, group in enumerate(groups)
        ]
        order = _sorted(reads)
        number_of = {group: number for number, group in enumerate(order)}
        self.units = [groups[group] for group in order]
        self.needs = [tuple(sorted(number_of[source] for source in reads[group])) for group in order]
        self.regions = _regions(self.needs)
        self.ends = sorted(set(range(len(order))) - {source for sources in self.needs for source in sources})
        unit_of = {index: number for number, layers in enumerate(self.units) for index in layers} | {INPUT: -1}
        parents = {index: graph[index].inputs[0] for index in trunk if is_alias(graph[index].kind, graph[index].inputs)}
        readers: dict[int, set[int]] = {}
        for number, layers in enumerate(self.units):
            for source in {source for index in layers for source in graph[index].inputs}:
                if unit_of[source] != number:
                    readers.setdefault(source, set()).add(number)
        root: dict[int, int] = {}
        members: dict[int, list[int]] = {}
        for index in (INPUT, *trunk):
            root[index] = root[parents[index]] if index in parents else index
            members.setdefault(root[index], []).append(index)
        self.trees = [
            Tree(
                tensors=tuple(tensors),
                parents={index: parents[index] for index in tensors if index in parents},
                makers={index: unit_of[index] for index in tensors},
                readers={index: tuple(sorted(readers.get(index, ()))) for index in tensors},
                results=tuple(index for index in tensors if index in profile.outputs),
                last=max((max(readers[index]) for index in tensors if index in readers), default=-1),
            )
            for tensors in members.values()
            if any(index in readers or index in profile.outputs for index in tensors)
        ]
        self.trees_of_regions: list[list[Tree]] = [[] for _ in self.regions]
        region_of = [number for number, region in enumerate(self.regions) for _ in region]
        for tree in self.trees:
            if tree.last >= 0:
                for number in range(region_of[max(tree.maker, 0)], region_of[tree.last] + 1):
                    self.trees_of_regions[number].append(tree)

    def layers(self, units: Iterable[int]) -> list[int]:
        """Layers of some units."""
        return sorted(index for number in units for index in self.units[number])


def _inseparable(profile: ModelProfile) -> list[tuple[int, ...]]:
    """Layers of the trunk in groups that are on one side of every cut, by their first layer."""
    graph = profile.graph
    groups: dict[int, list[int]] = {}
    for index in profile.trunk:
        host = graph[index].fused_into
        groups.setdefault(index if host is None else host, []).append(index)
    if not any(_reads_late(profile, host, group) for host, group in groups.items()):
        return [tuple(group) for group in groups.values()]
    # what is fused may read what its host has led to: then all on the way belongs together
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [(index, source) for index in profile.trunk for source in graph[index].inputs if source != INPUT]
    for host, group in groups.items():
        pairs += [pair for index in group if index != host for pair in ((host, index), (index, host))]
    size = len(graph)
    rows, columns = zip(*pairs, strict=True)
    _, labels = connected_components(coo_array(([1] * len(pairs), (rows, columns)), (size, size)), connection="strong")
    together: dict[int, list[int]] = {}
    for index in profile.trunk:
        together.setdefault(int(labels[index]), []).append(index)
    return [tuple(group) for group in together.values()]


def _reads_late(profile: ModelProfile, host: int, group: list[int]) -> bool:
    """Whether a group of fused layers reads a layer behind its host that is not of the group."""
    return any(source > host and source not in group for index in group for source in profile.graph[index].inputs)


def _sorted(reads: list[set[int]]) -> list[int]:
    """Groups in topological order, the first one first where there is a choice."""
    users: list[list[int]] = [[] for _ in reads]
    waits = [len(sources) for sources in reads]
    for number, sources in enumerate(reads):
        for source in sources:
            users[source].append(number)
    ready = [number for number, count in enumerate(waits) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for user in users[order[-1]]:
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, user)
    return order


def _regions(needs: list[tuple[int, ...]]) -> list[range]:
    """Stretches between the places that every order passes."""
    all_needs: list[int] = []
    missing: list[int] = []  # the first unit that is not needed
    for sources in needs:
        mask = 0
        for source in sources:
            mask |= all_needs[source] | 1 << source
        all_needs.append(mask)
        missing.append((~mask & mask + 1).bit_length() - 1)
    borders, least = [len(needs)], len(needs)
    for number in reversed(range(len(needs))):
        least = min(least, missing[number])
        if least >= number:
            borders.append(number)
    return [range(first, last) for first, last in pairwise(reversed(borders))]
