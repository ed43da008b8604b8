"""From an ONNX file to a graph in which the shape of every tensor is known.

An open first extent of the input is a batch of one. Local functions are inlined. Weights in files of their own are not
read. Refused: files that are damaged, several inputs, and operators that run graphs of their own (If, Loop, Scan).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import ExtractionError, Problem
from simulator.profiling.graph import ELEMENT_BYTES
from simulator.profiling.onnx.shapes import Tensor, fix_shapes, tensors_of

#: version of the format from which a constant need not be an input as well
_CONSTANTS_APART = 4
_CONTROL = ("If", "Loop", "Scan", "SequenceMap")


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
    values, inferred, trouble = fix_shapes(model)
    return OnnxGraph(
        model=model,
        path=path,
        input=inputs[0].name,
        input_dtype=dtype,
        outputs=tuple(value.name for value in graph.output),
        tensors=dict(tensors_of(inferred)),
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
