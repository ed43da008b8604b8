"""The nodes of a model profile: layers, early exits, encodings of the input, the effect of lost bytes.

Plain frozen records without behaviour; `model.ModelProfile` holds them, `check` says when they contradict each other.
Leaves out weights, training and batch sizes: a profile describes one inference of one input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

#: what a layer does, as far as its speed on a device depends on it
KINDS: tuple[str, ...] = (
    "conv",
    "pointwise_conv",
    "depthwise_conv",
    "grouped_conv",
    "linear",
    "attention",
    "matmul",
    "embedding",
    "norm",
    "activation",
    "softmax",
    "pool",
    "elementwise",
    "concat",
    "reshape",
    "resample",
    "recurrent",
    "other",
)

#: bytes of one element of each type that a model input may have
ELEMENT_BYTES: Mapping[str, int] = MappingProxyType(
    {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "uint8": 1, "int8": 1, "bool": 1}
)

#: index that stands for the model input among the inputs of a layer
INPUT = -1

#: bytes of one floating-point number of a profile's tensors
PROFILE_ELEMENT_BYTES = 4

#: what a quantised network may ask to be computed in
PRECISIONS = ("float16", "int8")

#: element types that keep their size at every precision
_INTEGERS = ("int64", "int32", "uint8", "int8", "bool")

Sizes = TypeVar("Sizes", float, NDArray[np.float64])


def is_integer(dtype: str) -> bool:
    """Whether elements of this type, a key of `ELEMENT_BYTES`, keep their size at every precision."""
    return dtype in _INTEGERS


def size_at(element_bytes: int, size_bytes: Sizes, integer_bytes: Sizes) -> Sizes:
    """Size of a tensor whose floating-point numbers are stored with ``element_bytes`` each.

    Parameters
    ----------
    element_bytes : int
        Bytes of a floating-point number at the wanted precision.
    size_bytes : float or array
        Size as the profile states it.
    integer_bytes : float or array
        The part of it that no precision changes: integers and logical values.

    Examples
    --------
    A bottleneck of 2523 values of one byte stays as it is on a processor of half precision:

    >>> size_at(2, 2523.0, 2523.0), size_at(2, 2523.0, 0.0)
    (2523.0, 1261.5)
    """
    return integer_bytes + (size_bytes - integer_bytes) * (element_bytes / PROFILE_ELEMENT_BYTES)


@dataclass(frozen=True)
class Layer:
    """One operator of the model.

    Attributes
    ----------
    name : str
        Path of the module, unique in the profile; functional operators carry a suffix (``layer1.0.add``).
    kind : str
        One of `KINDS`. ``pointwise_conv`` is a 1x1 convolution without groups, ``attention`` the two products of
        queries with keys and of weights with values, ``reshape`` moves no data.
    op : str
        Name of the operator that was captured, for example ``aten.conv2d.default``.
    macs : int
        Multiply-accumulate operations; FLOP = 2 x macs.
    params, param_bytes : int
        Parameters that are counted with this layer, which is the first to read them, and their size.
    inputs : tuple of int
        Indices of the preceding layers whose outputs it reads; -1 is the model input.
    input_bytes, output_bytes : int
        Size of all distinct tensors read, and of the output; floating-point numbers with four bytes each, whatever
        the precision that the model was written in.
    output_shape : tuple of int
        Shape of the (first) output, batch included.
    fused_into : int or None
        Index of the layer that an inference runtime computes this one together with.
    integer_bytes : int
        The part of ``output_bytes`` that is no floating-point number: indices, quantised and logical values. No
        precision of a processor changes its size.
    shared : tuple of (int, int)
        Parameters that this layer reads too and that are counted with another: that layer, and their bytes.
    integer_param_bytes : int
        The part of ``param_bytes`` that is no floating-point number, such as quantised weights.
    shared_integers : tuple of (int, int)
        The part of ``shared`` that is no floating-point number.
    """

    name: str
    kind: str
    op: str
    macs: int
    params: int
    param_bytes: int
    inputs: tuple[int, ...]
    input_bytes: int
    output_shape: tuple[int, ...]
    output_bytes: int
    fused_into: int | None = None
    integer_bytes: int = 0
    shared: tuple[tuple[int, int], ...] = ()
    integer_param_bytes: int = 0
    shared_integers: tuple[tuple[int, int], ...] = ()

    @property
    def weight_bytes(self) -> int:
        """Size of all parameters that it reads."""
        return self.param_bytes + sum(size for _, size in self.shared)

    @property
    def integer_weight_bytes(self) -> int:
        """The part of `weight_bytes` that keeps its size at every precision."""
        return self.integer_param_bytes + sum(size for _, size in self.shared_integers)


@dataclass(frozen=True)
class Exit:
    """An early exit: the layers of its head and what feeds them, a layer of the trunk or the input.

    Attributes
    ----------
    name : str
        Unique name; the final output is not listed.
    after : int
        Index of the last trunk layer whose output the head reads; -1 if it reads the model input alone.
    layers : tuple of int
        Indices of the layers that only this exit needs, in order.
    output_bytes : int
        Size of the result of this exit.
    """

    name: str
    after: int
    layers: tuple[int, ...]
    output_bytes: int


@dataclass(frozen=True)
class Encoding:
    """Size of the model input as it is sent to a server.

    Attributes
    ----------
    size_bytes : float
        Mean size of one encoded input.
    source : str
        Where the number comes from, or how it was estimated.
    estimated : bool
        Whether ``source`` describes an estimate rather than a publication or an exact computation.
    """

    size_bytes: float
    source: str
    estimated: bool


@dataclass(frozen=True)
class LossEffect:
    """What is left of the accuracy when a share of the bytes sent to the server is lost and stays lost.

    Attributes
    ----------
    lost : tuple of float
        Shares of the bytes, increasing from 0.
    kept : tuple of float
        Share of the accuracy that is kept at each, between 0 and 1; linear in between, the last one beyond.
    source : str
        Who measured it, or how it was estimated.
    estimated : bool
        Whether it is an estimate.
    """

    lost: tuple[float, ...]
    kept: tuple[float, ...]
    source: str
    estimated: bool
