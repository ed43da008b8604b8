"""From a captured graph to layers: which operators count as layers, what they read, what they cost.

What neither outputs nor state need is left out. What depends on parameters and constant buffers alone is folded into
the layers that read it. Tuples are dissolved: each part of a split is a layer of its own that aliases the split tensor;
so is each result of an operator of which several are read, as parts of one piece of memory. Results that nobody reads
do not exist, and what does nothing at inference, such as a dropout, is no layer.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind
from torch.fx import Node

from simulator.profiling.check import RESERVED
from simulator.profiling.extract.capture import Captured
from simulator.profiling.extract.count import arguments, count_macs
from simulator.profiling.extract.eager import graph_macs
from simulator.profiling.extract.idle import does_nothing
from simulator.profiling.extract.operators import SHAPE_ONLY, SHAPED_LIKE, aten_name, base_name, kind_of
from simulator.profiling.extract.parameters import is_weight
from simulator.profiling.extract.sizes import is_integer, tensor_bytes
from simulator.profiling.extract.state import state_of
from simulator.profiling.graph import INPUT, Layer

_FOLDED_ARITHMETIC = ("add", "sub", "mul", "div")


@dataclass
class Layers:
    """Layers of a captured graph, not yet fused and without their parameters.

    Attributes
    ----------
    graph : list of Layer
        In topological order.
    reads : list of set of str
        For each layer the names of the parameters, and of the buffers of quantised weights, that it reads.
    outputs : list of (int, int)
        For every output of the model the layer that makes it and its bytes.
    foldable : set of int
        Layers that scale or shift each channel by constants.
    uncounted : list of str
        Operators that are neither counted nor known to be free.
    missing_macs : int
        Multiply-accumulates that PyTorch's own counter sees and the graph does not have.
    input_bytes : int
        Size of the model input.
    index : dict of Node to int
        For every node that depends on the input, the layer that makes it or the tensor that it is read from.
    """

    graph: list[Layer] = field(default_factory=list)
    reads: list[set[str]] = field(default_factory=list)
    outputs: list[tuple[int, int]] = field(default_factory=list)
    foldable: set[int] = field(default_factory=set)
    uncounted: list[str] = field(default_factory=list)
    missing_macs: int = 0
    input_bytes: int = 0
    index: dict[Node, int] = field(default_factory=dict)


def layers_of(captured: Captured) -> Layers:
    """The layers of a captured model."""
    return _Reader(captured).read()


def results_of(program: ExportedProgram) -> list[Node]:
    """The tensors that a captured model returns, each once, in order."""
    made = zip(program.graph_signature.output_specs, program.graph.output_node().args[0], strict=True)
    outputs = (one for spec, one in made if spec.kind is OutputKind.USER_OUTPUT and isinstance(one, Node))
    return list(dict.fromkeys(outputs))


class _Reader:
    """One pass over the nodes of a graph in execution order."""

    def __init__(self, captured: Captured) -> None:
        signature = captured.program.graph_signature
        self._module = captured.module
        # more operators are in the graph than the counter knows; fewer mean that the capture has lost some
        self._found = Layers(missing_macs=max(captured.eager_macs - graph_macs(captured.program.graph), 0))
        self._nodes = list(captured.program.graph.nodes)
        held = dict(self._module.named_buffers(remove_duplicate=False))
        weights = {name for name, buffer in held.items() if is_weight(buffer)}
        buffers = {node: name for node, name in signature.inputs_to_buffers.items() if name in weights}
        self._parameters = {**signature.inputs_to_parameters, **buffers}
        self._buffers = set(buffers.values())
        self._inputs = set(signature.user_inputs)
        own = {*signature.inputs_to_parameters, *signature.inputs_to_buffers}
        self._state = state_of(self._nodes, self._inputs, own)
        self._results = results_of(captured.program)
        self._needed = _ancestors([*self._results, *self._state.written])
        self._softmaxes = {_path(node) for node in self._nodes if _is_kind(node, "softmax")}
        self._index = self._found.index
        self._constants: dict[Node, set[str]] = {}
        self._splits: set[Node] = set()
        self._names: dict[str, int] = {}

    def read(self) -> Layers:
        for node in self._nodes:
            if node in self._needed:
                self._visit(node)
        found = self._found
        for node in self._results:
            if node in self._index:
                found.outputs.append((self._index[node], tensor_bytes(node.meta["val"])))
        found.uncounted = sorted({*found.uncounted, *self._state.hidden})
        if found.missing_macs and not found.uncounted:
            found.uncounted = ["what the captured graph has lost"]
        return found

    def _visit(self, node: Node) -> None:
        if node.op == "placeholder" and node.name in self._inputs:
            self._index[node] = INPUT
            self._found.input_bytes = tensor_bytes(node.meta["val"])
        elif node in self._state.changing:
            pass  # it is there wherever its readers are: it is no layer, no input and no constant
        elif node.op != "call_function":
            self._constants[node] = {self._parameters[node.name]} if node.name in self._parameters else set()
        elif base_name(node.target) in SHAPE_ONLY or all(s in self._constants for s in node.all_input_nodes):
            sources = (self._constants.get(source, set()) for source in node.all_input_nodes)
            self._constants[node] = set().union(*sources)
        elif not any(source in self._index for source in node.all_input_nodes):
            self._add(node)
        elif does_nothing(node) or (node.target is operator.getitem and node.all_input_nodes[0] not in self._splits):
            self._index[node] = self._index[node.all_input_nodes[0]]
        elif isinstance(node.meta.get("val"), list | tuple) and kind_of(node.target) == "reshape":
            self._splits.add(node)
            self._index[node] = self._index[node.all_input_nodes[0]]
        else:
            self._add(node)

    def _add(self, node: Node) -> None:
        read = node.all_input_nodes
        if aten_name(node.target) in SHAPED_LIKE and read[0] in self._index:
            read = read[:1]
        operands = [source for source in read if source in self._index]
        inputs = tuple(dict.fromkeys(self._index[source] for source in operands))
        constants = [source for source in node.all_input_nodes if source in self._constants]
        named = node.all_input_nodes[0] if node.target is operator.getitem else node
        kind, macs = self._cost(node, constants)
        stored = set().union(*(self._constants[constant] for constant in constants))
        self._found.reads.append(stored if macs or kind == "embedding" else stored - self._buffers)
        results = self._read_results(node)
        size = sum(map(tensor_bytes, results))
        self._index[node] = len(self._found.graph)
        if len(results) > 1:
            self._splits.add(node)
        if kind == "elementwise" and len(operands) == 1 and _per_channel(node, constants):
            self._found.foldable.add(self._index[node])
        self._found.graph.append(
            Layer(
                name=self._name(named),
                kind=kind,
                op=str(named.target),
                macs=macs,
                params=0,
                param_bytes=0,
                inputs=inputs,
                input_bytes=sum(self._size(source) for source in inputs),
                output_shape=tuple(results[0].shape) if results else (),
                output_bytes=size,
                integer_bytes=sum(map(tensor_bytes, filter(is_integer, results))),
            )
        )

    def _read_results(self, node: Node) -> list[torch.Tensor]:
        """The results of an operator that somebody reads."""
        value: Any = node.meta["val"]
        if isinstance(value, torch.Tensor):
            return [value]
        readers = (user for user in node.users if user.target is operator.getitem and user in self._needed)
        return [value[place] for place in sorted({user.args[1] for user in readers})]

    def _size(self, index: int) -> int:
        return self._found.input_bytes if index == INPUT else self._found.graph[index].output_bytes

    def _cost(self, node: Node, constants: list[Node]) -> tuple[str, int]:
        """Kind and MACs of a layer."""
        kind = kind_of(node.target)
        if kind is not None:
            return kind, 0
        macs = count_macs(node)
        if macs is None:
            self._found.uncounted.append(str(node.target))
            return "other", 0
        return self._counted_kind(node, constants), macs

    def _counted_kind(self, node: Node, constants: list[Node]) -> str:
        name = base_name(node.target)
        if name.startswith("conv"):
            return _convolution_kind(name, arguments(node))
        if name == "scaled_dot_product_attention":
            return "attention"
        if name.split("_")[0] in ("lstm", "gru", "rnn"):
            return "recurrent"
        if "fft" in name:
            return "other"
        if any(_holds_matrix(constant) for constant in constants):
            return "linear"
        path = _path(node)
        inside = any(where == path or (path and where.startswith(f"{path}.")) for where in self._softmaxes)
        return "attention" if inside else "matmul"

    def _name(self, node: Node) -> str:
        """Path of the module; operators outside PyTorch's own leaf modules carry their name behind it."""
        path = _path(node)
        module = self._module.get_submodule(path)
        own_leaf = type(module).__module__.startswith("torch.nn.") and not any(module.children())
        name = path if own_leaf and path else f"{path}.{base_name(node.target)}".lstrip(".")
        while True:
            repeats = self._names.get(name, 0)
            self._names[name] = repeats + 1
            if not repeats and name not in RESERVED:
                return name
            name = f"{name}_{max(repeats, 1)}"


