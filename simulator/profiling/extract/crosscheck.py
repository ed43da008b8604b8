"""A profile against PyTorch's own counter, operator by operator: equal, or different by parts that have a reason.

The counter (``torch.utils.flop_counter``) watches the running module on fake tensors (`eager`), attention written out,
and says two for each multiply-accumulate. It differs from a profile where it does not know an operator, where
parameters alone decide a result, and where nothing reads a result. Each of these parts is computed from the captured
graph by itself; what they do not add up to is a disagreement. Leaves out networks with exits, whose heads a profile
does not sum up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch.fx import Node
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from simulator.errors import ExtractionError
from simulator.profiling.extract.assemble import profile_of
from simulator.profiling.extract.capture import Captured, capture
from simulator.profiling.extract.count import count_macs
from simulator.profiling.extract.operators import aten_name
from simulator.profiling.extract.sources import blueprint
from simulator.profiling.extract.state import state_of, written_by

#: what PyTorch's counter does not know; an operator of these may count nothing there, any other must agree
REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("mv", "addmv", "dot", "vdot", "linalg_vecdot", "inner", "outer", "ger", "addr", "kron"),
            "products of vectors",
        ),
        **dict.fromkeys(("matmul", "linear", "tensordot"), "products of vectors"),
        **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), "recurrent layers"),
        "cdist": "distances",
        "bilinear": "bilinear layers",
        "conv_tbc": "convolutions with time first",
        **dict.fromkeys(
            (f"fft_{side}fft{ends}" for side in ("", "i", "r", "ir", "h", "ih") for ends in ("", "2", "n")),
            "Fourier transforms",
        ),
        **dict.fromkeys(("_fft_c2c", "_fft_r2c", "_fft_c2r"), "Fourier transforms"),
    }
)


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes
    ----------
    source, shape : str
        What was profiled, and its input.
    outcome : str
        ``exact``, ``explained``, ``refused``, ``not complete`` or ``disagrees``.
    macs, counter_macs, params : int
        Multiply-accumulates of the profile and of PyTorch's counter, and parameters; 0 if refused.
    reason : str
        What differs and why, or what was said.
    """

    source: str
    shape: str
    outcome: str
    macs: int = 0
    counter_macs: int = 0
    params: int = 0
    reason: str = ""


def crosscheck(source: str, input_shape: Sequence[int] | None = None) -> Outcome:
    """Profile a model and compare it with PyTorch's counter."""
    asked = shown(input_shape or ())
    try:
        plan = blueprint(source, input_shape)
        asked = shown(plan.input_shape)
        captured = capture(plan)
        profile = profile_of(plan, captured)
    except ExtractionError as error:
        return Outcome(source, asked, "refused", reason=str(error.problems[0]))
    numbers = (profile.macs, captured.eager_macs, profile.params)
    if not profile.complete:
        return Outcome(source, asked, "not complete", *numbers, "not counted: " + ", ".join(profile.uncounted))
    parts = differences(captured)
    rest = profile.macs - captured.eager_macs - sum(parts.values())
    if rest:
        return Outcome(source, asked, "disagrees", *numbers, f"{rest:+d} without a reason")
    told = "; ".join(f"{number:+d} {reason}" for reason, number in parts.items() if number)
    return Outcome(source, asked, "explained" if told else "exact", *numbers, told)


def differences(captured: Captured) -> dict[str, int]:
    """What a profile should have more than PyTorch's counter (less, if negative), for each reason."""
    nodes = list(captured.program.graph.nodes)
    signature = captured.program.graph_signature
    inputs = set(signature.user_inputs)
    state = state_of(nodes, inputs, {*signature.inputs_to_parameters, *signature.inputs_to_buffers})
    varying = _dependent(nodes, {node for node in nodes if node.name in inputs or node in state.changing})
    needed = _needed(nodes)
    parts: Counter[str] = Counter()
    for node in nodes:
        counted = count_macs(node) if node.op == "call_function" else None
        if not counted:
            continue
        name = aten_name(node.target) or ""
        if name in REASONS and counter_macs(node) == 0:
            parts[f"of {REASONS[name]}, which PyTorch's counter does not know"] += counted
        if node not in varying:
            parts["from parameters alone, done before inference"] -= counted
        elif node not in needed:
            parts["that no output needs"] -= counted
    return dict(parts)


def counter_macs(node: Node) -> int:
    """MACs that PyTorch's counter sees when an operator is called alone with its operands."""
    args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), lambda operand: operand.meta["val"])
    with _mode(node), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        node.target(*args, **kwargs)
    return int(counter.get_total_flops() // 2)


def shown(shape: Sequence[int]) -> str:
    """A shape as ``--input`` takes it."""
    return ",".join(map(str, shape))


def _mode(node: Node) -> Any:
    """The mode that the values of a graph belong to."""
    values = (source.meta["val"] for source in node.all_input_nodes)
    return next(value.fake_mode for value in values if hasattr(value, "fake_mode"))


def _dependent(nodes: Sequence[Node], first: set[Node]) -> set[Node]:
    """Nodes that follow from some of them."""
    found = set(first)
    for node in nodes:
        if not found.isdisjoint(node.all_input_nodes):
            found.add(node)
            found.update(written_by(node))
    return found


def _needed(nodes: Sequence[Node]) -> set[Node]:
    """Nodes that an output of the graph follows from."""
    found: set[Node] = set()
    for node in reversed(nodes):
        if node.op == "output" or node in found or any(one in found for one in written_by(node)):
            found.update((node, *node.all_input_nodes))
    return found
