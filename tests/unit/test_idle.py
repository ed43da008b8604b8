"""What does nothing at inference is no layer, and only that."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional

from simulator.profiling.extract import extract

pytestmark = pytest.mark.torch


class Idle(nn.Module):
    """Dropouts, identities, copies and a slice of everything between two layers."""

    input_shape = (1, 6, 8)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.quiet, self.same = nn.Dropout(), nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two layers and an activation."""
        y = self.same(self.quiet(self.a(x)))[:, :, :].clone().contiguous()
        return self.b(torch.relu(functional.dropout(y, 0.5, self.training)))


class Draws(Idle):
    """A dropout that draws at inference too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same with a dropout whose default is to draw, and half of a tensor."""
        return self.b(functional.dropout(self.a(x), 0.5)[:, :3])


def test_what_does_nothing_is_no_layer():
    """The activation is fused into its layer as if nothing lay between, and there is one cut for each layer."""
    profile = extract("test_idle:Idle")
    assert [layer.name for layer in profile.graph] == ["a", "relu", "b"]
    assert profile.graph[1].fused_into == 0
    assert [cut.name for cut in profile.cut_points] == ["input", "a", "output"]


def test_what_does_something_stays():
    """A dropout that draws, and a slice of a part."""
    assert [layer.name for layer in extract("test_idle:Draws").graph] == ["a", "dropout", "slice", "b"]


def test_the_second_operand_of_expand_as_gives_its_shape_only():
    """Behind the norm its 6 numbers and the 8 of the slice cross; the 48 of the layer are needed no more."""
    profile = extract("torch_by_hand:normalised")
    spread = next(layer for layer in profile.graph if "expand_as" in layer.op)
    assert [profile.graph[index].op for index in spread.inputs] == ["aten.linalg_vector_norm.default"]
    cut = next(cut for cut in profile.cut_points if cut.name == "linalg_vector_norm")
    assert (cut.bytes, cut.tensors) == ((6 + 8) * 4, 2)


def test_a_model_with_branches_is_captured_again():
    """What the first capture left behind does not stop the second."""
    first, second = (extract("torch_by_hand:Chooses") for _ in range(2))
    assert first == second
