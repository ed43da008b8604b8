"""An injected bottleneck: what a map becomes before it crosses, and how the server gets a map of its old shape back.

Encoder: a convolution with a stride to few channels, a norm, an activation, a quantiser. Decoder: the inverse of each.
The spatial and the channel-wise reduction are those of BottleNet (Eshratifar, Esmaili, Pedram, ISLPED 2019) in one
convolution; the quantiser is affine with one scale and one zero point for the tensor (Jacob et al., CVPR 2018,
arXiv 1712.05877, section 2.1). Quantised values of less than a byte are packed. Leaves out training: scale and zero
point are buffers that training sets, and cost the same whatever they are.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

#: bits of one value that a quantiser can make; 32 leaves floating-point numbers as they are
BITS = (1, 2, 4, 8, 16, 32)

_BYTE = 8
_WORD = 16
_FLOAT = 32
#: range of an activation that is clipped at 6, as the networks of Jacob et al. are trained
_RANGE = (0.0, 6.0)


class Quantiser(nn.Module):
    """Floating-point numbers to integers of so many bits: `torch.uint8`, packed below 8 bits, or `torch.int16`."""

    scale: torch.Tensor
    zero_point: torch.Tensor
    shifts: torch.Tensor

    def __init__(self, bits: int, values: tuple[float, float] = _RANGE) -> None:
        super().__init__()
        self._bits = bits
        scale = (values[1] - values[0]) / (2**bits - 1)
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("zero_point", torch.tensor(round(-values[0] / scale) + _lowest(bits), dtype=torch.float32))
        self.register_buffer("shifts", _shifts(bits))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Levels in the shape of the values; packed, the bytes of one sequence."""
        lowest = _lowest(self._bits)
        levels = torch.clamp(torch.round(values / self.scale + self.zero_point), lowest, lowest + 2**self._bits - 1)
        if self._bits >= _BYTE:
            return levels.to(torch.uint8 if self._bits == _BYTE else torch.int16)
        in_byte = _BYTE // self._bits
        rest = -levels.numel() % in_byte
        whole = functional.pad(levels.to(torch.uint8).flatten(), (0, rest)) if rest else levels.to(torch.uint8)
        return (whole.reshape(-1, in_byte) << self.shifts).sum(-1).to(torch.uint8)


class Dequantiser(nn.Module):
    """The floating-point numbers that the levels of a `Quantiser` stand for; of packed ones, in the shape given."""

    scale: torch.Tensor
    zero_point: torch.Tensor
    shifts: torch.Tensor

    def __init__(self, bits: int, values: tuple[float, float] = _RANGE, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self._bits, self._shape = bits, tuple(shape)
        twin = Quantiser(bits, values)
        for name in ("scale", "zero_point", "shifts"):
            self.register_buffer(name, getattr(twin, name))

    def forward(self, levels: torch.Tensor) -> torch.Tensor:
        """Values within half a step of those that were quantised, unless those were clipped."""
        if self._bits < _BYTE:
            parts = (levels.unsqueeze(-1) >> self.shifts) & (2**self._bits - 1)
            levels = parts.flatten()[: math.prod(self._shape)].reshape(self._shape)
        return (levels.to(self.scale.dtype) - self.zero_point) * self.scale


class Bottleneck(nn.Module):
    """Encoder and decoder for a tensor of one shape: a map of channels, rows and columns, or tokens of features.

    Parameters
    ----------
    shape : sequence of int
        Of what crosses without a bottleneck, batch included.
    channels, stride, bits : int
        Of what crosses with it; a stride for a map only.
    """

    def __init__(self, shape: Sequence[int], channels: int, stride: int = 1, bits: int = 8) -> None:
        super().__init__()
        crossing = crossing_shape(shape, channels, stride)
        if len(shape) == 4:
            # the taps of neighbours overlap, so no value of the map is skipped; a stride of 1 leaves one tap
            kernel, padding = 2 * stride - 1, stride - 1
            rest = tuple((extent - 1) % stride for extent in shape[2:])
            reduce: nn.Module = nn.Conv2d(shape[1], channels, kernel, stride, padding, bias=False)
            expand: nn.Module = nn.ConvTranspose2d(channels, shape[1], kernel, stride, padding, rest, bias=False)
            norms: tuple[nn.Module, nn.Module] = (nn.BatchNorm2d(channels), nn.BatchNorm2d(shape[1]))
        else:
            reduce, expand = nn.Linear(shape[2], channels), nn.Linear(channels, shape[2])
            norms = (nn.LayerNorm(channels), nn.LayerNorm(shape[2]))
        ahead = OrderedDict(reduce=reduce, norm=norms[0], activation=nn.ReLU())
        behind = OrderedDict(expand=expand, norm=norms[1], activation=nn.ReLU())
        if bits < _FLOAT:
            ahead["quantise"] = Quantiser(bits)
            behind = OrderedDict(dequantise=Dequantiser(bits, shape=crossing), **behind)
        self.encoder = nn.Sequential(ahead)
        self.decoder = nn.Sequential(behind)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """A tensor of the same shape."""
        restored: torch.Tensor = self.decoder(self.encoder(values))
        return restored


def crossing_shape(shape: Sequence[int], channels: int, stride: int) -> tuple[int, ...]:
    """Shape of what crosses a bottleneck in a tensor of that shape."""
    if len(shape) == 4:
        return (shape[0], channels, *(-(-extent // stride) for extent in shape[2:]))
    return (*shape[:-1], channels)


def crossing_bytes(shape: Sequence[int], channels: int, stride: int, bits: int) -> int:
    """Bytes that cross, the last one filled up."""
    return -(-math.prod(crossing_shape(shape, channels, stride)) * bits // _BYTE)


def _lowest(bits: int) -> int:
    """The lowest level: PyTorch's integers of 16 bits have a sign."""
    return -(2 ** (bits - 1)) if bits == _WORD else 0


def _shifts(bits: int) -> torch.Tensor:
    return torch.arange(0, _BYTE, min(bits, _BYTE), dtype=torch.uint8)
