"""From an ONNX file to a graph in which the shape of every tensor is known.

An open first extent of the input is a batch of one. Shapes are inferred by onnx; what the file computes from shapes
alone (Shape, Gather, Concat in front of a Reshape) is evaluated and becomes a constant, so that the rest can be
inferred. Local functions are inlined. Weights in files of their own are not read, and those of the file are dropped
from the copy that is examined.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import ExtractionError, Problem
from simulator.profiling.graph import ELEMENT_BYTES

#: largest constant that takes part in the computation of shapes, in elements
_SMALL = 4096
#: weights above this size are dropped before shapes are inferred, in bytes
_HEAVY = 1 << 16
#: version of the format from which a constant need not be an input as well
_CONSTANTS_APART = 4
_CONTROL = ("If", "Loop", "Scan", "SequenceMap")
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


@dataclass(frozen=True)
class OnnxGraph:
    """A file whose shapes are fixed.

    Attributes
    ----------
    model : onnx.ModelProto
        Inlined, shapes computed, weights as the file has them (those of other files not loaded).
    path : Path
        The file.
    input, input_dtype : str
        Name and element type of the input.
    outputs : tuple of str
        Names of the outputs.
    tensors : mapping of str to Tensor
        Every tensor whose shape is known.
    values : mapping of str to array
        Small constants whose values are at hand.
    trouble : str
        What shape inference complains about; empty if nothing.
    """

    model: Any
    path: Path
    input: str
    input_dtype: str
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]
    trouble: str

    def tensor(self, name: str, node: Any) -> Tensor:
        """A tensor whose shape must be known.

        Raises
        ------
        ExtractionError
            Naming the operator that makes it.
        """
        if name not in self.tensors:
            message = f'{self.path}: the shape of "{name}", made by {label(node)}, is not known'
            if self.trouble:
                message += f": {self.trouble}"
            hint = "give the input that the model expects with --input, or export it with fixed shapes"
            if node.domain not in ("", "ai.onnx"):
                hint = "only the file can tell the shapes that this operator makes: export it with its value_info"
            raise ExtractionError(Problem(message, hint))
        found = self.tensors[name]
        if any(extent < 0 for extent in found.shape):
            message = f'{self.path}: "{name}", made by {label(node)}, would have the shape {list(found.shape)}'
            raise ExtractionError(Problem(message, "the input is too small: give a larger one with --input"))
        return found


def label(node: Any) -> str:
    """An operator as messages name it."""
    kind = f"{node.domain}::{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    return f'{kind} "{node.name}"' if node.name else kind


def load(path: Path, input_shape: Sequence[int] | None = None) -> OnnxGraph:
    """Read a file and fix its shapes.

    Raises
    ------
    ExtractionError
        If onnx is missing, the file is no ONNX model, or the shape of its input is neither known nor given.
    """
    require_onnx()
    import onnx

    model = _parse(path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    model.ir_version = max(model.ir_version, _CONSTANTS_APART)
    graph = model.graph
    control = [node for node in graph.node if node.op_type in _CONTROL]
    if control:
        hint = "export the model for one fixed input, so that the branch is taken and the loop is unrolled"
        raise ExtractionError(Problem(f"{path}: {label(control[0])} runs a graph that depends on values", hint))
    stored = {tensor.name for tensor in (*graph.initializer, *(one.values for one in graph.sparse_initializer))}
    inputs = [value for value in graph.input if value.name not in stored]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        hint = "a profile has one input: make the others constants of the model, or wrap it so that it makes them"
        raise ExtractionError(Problem(f"{path}: {len(inputs)} inputs ({names})", hint))
    dtype = _fix_input(path, inputs[0], input_shape)
    values, inferred, trouble = _fix_shapes(model)
    return OnnxGraph(
        model=model,
        path=path,
        input=inputs[0].name,
        input_dtype=dtype,
        outputs=tuple(value.name for value in graph.output),
        tensors=dict(_tensors(inferred)),
        values=values,
        trouble=trouble,
    )


def require_onnx() -> None:
    """Stop with an `ExtractionError` if the package onnx is not installed."""
    if importlib.util.find_spec("onnx") is None:
        hint = 'install it with: pip install "offload-sim[onnx]"'
        raise ExtractionError(Problem("reading ONNX files needs the package onnx", hint))


def _parse(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise ExtractionError(Problem(f"{path}: cannot be read: {error.strerror}")) from error
    except DecodeError as error:
        hint = "the file is truncated, damaged or of another format"
        raise ExtractionError(Problem(f"{path}: not an ONNX model", hint)) from error
    if not model.graph.node or not model.opset_import:
        hint = "the file is empty, truncated or of another format"
        raise ExtractionError(Problem(f"{path}: not an ONNX model, or one that computes nothing", hint))
    if not _readable(model.graph):
        raise ExtractionError(Problem(f"{path}: not an ONNX model any more", "the file is damaged: export it again"))
    return model


def _readable(graph: Any) -> bool:
    """Whether names are text and element types are known, which parsing does not check."""
    import onnx

    known = set(onnx.TensorProto.DataType.values()) - {onnx.TensorProto.UNDEFINED}
    values = [*graph.input, *graph.output, *graph.value_info]
    names = [value.name for value in (*values, *graph.initializer)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        if any(attribute.HasField("t") and attribute.t.data_type not in known for attribute in node.attribute):
            return False
    types = {tensor.data_type for tensor in graph.initializer}
    types |= {value.type.tensor_type.elem_type for value in values if value.type.HasField("tensor_type")}
    return types <= known and all(isinstance(name, str) for name in names)


def _fix_input(path: Path, value: Any, wanted: Sequence[int] | None) -> str:
    """Write the shape of the input into the model; returns its element type."""
    import onnx

    if not value.type.HasField("tensor_type"):
        raise ExtractionError(Problem(f'{path}: the input "{value.name}" is not a tensor'))
    kind = value.type.tensor_type
    try:
        dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name)
    except KeyError:
        dtype = "undefined"
    if dtype not in ELEMENT_BYTES:
        hint = f"known: {', '.join(ELEMENT_BYTES)}"
        raise ExtractionError(Problem(f'{path}: the input "{value.name}" has elements of type {dtype}', hint))
    extents = [extent.dim_value if extent.HasField("dim_value") else 0 for extent in kind.shape.dim]
    shown = ",".join(str(extent or "?") for extent in extents)
    if wanted is None:
        if not kind.HasField("shape"):
            hint = "give it: --input 1,3,224,224"
            raise ExtractionError(Problem(f'{path}: the input "{value.name}" has no shape', hint))
        shape = [1 if not place and extent < 1 else extent for place, extent in enumerate(extents)]
        if any(extent < 1 for extent in shape):
            hint = f"give it: --input {','.join(str(extent if extent > 0 else 224) for extent in shape)}"
            raise ExtractionError(Problem(f'{path}: the input "{value.name}" has the open shape {shown}', hint))
    else:
        shape = list(wanted)
        fits = len(shape) == len(extents) and all(a == b or b < 1 for a, b in zip(shape, extents, strict=True))
        if any(extent < 1 for extent in shape) or (kind.HasField("shape") and not fits):
            given = ",".join(str(extent) for extent in shape)
            hint = "extents that the file fixes cannot be changed"
            raise ExtractionError(Problem(f'{path}: "{value.name}" has the shape {shown}, not {given}', hint))
    kind.shape.ClearField("dim")
    for extent in shape:
        kind.shape.dim.add().dim_value = extent
    return dtype


def _fix_shapes(model: Any) -> tuple[dict[str, Any], Any, str]:
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
        if not _fold(model.graph, dict(_tensors(inferred)), values, opsets):
            break
    trouble = ""
    try:
        onnx.shape_inference.infer_shapes(light, data_prop=True, strict_mode=True, check_type=True)
    except Exception as error:
        trouble = _first_line(error)
    known = {name for name, _ in _tensors(inferred)}
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
    for node in graph.node:
        results = _evaluate(node, tensors, values, opsets)
        if results is None:
            kept.append(node)
            continue
        found = True
        for name, value in zip(node.output, results, strict=False):
            values[name] = value
            graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    if found:
        del graph.node[:]
        graph.node.extend(kept)
    return found


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


def _tensors(model: Any) -> Iterator[tuple[str, Tensor]]:
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
