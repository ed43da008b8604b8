"""What each captured operator is: its kind, whether it is free, and what it says about its operands.

The table names PyTorch's own operators (namespace ``aten``) without overload and in-place underscore. An operator that
stands neither here nor in the table of `count` has no kind, and makes the profile incomplete; so does every operator of
another namespace, whatever its name.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_FREE: Mapping[str, str] = MappingProxyType(
    {
        "norm": "batch_norm _native_batch_norm_legit_no_training layer_norm native_layer_norm group_norm "
        "native_group_norm instance_norm rms_norm local_response_norm linalg_vector_norm norm cosine_similarity "
        "pairwise_distance dist renorm frobenius_norm nuclear_norm",
        "activation": "relu relu6 hardtanh hardswish hardsigmoid silu gelu sigmoid tanh leaky_relu elu celu selu "
        "softplus mish prelu threshold hardshrink softshrink log_sigmoid glu",
        "softmax": "softmax log_softmax _softmax _log_softmax _safe_softmax softmin",
        "pool": "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices "
        "max_pool3d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
        "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d lp_pool2d mean amax "
        "amin aminmax nanmean median nanmedian mode fractional_max_pool2d max_unpool2d",
        "embedding": "embedding embedding_bag _embedding_bag",
        "concat": "cat concat concatenate stack hstack vstack dstack column_stack row_stack block_diag",
        "resample": "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_bicubic2d "
        "upsample_linear1d upsample_trilinear3d _upsample_nearest_exact2d _upsample_bilinear2d_aa grid_sampler "
        "_upsample_bicubic2d_aa",
        "reshape": "view reshape _unsafe_view view_as reshape_as flatten unflatten squeeze unsqueeze permute transpose "
        "t swapaxes swapdims movedim moveaxis contiguous clone expand expand_as select slice narrow split "
        "split_with_sizes chunk tensor_split unsafe_chunk unsafe_split unbind alias detach dropout dropout1d dropout2d "
        "dropout3d feature_dropout alpha_dropout feature_alpha_dropout identity pixel_shuffle pixel_unshuffle "
        "channel_shuffle unfold numpy_T mT mH adjoint as_strided lift_fresh lift_fresh_copy diagonal ravel view_copy "
        "native_dropout broadcast_to atleast_1d atleast_2d atleast_3d real imag view_as_real view_as_complex conj "
        "resolve_conj resolve_neg hsplit vsplit dsplit squeeze_copy expand_copy slice_copy select_copy",
        "elementwise": "add sub rsub mul div true_divide floor_divide remainder fmod pow sqrt rsqrt reciprocal exp "
        "expm1 log log1p log2 abs neg sign square sin cos erf where masked_fill clamp clamp_min clamp_max clip maximum "
        "minimum max min sum prod var std var_mean std_mean any all eq ne gt ge lt le logical_and logical_or "
        "logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor __and__ __or__ __xor__ floor ceil "
        "round trunc addcmul addcdiv lerp copy fill fill_scalar zero to _to_copy type_as float half bfloat16 int long "
        "bool cumsum cumprod isnan isinf nan_to_num tril triu logsumexp normalize atan atan2 masked_scatter multiply "
        "divide subtract absolute negative greater greater_equal less less_equal not_equal arccos arccosh arcsin "
        "arcsinh arctan arctan2 arctanh fix cummax cummin logcumsumexp diff nansum count_nonzero complex polar trace "
        "double char short byte gumbel_softmax isclose allclose isreal special_expit special_softmax cross "
        "linalg_cross",
        "other": "roll flip repeat tile repeat_interleave pad constant_pad_nd reflection_pad1d reflection_pad2d "
        "replication_pad1d replication_pad2d index index_select gather take take_along_dim index_put scatter "
        "scatter_add scatter_reduce slice_scatter select_scatter diagonal_scatter index_add index_copy index_fill "
        "index_reduce put topk kthvalue msort sort argsort argmax argmin nonzero one_hot im2col col2im fold diag "
        "diag_embed diagflat fliplr flipud cartesian_prod combinations vander isin histc bincount quantile "
        "masked_select rot90 meshgrid searchsorted bucketize",
    }
)

_KIND: Mapping[str, str] = MappingProxyType({name: kind for kind, names in _FREE.items() for name in names.split()})

#: operators whose result depends on the shape of a tensor only, never on its values
SHAPE_ONLY = frozenset(
    ("new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like")
)


#: operators whose second operand gives nothing but a shape
SHAPED_LIKE = frozenset(("expand_as", "view_as", "reshape_as"))

#: operators whose result is another one every time
RANDOM = frozenset(
    (
        *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "normal"),
        *("multinomial", "poisson", "uniform", "exponential", "geometric", "random", "log_normal", "cauchy", "rrelu"),
    )
)


def aten_name(target: Any) -> str | None:
    """Name of an operator of PyTorch's own without overload and in-place underscore; None for those of others."""
    schema = getattr(target, "_schema", None)
    return base_name(target) if schema is not None and schema.name.startswith("aten::") else None


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
    name = (aten_name(target) or "").removeprefix("_foreach_")
    # PyTorch marks what treats every element by itself
    is_pointwise = any(tag.name == "pointwise" for tag in getattr(target, "tags", ())) and aten_name(target) is not None
    return _KIND.get(name, "elementwise" if is_pointwise else None)


def kind_named(name: str) -> str | None:
    """Kind of one of PyTorch's free operators by its name (``select``); None for counted and for unknown ones."""
    return _KIND.get(name)
