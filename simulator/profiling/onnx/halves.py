"""Two ONNX files from one: what runs before a cut of its profile, and what runs behind it.

The tensors that cross are outputs of the head and inputs of the tail under their own names; the model's own input,
where the tail still reads it, is an input of both. Outputs that are finished before the cut are outputs of the head.
Both halves have the fixed shapes of the profile. Weights in other files are read here, and written beside the halves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from simulator.errors import ExtractionError, Problem
from simulator.profiling.graph import INPUT
from simulator.profiling.halving import (
    Halves,
    crossing_layers,
    empty_side,
    inner_cut,
    layers_before,
    same_cut,
    write_together,
)
from simulator.profiling.model import ModelProfile
from simulator.profiling.onnx.layers import Layers
from simulator.profiling.onnx.loading import OnnxGraph, load
from simulator.profiling.onnx.profile import arranged, profile_of
from simulator.profiling.onnx.shapes import Tensor

#: bytes of weights from which a half keeps them in a file of their own: protobuf ends at 2 GiB
_MOST_INLINE = 1 << 30


def write_halves(profile: ModelProfile, at: str, source: Path, folder: Path) -> Halves:
    """Cut an ONNX file where a profile is cut.

    Parameters
    ----------
    profile : ModelProfile
        Of this file, or of the module that the file was exported from.
    at : str
        Name of a cut or of a module.
    source, folder : Path
        The file, and the folder for ``head.onnx`` and ``tail.onnx``.

    Raises
    ------
    ExtractionError
        If the file is not the one that the profile describes, or nothing runs on one side.
    """
    wanted = inner_cut(profile, at)
    graph = load(source, profile.input_shape)
    exits = _exits(profile, graph)
    own = profile_of(graph, str(source), exits)
    cut = same_cut(own, wanted, profile, str(source))
    found = arranged(graph, str(source), exits)
    before = layers_before(own, cut)
    chosen = crossing_layers(own, before)
    crossing = [name for index in chosen for name in ((graph.input,) if index == INPUT else found.made[index])]
    maker = _makers(graph)
    finished = [name for name in graph.outputs if _settled(name, maker, found, before, graph)]
    ahead = [name for name in graph.outputs if name not in finished]
    made = [name for name in crossing if name != graph.input]
    if not ahead or not (made or finished):
        raise empty_side(own, cut)
    head = _half(graph, "head", [graph.input], list(dict.fromkeys((*made, *finished))))
    tail = _half(graph, "tail", crossing, ahead)
    head_path, tail_path = _write(graph, folder, {"head": head, "tail": tail})
    sent = [(name, graph.tensors[name].shape, graph.tensors[name].size_bytes) for name in crossing]
    return Halves(head_path, tail_path, tuple(sent))


def _exits(profile: ModelProfile, graph: OnnxGraph) -> tuple[str, ...]:
    """Outputs of the file that are the exits of the profile, by name or by order."""
    names = tuple(head.name for head in profile.exits)
    if all(name in graph.outputs for name in names):
        return names
    if len(names) == len(graph.outputs) - 1:
        return graph.outputs[:-1]
    message = f"{graph.path} has the outputs {', '.join(graph.outputs)}, the profile the exits {', '.join(names)}"
    raise ExtractionError(Problem(message, "export the model with one output for each exit, then the final one"))


def _makers(graph: OnnxGraph) -> dict[str, Any]:
    return {name: node for node in graph.model.graph.node for name in node.output if name}


def _settled(name: str, maker: dict[str, Any], found: Layers, before: Collection[int], graph: OnnxGraph) -> bool:
    """Whether an output is finished before the cut; what is no layer (an identity) belongs to what it reads."""
    layer = {tensor: index for index, tensors in enumerate(found.made) for tensor in tensors}
    while name not in layer and name != graph.input and name in maker:
        name = maker[name].input[0]
    return name not in layer or layer[name] in before


def _half(graph: OnnxGraph, name: str, inputs: Iterable[str], outputs: list[str]) -> Any:
    """The nodes and constants between some tensors and others, as a model of their own."""
    from onnx import helper

    given = list(inputs)
    maker = _makers(graph)
    stored = {tensor.name for tensor in graph.model.graph.initializer}
    stored |= {tensor.values.name for tensor in graph.model.graph.sparse_initializer}
    needed, pending = set(), list(outputs)
    while pending:
        tensor = pending.pop()
        if tensor in needed or tensor in given or not tensor:
            continue
        needed.add(tensor)
        if tensor in maker:
            pending += maker[tensor].input
        elif tensor not in stored:
            raise AssertionError(f'the {name} reads "{tensor}", which does not cross')
    whole = graph.model.graph
    part = helper.make_graph(
        [node for node in whole.node if not needed.isdisjoint(node.output)],
        name,
        [_declared(tensor, graph.tensors[tensor]) for tensor in given],
        [_declared(tensor, graph.tensors[tensor]) for tensor in outputs],
        [tensor for tensor in whole.initializer if tensor.name in needed],
        sparse_initializer=[tensor for tensor in whole.sparse_initializer if tensor.values.name in needed],
    )
    return helper.make_model(
        part,
        opset_imports=graph.model.opset_import,
        ir_version=graph.model.ir_version,
        producer_name="offload-sim",
    )


def _declared(name: str, tensor: Tensor) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, tensor.element_type, tensor.shape)


def _write(graph: OnnxGraph, folder: Path, halves: dict[str, Any]) -> list[Path]:
    """Both files or none."""
    import onnx

    apart = {name: _load_weights(graph, half) for name, half in halves.items()}

    def write(staging: Path) -> None:
        for name, half in halves.items():
            beside = f"{name}.onnx.data"
            onnx.save(half, staging / f"{name}.onnx", save_as_external_data=apart[name], location=beside)

    places = [f"{name}.onnx{end}" for name in halves for end in ("", ".data")]
    write_together(str(graph.path), folder, places, write)
    return [folder / f"{name}.onnx" for name in halves]


def _load_weights(graph: OnnxGraph, half: Any) -> bool:
    """Read the weights of a half that lie in other files; says whether they are to be written apart again."""
    import onnx

    external = any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in half.graph.initializer)
    try:
        onnx.external_data_helper.load_external_data_for_model(half, str(graph.path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        message = f"{graph.path}: its weights cannot be read: {reason}"
        raise ExtractionError(Problem(message, "they lie in the file that the model names, beside it")) from error
    return external or half.ByteSize() > _MOST_INLINE
