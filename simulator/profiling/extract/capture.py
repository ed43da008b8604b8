"""From a blueprint to the operators that an inference executes, without weights and without computing anything.

Parameters are created but never initialised or touched (they become fake tensors), and `torch.export` traces the
module with fake inputs. A model that computes with its parameters while it is built is built once more with values.
The graph is the training IR, in which convolution, linear, batch-norm and attention are still single operators. Writes
through views (``y[:, :2] = ...``) are turned into data flow where they occur.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy

from simulator.errors import ExtractionError, Problem
from simulator.profiling.extract.eager import eager_macs
from simulator.profiling.extract.environment import quiet
from simulator.profiling.extract.forms import deploy
from simulator.profiling.extract.operators import SHAPE_ONLY, base_name, kind_of
from simulator.profiling.extract.parameters import LISTED
from simulator.profiling.extract.progress import Progress, Tell
from simulator.profiling.extract.refusals import build_hint, refused
from simulator.profiling.extract.regions import altered_by_inlining, inline_regions
from simulator.profiling.extract.sources import MODEL_ERRORS, Blueprint, importable, raised
from simulator.profiling.extract.state import written_by

#: lists within lists in which modules are looked for; a list may hold itself
_DEEPEST = 4


@dataclass(frozen=True)
class Captured:
    """A module and its graph.

    Attributes
    ----------
    module : torch.nn.Module
        The module, its parameters fake.
    program : torch.export.ExportedProgram
        Its graph for one input.
    eager_macs : int
        Multiply-accumulates that PyTorch's own counter sees while the module runs.
    mode : FakeTensorMode
        What its parameters belong to.
    altered : str
        Why the graph by itself computes other numbers than the module; empty if it does not.
    """

    module: torch.nn.Module
    program: ExportedProgram
    eager_macs: int
    mode: FakeTensorMode
    altered: str = ""


def capture(plan: Blueprint, tell: Tell | None = None) -> Captured:
    """Build the module of a blueprint and trace it; ``tell`` hears of it if it takes long.

    Raises
    ------
    ExtractionError
        If the module cannot be built or its graph depends on the values of the input.
    """
    progress = Progress(plan.source, tell)
    with quiet(), importable(plan.folder):
        try:
            return _captured(plan, progress, with_weights=False)
        except ExtractionError as error:
            if not _needs_weights(error.__cause__):
                raise
        return _captured(plan, progress, with_weights=True)


def with_values(plan: Blueprint) -> torch.nn.Module:
    """The module of a blueprint with the values of its parameters.

    Raises
    ------
    ExtractionError
        If it cannot be built.
    """
    with quiet(), importable(plan.folder):
        return _build(plan, with_weights=True)


def _captured(plan: Blueprint, progress: Progress, with_weights: bool) -> Captured:
    with progress.building():
        module = _build(plan, with_weights)
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        _make_fake(module)
    args, kwargs = given(plan, mode)
    torch._dynamo.reset()  # what branches of a model before this one have left behind would be traced
    try:
        # export prints the graph when it fails
        with torch.no_grad(), redirect_stderr(StringIO()), progress.tracing(module):
            program = torch.export.export(module, args, kwargs, strict=False)
        with progress.counting():
            seen = eager_macs(module, args, kwargs, mode)
    except MODEL_ERRORS as error:
        raise ExtractionError(refused(plan, error)) from error
    altered = altered_by_inlining(program.graph_module)
    inline_regions(program.graph_module)
    if writes_through_view(program.graph, program.graph_signature.user_inputs):
        _drop_idle_dropouts(program)
        program = program.run_decompositions({})
    return Captured(module, program, seen, mode, altered)


def given(plan: Blueprint, mode: FakeTensorMode) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the module of a blueprint is called with: one fake input, by its place or by its name."""
    with mode:
        example = torch.zeros(plan.input_shape, dtype=getattr(torch, plan.input_dtype))
    return ((), {plan.keyword: example}) if plan.keyword else ((example,), {})


def _needs_weights(error: BaseException | None) -> bool:
    """Whether a model failed because its parameters have no values: it computes with them while it is built."""
    text = str(error)
    return "meta" in text or "uninitialized parameter" in text.lower()


