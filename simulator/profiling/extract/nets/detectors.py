"""Backbones of torchvision's detectors: the part that is a fixed graph.

What follows them (anchors, proposals, suppression of overlapping boxes) depends on values and is left out, so their
costs are those of feature extraction only.
"""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import detection
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from simulator.profiling.extract.nets import takes


@takes(1, 3, 320, 320)
def ssdlite320_backbone() -> nn.Module:
    """MobileNetV3-Large features of SSDlite at 320x320, six resolutions."""
    with torch.device("meta"):  # the builder runs its own backbone to learn the number of channels
        detector = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    backbone: nn.Module = detector.backbone
    return backbone


@takes(1, 3, 800, 800)
def resnet50_fpn_backbone() -> nn.Module:
    """ResNet-50 with feature pyramid as in Faster R-CNN, at the shorter side of its default (800)."""
    backbone: nn.Module = resnet_fpn_backbone(backbone_name="resnet50", weights=None)
    return backbone
