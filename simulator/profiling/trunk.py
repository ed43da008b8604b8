"""Layers without a choice of order grouped into units, the tensors between them, and where a choice begins and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from simulator.profiling.graph import INPUT, Layer
from simulator.profiling.partition import is_alias


class Trunk:
    """Units of layers that run together (each with what is fused into it), and the tensors between them."""

    def __init__(self, graph: Sequence[Layer], trunk: Sequence[int], input_bytes: int) -> None:
        hosts: dict[int, list[int]] = {}
        for index in trunk:
            host = graph[index].fused_into
            hosts.setdefault(index if host is None else host, []).append(index)
        self.units = [tuple(layers) for layers in hosts.values()]
        self.unit_of = {index: number for number, layers in enumerate(self.units) for index in layers}
        self.unit_of[INPUT] = -1
        self.parents = {k: graph[k].inputs[0] for k in trunk if is_alias(graph[k].kind, graph[k].inputs)}
        self.sizes = {INPUT: input_bytes} | {index: graph[index].output_bytes for index in trunk}
        self.reads = [sorted({k for index in layers for k in graph[index].inputs}) for layers in self.units]
        self.macs = [sum(graph[index].macs for index in layers) for layers in self.units]
        self.looks = [tuple(_look(graph[index]) for index in layers) for layers in self.units]
        self.readers: dict[int, list[int]] = {}
        for number, sources in enumerate(self.reads):
            for source in sources:
                self.readers.setdefault(source, []).append(number)
        self.root: dict[int, int] = {}
        self.trees: dict[int, list[int]] = {}
        for tensor in (INPUT, *trunk):
            root = self.root[tensor] = self.root[self.parents[tensor]] if tensor in self.parents else tensor
            self.trees.setdefault(root, []).append(tensor)

    def regions(self) -> Iterator[range]:
        """Stretches of units between the places that every order passes: all that comes later needs all before."""
        needs: list[int] = []
        missing: list[int] = []  # the first unit that is not needed
        for number, sources in enumerate(self.reads):
            mask = 0
            for source in {self.unit_of[source] for source in sources} - {number, -1}:
                mask |= needs[source] | 1 << source
            needs.append(mask)
            missing.append((~mask & mask + 1).bit_length() - 1)
        borders, least = [len(needs)], len(needs)
        for number in reversed(range(len(needs))):
            least = min(least, missing[number])
            if least >= number:
                borders.append(number)
        yield from (range(first, last) for first, last in pairwise(reversed(borders)))


def _look(layer: Layer) -> tuple[Any, ...]:
    """What tells layers apart but for their names and places; more work comes first."""
    return (-layer.macs, layer.output_bytes, layer.integer_bytes, layer.kind, layer.output_shape)
