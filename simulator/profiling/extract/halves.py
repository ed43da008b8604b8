"""Two `torch.export` programs from one module: what runs before a cut of its profile, and what runs behind it.

The captured graph is the one that profiles are made from; its operators are divided as its layers are, and each half is
captured anew with the parameters that it reads, under their own names. Their values come from a module that is built
once more.
The head takes the input of the model and returns a tuple: first every tensor that crosses, then the outputs that are
finished before the cut. The tail takes the tensors that cross, in that order, and returns the other outputs. So
``tail(*head(x))`` is the model where nothing is finished early. Where the tail reads the input itself, the head hands
it on. The names of all of them (of the layer, or of the exit) lie in the extra file ``tensors.json`` of each program.

Writes in place become new tensors, so that neither half changes what it was given, and views take tensors of any
strides. Refused: state that one half would write and the other read, and state that is read again once it is written.
"""

from __future__ import annotations

import json
import keyword
import operator
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind
from torch.fx import Graph, GraphModule, Node

from simulator.errors import ExtractionError, Problem
from simulator.profiling.extract.assemble import profile_of
from simulator.profiling.extract.capture import capture, with_values
from simulator.profiling.extract.idle import does_nothing
from simulator.profiling.extract.layers import Layers, layers_of, results_of
from simulator.profiling.extract.operators import SHAPED_LIKE, aten_name
from simulator.profiling.extract.sizes import tensor_bytes
from simulator.profiling.extract.sources import MODEL_ERRORS, Blueprint, raised
from simulator.profiling.extract.state import State, state_of, storage_of, written_by
from simulator.profiling.graph import INPUT
from simulator.profiling.halving import (
    Halves,
    crossing_layers,
    empty_side,
    layers_before,
    same_cut,
    write_together,
)
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint

#: extra file of a program that names what it takes and returns
TENSORS = "tensors.json"
_SEED = 0


