"""Multiply-accumulates of one captured operator, from the shapes of the operands that it really has.

One row for each operator that multiplies and accumulates; `contractions` holds the products of more than two operands.
A bias, a scale and a mask are free. Fourier transforms, which are no sums of products, count half of the 5 N log2 N
floating-point operations by which the benchmarks of FFTW rate them (Frigo and Johnson, "The design and implementation
of FFTW3", Proc. IEEE 93(2), 2005, section IV), and half of that again where one side is real.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from simulator.profiling.extract.contractions import chain_macs, einsum_macs
from simulator.profiling.extract.operators import aten_name

Operands = dict[str, Any]
Counter = Callable[[Operands, Any], float]

#: floating-point operations of a complex transform over N log2 N, as multiply-accumulates
_FFT = 2.5


def count_macs(node: torch.fx.Node) -> int | None:
    """MACs of a counted operator; None if the operator is not one that can be counted.

    Parameters
    ----------
    node : torch.fx.Node
        A call with the shapes of its operands in ``meta["val"]``.
    """
    counter = _COUNTERS.get(aten_name(node.target) or "")
    return None if counter is None else round(counter(arguments(node), node.meta["val"]))


def arguments(node: torch.fx.Node) -> Operands:
    """Operands of a call by the names of the operator's schema, graph nodes replaced by their values."""
    values = torch.fx.map_arg((node.args, dict(node.kwargs)), lambda operand: operand.meta.get("val"))
    declared = node.target._schema.arguments
    named: Operands = {argument.name: argument.default_value for argument in declared}
    named.update(zip((argument.name for argument in declared), values[0], strict=False))
    named.update(values[1])
    return named


def _conv(given: Operands, result: torch.Tensor) -> int:
    """Each output element (or input element, if transposed) meets the taps of one filter, with a batch or without."""
    elements = given["input"] if given.get("transposed") else result
    return int(elements.numel() * math.prod(given["weight"].shape[1:]))


def _conv_transpose(given: Operands, _: torch.Tensor) -> int:
    return int(given["input"].numel() * math.prod(given["weight"].shape[1:]))


def _conv_tbc(given: Operands, result: torch.Tensor) -> int:
    """Taps and input channels come first in the weight of a (time, batch, channels) convolution."""
    return int(result.numel() * math.prod(given["weight"].shape[:2]))


def _linear(given: Operands, result: torch.Tensor) -> int:
    """Each output element is a sum over the last extent of the input; a weight may be a vector."""
    return int(result.numel() * given["input"].shape[-1])


def _inner(left: str) -> Counter:
    """A product whose every output element sums over the last extent of one operand."""
    return lambda given, result: result.numel() * given[left].shape[-1]


def _all(operand: str) -> Counter:
    """Every element of one operand is multiplied once."""
    return lambda given, _: given[operand].numel()


def _addbmm(given: Operands, _: torch.Tensor) -> int:
    """A sum over a batch of products."""
    return int(given["batch1"].numel() * given["batch2"].shape[-1])


def _tensordot(given: Operands, result: torch.Tensor) -> int:
    return int(result.numel() * math.prod(given["self"].shape[dim] for dim in given["dims_self"]))


def _bilinear(given: Operands, result: torch.Tensor) -> int:
    """For each output element the first input with its matrix, then that vector with the second input."""
    first, second = given["weight"].shape[1:]
    return int(result.numel() * second * (first + 1))


def _attention(given: Operands, _: torch.Tensor) -> int:
    """Queries with keys, then weights with values: two batched products. A causal mask does not save any of them."""
    query, key, value = given["query"], given["key"], given["value"]
    queries, width = query.shape[-2:]
    return int(math.prod(query.shape[:-2]) * queries * key.shape[-2] * (width + value.shape[-1]))


def _recurrent(given: Operands, _: Any) -> int:
    """Every weight matrix of every layer and direction, once per time step and sequence, packed or not."""
    steps = given["input"] if "input" in given else given["data"]
    matrices = sum(weight.numel() for weight in given["params"] if weight.ndim == 2)
    return int(steps.numel() // steps.shape[-1] * matrices)


def _cell(given: Operands, _: Any) -> int:
    """Both weight matrices, once per sequence."""
    rows = given["input"].numel() // given["input"].shape[-1]
    return int(rows * (given["w_ih"].numel() + given["w_hh"].numel()))


def _fourier(real: str) -> Counter:
    """Transforms over all points of the side that is not halved; ``real`` is "in", "out" or "" for complex ones."""

    def count(given: Operands, result: torch.Tensor) -> float:
        source = given["self"]
        dims = given.get("dim")
        stated = given["s"] if given.get("s") is not None else given.get("n")
        if dims is None:
            dims = range(-len(stated), 0) if stated is not None else range(source.ndim)
        dims = [dims] if isinstance(dims, int) else list(dims)
        lengths = [(source if real == "in" else result).shape[dim] for dim in dims]
        if real == "in" and stated is not None:
            lengths = [stated] if isinstance(stated, int) else list(stated)
        points = math.prod(lengths)
        batch = result.numel() // math.prod(result.shape[dim] for dim in dims)
        return (_FFT / 2 if real else _FFT) * batch * points * math.log2(points) if points > 1 else 0.0

    return count


_COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {
        **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), _conv),
        **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
        "conv_tbc": _conv_tbc,
        "linear": _linear,
        **dict.fromkeys(("matmul", "mm", "bmm", "mv", "inner", "linalg_matmul"), _inner("self")),
        "addmm": _inner("mat1"),
        "addmv": _inner("mat"),
        "baddbmm": _inner("batch1"),
        "addbmm": _addbmm,
        **dict.fromkeys(("dot", "vdot"), _all("self")),
        "cdist": lambda given, result: result.numel() * given["x1"].shape[-1],
        "linalg_vecdot": lambda given, result: result.numel() * given["x"].shape[given.get("dim", -1)],
        **dict.fromkeys(("outer", "ger", "addr", "kron"), lambda _, result: result.numel()),
        "tensordot": _tensordot,
        "bilinear": _bilinear,
        "einsum": lambda given, _: einsum_macs(given["equation"], [tuple(one.shape) for one in given["tensors"]]),
        "linalg_multi_dot": lambda given, _: chain_macs([tuple(one.shape) for one in given["tensors"]]),
        "chain_matmul": lambda given, _: chain_macs([tuple(one.shape) for one in given["matrices"]]),
        "scaled_dot_product_attention": _attention,
        **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
        **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
        **dict.fromkeys(("fft_fft", "fft_fft2", "fft_fftn", "fft_ifft", "fft_ifft2", "fft_ifftn"), _fourier("")),
        **dict.fromkeys(
            ("fft_rfft", "fft_rfft2", "fft_rfftn", "fft_ihfft", "fft_ihfft2", "fft_ihfftn"), _fourier("in")
        ),
        **dict.fromkeys(
            ("fft_irfft", "fft_irfft2", "fft_irfftn", "fft_hfft", "fft_hfft2", "fft_hfftn"), _fourier("out")
        ),
        "_fft_c2c": _fourier(""),
        "_fft_r2c": _fourier("in"),
        "_fft_c2r": _fourier("out"),
    }
)
