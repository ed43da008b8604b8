"""Memory that layers need: tensors that are alive at the same time, against published networks and by definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles_by_hand import layer, profile
from worlds import scenario

import simulator
from simulator.devices.card import load_card
from simulator.profiling.graph import Exit, size_at
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import INPUT, Layer, ModelProfile, load_profile
from simulator.profiling.partition import execution_order, find_cut, is_alias

pytestmark = pytest.mark.engine_free

INT8, FLOAT16, FLOAT32 = 1, 2, 4


def peak(model: ModelProfile, element_bytes: int = FLOAT32) -> float:
    """The most bytes alive at one time over a whole inference."""
    return MemoryNeeds(model, model.trunk, element_bytes).before(len(model.trunk))[1]


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        # 64 channels of 111 x 111 after the first convolution, 64 of 55 x 55 after the pooling that reads them
        ("squeezenet1_1", 64 * 111**2 + 64 * 55**2),
        # first block, last layer: its inputs (64 + 5 x 32 channels) live on, are joined, and normalised
        ("densenet121", 3 * (64 + 5 * 32) * 56**2),
        # the widest expansion, 16 to 96 channels at 112 x 112, and the depthwise convolution to 56 x 56
        ("mobilenet_v2", 96 * 112**2 + 96 * 56**2),
    ],
)
def test_published_networks_need_what_their_widest_place_holds(name: str, needed: int) -> None:
    """Fused norms and activations work in place; what a concatenation reads again later stays."""
    assert peak(load_profile(name), INT8) == needed


def inverted_residual(pixels: int, narrow: int, wide: int) -> ModelProfile:
    """Stem, expansion, depthwise convolution and projection, and the addition of what the stem made; all fused."""
    slim, fat = 4 * narrow * pixels, 4 * wide * pixels
    return profile(
        [
            layer("stem", [INPUT], slim),
            layer("expand", [0], fat, kind="pointwise_conv"),
            layer("expand.norm", [1], fat, kind="norm", fused_into=1),
            layer("expand.relu", [2], fat, kind="activation", fused_into=1),
            layer("depthwise", [3], fat, kind="depthwise_conv"),
            layer("depthwise.norm", [4], fat, kind="norm", fused_into=4),
            layer("depthwise.relu", [5], fat, kind="activation", fused_into=4),
            layer("project", [6], slim, kind="pointwise_conv"),
            layer("project.norm", [7], slim, kind="norm", fused_into=7),
            layer("add", [8, 0], slim, kind="elementwise"),
        ],
        input_elements=8,
    )


def test_a_skip_connection_is_alive_over_the_block() -> None:
    """16 to 80 to 16 channels at 44 x 44 in int8: 80 read and 80 written, and 16 that wait: 340 736 bytes."""
    assert peak(inverted_residual(44 * 44, 16, 80), INT8) == 340_736


def test_either_side_of_a_cut_holds_what_crosses() -> None:
    """Cut behind the expansion: only the server holds two wide tensors, and both sides hold the skip."""
    model = inverted_residual(44 * 44, 16, 80)
    needs = MemoryNeeds(model, model.trunk, INT8)
    place = find_cut(model, "expand").layers
    assert needs.before(place)[1] == (16 + 80) * 44 * 44
    assert needs.after(place)[1] == (16 + 80 + 80) * 44 * 44
    behind = find_cut(model, "depthwise").layers
    assert needs.after(behind)[1] == (16 + 80 + 16) * 44 * 44


def test_nothing_needs_nothing() -> None:
    model = inverted_residual(4, 2, 4)
    needs = MemoryNeeds(model, model.trunk, INT8)
    assert needs.before(0) == needs.after(len(model.trunk)) == (0, 0)


def test_a_result_that_nobody_reads_stays_to_the_end_of_its_side() -> None:
    """A second output of 60 bytes is kept beside what comes later on the device, and is none of the server's."""
    model = profile(
        [layer("a", [INPUT], 40), layer("result", [0], 60), layer("b", [0], 100), layer("c", [2], 100)],
        input_elements=1,
    )
    needs = MemoryNeeds(model, model.trunk, FLOAT32)
    assert needs.before(4)[1] == 60 + 100 + 100
    assert needs.after(2)[1] == 100 + 100


def test_a_result_that_is_read_stays_to_the_end() -> None:
    """A map of 60 bytes is a result and the next layer's input: it waits beside the last two layers."""
    model = profile([layer("map", [INPUT], 60), layer("b", [0], 100), layer("c", [1], 100)], input_elements=1)
    assert peak(model) == 100 + 100
    assert peak(replace(model, outputs=(0, 2), output_bytes=160)) == 60 + 100 + 100


def test_the_head_of_an_exit_runs_beside_the_trunk() -> None:
    """The head's 300 bytes are needed while the trunk's 100 wait for their next reader."""
    model = profile(
        [layer("a", [INPUT]), layer("head.wide", [0], 300), layer("head.fc", [1], 8), layer("b", [0]), layer("c", [3])],
        [Exit("early", 0, (1, 2), 8)],
        input_elements=1,
    )
    order = execution_order(model, model.exits)
    assert order == (0, 1, 2, 3, 4)
    assert [cut.steps(model.exits) for cut in model.cut_points] == [0, 3, 4, 5]
    assert MemoryNeeds(model, order, FLOAT32).before(3)[1] == 100 + 300 + 8
    assert [cut.steps(()) for cut in model.cut_points] == [0, 1, 2, 3]
    assert MemoryNeeds(model, execution_order(model, ()), FLOAT32).before(1)[1] == 4 + 100


