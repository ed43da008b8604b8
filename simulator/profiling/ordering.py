"""In which order layers run where their graph leaves a choice, so that how a model was written down decides no cut.

A chain has one order. Between places that every order passes (a region: the branches of a block) the choice is made by
what cuts would send. Layers that are fused run together. A layer that adds nothing to what is alive runs as soon as it
can: a pooling, or the head of a detector, whose result crosses no cut. Of the orders that are left, those come first
that pass the set of layers with the least crossing bytes; of them the one whose mean of the bytes alive, over the
multiply-accumulates, is least; of equal ones the one that has fewer bytes alive, then more work done, where they first
differ. What all of this cannot tell apart keeps the order in which it was written: the cuts are the same either way.

No order has a cut that sends less than the least of this one: of several results that nobody reads, the one that needs
least comes last where that helps. Left out: cuts that are no prefix of this order (two branches of which the other has
run), sizes at other precisions than that of the profile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from simulator.profiling.graph import INPUT, Exit, Layer
from simulator.profiling.region import Region
from simulator.profiling.trunk import Trunk


def canonical_order(graph: Sequence[Layer], exits: Sequence[Exit], input_bytes: int) -> list[int]:
    """Indices of the layers in the order in which they are to be stored.

    Parameters
    ----------
    graph : sequence of Layer
        In any topological order, with what is fused.
    exits : sequence of Exit
        Their heads run right after the layers that feed them, their own layers as they stand.
    input_bytes : int
        Size of the model input.
    """
    heads = {index for head in exits for index in head.layers}
    trunk = Trunk(graph, [index for index in range(len(graph)) if index not in heads], input_bytes)
    numbers = (number for region in trunk.regions() for number in Region(trunk, region).order())
    order = [index for number in numbers for index in trunk.units[number]]
    position = {INPUT: -1} | {index: place for place, index in enumerate(order)}
    behind: dict[int, list[int]] = {}
    for head in exits:
        fed = (position[source] for index in head.layers for source in graph[index].inputs if source in position)
        behind.setdefault(max(fed, default=-1), []).extend(head.layers)
    return behind.get(-1, []) + [one for place, index in enumerate(order) for one in (index, *behind.get(place, ()))]


def reordered(graph: Sequence[Layer], order: Sequence[int]) -> list[Layer]:
    """The same layers in another order, not fused; what they read and share is named anew."""
    new = {INPUT: INPUT} | {index: place for place, index in enumerate(order)}

    def renamed(shared: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple(sorted((new[owner], size) for owner, size in shared))

    return [
        replace(
            graph[index],
            inputs=tuple(new[source] for source in graph[index].inputs),
            shared=renamed(graph[index].shared),
            shared_integers=renamed(graph[index].shared_integers),
            fused_into=None,
        )
        for index in order
    ]
