"""How a model is written down decides no cut: branches in any order give the same ones, and none sends less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles_by_hand import layer, profile

from simulator.profiling.graph import INPUT, Layer
from simulator.profiling.model import ModelProfile
from simulator.profiling.ordering import canonical_order, reordered
from simulator.profiling.partition import fewest_bytes, is_alias

Cuts = set[tuple[int, int, int]]


def arranged(layers: Sequence[Layer], elements: int = 100) -> ModelProfile:
    """A profile of layers that are not fused, in the order that is stored."""
    graph = profile(layers, input_elements=elements).graph
    return profile(reordered(graph, canonical_order(graph, (), 4 * elements)), input_elements=elements)


def cuts(model: ModelProfile) -> Cuts:
    """What its cuts show: work before, bytes, tensors."""
    return {(cut.macs_before, cut.bytes, cut.tensors) for cut in model.cut_points}


def joined(*branches: Sequence[Layer], stem: int = 200) -> list[Layer]:
    """Chains that read the first layer, one after the other, and a layer that reads their ends."""
    graph, ends = [layer("stem", [INPUT], stem)], []
    for branch in branches:
        source = 0
        for one in branch:
            graph.append(layer(one.name, [source], one.output_bytes, one.kind, one.macs))
            source = len(graph) - 1
        ends.append(source)
    return [*graph, layer("join", ends, 40, kind="concat", macs=0)]


def test_a_chain_stays_as_it_is() -> None:
    chain = [layer(f"l{k}", [k - 1], 40 * (k % 3 + 1)) for k in range(9)]
    assert canonical_order(chain, (), 400) == list(range(9))


def test_what_layers_share_is_named_by_the_new_places() -> None:
    """The third layer reads 8 bytes of the first one's, 4 of them integers; the first one goes last."""
    graph = [layer("a", [INPUT], 40), layer("b", [INPUT], 40), layer("c", [1], 40)]
    graph[2] = replace(graph[2], shared=((0, 8),), shared_integers=((0, 4),))
    moved = reordered(graph, [1, 2, 0])
    assert [(one.name, one.inputs, one.shared, one.shared_integers) for one in moved] == [
        ("b", (INPUT,), (), ()),
        ("c", (0,), ((2, 8),), ((2, 4),)),
        ("a", (INPUT,), (), ()),
    ]


def test_a_loop_over_time_stays_as_it_is_written() -> None:
    """300 branches that meet in one layer: no search over them, which would take minutes; 12 are put in order."""
    wide = joined(*([layer(f"b{k}", [], 40 * (k % 7 + 1), macs=k % 5 + 1)] for k in range(300)))
    assert canonical_order(wide, (), 400) == list(range(302))
    narrow = joined(*([layer(f"b{k}", [], 40 * (k % 7 + 1), macs=k % 5 + 1)] for k in range(12)))
    assert canonical_order(narrow, (), 400) != list(range(14))


def test_two_branches_in_either_order() -> None:
    """Stem 200; a: 100, b: 20. First b (200 + 20), then a (20 + 100), not a (300), then b (120): less is alive."""
    a, b = [layer("a", [], 100, macs=10)], [layer("b", [], 20, macs=10)]
    for branches in ((a, b), (b, a)):
        model = arranged(joined(*branches))
        assert [one.name for one in model.graph] == ["stem", "b", "a", "join"]
        assert [cut.bytes for cut in model.cut_points] == [400, 200, 220, 120, 0]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_four_branches_in_every_order(order: tuple[int, ...]) -> None:
    """An inception block: the same cuts whichever way it is written; equal branches are told apart by their names."""
    branches = [
        [layer("one", [], 64, macs=12)],
        [layer("reduce3", [], 96, macs=19), layer("three", [], 128, macs=110)],
        [layer("reduce5", [], 16, macs=3), layer("five", [], 32, macs=12)],
        [layer("pool", [], 200, kind="pool", macs=0), layer("project", [], 32, macs=6)],
    ]
    written = arranged(joined(*branches))
    model = arranged(joined(*(branches[k] for k in order)))
    assert [one.name for one in model.graph] == [one.name for one in written.graph]
    assert model.cut_points == written.cut_points


