"""U-Net for segmentation into two classes, with the padding and norms of its usual implementations.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015 (arXiv
1505.04597): four halvings from 64 to 1024 channels, four doublings by transposed convolutions, and a skip from each
resolution on the way down to the same one on the way up. Unlike the paper: colour pictures, convolutions that keep the
size (so nothing is cropped), and a batch norm after each. Parameters: 31 037 698.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from simulator.profiling.extract.nets import takes

_WIDTHS = (64, 128, 256, 512, 1024)
_CLASSES = 2


class _DoubleConv(nn.Sequential):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        for number, width in enumerate((before, after), start=1):
            self.add_module(f"conv{number}", nn.Conv2d(width, after, 3, padding=1, bias=False))
            self.add_module(f"norm{number}", nn.BatchNorm2d(after))
            self.add_module(f"relu{number}", nn.ReLU())


class _Up(nn.Module):
    """Doubles the resolution, halves the channels, and joins what the skip brings."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(before, after, 2, stride=2)
        self.convs = _DoubleConv(2 * after, after)

    def forward(self, features: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.convs(torch.cat((skip, self.up(features)), dim=1))
        return joined


class UNet(nn.Module):
    """Layers are called down1 to down4, bottom, up4 to up1: one number for each resolution."""

    def __init__(self) -> None:
        super().__init__()
        *levels, widest = _WIDTHS
        for number, (before, after) in enumerate(pairwise((3, *levels)), start=1):
            self.add_module(f"down{number}", _DoubleConv(before, after))
        self.pool = nn.MaxPool2d(2)
        self.bottom = _DoubleConv(levels[-1], widest)
        for number, (after, before) in reversed(list(enumerate(pairwise(_WIDTHS), start=1))):
            self.add_module(f"up{number}", _Up(before, after))
        self.last = nn.Conv2d(levels[0], _CLASSES, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Scores of each class at each pixel, shape [batch, 2, height, width]."""
        features, skips = image, []
        for number in range(1, len(_WIDTHS)):
            skips.append(self.get_submodule(f"down{number}")(features))
            features = self.pool(skips[-1])
        features = self.bottom(features)
        for number in reversed(range(1, len(_WIDTHS))):
            features = self.get_submodule(f"up{number}")(features, skips[number - 1])
        scores: torch.Tensor = self.last(features)
        return scores


@takes(1, 3, 256, 256)
def unet() -> nn.Module:
    """U-Net with 64 channels at full resolution, for pictures of 256x256."""
    return UNet()
