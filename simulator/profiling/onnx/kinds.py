"""What an ONNX operator does where its name alone does not tell: its operands and its neighbours decide."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from simulator.profiling.onnx.loading import OnnxGraph
from simulator.profiling.onnx.operators import attributes, free_kind, is_convolution, weight_place

#: bounds of a Clip that is an activation: ReLU6, hardtanh
_ACTIVATIONS = ((0.0, 6.0), (-1.0, 1.0))


def free_layer_kind(node: Any, graph: OnnxGraph, constants: Collection[str]) -> str:
    """Kind of an operator that is free or unknown, as its operands decide it."""
    if node.op_type == "Gather":
        if node.input[0] in constants:
            return "embedding"
        chosen = graph.tensors.get(node.input[1])
        return "reshape" if chosen is not None and not chosen.shape and node.input[1] in constants else "other"
    if node.op_type == "Clip":
        given = attributes(node)
        low, high = (
            float(graph.values.get(name, given.get(word, float("nan"))))
            for name, word in zip([*node.input[1:], "", ""], ("min", "max"), strict=False)
        )
        return "activation" if (low, high) in _ACTIVATIONS else "elementwise"
    return free_kind(node) or "other"


def counted_kind(node: Any, graph: OnnxGraph, constants: Collection[str]) -> str:
    """Kind of an operator that multiplies and accumulates."""
    if is_convolution(node):
        return _convolution_kind(node, graph)
    if node.op_type in ("LSTM", "GRU", "RNN"):
        return "recurrent"
    if node.op_type == "Attention" or _meets_softmax(node, graph, constants):
        return "attention"
    matrices = (name for name in node.input if name in constants and name)
    is_linear = any(len(graph.tensors[name].shape) >= 2 for name in matrices if name in graph.tensors)
    return "linear" if is_linear else "matmul"


def _meets_softmax(node: Any, graph: OnnxGraph, constants: Collection[str]) -> bool:
    """Whether a product without constants makes the operand of a softmax, or takes its result."""
    if any(name in constants for name in node.input if name):
        return False
    nodes = graph.model.graph.node
    for step, sides in (("output", "input"), ("input", "output")):
        names = set(getattr(node, step)[:1])
        for _ in range(6):  # scale, mask, shape and type lie between
            near = [other for other in nodes if other is not node and not names.isdisjoint(getattr(other, sides))]
            if any(free_kind(other) == "softmax" for other in near):
                return True
            through = [other for other in near if free_kind(other) in ("elementwise", "reshape")]
            names = {name for other in through for name in getattr(other, step)}
    return False


def _convolution_kind(node: Any, graph: OnnxGraph) -> str:
    weight = graph.tensors[node.input[weight_place(node)]].shape
    groups = attributes(node).get("group", 1)
    transposed = node.op_type == "ConvTranspose"
    if groups > 1:
        channels = weight[0] if transposed else weight[1] * groups
        return "depthwise_conv" if groups == channels else "grouped_conv"
    return "conv" if transposed or any(extent > 1 for extent in weight[2:]) else "pointwise_conv"