@pytest.mark.parametrize("main_first", [True, False])
def test_a_residual_block_with_a_projection(main_first: bool) -> None:
    """ResNet-50, first block of stage two, in units of 28 x 28 x 4: stem 1024, then 512, 128 and 512; projection 512.

    The projection runs before the input is read for the last time in the main branch: 1536, 1024, 640, 1024 bytes.
    The whole main branch first would be 1536, 1152, 1536, 1024.
    """
    main = [layer("conv1", [], 512, macs=102), layer("conv2", [], 128, macs=115), layer("conv3", [], 512, macs=51)]
    side = [layer("project", [], 512, macs=102)]
    branches = (main, side) if main_first else (side, main)
    model = arranged(joined(*branches, stem=1024))
    assert [cut.bytes for cut in model.cut_points] == [400, 1024, 1536, 1024, 640, 1024, 0]
    assert [cut.macs_before for cut in model.cut_points] == [0, 10, 112, 214, 329, 380, 380]


def test_a_u_net_leaves_no_choice() -> None:
    """Each layer needs all before it: skips wait until they are read."""
    graph = [
        layer("down1", [INPUT], 400),
        layer("down2", [0], 200),
        layer("bottom", [1], 100),
        layer("up2", [2], 200),
        layer("cat2", [1, 3], 400, kind="concat", macs=0),
        layer("up1", [4], 400),
        layer("cat1", [0, 5], 800, kind="concat", macs=0),
    ]
    assert canonical_order(profile(graph).graph, (), 400) == list(range(7))


def ideals(model: ModelProfile) -> dict[frozenset[int], int]:
    """Every set of layers that can run before a cut, with the bytes that cross."""
    graph = model.graph
    parents = {k: one.inputs[0] for k, one in enumerate(graph) if is_alias(one.kind, one.inputs)}
    sizes = {INPUT: model.input_bytes} | {k: one.output_bytes for k, one in enumerate(graph)}
    found: dict[frozenset[int], int] = {}
    pending = [frozenset[int]()]
    while pending:
        done = pending.pop()
        if done in found:
            continue
        live = {s for k, one in enumerate(graph) if k not in done for s in one.inputs if s == INPUT or s in done}
        found[done] = fewest_bytes(live, parents, sizes)[0]
        pending += [done | {k} for k, one in enumerate(graph) if k not in done and done >= {*one.inputs} - {INPUT}]
    return found


def least_of_all(model: ModelProfile) -> list[int]:
    """Bytes of every cut that any order has, but for those at either end."""
    return [size for done, size in ideals(model).items() if 0 < len(done) < len(model.graph)]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Layer], list[Layer]]:
    """A small graph with branches, views and several results, written in two orders."""
    layers: list[Layer] = []
    for index in range(draw(st.integers(2, 9))):
        sources = st.integers(-1, index - 1) if index else st.just(INPUT)
        inputs = draw(st.lists(sources, min_size=1, max_size=3, unique=True))
        kind = draw(st.sampled_from(["conv", "conv", "reshape", "elementwise"]))
        macs = 0 if is_alias(kind, inputs) else draw(st.integers(0, 2))
        layers.append(layer(f"l{index}", inputs, 4 * draw(st.integers(1, 3)), kind, macs=macs))
    order: list[int] = []
    while len(order) < len(layers):
        ready = [k for k, one in enumerate(layers) if k not in order and {*order, INPUT} >= {*one.inputs}]
        order.append(draw(st.sampled_from(ready)))
    return layers, reordered(layers, order)


@given(graphs=graphs(), elements=st.integers(1, 4))
def test_the_order_in_which_a_graph_is_written_decides_no_cut(
    graphs: tuple[list[Layer], list[Layer]], elements: int
) -> None:
    """Work, bytes and tensors at the cuts are the same; and no cut of any order sends less than the least of them."""
    first, second = (arranged(one, elements) for one in graphs)
    assert cuts(first) == cuts(second)
    inner = [cut.bytes for cut in first.cut_points[1:-1]]
    assert min(inner) == min(least_of_all(first))


