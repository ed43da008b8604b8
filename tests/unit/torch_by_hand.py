"""Small modules for tests of halves: each has something that a cut can get wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from simulator.profiling.extract.environment import prepare


def seeded(module: nn.Module) -> nn.Module:
    """Weights and statistics of their own, the same each time."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            fan = parameter[0].numel() if parameter.ndim > 1 else 4
            parameter.uniform_(-1, 1, generator=draw).mul_((6 / fan) ** 0.5)  # signals neither grow nor vanish
            if parameter.ndim == 1 and name.endswith("weight"):
                parameter.abs_().add_(0.5)
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5, generator=draw)
    return module.eval()


def factory(*shape: int, dtype: str = "float32") -> Callable[[Callable[[], nn.Module]], Callable[[], nn.Module]]:
    """A function that builds a module becomes a source: its weights are drawn, its input is known."""

    def wrap(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        def source() -> nn.Module:
            return seeded(build())

        source.input_shape, source.input_dtype = shape, dtype  # type: ignore[attr-defined]
        return source

    return wrap


class Of(nn.Module):
    """A module whose forward pass is a function."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self._pass = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: torch.Tensor) -> Any:
        """Hand on to the function."""
        return self._pass(self, x)


def library(family: str, name: str, **arguments: Any) -> nn.Module:
    """A model of a library, without downloads."""
    declarations = prepare()
    if family == "torchvision":
        from torchvision import models

        module = models.get_model(name, weights=None, **arguments)
    else:
        import timm

        module = timm.create_model(name, pretrained=False, **arguments)
    del declarations
    return module


@factory(1, 3, 16, 16)
def chain() -> nn.Module:
    """Nothing but one tensor at a time, activations in place, a dropout that is idle."""
    convolution = nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
    return nn.Sequential(*convolution, nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(72, 9), nn.Sigmoid())


@factory(1, 3, 32, 32)
def resnet18() -> nn.Module:
    """Residual blocks, added in place."""
    return library("torchvision", "resnet18")


@factory(1, 3, 32, 32)
def densenet121() -> nn.Module:
    """Every layer of a block reads all before it."""
    return library("torchvision", "densenet121")


@factory(1, 3, 32, 32)
def mobilenet_v2() -> nn.Module:
    """Inverted residuals."""
    return library("torchvision", "mobilenet_v2")


@factory(1, 3, 48, 48)
def squeezenet1_1() -> nn.Module:
    """Two branches in each module, activated in place."""
    return library("torchvision", "squeezenet1_1")


@factory(1, 3, 48, 48)
def vit() -> nn.Module:
    """Attention, parameters that are joined to the input, views of one projection."""
    declarations = prepare()
    from torchvision.models import VisionTransformer

    module = VisionTransformer(48, 16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=7)
    del declarations
    return module


@factory(1, 3, 64, 64)
def swin() -> nn.Module:
    """Masks that are written in place into a constant, rolls, windows."""
    declarations = prepare()
    from torchvision.models import SwinTransformer

    module = SwinTransformer([4, 4], 16, [2, 2], [2, 2], [4, 4], stochastic_depth_prob=0.1, num_classes=5)
    del declarations
    return module


@factory(1, 3, 64, 64)
def mobilevit() -> nn.Module:
    """A model of timm: convolutions and attention."""
    return library("timm", "mobilevit_xxs", num_classes=5)


@factory(1, 12, dtype="int64")
def bert() -> nn.Module:
    """Token numbers go in, two tensors come out by name."""
    import transformers

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    config = transformers.BertConfig(vocab_size=50, max_position_embeddings=16, **sizes)
    return transformers.BertModel(config)


@factory(1, 6, 8)
def shared() -> nn.Module:
    """One layer is called three times, and its weight is used once more by itself."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.fc(torch.relu(m.fc(x)))
        return m.last(functional.linear(torch.tanh(m.fc(y)), m.fc.weight.t()) + x)

    return Of(forward, fc=nn.Linear(8, 8), last=nn.Linear(8, 3))


@factory(1, 6, 8)
def several() -> nn.Module:
    """Two tensors and a mapping come out, one of them early; the input is read late."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        early = m.a(x)
        first = torch.sigmoid(early)
        middle = torch.relu(early)
        left, right = m.b(middle).chunk(2, dim=-1)
        return first, {"late": m.c(torch.cat((left * right, x), -1)), "mean": right.mean(1)}

    return Of(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 8), c=nn.Linear(12, 3))


@factory(1, 3, 12, 12)
def exits() -> nn.Module:
    """Two exits before the final output."""

    def forward(m: Any, x: torch.Tensor) -> Any:
        one = torch.relu(m.one(x))
        two = torch.relu(m.two(one))
        return m.first(one.mean((2, 3))), m.second(two.mean((2, 3))), m.last(m.three(two).flatten(1))

    parts = {"one": nn.Conv2d(3, 4, 3), "two": nn.Conv2d(4, 6, 3), "three": nn.Conv2d(6, 4, 3)}
    heads = {"first": nn.Linear(4, 5), "second": nn.Linear(6, 5), "last": nn.Linear(144, 5)}
    module = Of(forward, **parts, **heads)
    module.exit_names = ("first_exit", "second_exit")
    return module


@factory(1, 7, 6)
def recurrent() -> nn.Module:
    """Several results of one operator are read."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        steps, (last, cell) = m.lstm(x)
        return m.fc(steps + last.transpose(0, 1)) * cell.mean()

    return Of(forward, lstm=nn.LSTM(6, 5, batch_first=True), fc=nn.Linear(5, 2))


@factory(1, 4, 6)
def in_place() -> nn.Module:
    """Writes into the input, into a part of a new tensor, and into what others read through a view."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        x.mul_(2)
        y = m.a(x)
        z = torch.zeros(1, 4, 8)
        z[..., :6] = y
        z[..., 6:].add_(y[..., :2])
        flat = z.view(1, 32)
        z.sub_(m.b(y))
        return m.c(flat.transpose(0, 1)) + z.permute(0, 2, 1).reshape(32, 1)

    return Of(forward, a=nn.Linear(6, 6), b=nn.Linear(6, 8), c=nn.Linear(1, 1))


@factory(1, 4, 6)
def turned() -> nn.Module:
    """What crosses is turned and turned back by views that only the strides allow."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        small = m.a(x).transpose(1, 2)[:, :3]
        return m.b(torch.relu(small.transpose(1, 2).contiguous().view(12))) + small.transpose(1, 2)[0, 0, 0].view(1)

    return Of(forward, a=nn.Linear(6, 6), b=nn.Linear(12, 4))


@factory(1, 6, 8)
def normalised() -> nn.Module:
    """A norm is spread over the tensor that it came from."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.a(x)
        spread = y.norm(dim=-1, keepdim=True).expand_as(y)
        return m.b(torch.relu(m.c(y[:, :1]))) * m.d(spread)

    return Of(forward, a=nn.Linear(8, 8), b=nn.Linear(8, 2), c=nn.Linear(8, 8), d=nn.Linear(8, 2))


class Counts(nn.Module):
    """A hidden state that the forward pass writes."""

    input_shape = (1, 4)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.register_buffer("h", torch.zeros(1, 4))
        seeded(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One step."""
        h = torch.tanh(self.b(self.h) + self.a(x))
        self.h.copy_(h)
        return self.c(torch.relu(h))


class Chooses(nn.Module):
    """The input chooses a branch."""

    input_shape = (1, 4)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One of two layers, then a third."""
        return self.c(torch.cond(x.sum() > 0, self._one, self._other, (torch.relu(self.a(x)),)))

    def _one(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(x)

    def _other(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


@factory(1, 4)
def mixed() -> nn.Module:
    """Mixed precision in the forward pass."""

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return m.b(torch.relu(m.a(x)))

    return Of(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4))
