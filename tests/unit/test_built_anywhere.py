"""Networks that do unusual things while they are built are profiled like others, or refused with a way out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from simulator.errors import ExtractionError
from simulator.profiling.extract import extract
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.capture import capture
from simulator.profiling.extract.environment import prepare
from simulator.profiling.extract.layers import layers_of
from simulator.profiling.extract.sources import Blueprint, blueprint

pytestmark = pytest.mark.torch


class Expectation(nn.Module):
    """Mean over 16 bins by a convolution whose weights are written by hand when it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = nn.Parameter(torch.arange(16.0).view(1, 16, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.view(len(x), 4, 16, -1).transpose(2, 1).softmax(1)).view(len(x), 4, -1)


class Head(nn.Module):
    """Boxes of three scales; the grid is made anew, and kept, whenever the picture has another size."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes = nn.ModuleList(nn.Conv2d(width, 64, 3, padding=1) for width in (8, 16, 16))
        self.classes = nn.ModuleList(nn.Conv2d(width, 5, 3, padding=1) for width in (8, 16, 16))
        self.expectation = Expectation()
        self.stride, self.grid, self.shape = torch.zeros(3), torch.empty(0), None

    def forward(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        for k, (box, kind) in enumerate(zip(self.boxes, self.classes, strict=True)):
            maps[k] = torch.cat((box(maps[k]), kind(maps[k])), 1)
        if self.shape != maps[0].shape:
            scales = zip(maps, self.stride, strict=True)
            self.grid = torch.cat([torch.full((one[0, 0].numel(),), scale, dtype=one.dtype) for one, scale in scales])
            self.shape = maps[0].shape
        box, kind = torch.cat([one.flatten(2) for one in maps], 2).split((64, 5), 1)
        return torch.cat((self.expectation(box) * self.grid, kind.sigmoid()), 1), maps


class Detector(nn.Module):
    """Runs a picture of zeros through itself to learn its strides, then sets biases by them."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 8, 16, 16)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.SiLU(inplace=True))
            for a, b in pairwise(widths)
        )
        self.head = Head()
        self.head.stride = torch.tensor([256 / one.shape[-2] for one in self.forward(torch.zeros(1, 3, 256, 256))[1]])
        if self.head.stride.tolist() != [2, 4, 8]:
            raise ValueError("strides are wrong")
        for kind, stride in zip(self.head.classes, self.head.stride, strict=True):
            kind.bias.data[:] = torch.log(5 / 5 / (640 / stride) ** 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return self.head(maps)


def test_a_detector_that_tries_itself_in_its_constructor_is_profiled() -> None:
    """At 64 x 64: three stages, six convolutions of the head, and 16 products for each of 4 sides of each place."""
    found = assemble(Blueprint("detector", "mine:Detector", Detector, (1, 3, 64, 64)))
    places = 32**2, 16**2, 8**2
    stages = sum(n * a * b * 9 for n, a, b in zip(places, (3, 8, 16), (8, 16, 16), strict=True))
    head = sum(n * a * (64 + 5) * 9 for n, a in zip(places, (8, 16, 16), strict=True))
    assert found.macs == stages + head + sum(places) * 4 * 16
    assert (found.uncounted, found.missing_macs) == ((), 0)
    assert found.params == sum(one.numel() for one in Detector().parameters())


class Hidden(nn.Module):
    """Layers in a private list, in a dictionary, and in lists within lists."""

    def __init__(self) -> None:
        super().__init__()
        self._layers = [nn.Linear(8, 8)]
        self.by_name = {"first.one": nn.Linear(8, 8), "count": 3}
        self.nested = [[nn.Linear(8, 8)], (nn.Linear(8, 8),)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.by_name["first.one"](self._layers[0](x))
        return self.nested[1][0](self.nested[0][0](x))


def test_layers_in_any_plain_collection_have_parameters() -> None:
    """Four layers of 64 + 8; they are called by where they are kept."""
    found = assemble(Blueprint("hidden", "mine:Hidden", Hidden, (1, 8)))
    assert (found.macs, found.params) == (4 * 64, 4 * 72)
    assert [layer.name for layer in found.graph] == ["_layers[0]", "by_name[first_one]", "nested[0][0]", "nested[1][0]"]


def test_lazy_convolutions_and_norms_learn_their_shapes() -> None:
    """36 x 4 outputs of 27 products, then 144 x 5."""

    def build() -> nn.Module:
        return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5))

    found = assemble(Blueprint("lazy", "mine:lazy", build, (1, 3, 8, 8)))
    assert (found.macs, found.params) == (36 * 4 * 27 + 144 * 5, 4 * 27 + 4 + 8 + 144 * 5 + 5)


