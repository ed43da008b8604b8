"""What each captured operator is: its kind, whether it is free, and what it says about its operands.

The table names operators without namespace, overload and in-place underscore. An operator that stands neither here nor
among the counted ones has no kind, and makes the profile incomplete.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_FREE: Mapping[str, str] = MappingProxyType(
    {
        "norm": "batch_norm _native_batch_norm_legit_no_training layer_norm native_layer_norm group_norm "
        "native_group_norm instance_norm rms_norm local_response_norm linalg_vector_norm norm",
        "activation": "relu relu6 hardtanh hardswish hardsigmoid silu gelu sigmoid tanh leaky_relu elu celu selu "
        "softplus mish prelu threshold hardshrink softshrink log_sigmoid glu",
        "softmax": "softmax log_softmax _softmax _log_softmax _safe_softmax softmin",
        "pool": "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
        "max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool2d mean amax amin",
        "embedding": "embedding",
        "concat": "cat concat concatenate stack hstack vstack",
        "resample": "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_bicubic2d "
        "upsample_linear1d upsample_trilinear3d _upsample_nearest_exact2d _upsample_bilinear2d_aa grid_sampler "
        "_upsample_bicubic2d_aa",
        "reshape": "view reshape _unsafe_view view_as reshape_as flatten unflatten squeeze unsqueeze permute transpose "
        "t swapaxes swapdims movedim moveaxis contiguous clone expand expand_as select slice narrow split "
        "split_with_sizes chunk tensor_split unsafe_chunk unsafe_split unbind alias detach dropout dropout1d dropout2d "
        "dropout3d feature_dropout alpha_dropout feature_alpha_dropout identity pixel_shuffle pixel_unshuffle "
        "channel_shuffle unfold numpy_T mT mH adjoint as_strided lift_fresh lift_fresh_copy diagonal ravel view_copy "
        "native_dropout broadcast_to atleast_1d atleast_2d",
        "elementwise": "add sub rsub mul div true_divide floor_divide remainder fmod pow sqrt rsqrt reciprocal exp "
        "expm1 log log1p log2 abs neg sign square sin cos erf where masked_fill clamp clamp_min clamp_max clip maximum "
        "minimum max min sum prod var std var_mean std_mean any all eq ne gt ge lt le logical_and logical_or "
        "logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__ floor ceil "
        "round trunc addcmul addcdiv lerp copy fill fill_scalar zero to _to_copy type_as float half bfloat16 int long "
        "bool cumsum cumprod isnan isinf nan_to_num tril triu logsumexp normalize atan atan2 masked_scatter",
        "other": "roll flip repeat tile repeat_interleave pad constant_pad_nd reflection_pad1d reflection_pad2d "
        "replication_pad1d replication_pad2d index index_select gather take take_along_dim index_put scatter "
        "scatter_add slice_scatter select_scatter topk sort argsort argmax argmin nonzero one_hot im2col col2im "
        "masked_select rot90 meshgrid searchsorted bucketize",
    }
)

_KIND: Mapping[str, str] = MappingProxyType({name: kind for kind, names in _FREE.items() for name in names.split()})

_OTHERWISE: Mapping[str, str] = MappingProxyType(
    {
        "counted": "conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d linear matmul "
        "mm bmm addmm baddbmm einsum scaled_dot_product_attention lstm gru rnn_tanh rnn_relu",
        "shape only": "new_zeros new_ones new_full new_empty zeros_like ones_like full_like empty_like rand_like "
        "randn_like",
    }
)

#: operators with multiply-accumulates; their final kind depends on their shapes
COUNTED = frozenset(_OTHERWISE["counted"].split())

#: operators whose result depends on the shape of a tensor only, never on its values
SHAPE_ONLY = frozenset(_OTHERWISE["shape only"].split())


def base_name(target: Any, keep_in_place: bool = False) -> str:
    """Name of an operator without namespace and overload, and without in-place underscore unless asked for."""
    schema = getattr(target, "_schema", None)
    name: str = schema.name if schema is not None else getattr(target, "__name__", str(target))
    name = name.rpartition("::")[2]
    if keep_in_place or name.endswith("__"):
        return name
    return name.removesuffix("_")


def kind_of(target: Any) -> str | None:
    """Kind of a free operator; None for counted and for unknown ones."""
    if target is operator.getitem:
        return "reshape"
    schema = getattr(target, "_schema", None)
    if schema is None or not schema.name.startswith("aten::"):
        return None
    return _KIND.get(base_name(target))
