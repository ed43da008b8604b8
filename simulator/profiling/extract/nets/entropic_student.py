"""ResNet-50 with the encoder of the Entropic Student in place of its stem and first stage.

Matsubara, Yang, Levorato, Mandt, "Supervised Compression for Resource-Constrained Edge Computing Systems", WACV 2022;
numbers of channels as in the authors' own code (yoshitomo-matsubara/sc2-benchmark, layer.py). Normalisation is the
simplified divisive one (Johnston et al., arXiv 1912.08771): each value over a weighted sum of the magnitudes at its
place. The latents cross with 8 bits each. The authors code them further with a learned distribution, in a size that
depends on the picture and on the weights: that is left out here.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torchvision import models

from simulator.profiling.extract.bottleneck import Dequantiser, Quantiser
from simulator.profiling.extract.nets import takes
from simulator.profiling.extract.nets.distilled_heads import Student, resnet_tail

_BITS = 8
#: whole numbers around zero
_RANGE = (-128.0, 127.0)
_LATENTS = 24
_TARGET = 256


class DivisiveNorm(nn.Module):
    """Divides every value by a weighted sum of the magnitudes of all channels at its place; inverse, multiplies."""

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self._inverse = inverse
        self.weight = nn.Parameter(torch.eye(channels)[:, :, None, None])
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """A map of the same shape."""
        norm = functional.conv2d(values.abs(), self.weight, self.bias)
        return values * norm if self._inverse else values / norm


class EntropicHead(nn.Module):
    """Image to what the second stage takes, through 24 latents at each of 55 x 55 places."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 4 * _LATENTS, 5, 2, 2, bias=False),
            DivisiveNorm(4 * _LATENTS),
            nn.Conv2d(4 * _LATENTS, 2 * _LATENTS, 5, 2, 2, bias=False),
            DivisiveNorm(2 * _LATENTS),
            nn.Conv2d(2 * _LATENTS, _LATENTS, 2, bias=False),
            Quantiser(_BITS, _RANGE),
        )
        self.decoder = nn.Sequential(
            Dequantiser(_BITS, _RANGE),
            nn.Conv2d(_LATENTS, 2 * _TARGET, 2, padding=1, bias=False),
            DivisiveNorm(2 * _TARGET, inverse=True),
            nn.Conv2d(2 * _TARGET, _TARGET, 2, bias=False),
            DivisiveNorm(_TARGET, inverse=True),
            nn.Conv2d(_TARGET, _TARGET, 2, padding=1, bias=False),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """A map of 256 channels."""
        restored: torch.Tensor = self.decoder(self.encoder(image))
        return restored


@takes(1, 3, 224, 224)
def resnet50_entropic() -> nn.Module:
    """ResNet-50 from its second stage on, behind the encoder and the decoder."""
    return Student(EntropicHead(), resnet_tail(models.resnet50(weights=None), 2))
