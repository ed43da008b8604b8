"""Shapes of all tensors of an ONNX graph: inferred by onnx, and computed where the file computes them itself.

What a file computes from shapes alone (Shape, Gather, Concat in front of a Reshape) is evaluated and becomes a
constant, so that what depends on it can be inferred; the two take turns until nothing more is found. Weights take no
part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.errors import ExtractionError, Problem
from simulator.profiling.graph import PROFILE_ELEMENT_BYTES

#: largest constant that takes part in the computation of shapes, in elements
_SMALL = 4096
#: mark of constants that are computed from shapes and numbers, such as masks: they are no parameters
COMPUTED = "computed"
#: weights above this size are dropped before shapes are inferred, in bytes
_HEAVY = 1 << 16
_CHANCE = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


@dataclass(frozen=True)
class Tensor:
    """Shape, element type as ONNX numbers it, bytes of one element, and whether it is a floating-point number."""

    shape: tuple[int, ...]
    element_type: int
    element_bytes: int
    floating: bool

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Size of the tensor."""
        return self.elements * self.element_bytes

    @property
    def profile_bytes(self) -> int:
        """Size as a profile states it: floating-point numbers at the bytes of float32, integers at their own."""
        return self.elements * (PROFILE_ELEMENT_BYTES if self.floating else self.element_bytes)


def fix_shapes(model: Any) -> tuple[dict[str, Any], Any, str]:
    """Turn what is computed from shapes alone into constants, until nothing more can be."""
    import onnx

    declared = [value for value in model.graph.value_info if _static(value)]
    foreign = {name for node in model.graph.node if node.domain not in ("", "ai.onnx") for name in node.output}
    del model.graph.value_info[:]
    model.graph.value_info.extend(value for value in declared if value.name in foreign)
    for value in model.graph.output:
        if not _static(value):
            value.type.tensor_type.ClearField("shape")
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    values = dict(_small_constants(model.graph))
    while True:
        light = _without_weights(model)
        try:
            inferred = onnx.shape_inference.infer_shapes(light, data_prop=True)
        except Exception as error:  # onnx raises its own and plain RuntimeError alike
            raise ExtractionError(Problem(f"shapes cannot be inferred: {_first_line(error)}")) from error
        if not _fold(model.graph, dict(tensors_of(inferred)), values, opsets):
            break
    trouble = ""
    try:
        onnx.shape_inference.infer_shapes(light, data_prop=True, strict_mode=True, check_type=True)
    except Exception as error:
        trouble = _first_line(error)
    known = {name for name, _ in tensors_of(inferred)}
    inferred.graph.value_info.extend(value for value in declared if value.name not in known)
    return values, inferred, trouble


def _static(value: Any) -> bool:
    kind = value.type.tensor_type
    return kind.HasField("shape") and all(extent.HasField("dim_value") for extent in kind.shape.dim)


def _without_weights(model: Any) -> Any:
    import onnx

    light = onnx.ModelProto()
    light.CopyFrom(model)
    for tensor in light.graph.initializer:
        if tensor.ByteSize() > _HEAVY:
            for field in ("raw_data", "float_data", "double_data", "int32_data", "int64_data"):
                tensor.ClearField(field)
    return light


def _small_constants(graph: Any) -> Iterator[tuple[str, Any]]:
    """Values of integers and of single numbers that the file holds: what shapes are computed with."""
    import onnx

    for tensor in graph.initializer:
        elements = math.prod(tensor.dims)
        integer = tensor.data_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
        external = tensor.data_location == onnx.TensorProto.EXTERNAL
        if not external and elements <= (_SMALL if integer else 1):
            yield tensor.name, onnx.numpy_helper.to_array(tensor)


def _fold(graph: Any, tensors: Mapping[str, Tensor], values: dict[str, Any], opsets: Mapping[str, int]) -> bool:
    """Replace operators whose result is known without any input by constants; says whether there were any."""
    import onnx

    kept, found = [], False
    computed = {tensor.name for tensor in graph.initializer if tensor.doc_string == COMPUTED}
    for node in graph.node:
        results = _evaluate(node, tensors, values, opsets)
        if results is None:
            kept.append(node)
            continue
        found = True
        given = [name for name in node.input if name in values]
        for name, value in zip(node.output, results, strict=False):
            values[name] = value
            constant = onnx.numpy_helper.from_array(value, name)
            if node.op_type != "Constant" and all(one in computed or _counts(values[one]) for one in given):
                constant.doc_string = COMPUTED
                computed.add(name)
            graph.initializer.append(constant)
    if found:
        del graph.node[:]
        graph.node.extend(kept)
    return found


def _counts(value: Any) -> bool:
    """Whether a constant is one number or whole numbers, from which nothing that was learned can come."""
    return value.size == 1 or value.dtype.kind in "biu"


def _evaluate(node: Any, tensors: Mapping[str, Tensor], values: Mapping[str, Any], opsets: Any) -> list[Any] | None:
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    if node.domain not in ("", "ai.onnx") or node.op_type in _CHANCE:
        return None
    if node.op_type in ("Shape", "Size"):
        known = tensors.get(node.input[0])
        if known is None:
            return None
        if node.op_type == "Size":
            return [np.array(known.elements, np.int64)]
        bounds = {attribute.name: attribute.i for attribute in node.attribute}
        return [np.array(known.shape[bounds.get("start", 0) : bounds.get("end")], np.int64)]
    named = [name for name in node.input if name]
    if node.op_type == "Constant" and any(attribute.t.ByteSize() > _HEAVY for attribute in node.attribute):
        return None
    if any(name not in values for name in named):
        return None
    if any(name not in tensors or tensors[name].elements > _SMALL for name in node.output if name):
        if node.op_type not in ("Constant", "ConstantOfShape", "Range"):
            return None
        if node.op_type == "ConstantOfShape" and math.prod(values[named[0]].tolist()) > _SMALL:
            return None
    feeds = {name: values[name] for name in named}
    try:
        return [np.asarray(value) for value in ReferenceEvaluator(node, opsets=dict(opsets)).run(None, feeds)]
    except Exception:  # an operator that onnx cannot evaluate stays as it is, and its shape may remain unknown
        return None


def tensors_of(model: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a model whose shape is written in it, constants among them, by name."""
    graph = model.graph
    for tensor in graph.initializer:
        yield tensor.name, Tensor(tuple(tensor.dims), tensor.data_type, *_element(tensor.data_type))
    for value in (*graph.input, *graph.value_info, *graph.output):
        if _static(value):
            kind = value.type.tensor_type
            shape = tuple(extent.dim_value for extent in kind.shape.dim)
            yield value.name, Tensor(shape, kind.elem_type, *_element(kind.elem_type))


def _element(kind: int) -> tuple[int, bool]:
    """Bytes of an element, a quarter or half of a byte counted as one, and whether it is a floating-point number."""
    import onnx

    name = onnx.TensorProto.DataType.Name(kind)
    if name == "STRING":
        return 1, False
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    return max(1, dtype.itemsize), "FLOAT" in name or name in ("DOUBLE", "COMPLEX64", "COMPLEX128")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
