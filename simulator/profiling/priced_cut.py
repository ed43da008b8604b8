"""A closed set of layers with what it costs, part by part, and which of equal sets is the plainest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from simulator.profiling.closed_sets import ClosedSets
from simulator.profiling.cut_costs import CutCosts, ExactCosts
from simulator.profiling.model import ModelProfile
from simulator.profiling.set_cut import SetCut, set_cut


@dataclass(frozen=True)
class GraphCut:
    """A cut and what it costs.

    Attributes
    ----------
    cut : SetCut
    value : float
        The sum that was minimised.
    here, crossing, there, back, leaving : float
        Its parts: layers on the device, what is sent, layers on the server, what comes back, leaving the device at all.
    """

    cut: SetCut
    value: float
    here: float
    crossing: float
    there: float
    back: float
    leaving: float


def priced_cut(
    profile: ModelProfile, costs: CutCosts, layers: Collection[int], sets: ClosedSets | None = None
) -> GraphCut:
    """What a closed set of layers costs; parameters as in `graph_cut.cheapest_cut`.

    Raises
    ------
    ProfileError
        For a set that is not closed.
    """
    sets = ClosedSets(profile) if sets is None else sets
    inside = frozenset(set_cut(profile, layers).before)
    units = frozenset(number for number, unit in enumerate(sets.units) if inside.issuperset(unit))
    return evaluated(profile, sets, ExactCosts(profile, sets, costs), units)


def plainest(
    profile: ModelProfile,
    sets: ClosedSets,
    exact: ExactCosts,
    units: frozenset[int],
    value: Callable[[Sequence[int]], int],
) -> frozenset[int]:
    """The units of the first cut point that holds some, if it is worth the same, else these.

    What costs nothing, such as a view that is stored before what else runs on the device, makes no cut of its own.

    Parameters
    ----------
    profile, sets, exact
    units : frozenset of int
        Closed.
    value : callable
        Of the parts of a cost, `parts_of`.
    """
    layers = set(sets.layers(units))
    until = max((place for place, index in enumerate(profile.trunk, start=1) if index in layers), default=0)
    cut = next(cut for cut in profile.cut_points if cut.layers >= until)
    prefix = set(profile.trunk[: cut.layers])
    plain = frozenset(number for number, unit in enumerate(sets.units) if prefix.issuperset(unit))
    is_same = value(parts_of(sets, exact, plain)) == value(parts_of(sets, exact, units))
    return plain if plain != units and is_same else units


def evaluated(profile: ModelProfile, sets: ClosedSets, exact: ExactCosts, units: frozenset[int]) -> GraphCut:
    """What a closed set of units costs, part by part."""
    parts = parts_of(sets, exact, units)
    return GraphCut(set_cut(profile, sets.layers(units)), exact.value(sum(parts)), *map(exact.value, parts))


def parts_of(sets: ClosedSets, exact: ExactCosts, units: frozenset[int]) -> tuple[int, int, int, int, int]:
    """Layers on the device, what is sent, layers on the server, what comes back, and leaving the device at all."""
    here = sum(exact.here[unit] for unit in units)
    there = sum(exact.there) - sum(exact.there[unit] for unit in units)
    done = units | {-1}
    crossing = back = leaving = 0
    for tree in sets.trees:
        made = [tensor for tensor in tree.tensors if tree.makers[tensor] in done]
        crossing += exact.crossing(tree, [tensor for tensor in made if not units.issuperset(tree.readers[tensor])])
        if tree.results and tree.maker not in done:
            back += exact.returning(tree, tree.results)
    if len(units) < len(sets.units):
        back, leaving = back + exact.answer, exact.leaving
    return here, crossing if units else exact.empty, there, back, leaving
