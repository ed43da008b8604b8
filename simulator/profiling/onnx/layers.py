"""From an ONNX graph with known shapes to layers: what they read, what they make, what they cost.

As in `extract.layers`: what no output needs is left out, what depends on weights alone is folded into its readers, a
part of a Split is a layer that aliases the whole, and a dropout or identity is no layer. Parameters are the
floating-point and quantised constants of the file but for single numbers and the running statistics of batch norms; a
file whose exporter folded batch norms into convolutions has fewer of them than the model it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.errors import ExtractionError, Problem
from simulator.profiling.check import RESERVED
from simulator.profiling.extract.operators import kind_named
from simulator.profiling.graph import INPUT, Layer
from simulator.profiling.onnx.composites import Unit, units_of
from simulator.profiling.onnx.kinds import counted_kind, free_layer_kind
from simulator.profiling.onnx.loading import OnnxGraph, label
from simulator.profiling.onnx.names import aten_of, place_of
from simulator.profiling.onnx.operators import (
    attributes,
    channels_wanted,
    counter_of,
    free_kind,
    is_convolution,
    weight_place,
)
from simulator.profiling.onnx.shapes import COMPUTED, Tensor

_NOTHING = ("Identity", "Dropout")
_CHANCE = ("RandomNormal", "RandomUniform")
_ARITHMETIC = ("Add", "Sub", "Mul", "Div")


@dataclass
class Layers:
    """Layers of a file, not yet fused.

    Attributes
    ----------
    graph : list of Layer
        In topological order.
    made : list of tuple of str
        For every layer the tensors that it makes and somebody reads.
    outputs : list of (int, int)
        For every output of the file the layer that makes it and its bytes.
    foldable : set of int
        Layers that scale or shift each channel by constants, batch norms among them.
    uncounted : list of str
        Operators that are neither counted nor known to be free.
    """

    graph: list[Layer] = field(default_factory=list)
    made: list[tuple[str, ...]] = field(default_factory=list)
    outputs: list[tuple[int, int]] = field(default_factory=list)
    foldable: set[int] = field(default_factory=set)
    uncounted: list[str] = field(default_factory=list)


def layers_of(graph: OnnxGraph) -> Layers:
    """The layers of a file.

    Raises
    ------
    ExtractionError
        If a shape is not known, or nothing depends on the input.
    """
    return _Reader(graph).read()


class _Reader:
    def __init__(self, graph: OnnxGraph) -> None:
        self._file = graph
        self._index: dict[str, int] = {graph.input: INPUT}
        self._constants: dict[str, frozenset[str]] = {"": frozenset()}
        self._owner: dict[str, int] = {}
        self._found = Layers()
        self._places: list[tuple[str, str]] = []
        self._statistics: set[str] = set()
        self._read_names = {*graph.outputs, *(name for node in graph.model.graph.node for name in node.input)}

    def read(self) -> Layers:
        for tensor in self._file.model.graph.initializer:
            self._constants[tensor.name] = frozenset(() if tensor.doc_string == COMPUTED else (tensor.name,))
        working = self._working()
        outputs = [name for name in self._file.outputs if name not in self._constants]
        for unit in units_of(working, outputs, self._constants.keys()):
            self._visit(unit)
        found = self._found
        if not found.graph or not outputs:
            raise ExtractionError(Problem(f"{self._file.path} computes nothing from its input"))
        for name in outputs:
            if self._index[name] != INPUT:
                found.outputs.append((self._index[name], self._file.tensors[name].profile_bytes))
        found.uncounted = sorted(set(found.uncounted))
        found.graph = [replace(layer, name=name) for layer, name in zip(found.graph, self._names(), strict=True)]
        return found

    def _working(self) -> list[Any]:
        """Nodes that the outputs need and that do not depend on weights alone, in order."""
        nodes = list(self._file.model.graph.node)
        needed, kept = set(self._file.outputs), []
        for node in reversed(nodes):
            if not needed.isdisjoint(node.output):
                needed.update(node.input)
                kept.append(node)
        working = []
        for node in reversed(kept):
            if node.op_type == "BatchNormalization":
                self._statistics.update(node.input[3:5])
            if node.op_type not in _CHANCE and all(name in self._constants for name in node.input):
                self._fold(node)
            else:
                working.append(node)
        return working

    def _fold(self, node: Any) -> None:
        sources = frozenset().union(*(self._constants[name] for name in node.input))
        if node.op_type == "Constant":
            sources = frozenset()
        elif node.op_type == "Identity" and node.input[0] in self._file.tensors:
            sources = frozenset(node.output)  # equal weights that the exporter stored once
        self._constants |= dict.fromkeys((name for name in node.output if name), sources)

    def _visit(self, unit: Unit) -> None:
        node = unit.nodes[-1]
        if len(unit.nodes) == 1 and self._does_nothing(node):
            self._index[node.output[0]] = self._index[node.input[0]]
        elif node.op_type == "Split" and len(unit.nodes) == 1:
            for name in node.output:
                if self._is_read(name):
                    self._add(unit, [name])
        else:
            outputs = [name for name in node.output if name]
            self._add(unit, outputs)

    def _does_nothing(self, node: Any) -> bool:
        """Whether the result of a node is its operand: an identity, an idle dropout, a slice of everything."""
        if node.op_type == "Slice" and node.domain == "":
            shapes = [self._file.tensor(name, node).shape for name in (node.input[0], node.output[0])]
            steps = self._file.values.get(node.input[4]) if len(node.input) > 4 and node.input[4] else None
            backwards = (steps is None and len(node.input) > 4) or (steps is not None and bool((steps < 0).any()))
            return shapes[0] == shapes[1] and not backwards
        if node.op_type not in _NOTHING or node.domain not in ("", "ai.onnx"):
            return False
        training = node.input[2] if node.op_type == "Dropout" and len(node.input) > 2 else ""
        return not training or not bool(self._file.values.get(training, False))

    def _add(self, unit: Unit, outputs: Sequence[str]) -> None:
        read = [name for node in unit.nodes for name in node.input]
        inside = {name for node in unit.nodes for name in node.output}
        operands = [name for name in read if name in self._index and name not in inside]
        sources = tuple(dict.fromkeys(self._index[name] for name in operands))
        constants = [name for name in read if name in self._constants and name not in self._statistics]
        kind, macs = self._cost(unit)
        needed = [name for name in outputs if name == outputs[0] or self._is_read(name)]
        results = [self._file.tensor(name, unit.nodes[-1]) for name in needed]
        place = len(self._found.graph)
        claimed = self._claim(constants, place)
        self._index |= dict.fromkeys(outputs, place)
        if self._scales_channels(unit, constants, results[0]):
            self._found.foldable.add(place)
        self._places.append(place_of(unit, self._weight(unit)))
        self._found.made.append(tuple(needed))
        self._found.graph.append(
            Layer(
                name=outputs[0],
                kind=kind,
                op="+".join(node.op_type for node in unit.nodes),
                macs=macs,
                inputs=sources,
                input_bytes=sum(self._size(source) for source in sources),
                output_shape=results[0].shape,
                output_bytes=sum(result.profile_bytes for result in results),
                integer_bytes=sum(result.size_bytes for result in results if not result.floating),
                **claimed,
            )
        )

    def _is_read(self, name: str) -> bool:
        return name in self._read_names

    def _size(self, index: int) -> int:
        if index == INPUT:
            return self._file.tensors[self._file.input].profile_bytes
        return self._found.graph[index].output_bytes

    def _claim(self, constants: Sequence[str], place: int) -> dict[str, Any]:
        """Number and bytes of the parameters that no earlier layer has read, and bytes read again, by their layer."""
        count = size = integers = 0
        shared: dict[int, int] = {}
        shared_integers: dict[int, int] = {}
        for name in sorted(frozenset().union(*(self._constants[name] for name in constants))):
            tensor = self._file.tensors.get(name)
            if tensor is None or name in self._statistics or not _learned(tensor):
                continue
            owner = self._owner.setdefault(name, place)
            if owner == place:
                count += tensor.elements
                size += tensor.profile_bytes
                integers += 0 if tensor.floating else tensor.profile_bytes
            else:
                shared[owner] = shared.get(owner, 0) + tensor.profile_bytes
                if not tensor.floating:
                    shared_integers[owner] = shared_integers.get(owner, 0) + tensor.profile_bytes
        return {
            "params": count,
            "param_bytes": size,
            "shared": tuple(sorted(shared.items())),
            "integer_param_bytes": integers,
            "shared_integers": tuple(sorted(shared_integers.items())),
        }

    def _cost(self, unit: Unit) -> tuple[str, int]:
        """Kind and MACs of a layer."""
        macs, kind = 0, unit.kind
        for node in unit.nodes:
            counter = counter_of(node)
            if counter is not None:
                macs += self._count(node, counter)
                kind = kind or counted_kind(node, self._file, self._constants)
            elif free_kind(node) is None:
                self._found.uncounted.append(f"{node.domain or 'ai.onnx'}::{node.op_type}")
                kind = kind or "other"
        if macs or (kind is not None and len(unit.nodes) > 1 and not aten_of(unit)):
            return kind or "other", macs
        return kind_named(aten_of(unit)) or kind or free_layer_kind(unit.nodes[-1], self._file, self._constants), macs

    def _count(self, node: Any, counter: Any) -> int:
        given = [self._file.tensor(name, node).shape if name else () for name in node.input]
        results = [self._file.tensor(name, node).shape for name in node.output if name and self._is_read(name)]
        if is_convolution(node):
            wanted = channels_wanted(node, given[weight_place(node)])
            if given[0][1] != wanted:
                message = (
                    f"{self._file.path}: {label(node)} reads {wanted} channels, not the {given[0][1]} that it gets"
                )
                raise ExtractionError(Problem(message, "give the input that the model expects with --input"))
        try:
            return int(counter(given, results, attributes(node)))
        except (KeyError, IndexError, ValueError) as error:
            message = f"{self._file.path}: {label(node)} cannot have operands of the shapes {given}"
            raise ExtractionError(Problem(message)) from error

    def _weight(self, unit: Unit) -> str:
        for node in unit.nodes:
            if counter_of(node) is not None:
                return next((name for name in node.input if len(self._constants.get(name, ())) == 1), "")
        return ""

    def _scales_channels(self, unit: Unit, constants: Sequence[str], result: Tensor) -> bool:
        node = unit.nodes[-1]
        if len(unit.nodes) > 1 or node.op_type not in _ARITHMETIC:
            return bool(node.op_type == "BatchNormalization")
        channels = result.shape[1 if len(result.shape) == 4 else -1] if result.shape else 0
        sizes = [self._file.tensors[name].elements for name in constants if name in self._file.tensors]
        return sizes == [channels]

    def _names(self) -> list[str]:
        """Path of the module that does one thing only; its operator behind the path elsewhere; unique."""
        words: dict[str, set[str]] = {}
        for path, word in self._places:
            words.setdefault(path, set()).add(word)
        inner = {".".join(path.split(".")[:depth]) for path in words for depth in range(1, path.count(".") + 1)}
        used: Counter[str] = Counter(RESERVED)
        names = []
        for layer, (path, word) in zip(self._found.graph, self._places, strict=True):
            own = path and len(words[path]) == 1 and path not in inner
            name = path if own else f"{path}.{word}".strip(".") or layer.name
            while used[name]:
                used[name] += 1
                name = f"{name}_{used[name] - 1}"
            used[name] += 1
            names.append(name)
        return names


def _learned(tensor: Tensor) -> bool:
    """Whether a constant is a parameter: floating-point or quantised to a byte, and more than one number."""
    return tensor.elements > 1 and (tensor.floating or tensor.element_bytes == 1)
