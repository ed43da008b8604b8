"""Constructs that counters of operations get wrong, each with its count by hand: right, or said to be incomplete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn import functional

from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.capture import capture
from simulator.profiling.extract.contractions import chain_macs, einsum_macs
from simulator.profiling.extract.environment import prepare
from simulator.profiling.extract.layers import layers_of
from simulator.profiling.extract.sources import Blueprint, blueprint
from simulator.profiling.model import ModelProfile

pytestmark = pytest.mark.torch


class Calling(nn.Module):
    """A module that applies a function to itself and its input."""

    def __init__(self, function: Callable[..., Any], **children: Any) -> None:
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)
        self._function = function

    def forward(self, tensor: torch.Tensor) -> Any:
        return self._function(self, tensor)


def profile(module: nn.Module, *shape: int) -> ModelProfile:
    return assemble(Blueprint("small", "tests:small", lambda: module, shape))


def of(function: Callable[..., Any], *shape: int, **children: Any) -> ModelProfile:
    return profile(Calling(function, **children), *shape)


@pytest.mark.parametrize(
    ("convolution", "shape", "kind", "macs"),
    [
        (nn.Conv1d(32, 32, 3, stride=2, padding=4), (32, 128), "conv", 32 * 67 * 32 * 3),
        (nn.Conv2d(3, 16, 3, padding=1), (3, 32, 24), "conv", 16 * 32 * 24 * 27),
        (nn.ConvTranspose2d(8, 4, 2, 2), (8, 5, 6), "conv", 8 * 5 * 6 * 4 * 4),
        (nn.Conv2d(16, 16, 3, padding=1, groups=16), (16, 32, 24), "depthwise_conv", 16 * 32 * 24 * 9),
        (nn.ConvTranspose2d(8, 8, 2, 2, groups=8), (8, 5, 6), "depthwise_conv", 8 * 5 * 6 * 4),
    ],
)
def test_a_convolution_needs_no_batch(convolution: nn.Module, shape: tuple[int, ...], kind: str, macs: int) -> None:
    """205 824, 331 776, 3 840 and 110 592 MACs: the first extent is that of the channels."""
    (layer,) = profile(nn.Sequential(convolution), *shape).graph
    assert (layer.kind, layer.macs) == (kind, macs)


def test_a_transposed_convolution_is_counted_by_its_input_in_its_general_form_too() -> None:
    """8 x 5 x 6 numbers meet 4 x 2 x 2 taps each: 3840; by the output it would be 15 360."""
    general = lambda m, x: torch.ops.aten.convolution(  # noqa: E731
        x, m.up.weight, m.up.bias, [2, 2], [0, 0], [1, 1], True, [0, 0], 1
    )
    found = of(general, 1, 8, 5, 6, up=nn.ConvTranspose2d(8, 4, 2, 2))
    assert (found.macs, found.graph[0].output_shape, found.complete) == (3840, (1, 4, 10, 12), True)


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("bhwc->bchw", [(1, 8, 8, 32)], 0),
        ("...ij,...kj->...ik", [(1, 3, 37, 53)] * 2, 3 * 37 * 37 * 53),
        ("bij,bjk,bkl->bil", [(1, 77, 77)] * 3, 2 * 77**3),
        ("bij,bkj->bik", [(2, 5, 7), (2, 3, 7)], 2 * 5 * 3 * 7),
        ("...ij,...kj->...ik", [(2, 5, 7), (2, 3, 7)], 2 * 5 * 3 * 7),
        ("ij,jk", [(2, 3), (3, 4)], 24),
        ("ij,jk->k", [(2, 3), (3, 4)], 12),  # i is summed out first
        ("...ij,jk->...ik", [(6, 1, 2, 3), (3, 4)], 6 * 2 * 3 * 4),
        ("i,j->ij", [(5,), (7,)], 35),
    ],
)
def test_einsum_multiplies_from_left_to_right(equation: str, shapes: list[tuple[int, ...]], macs: int) -> None:
    """By hand, and as PyTorch's own counter sees it dispatched."""
    assert einsum_macs(equation, shapes) == macs
    if len(shapes) > 1 and macs != 35:  # an outer product is dispatched as an element-wise one, which is not counted
        with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
            torch.einsum(equation, *(torch.zeros(shape) for shape in shapes))
        assert counter.get_total_flops() == 2 * macs


