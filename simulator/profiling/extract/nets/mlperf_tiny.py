"""The four reference networks of MLPerf Tiny, the size of a microcontroller.

Banbury et al., "MLPerf Tiny Benchmark" (NeurIPS 2021), architectures as in the reference implementations of
mlcommons/tiny: DS-CNN (keyword spotting), MobileNetV1 0.25 (visual wake words), ResNet-8 (image classification) and a
fully connected autoencoder (anomaly detection). Padding follows TensorFlow's "same" where strides make it asymmetric.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn

from simulator.profiling.extract.nets import takes


def _named(**modules: nn.Module) -> nn.Sequential:
    """A chain of modules with names, which become the names of its layers and cuts."""
    return nn.Sequential(OrderedDict(modules))


def _separable(before: int, after: int, stride: int = 1, bias: bool = False) -> nn.Sequential:
    """Depthwise, then pointwise convolution; stride two pads even inputs at the far side only."""
    padding: dict[str, nn.Module] = {"pad": nn.ZeroPad2d((0, 1, 0, 1))} if stride == 2 else {}
    inner = 0 if padding else 1
    return _named(
        **padding,
        depthwise=nn.Conv2d(before, before, 3, stride, inner, groups=before, bias=bias),
        norm1=nn.BatchNorm2d(before),
        relu1=nn.ReLU(),
        pointwise=nn.Conv2d(before, after, 1, bias=bias),
        norm2=nn.BatchNorm2d(after),
        relu2=nn.ReLU(),
    )


@takes(1, 1, 49, 10)
def ds_cnn() -> nn.Module:
    """Keyword spotting: 49 frames of 10 MFCCs, 12 words."""
    return _named(
        pad=nn.ZeroPad2d((1, 1, 4, 5)),
        conv1=nn.Conv2d(1, 64, (10, 4), stride=2),
        norm1=nn.BatchNorm2d(64),
        relu1=nn.ReLU(),
        dropout1=nn.Dropout(0.2),
        **{f"block{number}": _separable(64, 64, bias=True) for number in range(1, 5)},
        dropout2=nn.Dropout(0.4),
        pool=nn.AvgPool2d((25, 5)),
        flatten=nn.Flatten(),
        fc=nn.Linear(64, 12),
    )


@takes(1, 3, 96, 96)
def mobilenet_v1_025_96() -> nn.Module:
    """Visual wake words: MobileNetV1 with a quarter of the channels, 96x96 pixels, person or no person."""
    channels = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    blocks = {
        f"block{number}": _separable(before, after, stride)
        for number, ((before, after), stride) in enumerate(zip(pairwise(channels), strides, strict=True), start=1)
    }
    return _named(
        pad=nn.ZeroPad2d((0, 1, 0, 1)),
        conv1=nn.Conv2d(3, channels[0], 3, stride=2, bias=False),
        norm1=nn.BatchNorm2d(channels[0]),
        relu1=nn.ReLU(),
        **blocks,
        pool=nn.AvgPool2d(3),
        flatten=nn.Flatten(),
        fc=nn.Linear(channels[-1], 2),
    )


class _Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1)
        self.norm1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Conv2d(before, after, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner = self.relu(self.norm1(self.conv1(features)))
        inner = self.norm2(self.conv2(inner))
        total: torch.Tensor = self.relu(inner + self.shortcut(features))
        return total


@takes(1, 3, 32, 32)
def resnet8() -> nn.Module:
    """Image classification on CIFAR-10: three residual blocks of 16, 32 and 64 channels."""
    return _named(
        conv1=nn.Conv2d(3, 16, 3, padding=1),
        norm1=nn.BatchNorm2d(16),
        relu1=nn.ReLU(),
        block1=_Residual(16, 16, 1),
        block2=_Residual(16, 32, 2),
        block3=_Residual(32, 64, 2),
        pool=nn.AvgPool2d(8),
        flatten=nn.Flatten(),
        fc=nn.Linear(64, 10),
    )


@takes(1, 640)
def fc_autoencoder() -> nn.Module:
    """Anomaly detection: 640 spectrogram values through a bottleneck of 8 and back."""
    widths = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)
    layers: dict[str, nn.Module] = {}
    for number, (before, after) in enumerate(pairwise(widths), start=1):
        layers |= {f"fc{number}": nn.Linear(before, after), f"norm{number}": nn.BatchNorm1d(after)}
        layers[f"relu{number}"] = nn.ReLU()
    return _named(**layers, fc10=nn.Linear(widths[-1], widths[0]))
