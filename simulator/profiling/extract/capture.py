"""From a blueprint to the operators that an inference executes, without weights and without computing anything.

Parameters are created but never initialised or touched (they become fake tensors), and `torch.export` traces the
module with fake inputs. The graph is the training IR, in which convolution, linear, batch-norm and attention are
still single operators. Writes through views (``y[:, :2] = ...``) are turned into data flow where they occur.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.nn.modules.module import register_module_parameter_registration_hook

from simulator.errors import ExtractionError, Problem
from simulator.profiling.extract.environment import quiet
from simulator.profiling.extract.operators import SHAPE_ONLY, base_name, kind_of
from simulator.profiling.extract.sources import MODEL_ERRORS, Blueprint


@dataclass(frozen=True)
class Captured:
    """A module and its graph.

    Attributes
    ----------
    module : torch.nn.Module
        The module, its parameters fake.
    program : torch.export.ExportedProgram
        Its graph for one input.
    """

    module: torch.nn.Module
    program: ExportedProgram


def capture(plan: Blueprint) -> Captured:
    """Build the module of a blueprint and trace it.

    Raises
    ------
    ExtractionError
        If the module cannot be built or its graph depends on the values of the input.
    """
    with quiet():
        module = _build(plan)
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        with mode:
            _make_fake(module)
            example = torch.zeros(plan.input_shape, dtype=getattr(torch, plan.input_dtype))
        args, kwargs = ((), {plan.keyword: example}) if plan.keyword else ((example,), {})
        try:
            with torch.no_grad():
                program = torch.export.export(module, args, kwargs, strict=False)
        except MODEL_ERRORS as error:
            shape = ",".join(str(extent) for extent in plan.input_shape)
            message = f"{plan.source} cannot be captured with input {shape}: {first_line(error)}"
            hint = "give the input that it expects with --input; control flow must not depend on values"
            raise ExtractionError(Problem(message, hint)) from error
        if writes_through_view(program.graph, program.graph_signature.user_inputs):
            program = program.run_decompositions({})
    return Captured(module, program)


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type if it has none."""
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__


def writes_through_view(graph: torch.fx.Graph, inputs: Collection[str]) -> bool:
    """Whether an operator changes a tensor in place that is read later under another name.

    Such a write is no edge of the graph, so it has to be made one before costs are read off. Writes of constants into
    constants (attention masks) cost nothing and may stay as they are.
    """
    order = {node: place for place, node in enumerate(graph.nodes)}
    dependent = {node for node in graph.nodes if node.op == "placeholder" and node.name in inputs}
    storage: dict[torch.fx.Node, torch.fx.Node] = {}
    names: dict[torch.fx.Node, list[torch.fx.Node]] = {}
    for node in graph.nodes:
        called = node.op == "call_function"
        if called and base_name(node.target) not in SHAPE_ONLY and not dependent.isdisjoint(node.all_input_nodes):
            dependent.add(node)
        source = node.args[0] if called and node.args else None
        root = node
        if isinstance(source, torch.fx.Node):
            in_place = base_name(node.target, keep_in_place=True).endswith("_")
            if in_place or kind_of(node.target) == "reshape":
                root = storage[source]
            later = (user for alias in names.get(root, ()) for user in alias.users if order[user] > order[node])
            if in_place and node in dependent and any(later):
                return True
        storage[node] = root
        names.setdefault(root, []).append(node)
    return False


def _build(plan: Blueprint) -> torch.nn.Module:
    try:
        with _untouched_parameters():
            module = plan.build()
    except MODEL_ERRORS as error:
        raise ExtractionError(Problem(f"{plan.source} cannot be built: {first_line(error)}")) from error
    if not isinstance(module, torch.nn.Module):
        message = f"{plan.source} gives {type(module).__name__}, not a torch.nn.Module"
        raise ExtractionError(Problem(message, "name a class or a function that returns a module"))
    return module.eval()


@contextmanager
def _untouched_parameters() -> Iterator[None]:
    """Move every parameter to the meta device as soon as it is registered, before anything fills it."""

    def to_meta(_module: Any, _name: str, parameter: torch.nn.Parameter | None) -> torch.nn.Parameter | None:
        if parameter is None or parameter.is_meta:
            return parameter
        return torch.nn.Parameter(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)

    hook = register_module_parameter_registration_hook(to_meta)
    try:
        yield
    finally:
        hook.remove()


def _make_fake(module: torch.nn.Module) -> None:
    """Replace what lies on the meta device by fake tensors on the CPU, so that code that looks at devices runs."""
    fakes: dict[int, torch.Tensor] = {}
    for child in module.modules():
        for tensors, wrap in ((child._parameters, _frozen), (child._buffers, torch.Tensor.detach)):
            for name, tensor in tensors.items():
                if tensor is not None and tensor.is_meta:
                    if id(tensor) not in fakes:
                        fakes[id(tensor)] = wrap(torch.empty(tensor.shape, dtype=tensor.dtype))
                    tensors[name] = fakes[id(tensor)]


def _frozen(tensor: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(tensor, requires_grad=False)