def test_a_chain_is_multiplied_in_its_cheapest_order() -> None:
    """The example of Cormen et al., section 15.2: 7500 against 75 000."""
    assert chain_macs([(10, 100), (100, 5), (5, 50)]) == 7500
    assert chain_macs([(100,), (100, 5), (5,)]) == 505


CELL = 4 * 16 * (8 + 16)


@pytest.mark.parametrize(
    ("model", "macs"),
    [
        (lambda: of(lambda m, x: functional.linear(x, m.v), 1, 10, 64, v=nn.Parameter(torch.ones(64))), 640),
        (lambda: of(lambda m, x: m.cell(x)[0], 1, 8, cell=nn.LSTMCell(8, 16)), CELL),
        (lambda: of(lambda m, x: m.cell(x), 1, 8, cell=nn.GRUCell(8, 16)), CELL * 3 // 4),
        (lambda: of(lambda m, x: m.cell(x), 1, 8, cell=nn.RNNCell(8, 16)), CELL // 4),
        (lambda: of(lambda m, x: m.lstm(x)[0], 5, 8, lstm=nn.LSTM(8, 16)), 5 * CELL),
        (lambda: of(lambda _, x: torch.mv(x, x[0]), 4, 6), 24),
        (lambda: of(lambda _, x: torch.dot(x[0], x[1]), 4, 6), 6),
        (lambda: of(lambda _, x: torch.outer(x[0], x[1]), 4, 6), 36),
        (lambda: of(lambda _, x: torch.inner(x, x), 4, 6), 96),
        (lambda: of(lambda _, x: torch.tensordot(x, x, dims=([1], [1])), 4, 6), 96),
        (lambda: of(lambda _, x: torch.linalg.multi_dot([x, x.T, x]), 4, 6), 2 * 4 * 4 * 6),
        (lambda: of(lambda _, x: torch.addbmm(x[0, :, :3] * 0, x, x.mT[:, :, :3]), 2, 4, 6), 2 * 4 * 6 * 3),
        (lambda: of(lambda m, x: m.b(x, x), 3, 5, b=nn.Bilinear(5, 5, 7)), 3 * 7 * 5 * (5 + 1)),
        (lambda: of(lambda _, x: torch.conv_tbc(x, torch.ones(3, 8, 5), torch.ones(5)), 10, 2, 8), 8 * 2 * 5 * 3 * 8),
        (lambda: of(lambda _, x: torch.fft.fft(x).abs(), 4, 64), round(2.5 * 4 * 64 * 6)),
        (lambda: of(lambda _, x: torch.fft.rfft2(x).abs(), 4, 8, 16), round(1.25 * 4 * 128 * 7)),
        (lambda: of(lambda _, x: torch.fft.irfft(x), 4, 33), round(1.25 * 4 * 64 * 6)),
    ],
)
def test_every_product_is_counted_by_the_operands_it_has(model: Callable[[], ModelProfile], macs: int) -> None:
    found = model()
    assert found.macs == macs
    assert found.uncounted == ()


class Memory(nn.Module):
    """64 values and a state of 128 make the next state."""

    def __init__(self, assign: bool) -> None:
        super().__init__()
        self.wi, self.wh = nn.Linear(64, 128), nn.Linear(128, 128)
        self.register_buffer("h", torch.zeros(1, 128))
        self._assign = assign

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(self.wi(x) + self.wh(self.h))
        if self._assign:
            self.h = h
        else:
            self.h.copy_(h)
        return h


class Cache(nn.Module):
    """A convolution over the last two values of the pass before and ten new ones; only the cache is written."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.side = nn.Conv1d(4, 8, 3), nn.Linear(4, 2)
        self.register_buffer("cache", torch.zeros(1, 4, 2))
        self.register_buffer("kept", torch.zeros(1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        whole = torch.cat([self.cache, x], -1)
        self.cache.copy_(whole[..., -2:])
        self.kept.copy_(self.side(x[..., 0]))
        return self.conv(whole)


@pytest.mark.parametrize("assign", [False, True])
def test_state_that_the_pass_writes_is_not_constant(assign: bool) -> None:
    """64 x 128 + 128 x 128 = 24 576: the product with the state is made anew each time."""
    found = profile(Memory(assign), 1, 64)
    assert (found.macs, found.uncounted) == (64 * 128 + 128 * 128, ())


def test_what_only_the_state_needs_is_counted() -> None:
    """Ten outputs of 8 x 4 x 3, and the 8 MACs of what is kept for the next time."""
    assert profile(Cache(), 1, 4, 10).macs == 10 * 8 * 4 * 3 + 8


def test_chance_is_not_constant() -> None:
    """A product with random numbers cannot be folded."""
    found = of(lambda m, x: m.a(x) + m.b(torch.rand(1, 8)), 1, 8, a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    assert found.macs == 2 * 64


def test_a_mask_of_constants_stays_constant() -> None:
    """Masks are filled in place when a module is called; nothing of the input goes into them."""

    def masked(_: nn.Module, x: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros(4, 4)
        mask[:, 2:] = -1.0
        return x + mask @ torch.ones(4, 4)

    found = of(masked, 4, 4)
    assert (found.macs, len(found.graph)) == (0, 1)


def _foreach(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = m.a(x)
    torch._foreach_add_([y], [m.b(x)])
    return m.c(y)


def _after_dropout(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = m.a(x)
    functional.dropout(y, 0.5, m.training).add_(m.b(x))
    return m.c(y)


def _through_data(m: Any, x: torch.Tensor) -> torch.Tensor:
    y = m.a(x)
    y.data.add_(m.b(x))
    return m.c(y)


@pytest.mark.parametrize(("forward", "is_complete"), [(_foreach, True), (_after_dropout, True), (_through_data, False)])
def test_writes_in_place_are_not_lost(forward: Callable[..., Any], is_complete: bool) -> None:
    """Three linear layers of 64 MACs; who reads a write through .data cannot be told, so that profile says so."""
    found = of(forward, 1, 8, **{name: nn.Linear(8, 8) for name in "abc"})
    assert found.macs == 192
    assert (found.uncounted == ()) == is_complete


def _mixed(m: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = m.a(x)
        with torch.enable_grad():
            first, second = m.b(y).chunk(2, 1)
    return m.c(torch.cat([second, first], 1))


def _chosen(m: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.cond(x.sum() > 0, lambda one: m.a(one), lambda one: m.c(m.b(one)), (x,))


@pytest.mark.parametrize(("forward", "macs"), [(_mixed, 3 * 64), (_chosen, 2 * 64)])
def test_regions_count_by_what_they_hold(forward: Callable[..., Any], macs: int) -> None:
    """Mixed precision within gradients around three layers of 64 MACs; of two branches the one of two layers."""
    found = of(forward, 1, 8, **{name: nn.Linear(8, 8) for name in "abc"})
    assert (found.macs, found.uncounted, found.missing_macs) == (macs, (), 0)


def test_an_operator_of_others_is_uncounted_whatever_its_name() -> None:
    """A ReLU that is called conv2d, and a linear that is none of PyTorch's."""
    library = torch.library.Library("mine_only", "DEF")
    try:
        library.define("conv2d(Tensor x) -> Tensor")
        library.define("linear(Tensor x) -> Tensor")
        for name in ("conv2d", "linear"):
            library.impl(name, lambda x: x.relu(), "CompositeExplicitAutograd")
        found = of(lambda _, x: torch.ops.mine_only.linear(torch.ops.mine_only.conv2d(x)), 1, 8)
    finally:
        library._destroy()
    assert (found.macs, found.missing_macs) == (0, 0)
    assert found.uncounted == ("mine_only.conv2d.default", "mine_only.linear.default")


def test_what_is_missing_is_bounded_by_what_pytorch_sees_inside() -> None:
    """A product of 8 x 8 x 8 that is counted, and one like it inside an operator of others that PyTorch can open."""
    library = torch.library.Library("mine_opened", "DEF")
    try:
        library.define("square(Tensor x) -> Tensor")
        library.impl("square", lambda x: x @ x, "CompositeImplicitAutograd")
        found = of(lambda _, x: torch.ops.mine_opened.square(x) @ x, 8, 8)
    finally:
        library._destroy()
    assert (found.macs, found.missing_macs, found.missing_share) == (512, 512, 0.5)
    assert found.uncounted == ("mine_opened.square.default",)


FREE = [
    *(
        "multiply",
        "divide",
        "subtract",
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "not_equal",
    ),
    *(
        "fmax",
        "fmin",
        "hypot",
        "atan2",
        "arctan2",
        "logaddexp",
        "copysign",
        "xlogy",
        "float_power",
    ),
]
ALONE = [
    *(
        "exp2",
        "acos",
        "acosh",
        "asin",
        "asinh",
        "tan",
        "cosh",
        "sinh",
        "erfinv",
        "log10",
        "logit",
        "sinc",
    ),
    *(
        "digamma",
        "lgamma",
        "isfinite",
        "signbit",
        "rad2deg",
        "deg2rad",
        "absolute",
        "negative",
        "arccos",
    ),
    *(
        "positive",
        "frac",
        "sgn",
        "i0",
        "special_i1",
        "special_entr",
        "special_expit",
        "amax",
        "median",
    ),
    *(
        "mode",
        "msort",
        "fliplr",
        "flipud",
        "diag_embed",
        "logcumsumexp",
        "count_nonzero",
        "nansum",
    ),
    *("trace",),
]


@pytest.mark.parametrize("name", [*FREE, *ALONE])
def test_free_operators_are_known_to_be_free(name: str) -> None:
    """What treats every element by itself, reduces, sorts or moves has no multiply-accumulate, and no caveat."""
    function = getattr(torch, name, None) or getattr(torch.special, name.removeprefix("special_"))
    operands = {"logcumsumexp": (0,)}.get(name, ())
    found = of(lambda _, x: function(x, x + 1) if name in FREE else function(x, *operands), 4, 4)
    assert (found.macs, found.uncounted) == (0, ())


def _index_add(_: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(2, 4).index_add(0, torch.tensor([0, 1, 0, 1]), x)


@pytest.mark.parametrize(
    "forward",
    [
        _index_add,
        lambda _, x: functional.cosine_similarity(x, x + 1),
        lambda m, x: m.bag(x.long(), torch.tensor([0])) if x.ndim == 1 else m.bag(x.long()),
        lambda _, x: torch.hsplit(x, 2)[1] * 2,
    ],
)
def test_free_operators_with_operands_of_their_own(forward: Callable[..., Any]) -> None:
    found = of(forward, 4, 4, bag=nn.EmbeddingBag(10, 3))
    assert (found.macs, found.uncounted) == (0, ())


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "swin_t", "vit_b_16", "mobilenet_v3_large", "googlenet"])
def test_pytorchs_own_counter_sees_the_same(name: str) -> None:
    """The dispatched operators of the eager model, attention written out, halved: equal to the last MAC."""
    prepare()
    captured = capture(blueprint(f"torchvision:{name}"))
    assert captured.eager_macs == sum(layer.macs for layer in layers_of(captured).graph)