def _ancestors(results: list[Node]) -> set[Node]:
    needed: set[Node] = set()
    pending = list(results)
    while pending:
        node = pending.pop()
        if node not in needed:
            needed.add(node)
            pending.extend(node.all_input_nodes)
    return needed


def _is_kind(node: Node, kind: str) -> bool:
    return node.op == "call_function" and kind_of(node.target) == kind


def _path(node: Node) -> str:
    """Path of the innermost module that the node belongs to; empty for the model itself."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed(stack.values()))[0] if stack else ""
    return re.sub(r"@\d+", "", path)


def _convolution_kind(name: str, given: dict[str, Any]) -> str:
    weight, groups = given["weight"], given.get("groups", 1)
    transposed = name.startswith("conv_transpose") or bool(given.get("transposed"))
    if groups > 1:
        # a transposed weight leads with the channels that come in, another with those that go out
        channels = weight.shape[0] if transposed else weight.shape[1] * groups
        return "depthwise_conv" if groups == channels else "grouped_conv"
    if transposed or name == "conv_tbc" or any(extent > 1 for extent in weight.shape[2:]):
        return "conv"
    return "pointwise_conv"


def _holds_matrix(constant: Node) -> bool:
    value = constant.meta.get("val")
    return isinstance(value, torch.Tensor) and value.ndim >= 2


def _per_channel(node: Node, constants: list[Node]) -> bool:
    """Whether a node scales or shifts its only input by one constant per channel."""
    if base_name(node.target) not in _FOLDED_ARITHMETIC or len(constants) != 1:
        return False
    values = constants[0].meta.get("val")
    result = node.meta["val"]
    channels = result.shape[1] if result.ndim == 4 else result.shape[-1]
    return isinstance(values, torch.Tensor) and values.numel() == channels
