"""Tiny-YOLOv2 for 20 classes, as split by Hu et al., "Dynamic Adaptive DNN Surgery" (INFOCOM 2019), figures 1-3.

Nine convolutions, six max-pools; the sixth has stride one and keeps the size. Modules are called conv1, max1, ...,
conv9 as in the paper. Architecture: Redmon and Farhadi, "YOLO9000" (CVPR 2017), tiny variant.
"""

from __future__ import annotations

import torch
from torch import nn

from simulator.profiling.extract.nets import takes

_CHANNELS = (16, 32, 64, 128, 256, 512, 1024, 1024)
_BOXES, _CLASSES = 5, 20


class TinyYoloV2(nn.Module):
    """The network up to the raw box predictions, 125 channels on a grid."""

    def __init__(self) -> None:
        super().__init__()
        before = 3
        for number, channels in enumerate(_CHANNELS, start=1):
            self.add_module(f"conv{number}", nn.Conv2d(before, channels, 3, padding=1, bias=False))
            self.add_module(f"norm{number}", nn.BatchNorm2d(channels))
            self.add_module(f"leaky{number}", nn.LeakyReLU(0.1))
            if number <= 5:
                self.add_module(f"max{number}", nn.MaxPool2d(2))
            elif number == 6:
                self.add_module("pad6", nn.ConstantPad2d((0, 1, 0, 1), float("-inf")))
                self.add_module("max6", nn.MaxPool2d(2, stride=1))
            before = channels
        self.conv9 = nn.Conv2d(before, _BOXES * (5 + _CLASSES), 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Predictions, shape [batch, 125, height / 32, width / 32]."""
        for layer in self.children():
            image = layer(image)
        return image


@takes(1, 3, 288, 288)
def tiny_yolov2() -> nn.Module:
    """Tiny-YOLOv2 at the resolution of the paper."""
    return TinyYoloV2()
