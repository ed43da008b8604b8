"""The cut of a layer graph whose slowest stage is fastest: what a stream of requests needs.

The heavily loaded case of DADS (Hu, Bao, Wang, Liu, INFOCOM 2019, section V): with many requests in flight at once, the
rate is that of the slowest of device, uplink and server (and of the downlink, where answers cost something). A maximum
does not add up, so no minimum cut finds it; with branches that weigh against each other it is as hard as sharing out
weights evenly, and the paper approximates it.

Here it is exact on every chain: each place between two regions (see `closed_sets`) is tried. Inside a region closed
parts are searched by branch and bound: the stages of a partial decision only grow, so what is no better is left.
That is exact as long as the search ends within `STEPS` decisions; where it does not, the best cut that was found comes
with a value that no cut can be below.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.profiling.closed_sets import ClosedSets, Tree
from simulator.profiling.cut_costs import CutCosts, ExactCosts
from simulator.profiling.model import ModelProfile
from simulator.profiling.priced_cut import GraphCut, evaluated, plainest

#: decisions, a unit on the device or on the server, after which a search is given up
STEPS = 100_000


@dataclass(frozen=True)
class BottleneckCut:
    """A cut by its slowest stage.

    Attributes
    ----------
    found : GraphCut
        The cut and its stages; ``leaving`` is no stage.
    value : float
        The slowest stage.
    least : float
        What no cut is below; the value itself where the search has ended.
    """

    found: GraphCut
    value: float
    least: float

    @property
    def is_exact(self) -> bool:
        """Whether it is known that no cut is better."""
        return self.least == self.value


def bottleneck_cut(profile: ModelProfile, costs: CutCosts, sets: ClosedSets | None = None) -> BottleneckCut:
    """The closed set of layers behind which the slowest of device, uplink, server and downlink is fastest.

    Parameters
    ----------
    profile : ModelProfile
    costs : CutCosts
        In seconds.
    sets : ClosedSets, optional
        Of the profile, where several costs are tried.
    """
    sets = ClosedSets(profile) if sets is None else sets
    exact = ExactCosts(profile, sets, costs)
    value, units, least = _best(sets, exact)
    units = plainest(profile, sets, exact, units, lambda parts: max(parts[:4]))
    return BottleneckCut(evaluated(profile, sets, exact, units), exact.value(value), exact.value(least))


def _best(sets: ClosedSets, exact: ExactCosts) -> tuple[int, frozenset[int], int]:
    """The slowest stage of the best set, its units, and what no set is below."""
    count = len(sets.units)
    value, units = sum(exact.here), frozenset(range(count))
    back = exact.answer + sum(exact.returning(tree, tree.results) for tree in sets.trees if tree.maker >= 0)
    if max(exact.empty, sum(exact.there), back) <= value:
        value, units = max(exact.empty, sum(exact.there), back), frozenset()
    regions = [_Region(sets, exact, number) for number in range(len(sets.regions))]
    for region in regions[1:]:
        border = region.all_behind()
        if border.slowest < value:
            value, units = border.slowest, region.set_of(border)
    steps, least = STEPS, value
    for region in regions:
        waiting = [region.begin] if len(region.units) > 1 else []
        while waiting and steps:
            state = waiting.pop()
            if state.slowest >= value:
                continue
            if state.unit == region.units.stop:
                if region.units.start or state.behind != region.whole:
                    value, units = state.slowest, region.set_of(state)
                continue
            steps -= 1
            waiting += region.decided(state)
        least = min([least, *(state.slowest for state in waiting)])
    return value, units, min(value, least)


@dataclass(frozen=True)
class _State:
    """Some units of a region on either side.

    Attributes
    ----------
    unit : int
        The first that is not decided.
    behind : int
        A bit for each unit of the region that is on the server.
    here, crossing, there, back : int
        Stages of what is decided and of all outside of the region.
    """

    unit: int
    behind: int
    here: int
    crossing: int
    there: int
    back: int

    @property
    def slowest(self) -> int:
        return max(self.here, self.crossing, self.there, self.back)


class _Region:
    """A region whose units are decided one after another: all before it is on the device, all behind on the server."""

    def __init__(self, sets: ClosedSets, exact: ExactCosts, number: int) -> None:
        self.units = sets.regions[number]
        self._exact, first, end = exact, self.units.start, self.units.stop
        self.whole = (1 << len(self.units)) - 1
        self._needs = [sum(1 << k - first for k in sets.needs[unit] if k >= first) for unit in self.units]
        trees = sets.trees_of_regions[number]
        self._touched: list[list[Tree]] = [
            [tree for tree in trees if unit in tree.makers.values() or any(unit in of for of in tree.readers.values())]
            for unit in self.units
        ]
        results = [tree for tree in sets.trees if tree.results]
        self._answers = [sum(exact.returning(t, t.results) for t in results if t.maker == unit) for unit in self.units]
        self.begin = _State(
            unit=first,
            behind=0,
            here=sum(exact.here[:first]),
            crossing=sum(exact.crossing(tree, tree.live(first, end)) for tree in trees),
            there=sum(exact.there[end:]),
            back=exact.answer + sum(exact.returning(t, t.results) for t in results if t.maker >= end),
        )

    def set_of(self, state: _State) -> frozenset[int]:
        """All units on the device."""
        first = self.units.start
        return frozenset(range(first)) | {unit for unit in self.units if not state.behind >> unit - first & 1}

    def all_behind(self) -> _State:
        """The state in which all of the region is on the server."""
        state = self.begin
        for _ in self.units:
            state = self._next(state, on_server=True)
        return state

    def decided(self, state: _State) -> list[_State]:
        """The next unit on either side; on the server if it needs anything from there."""
        place = state.unit - self.units.start
        on_server = self._next(state, on_server=True)
        return [on_server] if self._needs[place] & state.behind else [on_server, self._next(state, on_server=False)]

    def _next(self, state: _State, on_server: bool) -> _State:
        unit, exact = state.unit, self._exact
        place = unit - self.units.start
        behind = state.behind | 1 << place if on_server else state.behind
        crossing = state.crossing
        for tree in self._touched[place]:
            crossing += exact.crossing(tree, self._live(tree, unit + 1, behind))
            crossing -= exact.crossing(tree, self._live(tree, unit, state.behind))
        return _State(
            unit=unit + 1,
            behind=behind,
            here=state.here + (0 if on_server else exact.here[unit]),
            crossing=crossing,
            there=state.there + (exact.there[unit] if on_server else 0),
            back=state.back + (self._answers[place] if on_server else 0),
        )

    def _live(self, tree: Tree, decided: int, behind: int) -> list[int]:
        """Tensors that cross as far as is decided: made on the device, read on the server."""
        first, end = self.units.start, self.units.stop

        def is_behind(unit: int) -> bool:
            return unit >= end or (first <= unit < decided and bool(behind >> unit - first & 1))

        made = (t for t in tree.tensors if tree.makers[t] < decided and not is_behind(tree.makers[t]))
        return [tensor for tensor in made if any(is_behind(unit) for unit in tree.readers[tensor])]
