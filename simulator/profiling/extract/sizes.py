"""Sizes of tensors as a profile states them: floating-point numbers with the bytes of float32, integers with their own.

Each processor holds floating-point numbers at its own precision (`simulator.profiling.graph.size_at`), so the precision
that a model was written in decides nothing.
"""

from __future__ import annotations

import torch

from simulator.profiling.graph import PROFILE_ELEMENT_BYTES


def tensor_bytes(value: torch.Tensor) -> int:
    """Size of a tensor; a complex number is two floating-point ones."""
    if is_integer(value):
        return int(value.numel() * value.element_size())
    return int(value.numel()) * PROFILE_ELEMENT_BYTES * (2 if value.is_complex() else 1)


def is_integer(value: torch.Tensor) -> bool:
    """Whether the elements keep their size at every precision: integers, quantised and logical values."""
    return not (value.is_floating_point() or value.is_complex())
