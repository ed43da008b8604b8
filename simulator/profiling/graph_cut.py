"""The cheapest of all cuts of a layer graph, those that are no prefix of the stored order included.

The min-cut of DADS (Hu, Bao, Wang, Liu, "Dynamic adaptive DNN surgery for inference acceleration on the edge", INFOCOM
2019, section IV, lightly loaded): the source's side of a minimum cut runs on the device. An arc from the source costs a
layer's time on the server, an arc to the sink its time on the device, and an auxiliary node behind a tensor with
several readers lets it be paid once. No layer on the device may read from the server, which arcs without limit forbid.
Beyond the paper: views share the storage of their tensor, so the auxiliary nodes of a tree of views follow its
branches, and a cut sends whichever tensors cost least (see `partition`); results that are made on the server come back
in the same way; what is fused stays with its host.

The optimum is exact: a closed set consists of whole regions and a part of one (see `closed_sets`), each region is
solved on its own, and all costs are integers without rounding. Of equal optima it is the smallest set, so that nothing
runs on the device without a reason, or the first cut point that holds this set and costs the same.
Any cost that adds up over layers and bytes is minimised so: latency, energy of the device, weighted sums. A product of
two, a deadline on one or a limit of memory does not add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from simulator.physics.max_flow import minimum_cut
from simulator.profiling.closed_sets import ClosedSets, Tree
from simulator.profiling.cut_costs import CutCosts, ExactCosts
from simulator.profiling.model import ModelProfile
from simulator.profiling.priced_cut import GraphCut, evaluated, plainest

SOURCE, SINK = 0, 1


def cheapest_cut(profile: ModelProfile, costs: CutCosts, sets: ClosedSets | None = None) -> GraphCut:
    """The closed set of layers that costs least before a cut.

    Parameters
    ----------
    profile : ModelProfile
    costs : CutCosts
    sets : ClosedSets, optional
        Of the profile, where several costs are tried.
    """
    sets = ClosedSets(profile) if sets is None else sets
    exact = ExactCosts(profile, sets, costs)
    units = _Search(sets, exact).cheapest()
    return evaluated(profile, sets, exact, plainest(profile, sets, exact, units, sum))


class _Search:
    """The search for the cheapest closed set, region by region."""

    def __init__(self, sets: ClosedSets, exact: ExactCosts) -> None:
        self._sets, self._exact = sets, exact
        self._here = list(accumulate(exact.here, initial=0))
        self._there = list(accumulate(exact.there, initial=0))
        self._results = [tree for tree in sets.trees if tree.results]
        self._leaving = exact.leaving + exact.answer

    def cheapest(self) -> frozenset[int]:
        """Units of the best set; the smallest of equal ones."""
        exact, units = self._exact, frozenset[int]()
        back = sum(exact.returning(tree, tree.results) for tree in self._results if tree.maker >= 0)
        best = self._there[-1] + exact.empty + self._leaving + back
        for region, trees in zip(self._sets.regions, self._sets.trees_of_regions, strict=True):
            for value, inner in self._parts(region, trees, best):
                if value < best:
                    best, units = value, frozenset(range(region.start)) | inner
        return units if best <= self._here[-1] else frozenset(range(len(self._sets.units)))

    def _parts(self, region: range, trees: list[Tree], best: int) -> Iterator[tuple[int, frozenset[int]]]:
        """Cost of the best sets that end in a region, not of the empty one, with their units of the region."""
        if region.start == 0 and len(region) == 1:
            return
        value, inner = self._border(region, trees) if len(region) == 1 else self._solved(region, trees)
        if region.start or inner:
            yield value, inner
        elif value < best:
            # the tensor of the input costs less than its encoding, which the empty set sends: some unit must run here
            for unit in region:
                if not self._sets.needs[unit]:
                    yield self._solved(region, trees, unit)

    def _border(self, region: range, trees: list[Tree]) -> tuple[int, frozenset[int]]:
        """Cost of the set of all that comes before a region."""
        first = region.start
        value = self._here[first] + self._there[-1] - self._there[first] + self._leaving
        value += sum(self._exact.crossing(tree, tree.live(first, first)) for tree in trees)
        behind = (tree for tree in self._results if tree.maker >= first)
        return value + sum(self._exact.returning(tree, tree.results) for tree in behind), frozenset()

    def _solved(self, region: range, trees: list[Tree], kept: int | None = None) -> tuple[int, frozenset[int]]:
        """The same for the best closed part of the region, of those that hold a given unit."""
        first, end, exact = region.start, region.stop, self._exact
        network = _Network(region, exact)
        constant = self._here[first] + self._there[-1] - self._there[end]
        for unit in region:
            network.arc(SOURCE, network.side(unit), exact.there[unit])
            network.arc(network.side(unit), SINK, exact.here[unit])
            for needed in self._sets.needs[unit]:
                network.forbid(unit, needed)
        if kept is not None:
            network.arc(SOURCE, network.side(kept), exact.endless)
        for tree in trees:
            if tree.maker < first and not tree.is_read_in(region):
                constant += exact.crossing(tree, tree.live(first, end))
            else:
                network.send(tree)
        for tree in self._results:
            if tree.maker >= end:
                constant += exact.returning(tree, tree.results)
            elif tree.maker >= first:
                network.send_back(tree)
        if end == len(self._sets.units):
            network.leave(self._sets.ends, self._leaving)
        else:
            constant += self._leaving
        value, on_device = network.solved()
        return constant + value, on_device


class _Network:
    """The flow network of a region: what runs before it is the source, what runs behind it the sink."""

    def __init__(self, region: range, exact: ExactCosts) -> None:
        self._region, self._exact = region, exact
        self._nodes = 2 + len(region)
        self._arcs: list[tuple[int, int, int]] = []

    def side(self, unit: int) -> int:
        """Node of a unit."""
        if unit < self._region.start:
            return SOURCE
        return SINK if unit >= self._region.stop else 2 + unit - self._region.start

    def arc(self, begin: int, end: int, cost: int) -> None:
        """What it costs to have one node on the device and another one not."""
        if cost and begin != end:
            self._arcs.append((begin, end, cost))

    def forbid(self, unit: int, needed: int) -> None:
        """A unit does not run on the device unless another one does."""
        if self.side(needed) != SOURCE:
            self.arc(self.side(unit), self.side(needed), self._exact.endless)

    def send(self, tree: Tree) -> None:
        """What a tensor and its views cost to send; their nodes are with the sink where the server has them."""
        nodes: dict[int, int] = {}
        for tensor in tree.tensors:
            if tree.makers[tensor] >= self._region.stop:
                continue
            origin = nodes[tree.parents[tensor]] if tensor in tree.parents else self.side(tree.makers[tensor])
            readers = [self.side(unit) for unit in tree.readers[tensor] if unit >= self._region.start]
            if len(tree.tensors) == 1 and len(readers) == 1:
                self.arc(origin, readers[0], self._exact.sent[tensor])
                return
            nodes[tensor] = self._new_node()
            self.arc(origin, nodes[tensor], self._exact.sent[tensor])
            for reader in dict.fromkeys(readers):
                self.arc(nodes[tensor], reader, self._exact.endless)

    def send_back(self, tree: Tree) -> None:
        """What results cost to bring back; their nodes are with the source where the device has them."""
        nodes: dict[int, int] = {}
        for tensor in tree.tensors:
            origin = nodes[tree.parents[tensor]] if tensor in tree.parents else self.side(tree.makers[tensor])
            nodes[tensor] = self._new_node()
            self.arc(nodes[tensor], origin, self._exact.back[tensor])
            if tensor in tree.results:
                self.arc(SOURCE, nodes[tensor], self._exact.endless)

    def leave(self, ends: list[int], cost: int) -> None:
        """What it costs if any of the last units runs on the server."""
        node = self._new_node()
        self.arc(SOURCE, node, cost)
        for unit in ends:
            self.arc(node, self.side(unit), self._exact.endless)

    def solved(self) -> tuple[int, frozenset[int]]:
        """The least cost, and the units of the region that run on the device."""
        value, on_device = minimum_cut(self._nodes, self._arcs, SOURCE, SINK)
        return value, frozenset(unit for unit in self._region if on_device[self.side(unit)])

    def _new_node(self) -> int:
        self._nodes += 1
        return self._nodes - 1
