"""Which layer each parameter is counted with: the first of the trunk that reads it, else the first of an exit's head.

A parameter that several layers read (a layer that is called again, a tied embedding, one classifier for all exits)
counts once, and every other reader says what it reads again and whose it is. Quantised weights count like others where
a product or a lookup reads them, be they parameters or buffers; they keep their size at every precision.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import torch

from simulator.profiling.extract.sizes import is_integer, tensor_bytes
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
        For each layer the names of the parameters and of the buffers of weights that it reads.
    module : torch.nn.Module
        The module that has them.
    heads : collection of int
        Layers that only an early exit needs.
    """
    owner: dict[int, int] = {}
    filled = list(graph)
    for index in sorted(range(len(graph)), key=lambda place: (place in heads, place)):
        count = size = integers = 0
        shared: dict[int, int] = {}
        shared_integers: dict[int, int] = {}
        read = {id(one): one for one in (_held(module, name) for name in sorted(reads[index]))}
        for identity, parameter in read.items():
            of_bytes = tensor_bytes(parameter)
            whole = of_bytes if is_integer(parameter) else 0
            first = owner.setdefault(identity, index)
            if first == index:
                count += parameter.numel()
                size += of_bytes
                integers += whole
            else:
                shared[first] = shared.get(first, 0) + of_bytes
                if whole:
                    shared_integers[first] = shared_integers.get(first, 0) + whole
        filled[index] = replace(
            graph[index],
            params=count,
            param_bytes=size,
            shared=tuple(sorted(shared.items())),
            integer_param_bytes=integers,
            shared_integers=tuple(sorted(shared_integers.items())),
        )
    every = {
        id(one): one.numel() for name, one in module.named_parameters(remove_duplicate=False) if LISTED not in name
    }
    return filled, sum(size for identity, size in every.items() if identity not in owner)


def is_weight(buffer: torch.Tensor) -> bool:
    """Whether a buffer is a quantised weight, if a product or a lookup reads it: numbers of one byte."""
    return is_integer(buffer) and buffer.dtype != torch.bool and buffer.element_size() == 1 and buffer.numel() > 1


def _held(module: torch.nn.Module, name: str) -> torch.Tensor:
    """The parameter or the buffer of that name."""
    path, _, last = name.rpartition(".")
    found: torch.Tensor = getattr(module.get_submodule(path), last)
    return found
