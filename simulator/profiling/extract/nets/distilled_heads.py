"""Classifiers whose head is a distilled one with a bottleneck: ResNet, DenseNet, Inception-v3 with 3 and 12 channels.

Matsubara, Callegaro, Baidya, Levorato, Singh, "Head Network Distillation", IEEE Access 2020 (IEEE Xplore 9265295).
Encoder and decoder take the place of the first layers of the teacher, whose others stay as torchvision has them: from
``layer3`` of a ResNet, the third dense block of a DenseNet, ``Mixed_5b`` of Inception-v3. The numbers of channels and
the paddings are those of the authors' own code (yoshitomo-matsubara/sc2-benchmark, sc2bench/models/layer.py). What
crosses is quantised to 8 bits, as they do; the cut is ``bottleneck.encoder``. Leaves out weights: which values the 8
bits stand for is set after training, and costs the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torchvision import models

from simulator.profiling.extract.bottleneck import Dequantiser, Quantiser
from simulator.profiling.extract.nets import takes

_BITS = 8
#: the encoder ends without an activation, so what crosses has a sign
_RANGE = (-3.0, 3.0)
_STEM = 64
#: the tail's own layers, with their names
Tail = Sequence[tuple[str, nn.Module]]


@dataclass(frozen=True)
class _Form:
    """Encoder and decoder for one family of teachers.

    Attributes
    ----------
    stem_padding : tuple of int
        Of the first convolution and of the pooling.
    sends_normed : bool
        Whether the norm behind the last convolution of the encoder is its own or the decoder's.
    decoder : tuple of (int, int)
        Output channels and padding of each convolution of 2 x 2 taps.
    pool_stride : int
        Of the average pooling that ends the decoder.
    """

    stem_padding: tuple[int, int]
    sends_normed: bool
    decoder: tuple[tuple[int, int], ...]
    pool_stride: int


_RESNET = _Form((3, 1), False, ((512, 1), (512, 1), (512, 0), (512, 0)), 1)
_DENSENET = _Form((3, 1), True, ((512, 1), (512, 1), (256, 0), (256, 0), (256, 0)), 2)
_INCEPTION = _Form((0, 0), False, ((256, 1), (256, 0), (192, 0)), 1)


class DistilledHead(nn.Module):
    """Image to the tensor that the teacher's tail takes, through few channels of one byte."""

    def __init__(self, form: _Form, channels: int) -> None:
        super().__init__()
        convolution, pooling = form.stem_padding
        ahead: list[nn.Module] = [
            nn.Conv2d(3, _STEM, 7, 2, convolution, bias=False),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, pooling),
            nn.BatchNorm2d(_STEM),
            nn.ReLU(),
            nn.Conv2d(_STEM, channels, 2, 2, 1, bias=False),
        ]
        behind: list[nn.Module] = [Dequantiser(_BITS, _RANGE)]
        (ahead if form.sends_normed else behind).append(nn.BatchNorm2d(channels))
        behind.append(nn.ReLU())
        before = channels
        for place, (after, padding) in enumerate(form.decoder, start=1):
            behind.append(nn.Conv2d(before, after, 2, 1, padding, bias=False))
            if place < len(form.decoder):
                behind += [nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.encoder = nn.Sequential(*ahead, Quantiser(_BITS, _RANGE))
        self.decoder = nn.Sequential(*behind, nn.AvgPool2d(2, form.pool_stride))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """What the tail takes."""
        restored: torch.Tensor = self.decoder(self.encoder(image))
        return restored


class Student(nn.Sequential):
    """A head called ``bottleneck`` and the layers of a teacher behind it, under their own names."""

    def __init__(self, head: nn.Module, tail: Tail) -> None:
        super().__init__(OrderedDict([("bottleneck", head), *tail]))


def resnet_tail(teacher: models.ResNet, first: int) -> Tail:
    """A ResNet from its stage ``first`` on."""
    stages = [(f"layer{stage}", getattr(teacher, f"layer{stage}")) for stage in range(first, 5)]
    return [*stages, ("avgpool", teacher.avgpool), ("flatten", nn.Flatten()), ("fc", teacher.fc)]


def _densenet_tail(teacher: models.DenseNet) -> Tail:
    """A DenseNet from its third dense block on."""
    blocks = list(teacher.features.named_children())
    first = [name for name, _ in blocks].index("denseblock3")
    features = nn.Sequential(OrderedDict(blocks[first:]))
    ends = [("relu", nn.ReLU()), ("avgpool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten())]
    return [("features", features), *ends, ("classifier", teacher.classifier)]


def _inception_tail(teacher: models.Inception3) -> Tail:
    """Inception-v3 from its first block of branches on."""
    blocks = [(name, child) for name, child in teacher.named_children() if name.startswith("Mixed_")]
    return [*blocks, ("avgpool", teacher.avgpool), ("flatten", nn.Flatten()), ("fc", teacher.fc)]


def _distilled(
    teacher: str, form: _Form, tail: Callable[[Any], Tail], channels: int, side: int
) -> Callable[[], Student]:
    """A factory of one student."""

    def build() -> Student:
        less = {"aux_logits": False, "init_weights": False} if form is _INCEPTION else {}
        return Student(DistilledHead(form, channels), tail(models.get_model(teacher, weights=None, **less)))

    return takes(1, 3, side, side)(build)


def _resnet(name: str, channels: int) -> Callable[[], Student]:
    return _distilled(name, _RESNET, lambda teacher: resnet_tail(teacher, 3), channels, 224)


def _densenet(name: str, channels: int) -> Callable[[], Student]:
    return _distilled(name, _DENSENET, _densenet_tail, channels, 224)


def _inception(channels: int) -> Callable[[], Student]:
    return _distilled("inception_v3", _INCEPTION, _inception_tail, channels, 299)


resnet50_hnd3, resnet50_hnd12 = _resnet("resnet50", 3), _resnet("resnet50", 12)
resnet152_hnd3, resnet152_hnd12 = _resnet("resnet152", 3), _resnet("resnet152", 12)
densenet169_hnd3, densenet169_hnd12 = _densenet("densenet169", 3), _densenet("densenet169", 12)
densenet201_hnd3, densenet201_hnd12 = _densenet("densenet201", 3), _densenet("densenet201", 12)
inception_v3_hnd3, inception_v3_hnd12 = _inception(3), _inception(12)