@pytest.mark.parametrize(
    ("parametrise", "params"),
    [
        (nn.utils.parametrizations.spectral_norm, 72),
        (nn.utils.parametrizations.weight_norm, 72 + 8),
        (nn.utils.parametrizations.orthogonal, 72),
    ],
)
def test_parametrised_weights_are_made_once(parametrise: Callable[[nn.Module], nn.Module], params: int) -> None:
    """What makes the weight from its parameters is folded: 64 products remain."""
    found = assemble(Blueprint("small", "mine:small", lambda: parametrise(nn.Linear(8, 8)), (1, 8)))
    assert (found.macs, found.params, found.uncounted) == (64, params, ())


@pytest.mark.parametrize("name", ["swinv2_tiny_window8_256", "vitamin_small_224"])
def test_pytorchs_own_counter_sees_the_same_of_models_that_were_hard_to_build(name: str) -> None:
    """Every product that depends on the picture; the counter sees those of constants too."""
    prepare()
    captured = capture(blueprint(f"timm:{name}"))
    found = layers_of(captured)
    assert found.uncounted == []
    assert 0.99 < sum(layer.macs for layer in found.graph) / captured.eager_macs <= 1


def _quantised_lstm() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(8, 8)), {nn.LSTM}, dtype=torch.qint8)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_quantised_lstm, "profile the network before it is quantised"),
        (lambda: torch.jit.script(nn.Sequential(nn.Linear(8, 8))), "profile the module before torch.jit.script"),
    ],
)
def test_what_hides_its_weights_is_refused_with_a_way_out(build: Callable[[], nn.Module], words: str) -> None:
    """In two lines, neither of which speaks of the input."""
    with pytest.raises(ExtractionError, match=words) as caught:
        assemble(Blueprint("small", "mine:small", build, (4, 1, 8)))
    assert len(str(caught.value).splitlines()) == 2
    assert "--input" not in str(caught.value)


CODE = """import torch
from torch import nn
class Base(nn.Module):
    input_shape = (4, 8)
class Numpy(Base):
    def forward(self, x):
        return torch.from_numpy(x.numpy() * 2)
class Shows(Base):
    def forward(self, x):
        print(f"{x.mean():.3f}")
        return x * 2
class Packs(Base):
    input_shape = (1, 4, 8)
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 8, batch_first=True)
    def forward(self, x):
        steps = (x > 0).any(-1).sum(1)
        return self.lstm(nn.utils.rnn.pack_padded_sequence(x, steps, batch_first=True))[0].data
class Moves(Base):
    def forward(self, x):
        return x.cuda() * 2
class Imports(Base):
    def forward(self, x):
        import not_installed_anywhere
        return x
def needs(width):
    return nn.Linear(width, 8)
needs.input_shape = (1, 8)
def long():
    raise ValueError("x" * 5000)
long.input_shape = (1, 8)
"""


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("Numpy", 7, "depends on the values of its input"),
        ("Shows", 10, "depends on the values of its input"),
        ("Packs", 19, "depends on the values of its input"),
        ("Moves", 22, "leave devices out of the model's code"),
        ("Imports", 25, "No module named 'not_installed_anywhere'"),
        ("needs", 0, "name a function or class that needs no arguments"),
        ("long", 31, "ValueError: xxx"),
    ],
)
def test_the_way_out_fits_what_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: int, words: str
) -> None:
    """At most two lines of less than 400 letters, at the user's own line; none asks for another input."""
    module = f"ways_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    if name == "Moves" and torch.cuda.is_available():
        pytest.skip("here the device that the code asks for is present")
    with pytest.raises(ExtractionError) as caught:
        extract(f"{module}:{name}")
    (problem,) = caught.value.problems
    text = str(problem).replace(str(tmp_path), "")
    assert words in text
    assert problem.line == line
    assert "--input" not in text
    assert len(text.splitlines()) <= 2
    assert max(map(len, text.splitlines())) < 400