# --- modules and files


def block(*order: str) -> Any:
    """Four branches of an inception block after a convolution, then a block with a projection, two exits."""
    from simulator.profiling.extract.environment import prepare

    declarations = prepare()
    import torch
    from torch import nn

    class Net(nn.Module):
        exit_names = ("early",)

        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU())
            self.a = nn.Conv2d(24, 8, 1)
            self.b = nn.Sequential(nn.Conv2d(24, 12, 1), nn.ReLU(), nn.Conv2d(12, 16, 3, padding=1))
            self.c = nn.Sequential(nn.Conv2d(24, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 5, padding=2))
            self.d = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(24, 4, 1))
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 5))
            self.main = nn.Sequential(nn.Conv2d(32, 16, 1, stride=2), nn.ReLU(), nn.Conv2d(16, 64, 3, padding=1))
            self.side = nn.Conv2d(32, 64, 1, stride=2)
            self.fc = nn.Linear(64, 5)

        def forward(self, picture: Any) -> Any:
            stem = self.stem(picture)
            made = {name: getattr(self, name)(stem) for name in order if name in "abcd"}
            maps = torch.cat([made[name] for name in "abcd"], 1)
            parts = {name: getattr(self, name)(maps) for name in order if len(name) == 4 and name != "head"}
            early = self.head(maps)
            return early, self.fc(torch.relu(parts["main"] + parts["side"]).mean((2, 3)))

    del declarations
    return Net()


ORDERS = (
    ("a", "b", "c", "d", "main", "side"),
    ("d", "c", "b", "a", "side", "main"),
    ("b", "a", "d", "c", "side", "main"),
)


@pytest.mark.torch
@pytest.mark.parametrize("order", ORDERS[1:])
def test_modules_and_their_files_have_the_cuts_of_each_other(tmp_path: Any, order: tuple[str, ...]) -> None:
    """Written in another order, as a module or as an ONNX file: the same names in the same order, the same bytes."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    import warnings

    from simulator.profiling.extract.assemble import assemble
    from simulator.profiling.extract.sources import Blueprint
    from simulator.profiling.onnx import read_onnx

    wanted, found = (
        assemble(Blueprint("net", "tests:net", lambda names=names: block(*names), (1, 3, 16, 16)))
        for names in (ORDERS[0], order)
    )
    assert found.cut_points == wanted.cut_points
    assert [one.name for one in found.graph] == [one.name for one in wanted.graph]
    assert [found.graph[one.after].name for one in found.exits] == [
        wanted.graph[one.after].name for one in wanted.exits
    ]
    path = tmp_path / "m.onnx"
    kept = torch.onnx.TrainingMode.PRESERVE
    names = {"input_names": ["x"], "output_names": ["early", "late"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            block(*order).eval(), (torch.zeros(1, 3, 16, 16),), path, dynamo=False, training=kept, **names
        )
    file = read_onnx(str(path), exits=("early",))
    assert cuts(file) == cuts(wanted)


@pytest.mark.torch
def test_halves_of_a_file_whose_order_is_another(tmp_path: Any) -> None:
    """Every cut of the stored order can be cut in the file, and the halves compute what the whole does."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    import warnings

    from test_onnx_halves import check_cut

    from simulator.profiling.onnx import read_onnx

    path = tmp_path / "m.onnx"
    names = {"input_names": ["x"], "output_names": ["early", "late"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(block(*ORDERS[0]).eval(), (torch.zeros(1, 3, 16, 16),), path, dynamo=False, **names)
    model = read_onnx(str(path), exits=("early",))
    inner = [cut.name for cut in model.cut_points if cut.macs_before and cut.macs_after]
    for place, name in enumerate(inner):
        check_cut(model, name, path, tmp_path / str(place))
