"""Small ONNX models, written node by node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17


def weights(seed: int = 0, **shapes: tuple[int, ...]) -> list[onnx.TensorProto]:
    """Random constants by name and shape."""
    draw = np.random.default_rng(seed)
    return [numpy_helper.from_array(draw.normal(size=shape).astype(np.float32), key) for key, shape in shapes.items()]


def integers(**values: list[int]) -> list[onnx.TensorProto]:
    """Constants of integers."""
    return [numpy_helper.from_array(np.array(value, np.int64), key) for key, value in values.items()]


def written(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
    shape: list[int | str],
    outputs: tuple[str, ...] = ("y",),
    opset: int = OPSET,
    domains: tuple[str, ...] = (),
    kind: int = onnx.TensorProto.FLOAT,
) -> Path:
    """Write a model with one input ``x``; the shapes of its outputs are left open."""
    results = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", kind, shape)], results, constants)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def residual(path: Path, shape: list[int | str]) -> Path:
    """Convolution, then a block whose input skips it, then a classifier; two outputs, one before the block."""
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "w2"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "w3"], ["e"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["e", "r"], ["s"]),
        helper.make_node("GlobalAveragePool", ["s"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["y"], transB=1),
        helper.make_node("GlobalAveragePool", ["r"], ["q"]),
        helper.make_node("Flatten", ["q"], ["g"]),
        helper.make_node("Gemm", ["g", "w5"], ["early"], transB=1),
    ]
    constants = weights(w1=(8, 3, 3, 3), b1=(8,), w2=(8, 8, 3, 3), w3=(8, 8, 3, 3), w4=(10, 8), b4=(10,), w5=(10, 8))
    return written(path, nodes, constants, shape, outputs=("y", "early"))
