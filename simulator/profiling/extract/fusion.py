"""Which layers an inference runtime computes together with the convolution or linear layer before them.

A batch-norm, a scaling or shift by constants per channel, and an activation join their host if they are the only reader
of what it produces; nothing joins behind an activation. Residual additions stay on their own.
Source of the rule: the fusions that TensorRT, TFLite and ONNX Runtime all document for convolution and linear layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from simulator.profiling.graph import Layer

_HOSTS = ("conv", "pointwise_conv", "depthwise_conv", "grouped_conv", "linear")


def fuse(graph: Sequence[Layer], foldable: Collection[int], outputs: Collection[int]) -> tuple[Layer, ...]:
    """The same layers with ``fused_into`` set.

    Parameters
    ----------
    graph : sequence of Layer
        In topological order.
    foldable : collection of int
        Layers that scale or shift each channel by constants.
    outputs : collection of int
        Layers whose results the model returns; nothing is fused into what must exist on its own.
    """
    readers = Counter(source for layer in graph for source in layer.inputs)
    fused: list[Layer] = []
    open_hosts: dict[int, int] = {}
    for index, layer in enumerate(graph):
        host = None
        if len(layer.inputs) == 1 and readers[layer.inputs[0]] == 1 and layer.inputs[0] not in outputs:
            host = open_hosts.get(layer.inputs[0])
        is_norm = "batch_norm" in layer.op or index in foldable
        if layer.kind in _HOSTS:
            host = None
            open_hosts[index] = index
        elif host is not None and is_norm:
            open_hosts[index] = host
        elif layer.kind != "activation":
            host = None
        fused.append(replace(layer, fused_into=host))
    return tuple(fused)
