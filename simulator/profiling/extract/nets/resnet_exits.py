"""ResNet-50 with two early exits: average pooling and a linear layer after the second and the third stage.

The heads are the plainest ones of the early-exit literature (Teerapittayanon et al., "BranchyNet", ICPR 2016, puts
convolutions before them). Trunk: torchvision's resnet50, unchanged.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision import models

from simulator.profiling.extract.nets import takes

_CLASSES = 1000


class _Head(nn.Sequential):
    def __init__(self, channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, _CLASSES))


class ResNet50Exits(nn.Module):
    """Returns the logits of both exits and the final ones."""

    exit_names = ("exit1", "exit2")

    def __init__(self) -> None:
        super().__init__()
        trunk = models.resnet50(weights=None)
        self.stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool)
        self.layer1, self.layer2, self.layer3, self.layer4 = trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4
        self.avgpool, self.fc = trunk.avgpool, trunk.fc
        self.exit1 = _Head(512)
        self.exit2 = _Head(1024)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits, each of shape [batch, 1000]."""
        second = self.layer2(self.layer1(self.stem(image)))
        early = self.exit1(second)
        third = self.layer3(second)
        middle = self.exit2(third)
        return early, middle, self.fc(torch.flatten(self.avgpool(self.layer4(third)), 1))


@takes(1, 3, 224, 224)
def resnet50_exits() -> nn.Module:
    """ResNet-50 with exits after ``layer2`` and ``layer3``."""
    return ResNet50Exits()
