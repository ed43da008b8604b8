"""What each ONNX operator is: its kind, whether it is free, and its multiply-accumulates.

Counted from the operands that an operator really has, biases, scales and zero points free, as in `extract.count`. An
operator of another domain than ONNX's own is unknown, whatever its name, except for the integer and fused forms of
counted operators that ONNX Runtime writes (``com.microsoft``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from simulator.profiling.extract.contractions import einsum_macs

Shape = tuple[int, ...]
Counter = Callable[[Sequence[Shape], Sequence[Shape], Mapping[str, Any]], int]

_FREE: Mapping[str, str] = MappingProxyType(
    {
        "norm": "BatchNormalization LayerNormalization GroupNormalization InstanceNormalization RMSNormalization LRN "
        "LpNormalization MeanVarianceNormalization ReduceL1 ReduceL2",
        "activation": "Relu LeakyRelu PRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Mish "
        "Gelu ThresholdedRelu Shrink Swish",
        "softmax": "Softmax LogSoftmax Hardmax",
        "pool": "MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool ReduceMean ReduceMax "
        "ReduceMin MaxRoiPool MaxUnpool",
        "concat": "Concat",
        "resample": "Resize Upsample GridSample RoiAlign AffineGrid",
        "reshape": "Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Expand DepthToSpace SpaceToDepth Identity "
        "Dropout",
        "elementwise": "Add Sub Mul Div Pow Sqrt Exp Log Abs Neg Sign Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh "
        "Atanh Erf Floor Ceil Round Reciprocal Mod Max Min Mean Sum Clip Where And Or Xor Not Equal Greater Less "
        "GreaterOrEqual LessOrEqual BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitShift IsNaN IsInf Cast CastLike "
        "BitCast CumSum CumProd ReduceSum ReduceProd ReduceSumSquare ReduceLogSum ReduceLogSumExp Trilu "
        "QuantizeLinear DequantizeLinear DynamicQuantizeLinear RandomNormal RandomUniform RandomNormalLike "
        "RandomUniformLike Bernoulli Multinomial Det EyeLike",
        "other": "Gather GatherElements GatherND ScatterElements ScatterND Scatter TensorScatter Pad Tile TopK ArgMax "
        "ArgMin NonZero OneHot Unique Compress ReverseSequence Range ConstantOfShape Constant Shape Size "
        "NonMaxSuppression CenterCropPad Col2Im RotaryEmbedding HannWindow HammingWindow BlackmanWindow",
    }
)

_KIND: Mapping[str, str] = MappingProxyType({name: kind for kind, names in _FREE.items() for name in names.split()})


def free_kind(node: Any) -> str | None:
    """Kind of a free operator; None for counted and for unknown ones."""
    return _KIND.get(node.op_type) if _own(node) else None


def attributes(node: Any) -> dict[str, Any]:
    """Attributes of an operator by name."""
    import onnx

    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def counter_of(node: Any) -> Counter | None:
    """What counts an operator; None if it is not one that multiplies and accumulates, or unknown.

    The counter takes the shapes of the operands (empty where one is left out), those of the results, and attributes.
    """
    if _own(node):
        return _COUNTERS.get(node.op_type)
    return _RUNTIME_COUNTERS.get(node.op_type) if node.domain == "com.microsoft" else None


def weight_place(node: Any) -> int:
    """Position of the weight among the operands of a convolution."""
    return 3 if node.op_type.startswith("QLinear") else 1


def is_convolution(node: Any) -> bool:
    """Whether an operator is a convolution of any form."""
    return counter_of(node) is not None and "Conv" in node.op_type


def channels_wanted(node: Any, weight: Shape) -> int:
    """Channels that a convolution with this weight reads, which the inference of shapes does not check."""
    return weight[0] if node.op_type == "ConvTranspose" else weight[1] * int(attributes(node).get("group", 1))


def _own(node: Any) -> bool:
    return node.domain in ("", "ai.onnx")


def _conv(place: int) -> Counter:
    """Each output element meets the taps of one filter."""
    return lambda given, result, _: math.prod(result[0]) * math.prod(given[place][1:])


def _product(place: int) -> Counter:
    """Each output element sums over the last extent of the first operand."""
    return lambda given, result, _: math.prod(result[0]) * given[place][-1]


def _gemm(given: Sequence[Shape], result: Sequence[Shape], attribute: Mapping[str, Any]) -> int:
    summed: int = given[0][0 if attribute.get("transA") else 1]
    return math.prod(result[0]) * summed


def _conv_transpose(given: Sequence[Shape], _: Sequence[Shape], __: Mapping[str, Any]) -> int:
    return math.prod(given[0]) * math.prod(given[1][1:])


def _recurrent(given: Sequence[Shape], _: Sequence[Shape], __: Mapping[str, Any]) -> int:
    """Both weight matrices of every direction, once per time step and sequence."""
    return math.prod(given[0][:2]) * (math.prod(given[1]) + math.prod(given[2]))


def _attention(given: Sequence[Shape], _: Sequence[Shape], attribute: Mapping[str, Any]) -> int:
    """Queries with keys, then weights with values; heads share the width where they are not an extent of their own."""
    query, key, value = given[:3]
    past = given[4][2] if len(given) > 4 and given[4] else 0
    if len(query) == 4:
        return math.prod(query[:3]) * (key[-2] + past) * (query[-1] + value[-1])
    heads: int = attribute["q_num_heads"]
    value_width: int = value[-1] // attribute["kv_num_heads"] * heads
    return query[0] * query[1] * (key[1] + past) * (query[-1] + value_width)


def _einsum(given: Sequence[Shape], _: Sequence[Shape], attribute: Mapping[str, Any]) -> int:
    return einsum_macs(attribute["equation"].decode(), list(given))


_COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {
        **dict.fromkeys(("Conv", "ConvInteger", "DeformConv"), _conv(1)),
        "QLinearConv": _conv(3),
        "ConvTranspose": _conv_transpose,
        "Gemm": _gemm,
        **dict.fromkeys(("MatMul", "MatMulInteger", "QLinearMatMul"), _product(0)),
        "Einsum": _einsum,
        **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
        "Attention": _attention,
    }
)

_RUNTIME_COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {
        "FusedConv": _conv(1),
        "FusedGemm": _gemm,
        "QGemm": _gemm,
        "MatMulIntegerToFloat": _product(0),
        "DynamicQuantizeMatMul": _product(0),
    }
)