def write_halves(profile: ModelProfile, wanted: CutPoint, plan: Blueprint, folder: Path) -> Halves:
    """Cut the model of a blueprint where a profile is cut.

    Parameters
    ----------
    profile : ModelProfile
        Of this model, or of one with the same layers.
    wanted : CutPoint
        Where to cut.
    plan : Blueprint
        The model.
    folder : Path
        For ``head.pt2`` and ``tail.pt2``.

    Raises
    ------
    ExtractionError
        If the model is not the one that the profile describes, or cannot be cut there.
    """
    captured = capture(plan)
    own = profile_of(plan, captured)
    cut = same_cut(own, wanted, profile, plan.source)
    if captured.altered:
        message = f"{plan.source} cannot be cut: {captured.altered}"
        raise ExtractionError(Problem(message, "cut a factory of your own that builds the model without"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        module = with_values(plan)
    before = layers_before(own, cut)
    model = _Model(captured.program, layers_of(captured), module, {own.graph[index].name for index in before})
    crossing = [
        part
        for index in crossing_layers(own, before)
        for part in model.tensors("" if index == INPUT else own.graph[index].name)
    ]
    exits = tuple(getattr(module, "exit_names", ()))
    outputs = model.outputs(exits)
    finished = {name: node for name, node in outputs.items() if model.is_before(node)}
    ahead = {name: node for name, node in outputs.items() if name not in finished}
    if not ahead or not (finished or any(node is not model.input for _, node in crossing)):
        raise empty_side(own, cut)
    given = dict(crossing)
    returned = given | {name: node for name, node in finished.items() if node not in given.values()}
    sinks = model.state_writes(plan.source)
    programs = {
        "head": model.part(plan.source, "head", {model.input.name: model.input}, returned, sinks[True]),
        "tail": model.part(plan.source, "tail", given, ahead, sinks[False]),
    }
    named = {"head": ((model.input.name,), tuple(returned)), "tail": (tuple(given), tuple(ahead))}
    places = [f"{name}.pt2" for name in programs]

    def write(staging: Path) -> None:
        for name, program in programs.items():
            takes, returns = named[name]
            beside = {TENSORS: json.dumps({"inputs": takes, "outputs": returns})}
            torch.export.save(program, staging / f"{name}.pt2", extra_files=beside)

    write_together(plan.source, folder, places, write)
    sent = tuple((name, tuple(node.meta["val"].shape), tensor_bytes(node.meta["val"])) for name, node in given.items())
    return Halves(folder / places[0], folder / places[1], sent, _weights(plan))


def _weights(plan: Blueprint) -> str:
    if plan.folder:
        return f"weights: as {plan.source} gives them"
    return (
        f"weights: random, because {plan.source} names a structure; a factory of your own gives trained ones (--model)"
    )


class _Model:
    """A captured program, its operators divided into those before a cut and those behind it."""

    def __init__(
        self, program: ExportedProgram, found: Layers, module: torch.nn.Module, before: Collection[str]
    ) -> None:
        self._program = program
        self._module = module
        self._nodes = list(program.graph.nodes)
        self._index = found.index
        self._names = [layer.name for layer in found.graph]
        self._before = before
        signature = program.graph_signature
        self._stored = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        own = {*signature.inputs_to_parameters, *signature.inputs_to_buffers}
        self._state: State = state_of(self._nodes, signature.user_inputs, own)
        self._storage = storage_of(self._nodes)
        self.input = next(node for node in self._nodes if node.op == "placeholder" and node in self._index)
        self._makers: dict[str, Node] = {}
        for node in self._nodes:
            if node in self._index:
                self._makers.setdefault(self._layer(node), node)
        self._writers: dict[Node, list[Node]] = {}
        for node in self._nodes:
            for target in written_by(node):
                if self._stays(node):
                    self._writers.setdefault(self._storage[target], []).append(node)

    def _layer(self, node: Node) -> str:
        """Name of the layer of a node, empty for the input."""
        index = self._index[node]
        return "" if index == INPUT else self._names[index]

    def is_before(self, node: Node) -> bool:
        """Whether a tensor is there before the cut; what depends on constants alone always is."""
        return node not in self._index or self._index[node] == INPUT or self._layer(node) in self._before

    def tensors(self, layer: str) -> list[tuple[str, Node]]:
        """Name and node of each result of a layer that somebody reads, or of the input."""
        node = self._makers[layer]
        if isinstance(node.meta["val"], torch.Tensor):
            return [(layer or node.name, node)]
        parts = {user.args[1]: user for user in reversed(list(node.users)) if user in self._index}
        return [(f"{layer}.{place}", parts[place]) for place in sorted(parts)]

    def outputs(self, exits: Sequence[str]) -> dict[str, Node]:
        """The outputs of the model by name: of the exit, or of the layer."""
        results = [self._origin(node) for node in results_of(self._program)]
        named: dict[str, Node] = {}
        for place, node in enumerate(results):
            name = self._layer(node) if node in self._index else node.name
            if place < len(exits):
                name = exits[place]
            while name in named and named[name] is not node:
                name = f"{name}_"
            named[name or node.name] = node
        return named

    def _origin(self, node: Node) -> Node:
        while node.op == "call_function" and node in self._index and does_nothing(node):
            node = node.all_input_nodes[0]
        return node

    def _stays(self, node: Node) -> bool:
        """Whether an operator is copied as it is: one without a pure twin, and what deals with constants or state."""
        kept = node not in self._index or self._storage[node] in self._state.changing
        return kept or _pure(node.target) is node.target

    def state_writes(self, source: str) -> dict[bool, list[Node]]:
        """What writes the state of the model before the cut and behind it.

        Raises
        ------
        ExtractionError
            If what changes while the model runs is needed on both sides, or is read again once it is written.
        """
        sinks: dict[bool, list[Node]] = {True: [], False: []}
        for spec, node in zip(self._program.graph_signature.output_specs, self._nodes[-1].args[0], strict=True):
            if spec.kind is OutputKind.BUFFER_MUTATION and node in self._index:
                raise _changes(source, str(spec.target), "it is read again once it is written")
        for root in self._state.changing:
            members = {node for node in self._nodes if self._storage[node] is root}
            touched = members.union(*(node.users for node in members))
            writers = [node for node in self._writers.get(root, ()) if node in touched]
            near = touched.union(*(node.all_input_nodes for node in writers))
            sides = {self.is_before(node) for node in near if node in self._index}
            if len(sides) > 1:
                raise _changes(source, self._stored.get(root.name, root.name), "both halves need it")
            for side in sides:
                sinks[side] += writers
        return sinks

    def part(
        self, source: str, name: str, given: dict[str, Node], returned: dict[str, Node], sinks: Iterable[Node]
    ) -> ExportedProgram:
        """The operators between some tensors and others, captured as a program of their own.

        Parameters
        ----------
        source, name : str
            The model and the half, for messages.
        given, returned : dict of str to Node
            What it takes and returns, in order.
        sinks : iterable of Node
            Writes of state that belong to it.
        """
        graph, stored = Graph(), {}
        copied: dict[Node, Node] = {}
        for place, word in zip(given.values(), _identifiers(given), strict=True):
            copied |= dict.fromkeys(self._same(place), graph.placeholder(word))
        needed = self._needed([*returned.values(), *sinks], copied)
        for node in self._nodes:
            if node not in needed:
                continue
            if node.op == "placeholder" and node.name in self._stored:
                target = self._stored[node.name]
                stored[target] = self._value(source, target)
                copied[node] = graph.get_attr(target)
            elif node.op == "get_attr":
                stored[str(node.target)] = operator.attrgetter(str(node.target))(self._program.graph_module)
                copied[node] = graph.get_attr(str(node.target))
            elif node.op == "call_function" and self._takes_shape(node):
                shaped = torch.ops.aten.expand if aten_name(node.target) == "expand_as" else torch.ops.aten.reshape
                arguments = (copied[node.all_input_nodes[0]], list(node.meta["val"].shape))
                copied[node] = graph.call_function(shaped.default, arguments)
            elif node.op == "call_function":
                copied[node] = graph.node_copy(node, copied.__getitem__)
                if not self._stays(node):
                    copied[node].target = _pure(node.target)
            else:
                raise AssertionError(f'the {name} reads "{node.name}", which does not cross')
        graph.output(tuple(copied[node] for node in returned.values()))
        module = GraphModule(stored, graph).requires_grad_(False).eval()
        examples = tuple(_example(node.meta["val"]) for node in given.values())
        try:
            with torch.no_grad(), redirect_stderr(StringIO()):
                return torch.export.export(module, examples, strict=False)
        except MODEL_ERRORS as error:
            raise ExtractionError(raised(f"the {name} of {source} cannot be exported", error)) from error

    def _same(self, node: Node) -> list[Node]:
        """A node, and others that take the same part of the same results."""
        if node.target is not operator.getitem:
            return [node]
        twins = node.all_input_nodes[0].users
        return [twin for twin in twins if twin.target is operator.getitem and twin.args[1] == node.args[1]]

    def _takes_shape(self, node: Node) -> bool:
        """Whether an operator of the model reads no more than the shape of its second operand."""
        return aten_name(node.target) in SHAPED_LIKE and node.all_input_nodes[0] in self._index

    def _needed(self, results: Sequence[Node], given: Collection[Node]) -> set[Node]:
        needed: set[Node] = set()
        pending = list(results)
        while pending:
            node = pending.pop()
            if node in needed or node in given:
                continue
            needed.add(node)
            pending += node.all_input_nodes[:1] if self._takes_shape(node) else node.all_input_nodes
            pending += self._writers.get(self._storage[node], ())
        return needed

    def _value(self, source: str, target: str) -> torch.Tensor:
        """Value of a parameter, buffer or other constant."""
        found: Any = self._module
        for name in target.split("."):
            found = getattr(found, name, None)
        found = self._program.constants.get(target) if found is None else found
        if not isinstance(found, torch.Tensor) or isinstance(found, FakeTensor):
            raise ExtractionError(Problem(f'{source} cannot be cut: its constant "{target}" has no value of its own'))
        return found.detach()


def _changes(source: str, state: str, reason: str) -> ExtractionError:
    message = f'{source} cannot be cut there: "{state}" changes while it runs, and {reason}'
    return ExtractionError(Problem(message, "cut where everything that writes and reads it lies on one side"))


def _pure(target: Any) -> Any:
    """The operator that does the same without changing its operand, and for a view of fixed strides one of any."""
    name = aten_name(target)
    if name in ("view", "_unsafe_view") and target._overloadname == "default":
        return torch.ops.aten.reshape.default
    if name is None or not target._schema.is_mutable:
        return target
    return getattr(getattr(torch.ops.aten, name, None), target._overloadname, target)


def _example(value: torch.Tensor) -> torch.Tensor:
    return torch.zeros(value.shape, dtype=value.dtype)


def _identifiers(names: Iterable[str]) -> list[str]:
    """Names of tensors as those of arguments, each once."""
    found: list[str] = []
    for name in names:
        word = re.sub(r"\W", "_", name)
        if not word.isidentifier() or keyword.iskeyword(word):
            word = f"_{word}"
        while word in found:
            word = f"{word}_"
        found.append(word)
    return found