def test_integers_keep_their_size_at_every_precision() -> None:
    """8 token ids of 8 bytes, 100 float32 numbers: 64 and 100, 200 or 400 bytes."""
    model = replace(profile([layer("embed", [INPUT], 400)], input_elements=8), input_dtype="int64")
    assert [peak(model, width) for width in (INT8, FLOAT16, FLOAT32)] == [64 + 100, 64 + 200, 64 + 400]


def small_mobilenet(folder: Path) -> str:
    """MobileNetV2 of width 0.35 at 144 x 144, from its input to its widest place, with all of its weights."""
    whole = profile(
        [
            layer("stem", [INPUT], 4 * 16 * 72**2),
            layer("stem.relu", [0], 4 * 16 * 72**2, kind="activation", fused_into=0),
            layer("project", [1], 4 * 8 * 72**2, kind="pointwise_conv"),
            layer("expand", [2], 4 * 48 * 72**2, kind="pointwise_conv"),
            layer("expand.relu", [3], 4 * 48 * 72**2, kind="activation", fused_into=3),
            layer("depthwise", [4], 4 * 48 * 36**2, kind="depthwise_conv"),
            layer("depthwise.relu", [5], 4 * 48 * 36**2, kind="activation", fused_into=5),
            layer("classify", [6], 4 * 1000, kind="linear"),
        ],
        input_elements=3 * 144**2,
    )
    weights = replace(whole.graph[-1], params=862_000, param_bytes=4 * 862_000)
    path = folder / "small-mobilenet.json"
    replace(whole, name="small-mobilenet", graph=(*whole.graph[:-1], weights), params=862_000).save(path)
    return str(path)


def test_a_network_of_308_kb_fits_a_microcontroller_of_320_kb(tmp_path: Path) -> None:
    """MCUNet (mit-han-lab/mcunet@9c164f84) lists 308 kB of SRAM and 862 kB of flash, on 320 kB and 1 MB."""
    model = load_profile(Path(small_mobilenet(tmp_path)))
    weights, activations = MemoryNeeds(model, model.trunk, INT8).before(len(model.trunk))
    assert activations == pytest.approx(308_000, rel=0.01)
    assert load_card("stm32f746").misfit(model.name, weights, activations) is None
    policies = [{"kind": "local"}]
    assert simulator.check(scenario(small_mobilenet(tmp_path), "stm32f746", "t4-tensorrt", policies=policies)) == []


@st.composite
def graphs(draw: st.DrawFn) -> ModelProfile:
    """Small graphs with branches, views, fused layers, integers and several results."""
    layers: list[Layer] = []
    for index in range(draw(st.integers(1, 9))):
        sources = st.integers(-1, index - 1) if index else st.just(INPUT)
        inputs = draw(st.lists(sources, min_size=1, max_size=3, unique=True))
        kind = draw(st.sampled_from(["conv", "conv", "reshape", "elementwise"]))
        host = draw(st.sampled_from([None, None, *range(index)]))
        one = layer(f"l{index}", inputs, 4 * draw(st.integers(1, 9)), kind, fused_into=host)
        layers.append(replace(one, integer_bytes=draw(st.sampled_from([0, 0, one.output_bytes]))))
    return profile(layers, input_elements=draw(st.integers(1, 9)))


def by_definition(model: ModelProfile, first: int, last: int, element_bytes: int) -> float:
    """The most bytes alive while the layers ``first`` to ``last - 1`` run, each tensor looked at in each step."""
    graph = model.graph

    def storage(tensor: int) -> int:
        while tensor != INPUT and is_alias(graph[tensor].kind, graph[tensor].inputs):
            tensor = graph[tensor].inputs[0]
        return tensor

    def size(tensor: int) -> float:
        if tensor == INPUT:
            return size_at(element_bytes, float(model.input_bytes), 0.0)
        return size_at(element_bytes, float(graph[tensor].output_bytes), float(graph[tensor].integer_bytes))

    def readers(tensor: int) -> list[int]:
        return [index for index, one in enumerate(graph) if tensor in one.inputs]

    def views(tensor: int) -> Sequence[int]:
        return [view for view in range(-1, len(graph)) if storage(view) == tensor]

    most = 0.0
    for step in range(first, last):
        alive = dict[int, float]()
        for tensor in (tensor for tensor in range(-1, step + 1) if storage(tensor) == tensor):
            reads = [reader for view in views(tensor) for reader in readers(view)]
            is_result = any(not readers(view) for view in views(tensor) if view != INPUT)
            is_here = tensor >= first or any(reader >= first for reader in reads)
            if is_here and (is_result or tensor == step or any(reader >= step for reader in reads)):
                alive[tensor] = size(tensor)
        total = sum(alive.values())
        if graph[step].fused_into is not None and storage(step) == step:
            dying = []
            for tensor in {storage(source) for source in graph[step].inputs}:
                reads = [reader for view in views(tensor) for reader in readers(view)]
                if max(reads) == step and not any(not readers(view) for view in views(tensor) if view != INPUT):
                    dying.append(min(size(tensor), size(step)))
            total -= max(dying, default=0.0)
        most = max(most, total)
    return most


@given(model=graphs(), element_bytes=st.sampled_from([INT8, FLOAT16, FLOAT32]))
def test_memory_is_that_of_every_tensor_looked_at_in_every_step(model: ModelProfile, element_bytes: int) -> None:
    """Both sides of every cut, equal to the definition to the byte."""
    needs = MemoryNeeds(model, model.trunk, element_bytes)
    count = len(model.graph)
    for place in range(count + 1):
        assert needs.before(place)[1] == by_definition(model, 0, place, element_bytes)
        assert needs.after(place)[1] == by_definition(model, place, count, element_bytes)
