"""The cuts that are best for some weighting of two costs: the lower left edge of the hull of all closed sets.

Found by dichotomy (Aneja and Nair, "Bicriteria transportation problem", Management Science 1979): the weights at which
two neighbours cost the same either have no cheaper cut, or the cheapest one lies between them. Each weighting is one
minimum cut (`graph_cut`), so the edge is found without listing the closed sets, of which there are too many.

The best cut by any quasi-concave function of the two is among these, since that has its least over points at a corner
of their hull: work plus the time of a transfer whose marginal byte never costs more than the one before, whatever the
rate of the link, or the product of energy and latency. Left out are cuts between two corners, which only a constraint
can make the best ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.profiling.closed_sets import ClosedSets
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.graph_cut import cheapest_cut
from simulator.profiling.model import ModelProfile
from simulator.profiling.priced_cut import priced_cut
from simulator.profiling.set_cut import SetCut

#: by which share a cut must be cheaper than its neighbours, so that rounding finds none
_LEAST_GAIN = 1e-12


@dataclass(frozen=True)
class Supported:
    """A cut and what it costs by either measure."""

    cut: SetCut
    first: float
    second: float


def supported_cuts(
    profile: ModelProfile, first: CutCosts, second: CutCosts, sets: ClosedSets | None = None
) -> tuple[Supported, ...]:
    """Cuts that are best for some weights, from the least first cost to the least second cost.

    Parameters
    ----------
    profile : ModelProfile
    first, second : CutCosts
        Two costs that agree in the encoding of the input, the size of elements and whether the input stays: such as the
        work on either side with free transfers, and the bytes alone, for all that can be best over some link.
    sets : ClosedSets, optional
        Of the profile.
    """
    sets = ClosedSets(profile) if sets is None else sets

    def best(of_first: float, of_second: float) -> Supported:
        cut = cheapest_cut(profile, _weighted(of_first, first, of_second, second), sets).cut
        return Supported(
            cut,
            priced_cut(profile, first, cut.before, sets).value,
            priced_cut(profile, second, cut.before, sets).value,
        )

    found = [best(1.0, 0.0), best(0.0, 1.0)]
    waiting = [(found[0], found[1])]
    while waiting:
        low, high = waiting.pop()
        of_first, of_second = low.second - high.second, high.first - low.first
        if of_first < 0 or of_second < 0 or of_first == of_second == 0:
            continue
        middle = best(of_first, of_second)
        known = of_first * low.first + of_second * low.second
        if of_first * middle.first + of_second * middle.second < known * (1 - _LEAST_GAIN):
            found.append(middle)
            waiting += [(low, middle), (middle, high)]
    found.sort(key=lambda one: (one.first, one.second))
    kept: list[Supported] = []
    for one in found:
        if not kept or one.second < kept[-1].second:
            kept.append(one)
    return tuple(kept)


def _weighted(of_first: float, first: CutCosts, of_second: float, second: CutCosts) -> CutCosts:
    return replace(
        first,
        here=of_first * first.here + of_second * second.here,
        there=of_first * first.there + of_second * second.there,
        per_byte=of_first * first.per_byte + of_second * second.per_byte,
        per_byte_back=of_first * first.per_byte_back + of_second * second.per_byte_back,
        leaving=of_first * first.leaving + of_second * second.leaving,
    )
