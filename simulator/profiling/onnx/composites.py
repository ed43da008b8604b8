"""Operators of a framework that an exporter wrote as several ONNX operators, found again as one layer.

Files of PyTorch's newer exporter say from which operator each node comes. In all others the usual expansions are known
by their form: Sigmoid and HardSigmoid times their own input, the exact GELU, a product with a constant matrix plus a
constant, and attention whose queries and keys are both scaled (as PyTorch writes ``scaled_dot_product_attention``).
A group is one layer only if nothing but its last result is read outside. Left out: layer norms written as arithmetic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.profiling.onnx.operators import counter_of, free_kind

_ORIGIN = "pkg.torch.onnx.fx_node"


@dataclass(frozen=True)
class Unit:
    """Nodes that are one layer.

    Attributes
    ----------
    nodes : tuple of onnx.NodeProto
        In order; the last one makes the result.
    kind : str or None
        Kind that the form of the group says; None where the nodes themselves say it.
    """

    nodes: tuple[Any, ...]
    kind: str | None = None


class Readers:
    """Who makes and who reads each tensor."""

    def __init__(self, nodes: Sequence[Any], outputs: Collection[str]) -> None:
        self.maker: dict[str, int] = {}
        self.readers: dict[str, list[int]] = {name: [-1] for name in outputs}
        for place, node in enumerate(nodes):
            for name in node.output:
                self.maker[name] = place
            for name in node.input:
                self.readers.setdefault(name, []).append(place)

    def only_reader(self, name: str) -> int | None:
        """Place of the node that alone reads a tensor."""
        places = set(self.readers.get(name, ()))
        place = places.pop() if len(places) == 1 else -1
        return None if place < 0 else place


def units_of(nodes: Sequence[Any], outputs: Collection[str], constants: Collection[str]) -> list[Unit]:
    """Nodes in order, those of one group together at the place of the last one.

    Parameters
    ----------
    nodes : sequence of onnx.NodeProto
        What depends on the input, in order of execution.
    outputs, constants : collection of str
        Tensors that the model returns, and those that depend on weights alone.
    """
    known = Readers(nodes, outputs)
    taken: dict[int, tuple[int, ...]] = {}
    kinds: dict[int, str | None] = {}
    forms = sorted(_by_form(nodes, known, constants), key=lambda form: -len(form[0]))  # the whole before its parts
    for places, kind in (*_by_origin(nodes), *forms):
        if len(places) > 1 and taken.keys().isdisjoint(places) and _closed(places, nodes, known):
            taken |= dict.fromkeys(places, places)
            kinds[places[-1]] = kind
    units = []
    for place, node in enumerate(nodes):
        places = taken.get(place, (place,))
        if place == places[-1]:
            group = tuple(nodes[member] for member in places) if len(places) > 1 else (node,)
            units.append(Unit(group, kinds.get(place)))
    return units


def _closed(places: tuple[int, ...], nodes: Sequence[Any], known: Readers) -> bool:
    """Whether only the last node of a group is read outside of it, and by one result."""
    inside = set(places)
    read = [
        (place, name)
        for place in places
        for name in nodes[place].output
        if not inside.issuperset(known.readers.get(name, ()))
    ]
    return len(read) == 1 and read[0][0] == places[-1]


def _by_origin(nodes: Sequence[Any]) -> Iterator[tuple[tuple[int, ...], str | None]]:
    groups: dict[str, list[int]] = {}
    for place, node in enumerate(nodes):
        origin = {entry.key: entry.value for entry in node.metadata_props}.get(_ORIGIN)
        if origin:
            groups.setdefault(origin, []).append(place)
    for places in groups.values():
        yield tuple(places), _kind_of_group([nodes[place] for place in places])


def _kind_of_group(nodes: Sequence[Any]) -> str | None:
    """Attention if a softmax lies between products; otherwise what the counted or the usual operators say."""
    counted = [node for node in nodes if counter_of(node) is not None]
    if len(counted) > 1 and any(free_kind(node) == "softmax" for node in nodes):
        return "attention"
    if counted:
        return None
    kinds = {free_kind(node) for node in nodes}
    for kind in ("norm", "activation", "pool", "resample", "concat", "other", "elementwise"):
        if kind in kinds:
            return kind if kind != "concat" or kinds <= {"concat"} else "other"
    return None


def _by_form(
    nodes: Sequence[Any], known: Readers, constants: Collection[str]
) -> Iterator[tuple[tuple[int, ...], str | None]]:
    for place, node in enumerate(nodes):
        if node.op_type == "Mul" and node.domain == "":
            yield _gated(place, nodes, known), "activation"
            yield _gelu(place, nodes, known, constants), "activation"
        elif node.op_type == "Add":
            yield _biased(place, nodes, known, constants), "linear"
        elif node.op_type == "Concat":
            yield _rolled(place, nodes, known), "other"
        elif node.op_type == "Softmax":
            yield _scaled_attention(place, nodes, known, constants), "attention"


def _gated(place: int, nodes: Sequence[Any], known: Readers) -> tuple[int, ...]:
    """A sigmoid times its own input."""
    for gate, value in (nodes[place].input, reversed(nodes[place].input)):
        maker = known.maker.get(gate)
        if maker is not None and nodes[maker].op_type in ("Sigmoid", "HardSigmoid") and nodes[maker].input[0] == value:
            return (maker, place)
    return ()


def _gelu(place: int, nodes: Sequence[Any], known: Readers, constants: Collection[str]) -> tuple[int, ...]:
    """``x * (1 + erf(x / sqrt 2)) * 0.5``, the half before or after."""
    members = [place]
    pending = [name for name in nodes[place].input if name not in constants]
    found: set[str] = set()
    while pending:
        maker = known.maker.get(pending.pop())
        if maker is None or maker in members or nodes[maker].op_type not in ("Mul", "Add", "Erf", "Div"):
            continue
        members.append(maker)
        found.add(nodes[maker].op_type)
        if nodes[maker].op_type != "Div":
            pending += [name for name in nodes[maker].input if name not in constants]
    outside = {
        name
        for member in members
        for name in nodes[member].input
        if name not in constants and known.maker.get(name) not in members
    }
    return tuple(sorted(members)) if {"Erf", "Add"} <= found and len(outside) == 1 else ()


def _rolled(place: int, nodes: Sequence[Any], known: Readers) -> tuple[int, ...]:
    """Two slices of one tensor, and what rolls that tensor along another axis."""
    makers = [known.maker.get(name) for name in nodes[place].input]
    slices = [maker for maker in makers if maker is not None and nodes[maker].op_type == "Slice"]
    if len(makers) != 2 or len(slices) != 2 or nodes[slices[0]].input[0] != nodes[slices[1]].input[0]:
        return ()
    members = {*slices, place}
    source = known.maker.get(nodes[slices[0]].input[0])
    if source is not None and members.issuperset(known.readers[nodes[source].output[0]]):
        members.update(_rolled(source, nodes, known) if nodes[source].op_type == "Concat" else ())
    return tuple(sorted(members))


def _biased(place: int, nodes: Sequence[Any], known: Readers, constants: Collection[str]) -> tuple[int, ...]:
    """A product with a constant matrix, plus a constant."""
    for value, bias in (nodes[place].input, reversed(nodes[place].input)):
        maker = known.maker.get(value)
        if bias in constants and maker is not None and nodes[maker].op_type == "MatMul":
            product = nodes[maker]
            if product.input[1] in constants and known.only_reader(product.output[0]) == place:
                return (maker, place)
    return ()


def _scaled_attention(place: int, nodes: Sequence[Any], known: Readers, constants: Collection[str]) -> tuple[int, ...]:
    """From the scaling of queries and keys to the product with the values."""
    last = known.only_reader(nodes[place].output[0])
    scores = known.maker.get(nodes[place].input[0])
    if last is None or scores is None or nodes[last].op_type != "MatMul":
        return ()
    members = {place, last, scores}
    if nodes[scores].op_type == "Add":
        makers = [known.maker.get(name) for name in nodes[scores].input]
        scores = next((maker for maker in makers if maker is not None and nodes[maker].op_type == "MatMul"), None)
        if scores is None:
            return ()
        members.add(scores)
    if nodes[scores].op_type != "MatMul":
        return ()
    for operand in nodes[scores].input:
        scaled = known.maker.get(operand)
        if (
            scaled is None
            or nodes[scaled].op_type != "Mul"
            or not any(name in constants for name in nodes[scaled].input)
        ):
            return ()
        members.add(scaled)
        turned = next((known.maker.get(name) for name in nodes[scaled].input if name not in constants), None)
        if operand == nodes[scores].input[1] and turned is not None and nodes[turned].op_type == "Transpose":
            members.add(turned)
    return tuple(sorted(members))


def origins(node: Any) -> Mapping[str, str]:
    """What PyTorch's newer exporter says about a node: where in the module it was, and which operator."""
    return {entry.key.removeprefix("pkg.torch.onnx."): entry.value for entry in node.metadata_props}