def _drop_idle_dropouts(program: ExportedProgram) -> None:
    """A dropout at inference hands on its input itself; decompositions would make a copy, which later writes miss."""
    for node in list(program.graph.nodes):
        if node.op == "call_function" and "dropout" in base_name(node.target):
            node.replace_all_uses_with(node.all_input_nodes[0])
            program.graph.erase_node(node)
    program.graph_module.recompile()


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
        written = list(written_by(node))
        source = node.args[0] if called and node.args else None
        if not written and isinstance(source, torch.fx.Node) and kind_of(node.target) == "reshape":
            storage[node] = storage[source]
        else:
            storage[node] = storage[written[0]] if written else node
        for root in [storage[target] for target in written]:
            later = (user for alias in names.get(root, ()) for user in alias.users if order[user] > order[node])
            if node in dependent and any(later):
                return True
        names.setdefault(storage[node], []).append(node)
    return False


def _build(plan: Blueprint, with_weights: bool) -> torch.nn.Module:
    try:
        with nullcontext() if with_weights else _untouched_parameters():
            module = plan.build()
            if plan.deployed and isinstance(module, torch.nn.Module):
                deploy(module, plan.source)
        if with_weights and isinstance(module, torch.nn.Module) and any(map(is_lazy, module.parameters())):
            _run_once(module, plan)
    except ExtractionError:
        raise
    except MODEL_ERRORS as error:
        raise ExtractionError(raised(f"{plan.source} cannot be built", error, build_hint(error))) from error
    if not isinstance(module, torch.nn.Module):
        message = f"{plan.source} gives {type(module).__name__}, not a torch.nn.Module"
        raise ExtractionError(Problem(message, "name a class or a function that returns a module"))
    _adopt_listed(module)
    if plan.inject is not None:
        plan.inject(module)
    return module.eval()


def _adopt_listed(module: torch.nn.Module) -> None:
    """Modules in plain lists and dictionaries, which PyTorch does not know of, become children like ``blocks[0]``."""
    known = set(module.modules())
    plain = vars(torch.nn.Module())
    pending = list(known)
    while pending:
        parent = pending.pop()
        own = [(name, value) for name, value in vars(parent).items() if name not in plain]
        for reached, child in [found for name, value in own for found in _listed(name, value)]:
            if child not in known:
                parent.add_module(reached, child)
                found = set(child.modules()) - known
                known |= found
                pending += found


def _listed(name: str, value: Any) -> Iterator[tuple[str, torch.nn.Module]]:
    """Modules that a plain list, tuple or dictionary holds, within others too, and how they are reached."""
    if not isinstance(value, list | tuple | dict) or name.count(LISTED) == _DEEPEST:
        return
    for place, one in value.items() if isinstance(value, dict) else enumerate(value):
        reached = f"{name}{LISTED}{str(place).replace('.', '_')}]"
        if isinstance(one, torch.nn.Module):
            yield reached, one
        else:
            yield from _listed(reached, one)


def _run_once(module: torch.nn.Module, plan: Blueprint) -> None:
    """Lazy layers learn their shapes from the first input."""
    example = torch.zeros(plan.input_shape, dtype=getattr(torch, plan.input_dtype))
    with torch.no_grad():
        module.eval()(**{plan.keyword: example}) if plan.keyword else module.eval()(example)


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
    """Replace parameters, and what lies on the meta device, by fake tensors on the CPU: values are no longer needed."""
    fakes: dict[int, torch.Tensor] = {}
    for child in module.modules():
        for tensors, wrap in ((child._parameters, _frozen), (child._buffers, torch.Tensor.detach)):
            for name, tensor in tensors.items():
                if tensor is not None and (tensor.is_meta or wrap is _frozen):
                    if id(tensor) not in fakes:
                        fakes[id(tensor)] = wrap(torch.empty(tensor.shape, dtype=tensor.dtype))
                    tensors[name] = fakes[id(tensor)]


def _frozen(tensor: torch.Tensor) -> torch.nn.Parameter:
    return torch.nn.Parameter(tensor, requires_grad=False)
