"""Puts a profile together: capture, layers, fusion, exits and encodings of one blueprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simulator.errors import ExtractionError, Problem
from simulator.profiling.check import contradictions
from simulator.profiling.extract.capture import Captured, capture
from simulator.profiling.extract.encodings import encodings
from simulator.profiling.extract.environment import versions
from simulator.profiling.extract.forms import form_of
from simulator.profiling.extract.fusion import fuse
from simulator.profiling.extract.heads import exits_of
from simulator.profiling.extract.layers import Layers, layers_of
from simulator.profiling.extract.parameters import with_parameters
from simulator.profiling.extract.progress import Tell
from simulator.profiling.extract.sources import Blueprint
from simulator.profiling.model import INPUT, ModelProfile
from simulator.profiling.ordering import canonical_order, reordered
from simulator.profiling.partition import results_bytes


def assemble(plan: Blueprint, tell: Tell | None = None) -> ModelProfile:
    """Profile of a blueprint; ``tell`` hears of it if capturing takes long.

    Raises
    ------
    ExtractionError
        If the module cannot be built or captured, or its outputs do not fit its declared exits.
    """
    return profile_of(plan, capture(plan, tell))


def profile_of(plan: Blueprint, captured: Captured) -> ModelProfile:
    """Profile of a blueprint whose module is captured; raises as `assemble` does of its outputs."""
    names = tuple(getattr(captured.module, "exit_names", ()))
    found = _arranged(layers_of(captured), names, plan)
    results = tuple(sorted({index for index, _ in found.outputs} - {INPUT}))  # who has the input need not make it
    if not found.graph or not results:
        raise ExtractionError(Problem(f"{plan.source} computes nothing from its input"))
    exits = exits_of(plan.source, names, found.graph, found.outputs)
    heads = {index for head in exits for index in head.layers}
    graph, unread_params = with_parameters(found.graph, found.reads, captured.module, heads)
    trunk = [layer for index, layer in enumerate(graph) if index not in heads]
    is_plain = bool(exits) or results == (len(found.graph) - 1,)
    profile = ModelProfile(
        name=plan.name,
        source=plan.source,
        input_shape=plan.input_shape,
        input_dtype=plan.input_dtype,
        graph=fuse(graph, found.foldable, {index for index, _ in found.outputs}),
        macs=sum(layer.macs for layer in trunk),
        params=sum(layer.params for layer in trunk) + unread_params,
        unread_params=unread_params,
        exits=exits,
        output_bytes=found.outputs[-1][1],
        encodings=encodings(plan.input_shape, plan.input_dtype),
        top1=plan.top1,
        top1_source=plan.top1_source,
        uncounted=tuple(found.uncounted),
        versions=versions("torch", *plan.packages),
        missing_macs=found.missing_macs,
        outputs=() if is_plain else results,
        form=form_of(captured.module),
    )
    if not exits:
        profile = replace(profile, output_bytes=results_bytes(profile, results))
    problems = contradictions(profile)
    if problems:
        raise ExtractionError(problems)
    return profile


def _arranged(found: Layers, names: Sequence[str], plan: Blueprint) -> Layers:
    """The same layers in the order that does not depend on how the model is written."""
    outputs = {index for index, _ in found.outputs}
    exits = exits_of(plan.source, names, found.graph, found.outputs)
    order = canonical_order(fuse(found.graph, found.foldable, outputs), exits, found.input_bytes)
    place = {INPUT: INPUT} | {index: k for k, index in enumerate(order)}
    return replace(
        found,
        graph=reordered(found.graph, order),
        reads=[found.reads[index] for index in order],
        outputs=[(place[index], size) for index, size in found.outputs],
        foldable={place[index] for index in found.foldable},
        index={node: place[index] for node, index in found.index.items()},
    )
