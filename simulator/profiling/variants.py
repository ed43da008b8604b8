"""Compressed variants of models, ``resnet50@sfp``: the profile of a model with what was published of its compression.

The table is ``profiles/models/variants.csv``; every row says its source. Structured pruning takes whole channels away:
convolutions and linear layers get the published share of multiply-accumulates fewer, each the same, and as much less
of their parameters, because both go with the product of input and output channels. The tensors between layers keep
their size: which of them shrink, a share does not say. So cuts of a pruned network send what those of the whole one
do, and a card computes it at the rates of its channels.
Quantisation stores the weights of convolutions and linear layers with so many bits each (where several are mixed, as
they were: how many of each is not published). Networks of 8 and 16 bits ask for a precision, at which a card may be
faster (``precisions``); below 8 bits none is measured, so they are only smaller.
Leaves out unstructured pruning: single weights that are zero shrink a file, but not the time of hardware that computes
with whole matrices.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from simulator import paths
from simulator.profiling.graph import PROFILE_ELEMENT_BYTES, Layer

if TYPE_CHECKING:
    from simulator.profiling.model import ModelProfile

_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "survey": "arXiv 2404.07236, tables 4 and 5",
        "mlperf": "mlcommons/cm4mlperf-results@84d8b84c, MLPerf Inference v2.0",
    }
)
#: what a network of so many bits is computed in
_PRECISIONS: Mapping[int, str] = MappingProxyType({8: "int8", 16: "float16"})
_BYTE = 8


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes
    ----------
    model, name : str
        Profile that it is a variant of (``*`` for any), and what stands behind the ``@``.
    kind : str
        ``pruned`` or ``quantised``.
    method : str
        What its authors call it.
    macs_removed : float
        Share of the multiply-accumulates that pruning takes away.
    bits : int or None
        Of a weight; None where several are mixed, and for pruned networks.
    baseline_top1, top1 : float or None
        Published accuracy before and after, as fractions.
    source : str
        Who published them.
    """

    model: str
    name: str
    kind: str
    method: str
    macs_removed: float
    bits: int | None
    baseline_top1: float | None
    top1: float | None
    source: str


def variants() -> tuple[Variant, ...]:
    """Every row of the table."""
    rows = csv.DictReader(paths.variant_lines())
    return tuple(
        Variant(
            model=row["model"],
            name=row["variant"],
            kind=row["kind"],
            method=row["method"],
            macs_removed=_fraction(row["macs_removed_percent"]) or 0.0,
            bits=int(row["bits"]) if row["bits"].isdigit() else None,
            baseline_top1=_fraction(row["baseline_top1_percent"]),
            top1=_fraction(row["top1_percent"]),
            source=_SOURCES.get(row["source"], ""),
        )
        for row in rows
    )


def variant_named(model: str, name: str) -> Variant:
    """The variant of a model: its own row, or else the one for any; the name is a known one."""
    found = {row.model: row for row in variants() if row.name == name}
    return found.get(model) or found[paths.ANY_MODEL]


def derived(profile: ModelProfile, variant: Variant) -> ModelProfile:
    """The profile of a variant of a model."""
    keep = 1.0 - variant.macs_removed
    graph = _pruned(profile.graph, keep) if variant.kind == "pruned" else _quantised(profile.graph, variant.bits)
    trunk = [graph[index] for index in profile.trunk]
    removed = f"{100 * variant.macs_removed:g} % of its MACs removed" if variant.macs_removed else ""
    weights = f"{variant.bits}-bit weights" if variant.bits is not None else ""
    what = ", ".join(filter(None, (variant.method, removed, weights)))
    before = "" if variant.baseline_top1 is None else f"; {100 * variant.baseline_top1:g} % before"
    return replace(
        profile,
        name=f"{profile.name}@{variant.name}",
        source=f"{profile.source}, {variant.kind} ({what})",
        graph=graph,
        macs=sum(layer.macs for layer in trunk),
        params=sum(layer.params for layer in trunk) + profile.unread_params,
        top1=variant.top1,
        top1_source=None if variant.top1 is None else f"{variant.source}: {variant.method}{before}",
        precision=_PRECISIONS.get(variant.bits or 0, ""),
    )


def with_float_weights(profile: ModelProfile) -> ModelProfile:
    """The same network before its weights were quantised."""
    whole = [PROFILE_ELEMENT_BYTES * layer.params for layer in profile.graph]
    return replace(profile, graph=tuple(_weighed(profile.graph, whole, [0] * len(whole))))


def _pruned(graph: Sequence[Layer], keep: float) -> tuple[Layer, ...]:
    """Layers with a share of their multiply-accumulates and weights; rounded so that the totals have that share too."""
    macs = params = 0
    kept = []
    for layer in graph:
        before = round(keep * macs), round(keep * params)
        macs += layer.macs
        params += layer.params if layer.macs else 0
        fewer = round(keep * params) - before[1] if layer.macs else layer.params
        kept.append(replace(layer, macs=round(keep * macs) - before[0], params=fewer))
    sizes = [_part(old.param_bytes, one.params, old.params) for old, one in zip(graph, kept, strict=True)]
    integers = [_part(old.integer_param_bytes, one.params, old.params) for old, one in zip(graph, kept, strict=True)]
    return tuple(_weighed(kept, sizes, integers))


def _quantised(graph: Sequence[Layer], bits: int | None) -> tuple[Layer, ...]:
    """Layers whose weights, where there is something to multiply, have so many bits."""
    if bits is None:
        return tuple(graph)
    packed = [-(-layer.params * bits // _BYTE) if layer.macs else layer.param_bytes for layer in graph]
    integers = [size if layer.macs else layer.integer_param_bytes for layer, size in zip(graph, packed, strict=True)]
    return tuple(_weighed(graph, packed, integers))


def _weighed(graph: Sequence[Layer], sizes: Sequence[int], integers: Sequence[int]) -> list[Layer]:
    """Layers with other sizes of their weights, and of those that they share with others."""

    def of(layer: Layer, new: Sequence[int]) -> tuple[tuple[int, int], ...]:
        parts = ((owner, _part(size, new[owner], graph[owner].param_bytes)) for owner, size in layer.shared)
        return tuple((owner, size) for owner, size in parts if size)

    return [
        replace(
            layer,
            param_bytes=size,
            integer_param_bytes=whole,
            shared=of(layer, sizes),
            shared_integers=of(layer, integers),
        )
        for layer, size, whole in zip(graph, sizes, integers, strict=True)
    ]


def _part(whole: int, some: int, of: int) -> int:
    return whole * some // of if of else 0


def _fraction(percent: str) -> float | None:
    return round(float(percent) / 100, 6) if percent else None
