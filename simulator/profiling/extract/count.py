"""Multiply-accumulates of one captured operator, from its shapes.

fvcore's operator handles do the counting; they expect values of TorchScript, so `_Value` answers in their place and
nothing has to run. Added where fvcore counts nothing or asks for more than it is given: the two products of scaled
dot-product attention (causal masks count in full, as the products are computed), recurrent layers, and products whose
operands are broadcast.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from simulator.profiling.extract.operators import COUNTED, base_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # fvcore compiles a function of its own when it is imported
    from fvcore.nn import jit_handles


class _Value:
    """What fvcore's handles ask of a TorchScript value, answered from a captured one."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def isCompleteTensor(self) -> bool:  # noqa: N802 - the name that fvcore calls
        return isinstance(self._value, torch.Tensor)

    def type(self) -> _Value:
        return self

    def sizes(self) -> list[int]:
        return list(self._value.shape)

    def toIValue(self) -> Any:  # noqa: N802 - the name that fvcore calls
        return self._value

    def node(self) -> _Value:
        return self

    def inputs(self) -> list[_Value]:
        return [_Value(value) for value in self._value]


def count_macs(node: torch.fx.Node) -> int | None:
    """MACs of a counted operator; None if the operator is not one that can be counted.

    Parameters
    ----------
    node : torch.fx.Node
        A call with the shapes of its operands in ``meta["val"]``.
    """
    name = base_name(node.target)
    if name not in COUNTED:
        return None
    operands = arguments(node)
    result = node.meta["val"]
    if name.startswith("conv"):
        transposed = name.startswith("conv_transpose") or bool(operands.get("transposed", False))
        handle_inputs = [operands["input"], operands["weight"], *[None] * 4, transposed, *[None] * 5]
        return _ask(jit_handles.conv_flop_jit, handle_inputs, result)
    if name == "linear":
        return _ask(jit_handles.linear_flop_jit, [operands["input"], operands["weight"]], result)
    if name == "addmm":
        return _ask(jit_handles.addmm_flop_jit, [operands["self"], operands["mat1"], operands["mat2"]], result)
    if name == "bmm":
        return _ask(jit_handles.bmm_flop_jit, [operands["self"], operands["mat2"]], result)
    if name == "baddbmm":
        return _ask(jit_handles.bmm_flop_jit, [operands["batch1"], operands["batch2"]], result)
    if name in ("matmul", "mm"):
        return _product(operands["self"], operands.get("other", operands.get("mat2")), result)
    if name == "einsum":
        return _einsum(operands["equation"], operands["tensors"], result)
    if name == "scaled_dot_product_attention":
        return _attention(operands["query"], operands["key"], operands["value"])
    return _recurrent(operands)


def arguments(node: torch.fx.Node) -> dict[str, Any]:
    """Operands of a call by the names of the operator's schema, graph nodes replaced by their values."""
    values = torch.fx.map_arg((node.args, dict(node.kwargs)), lambda operand: operand.meta.get("val"))
    names = [argument.name for argument in node.target._schema.arguments]
    named: dict[str, Any] = dict(zip(names, values[0], strict=False))
    named.update(values[1])
    return named


def _ask(handle: Any, inputs: Sequence[Any], result: Any) -> int:
    answer = handle([_Value(value) for value in inputs], [_Value(result)])
    return int(sum(answer.values()) if isinstance(answer, dict) else answer)


def _product(left: torch.Tensor, right: torch.Tensor, result: torch.Tensor) -> int:
    """Matrix product; fvcore takes both operands as they are, so broadcast ones are counted from the result."""
    if left.ndim >= 2 and right.ndim >= 2 and left.shape[:-2] == result.shape[:-2]:
        return _ask(jit_handles.matmul_flop_jit, [left, right], result)
    return int(math.prod(result.shape) * left.shape[-1])


def _einsum(equation: str, tensors: Sequence[torch.Tensor], result: torch.Tensor) -> int:
    """Two operands: the product of all extents, exactly (fvcore reads four digits from a report); more: fvcore."""
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or "." in equation:
        return _ask(jit_handles.einsum_flop_jit, [equation, tensors], result)
    extents: dict[str, int] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for letter, extent in zip(term, tensor.shape, strict=True):
            extents[letter] = max(extent, extents.get(letter, 1))
    return math.prod(extents.values())


def _attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> int:
    """Queries with keys, then weights with values: two batched products."""
    queries, width = query.shape[-2:]
    return int(math.prod(query.shape[:-2]) * queries * key.shape[-2] * (width + value.shape[-1]))


def _recurrent(operands: dict[str, Any]) -> int:
    """Every weight matrix of every layer and direction, once per time step and sequence."""
    steps = operands["input"].shape[0] * operands["input"].shape[1]
    return int(steps * sum(weight.numel() for weight in operands["params"] if weight.ndim == 2))
