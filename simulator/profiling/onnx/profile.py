"""Puts the profile of an ONNX file together: layers, fusion, exits and encodings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from simulator.errors import ExtractionError, Problem, did_you_mean
from simulator.profiling.check import contradictions
from simulator.profiling.extract.encodings import encodings
from simulator.profiling.extract.fusion import fuse
from simulator.profiling.extract.heads import exits_of
from simulator.profiling.model import ModelProfile
from simulator.profiling.onnx.layers import Layers, layers_of
from simulator.profiling.onnx.loading import OnnxGraph
from simulator.profiling.ordering import canonical_order, reordered


def profile_of(graph: OnnxGraph, source: str, exits: Sequence[str]) -> ModelProfile:
    """Profile of a loaded file.

    Raises
    ------
    ExtractionError
        If a shape is not known, or an exit is not an output.
    """
    found = arranged(graph, source, exits)
    outputs = _sorted_outputs(graph, found, exits)
    heads = exits_of(source, exits, found.graph, outputs)
    inside = {index for head in heads for index in head.layers}
    trunk = [layer for index, layer in enumerate(found.graph) if index not in inside]
    shape = graph.tensors[graph.input].shape
    producer = graph.model.producer_name
    versions = {"onnx": version("onnx")}
    if producer and graph.model.producer_version:
        versions[producer] = graph.model.producer_version
    profile = ModelProfile(
        name=Path(source).stem,
        source=source,
        input_shape=shape,
        input_dtype=graph.input_dtype,
        graph=fuse(found.graph, found.foldable, {index for index, _ in found.outputs}),
        macs=sum(layer.macs for layer in trunk),
        params=sum(layer.params for layer in trunk),
        unread_params=0,
        exits=heads,
        output_bytes=outputs[-1][1] if heads else sum(size for _, size in outputs),
        encodings=encodings(shape, graph.input_dtype),
        top1=None,
        top1_source=None,
        uncounted=tuple(found.uncounted),
        versions=versions,
    )
    problems = contradictions(profile)
    if problems:
        raise ExtractionError(problems)
    return profile


def arranged(graph: OnnxGraph, source: str, exits: Sequence[str]) -> Layers:
    """The layers of a file in the order that does not depend on how it is written.

    Raises
    ------
    ExtractionError
        If a shape is not known, or an exit is not an output.
    """
    found = layers_of(graph)
    heads = exits_of(source, exits, found.graph, _sorted_outputs(graph, found, exits))
    fused = fuse(found.graph, found.foldable, {index for index, _ in found.outputs})
    order = canonical_order(fused, heads, graph.tensors[graph.input].profile_bytes)
    place = {index: k for k, index in enumerate(order)}
    return replace(
        found,
        graph=reordered(found.graph, order),
        made=[found.made[index] for index in order],
        outputs=[(place[index], size) for index, size in found.outputs],
        foldable={place[index] for index in found.foldable},
    )


def _sorted_outputs(graph: OnnxGraph, found: Layers, exits: Sequence[str]) -> list[tuple[int, int]]:
    """Layer and bytes of every output, exits in the order in which they were named, the final one last."""
    if not exits:
        return found.outputs
    if len(found.outputs) != len(graph.outputs):
        raise ExtractionError(Problem(f"{graph.path}: an output does not depend on the input"))
    for name in exits:
        if name not in graph.outputs:
            hint = did_you_mean(name, graph.outputs) or f"outputs: {', '.join(graph.outputs)}"
            raise ExtractionError(Problem(f'{graph.path} has no output called "{name}"', hint))
    rest = [name for name in graph.outputs if name not in exits]
    if len(rest) != 1:
        message = f"{graph.path}: {len(rest)} outputs are no exits ({', '.join(rest) or 'none'})"
        raise ExtractionError(Problem(message, "name every output but the final one with --exits"))
    return [found.outputs[graph.outputs.index(name)] for name in (*exits, *rest)]
