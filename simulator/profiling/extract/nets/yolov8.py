"""A detector of the YOLOv8 family in its smallest size, 80 classes, with the decoding of boxes.

Backbone of cross-stage blocks (C2f) with pyramid pooling (SPPF), a neck that passes features down and up again (PAN),
and for each of three strides a head with one branch for boxes and one for classes. A side of a box is a distribution
over 16 distances, whose mean a convolution with fixed weights takes (DFL). Architecture: Terven, Cordova-Esparza,
Romero-Gonzalez, "A comprehensive review of YOLO architectures", MAKE 5(4), 2023 (arXiv 2304.00501), section on YOLOv8,
and the published table of its layers; cross-stage blocks: Wang et al., "CSPNet", CVPRW 2020; path aggregation: Liu et
al., CVPR 2018; distributions of distances: Li et al., "Generalized focal loss", NeurIPS 2020.
The result is one tensor: box and class scores at every place of all three strides. What follows, the suppression of
overlapping boxes, depends on values and is left out.
"""

from __future__ import annotations

import torch
from torch import nn

from simulator.profiling.extract.nets import takes

_CLASSES = 80
_DISTANCES = 16
_SIDES = 4
_STRIDES = (8, 16, 32)
_WIDTHS = (64, 128, 256)


class _Conv(nn.Sequential):
    """Convolution without bias, norm, SiLU."""

    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.act = nn.SiLU()


class _Bottleneck(nn.Module):
    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Conv(width, width), _Conv(width, width)
        self.shortcut = shortcut

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.conv2(self.conv1(features))
        return features + inner if self.shortcut else inner


class _CrossStage(nn.Module):
    """Half of the channels passes a chain of bottlenecks; what each of them makes is kept and joined."""

    def __init__(self, before: int, after: int, blocks: int, shortcut: bool) -> None:
        super().__init__()
        half = after // 2
        self.split = _Conv(before, after, kernel=1)
        self.blocks = nn.ModuleList(_Bottleneck(half, shortcut) for _ in range(blocks))
        self.join = _Conv((2 + blocks) * half, after, kernel=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        parts = list(self.split(features).chunk(2, dim=1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        joined: torch.Tensor = self.join(torch.cat(parts, dim=1))
        return joined


class _PyramidPool(nn.Module):
    """Three poolings in a row over 5x5 places, which see 5, 9 and 13 places across."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.split = _Conv(width, width // 2, kernel=1)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.join = _Conv(2 * width, width, kernel=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        parts = [self.split(features)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        joined: torch.Tensor = self.join(torch.cat(parts, dim=1))
        return joined


class _Head(nn.Module):
    """Predictions of one stride: 64 channels for the sides of a box, then one for each class."""

    def __init__(self, before: int) -> None:
        super().__init__()
        sides, inner = _SIDES * _DISTANCES, max(_WIDTHS[0], _CLASSES)
        self.box = nn.Sequential(_Conv(before, sides), _Conv(sides, sides), nn.Conv2d(sides, sides, 1))
        self.classes = nn.Sequential(_Conv(before, inner), _Conv(inner, inner), nn.Conv2d(inner, _CLASSES, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.box(features), self.classes(features)), dim=1)


class _MeanDistance(nn.Conv2d):
    """Mean of each side's distribution; the weights are the distances themselves and are never trained."""

    def __init__(self) -> None:
        super().__init__(_DISTANCES, 1, 1, bias=False)
        distances = torch.arange(_DISTANCES, dtype=torch.float32).view(1, _DISTANCES, 1, 1)
        self.weight = nn.Parameter(distances, requires_grad=False)

    def forward(self, sides: torch.Tensor) -> torch.Tensor:
        """From [batch, 64, places] to [batch, 4, places]."""
        batch, _, places = sides.shape
        shares = sides.view(batch, _SIDES, _DISTANCES, places).transpose(1, 2).softmax(dim=1)
        return super().forward(shares).view(batch, _SIDES, places)


class YoloV8(nn.Module):
    """Backbone, neck, heads and decoding; layers are called after the stride (as a power of two) that they work at."""

    def __init__(self) -> None:
        super().__init__()
        narrow, middle, wide = _WIDTHS
        self.stem = _Conv(3, 16, stride=2)
        self.down2, self.stage2 = _Conv(16, 32, stride=2), _CrossStage(32, 32, 1, shortcut=True)
        self.down3, self.stage3 = _Conv(32, narrow, stride=2), _CrossStage(narrow, narrow, 2, shortcut=True)
        self.down4, self.stage4 = _Conv(narrow, middle, stride=2), _CrossStage(middle, middle, 2, shortcut=True)
        self.down5, self.stage5 = _Conv(middle, wide, stride=2), _CrossStage(wide, wide, 1, shortcut=True)
        self.pool5 = _PyramidPool(wide)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.neck4 = _CrossStage(wide + middle, middle, 1, shortcut=False)
        self.neck3 = _CrossStage(middle + narrow, narrow, 1, shortcut=False)
        self.back4, self.merge4 = _Conv(narrow, narrow, stride=2), _CrossStage(narrow + middle, middle, 1, False)
        self.back5, self.merge5 = _Conv(middle, middle, stride=2), _CrossStage(middle + wide, wide, 1, False)
        self.head3, self.head4, self.head5 = (_Head(width) for width in _WIDTHS)
        self.mean = _MeanDistance()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Centre, width and height of the box in pixels and 80 scores, shape [batch, 84, places]."""
        third = self.stage3(self.down3(self.stage2(self.down2(self.stem(image)))))
        fourth = self.stage4(self.down4(third))
        fifth = self.pool5(self.stage5(self.down5(fourth)))
        fourth = self.neck4(torch.cat((self.upsample(fifth), fourth), dim=1))
        third = self.neck3(torch.cat((self.upsample(fourth), third), dim=1))
        fourth = self.merge4(torch.cat((self.back4(third), fourth), dim=1))
        fifth = self.merge5(torch.cat((self.back5(fourth), fifth), dim=1))
        return self.decode([self.head3(third), self.head4(fourth), self.head5(fifth)])

    def decode(self, predictions: list[torch.Tensor]) -> torch.Tensor:
        """Boxes and scores from the raw predictions of the three strides."""
        flat = torch.cat([grid.flatten(2) for grid in predictions], dim=2)
        sides, classes = flat.split((_SIDES * _DISTANCES, _CLASSES), dim=1)
        places, strides = _places([(grid.shape[2], grid.shape[3]) for grid in predictions])
        before, after = self.mean(sides).chunk(2, dim=1)
        centre, extent = places + (after - before) / 2, before + after
        return torch.cat((torch.cat((centre, extent), dim=1) * strides, classes.sigmoid()), dim=1)


def _places(grids: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Middle of every cell in cells, shape [2, places], and its stride, shape [1, places]."""
    middles, strides = [], []
    for (height, width), stride in zip(grids, _STRIDES, strict=True):
        rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        middles.append(torch.stack((columns.flatten(), rows.flatten())))
        strides.append(torch.full((1, height * width), float(stride)))
    return torch.cat(middles, dim=1), torch.cat(strides, dim=1)


@takes(1, 3, 640, 640)
def yolov8n() -> nn.Module:
    """Smallest YOLOv8 for the 80 classes of COCO at its usual resolution."""
    return YoloV8()
