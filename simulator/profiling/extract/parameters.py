"""Which layer each parameter is counted with: the first of the trunk that reads it, else the first of an exit's head.

A parameter that several layers read (a layer that is called again, a tied embedding, one classifier for all exits)
counts once, and every other reader says what it reads again and whose it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from simulator.profiling.extract.sizes import tensor_bytes
from simulator.profiling.graph import Layer

#: stands in the names of modules that the network keeps in a plain list: they are its own only where it uses them
LISTED = "["


def with_parameters(
    graph: Sequence[Layer], reads: Sequence[Collection[str]], module: torch.nn.Module, heads: Collection[int]
) -> tuple[list[Layer], int]:
    """The same layers with their parameters, and how many parameters no layer reads.

    Parameters
    ----------
    graph : sequence of Layer
        In topological order.
    reads : sequence of collection of str
        For each layer the names of the parameters that it reads.
    module : torch.nn.Module
        The module that has them.
    heads : collection of int
        Layers that only an early exit needs.
    """
    owner: dict[int, int] = {}
    filled = list(graph)
    for index in sorted(range(len(graph)), key=lambda place: (place in heads, place)):
        count = size = 0
        shared: dict[int, int] = {}
        read = {id(one): one for one in map(module.get_parameter, sorted(reads[index]))}
        for identity, parameter in read.items():
            if identity in owner:
                shared[owner[identity]] = shared.get(owner[identity], 0) + tensor_bytes(parameter)
            else:
                owner[identity] = index
                count += parameter.numel()
                size += tensor_bytes(parameter)
        filled[index] = replace(graph[index], params=count, param_bytes=size, shared=tuple(sorted(shared.items())))
    every = {
        id(one): one.numel() for name, one in module.named_parameters(remove_duplicate=False) if LISTED not in name
    }
    return filled, sum(size for identity, size in every.items() if identity not in owner)
