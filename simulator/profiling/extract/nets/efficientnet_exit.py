"""EfficientNet-B0 in eight blocks with one early exit: average pooling and a linear layer after the fourth block.

The blocks are those between which PORTEND (ICPADS 2023) cuts the network: the stem, then one for each stage, the last
one with the pooling and the classifier. Trunk: torchvision's efficientnet_b0, unchanged. How its exit looks the paper
does not say; this is the plainest head of the literature.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision import models

from simulator.profiling.extract.nets import takes

_CLASSES = 1000
#: channels of what the fourth block makes
_CHANNELS = 40


class EfficientNetB0Exit(nn.Module):
    """Returns the logits of the exit and the final ones."""

    exit_names = ("exit4",)

    def __init__(self) -> None:
        super().__init__()
        trunk = models.efficientnet_b0(weights=None)
        stages = list(trunk.features)
        self.block1, self.block2, self.block3, self.block4 = stages[:4]
        self.block5, self.block6, self.block7 = stages[4:7]
        self.block8 = nn.Sequential(*stages[7:], trunk.avgpool, nn.Flatten(), trunk.classifier)
        self.exit4 = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_CHANNELS, _CLASSES))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits, each of shape [batch, 1000]."""
        fourth = self.block4(self.block3(self.block2(self.block1(image))))
        early = self.exit4(fourth)
        return early, self.block8(self.block7(self.block6(self.block5(fourth))))


@takes(1, 3, 224, 224)
def efficientnet_b0_exit() -> nn.Module:
    """EfficientNet-B0 with an exit after its fourth block."""
    return EfficientNetB0Exit()
