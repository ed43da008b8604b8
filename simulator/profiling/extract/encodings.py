"""How large a model input is when it is sent: as float32, as uint8, or as a JPEG file where a source says so.

JPEG means: Matsubara, Levorato, Restuccia, "Split Computing and Early Exiting for Deep Learning Applications", ACM
Computing Surveys 2022 (arXiv 2103.04505), table 2. Other resolutions are scaled by the number of pixels, as estimates.
A batch of pictures is as many files.
"""

from __future__ import annotations

import math

from simulator.profiling.graph import ELEMENT_BYTES, Encoding, is_integer

_SURVEY = "arXiv 2103.04505, table 2"
_IMAGENET_BYTES, _IMAGENET_SIDE = 44_770.0, 224
_CIFAR_BYTES, _CIFAR_SIDE = 1_790.0, 32


def encodings(shape: tuple[int, ...], dtype: str) -> dict[str, Encoding]:
    """Known encodings of an input.

    Parameters
    ----------
    shape : tuple of int
        Shape of the input, batch included.
    dtype : str
        Element type that the model reads.
    """
    elements = math.prod(shape)
    exact = {
        dtype: Encoding(float(elements * ELEMENT_BYTES[dtype]), f"computed: {elements} elements of {dtype}", False)
    }
    if is_integer(dtype):
        return exact
    exact["uint8"] = Encoding(float(elements), f"computed: {elements} elements of one byte", False)
    if len(shape) == 4 and shape[1] == 3:
        one = _jpeg(shape[2], shape[3])
        exact["jpeg"] = one if shape[0] == 1 else _several(shape[0], one)
    return exact


def _several(pictures: int, one: Encoding) -> Encoding:
    return Encoding(pictures * one.size_bytes, f"{pictures} files of: {one.source}", one.estimated)


def _jpeg(height: int, width: int) -> Encoding:
    if (height, width) == (_CIFAR_SIDE, _CIFAR_SIDE):
        return Encoding(_CIFAR_BYTES, f"mean of CIFAR-10, {_SURVEY}", False)
    if (height, width) == (_IMAGENET_SIDE, _IMAGENET_SIDE):
        return Encoding(_IMAGENET_BYTES, f"mean of ImageNet at 224x224, {_SURVEY}", False)
    size = _IMAGENET_BYTES * height * width / _IMAGENET_SIDE**2
    how = f"44.77 kB of ImageNet at 224x224 ({_SURVEY}) scaled to {height}x{width} by the number of pixels"
    return Encoding(round(size, 1), how, True)
