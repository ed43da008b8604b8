"""Cuts of a model: which are valid, and how many bytes cross, against enumeration and hand-worked graphs."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
from profiles_by_hand import layer, profile, residual_block

from simulator.errors import ProfileError
from simulator.profiling.model import INPUT, Exit, ModelProfile, load_profile
from simulator.profiling.partition import find_cut, is_alias


def _rows(model: ModelProfile) -> list[tuple]:
    return [(cut.name, cut.layers, cut.macs_before, cut.bytes, cut.tensors) for cut in model.cut_points]


def test_two_tensors_cross_inside_a_residual_block():
    """Hand-worked: between the block's convolutions both the inner tensor and the shortcut are alive."""
    assert _rows(residual_block()) == [
        ("input", 0, 0, 400, 1),
        ("stem", 1, 10, 400, 1),
        ("block.conv1", 3, 20, 200 + 400, 2),
        ("block.conv2", 4, 30, 400 + 400, 2),
        ("block.add", 5, 30, 400, 1),
        ("output", 6, 40, 0, 0),
    ]


def test_no_cut_lies_between_a_layer_and_what_is_fused_into_it():
    """A prefix of two layers would separate the norm from its convolution."""
    assert 2 not in [cut.layers for cut in residual_block().cut_points]


def test_macs_before_and_after_add_up():
    """Every cut divides the same work."""
    model = residual_block()
    assert {cut.macs_before + cut.macs_after for cut in model.cut_points} == {model.macs}


def test_a_tensor_with_many_readers_crosses_once():
    """Three later layers read the same tensor; it is sent once."""
    model = profile(
        [
            layer("a", [INPUT]),
            layer("b", [0]),
            layer("c", [0]),
            layer("d", [0]),
            layer("join", [1, 2, 3], kind="concat", macs=0),
        ]
    )
    assert (find_cut(model, "a").bytes, find_cut(model, "a").tensors) == (100, 1)


def test_a_tensor_and_its_reshaped_twin_cross_once():
    """A reshape shares the storage of its source, so keeping both alive costs one tensor."""
    model = profile(
        [
            layer("a", [INPUT]),
            layer("flat", [0], kind="reshape", macs=0),
            layer("b", [1]),
            layer("join", [0, 1, 2], kind="concat", macs=0),
        ]
    )
    assert (find_cut(model, "flat").bytes, find_cut(model, "flat").tensors) == (100, 1)


def test_only_the_living_half_of_a_split_tensor_crosses():
    """A slice costs its own bytes; both halves together cost the tensor that they came from."""
    model = profile(
        [
            layer("a", [INPUT], 100),
            layer("left", [0], 50, kind="reshape", macs=0),
            layer("right", [0], 50, kind="reshape", macs=0),
            layer("b", [2], 100),
            layer("c", [3], 50),
            layer("join", [1, 4], kind="concat", macs=0),
        ]
    )
    assert (find_cut(model, "right").bytes, find_cut(model, "right").tensors) == (100, 1)
    assert (find_cut(model, "b").bytes, find_cut(model, "b").tensors) == (150, 2)


def test_an_expanded_tensor_crosses_unexpanded():
    """Repeating values needs no bytes on the air."""
    model = profile([layer("a", [INPUT], 4), layer("wide", [0], 400, kind="reshape", macs=0), layer("b", [1])])
    assert find_cut(model, "wide").bytes == 4


def test_the_integers_that_cross_are_told_apart():
    """Quantised values and a view of them cross once; numbers and token ids beside them count apart."""
    quantised = replace(layer("quantise", [0], 25, kind="elementwise"), integer_bytes=25)
    view = replace(layer("flat", [1], 25, kind="reshape"), integer_bytes=25)
    model = profile([layer("a", [INPUT]), quantised, view, layer("b", [0, 1, 2, INPUT], kind="concat")])
    assert [(cut.bytes, cut.integer_bytes) for cut in model.cut_points[1:]] == [
        (400 + 100, 0),
        (400 + 100 + 25, 25),
        (400 + 100 + 25, 25),
        (0, 0),
    ]
    ids = replace(model, input_dtype="int64")
    assert (find_cut(ids, "a").bytes, find_cut(ids, "a").integer_bytes) == (800 + 100, 800)


def test_the_input_crosses_as_long_as_it_is_read():
    """A shortcut from the input keeps it alive behind the first layer."""
    model = profile([layer("a", [INPUT]), layer("b", [0, INPUT], kind="concat")])
    assert (find_cut(model, "a").bytes, find_cut(model, "a").tensors) == (400 + 100, 2)


def test_heads_of_exits_are_not_cut():
    """Cuts and their bytes know the trunk only."""
    model = profile(
        [layer("a", [INPUT]), layer("head.fc", [0], 8), layer("b", [0], 60), layer("c", [2], 8)],
        [Exit("early", 0, (1,), 8)],
    )
    assert [cut.name for cut in model.cut_points] == ["input", "a", "b", "output"]
    assert find_cut(model, "a").macs_after == 20


def test_a_cut_is_found_by_layer_fused_layer_or_module():
    """A module prefix means the cut after its last layer; a fused layer means the cut after its host."""
    model = residual_block()
    assert find_cut(model, "block").name == "block.add"
    assert find_cut(model, "block.norm1").name == "block.conv1"
    assert find_cut(model, "fc").name == "output"
    assert find_cut(model, "input").layers == 0


def test_an_unknown_cut_is_met_with_the_nearest():
    """The message shows the name and what may have been meant."""
    with pytest.raises(ProfileError) as caught:
        find_cut(residual_block(), "block.conv3")
    assert 'no cut called "block.conv3"' in str(caught.value)
    assert "block.conv" in caught.value.problems[0].hint


def test_the_table_of_cuts_is_the_list_of_cuts():
    """`cuts` shows index, layers before, MACs before and after, bytes crossing, tensors, integers, exits."""
    model = residual_block()
    assert list(model.cuts.columns) == [
        "name",
        "layers",
        "macs_before",
        "macs_after",
        "bytes",
        "tensors",
        "integer_bytes",
        "heads",
    ]
    assert list(model.cuts["bytes"]) == [cut.bytes for cut in model.cut_points]


def test_resnet50_cuts_at_its_stages():
    """The tensors between the stages of ResNet-50 (He et al. 2016, table 1): 256x56x56, 512x28x28, 1024x14x14."""
    model = load_profile("resnet50")
    sizes = [find_cut(model, f"layer{stage}").bytes for stage in (1, 2, 3)]
    assert sizes == [4 * 256 * 56**2, 4 * 512 * 28**2, 4 * 1024 * 14**2]


def _random_model(generator: np.random.Generator) -> ModelProfile:
    layers = []
    for index in range(int(generator.integers(2, 9))):
        count = int(generator.integers(1, min(index + 1, 3) + 1))
        inputs = sorted({int(source) for source in generator.integers(-1, index, size=count)})
        kind = str(generator.choice(["conv", "reshape", "reshape", "elementwise"]))
        hosts = [place for place in range(index) if layers[place].fused_into is None]
        host = int(generator.choice(hosts)) if hosts and generator.random() < 0.2 else None
        size = int(generator.integers(1, 6)) * 4
        layers.append(layer(f"l{index}", inputs, size, kind, macs=int(generator.integers(0, 9)), fused_into=host))
    return profile(layers, input_elements=int(generator.integers(1, 6)))


def _enumerated(model: ModelProfile) -> list[tuple[int, int, int]]:
    """Every valid cut by definition: the cheapest set of tensors from which all that is needed can be viewed."""
    graph = model.graph
    found = []
    for place in range(len(graph) + 1):
        if any(
            graph[late].fused_into is not None and graph[late].fused_into < place for late in range(place, len(graph))
        ):
            continue
        needed = {source for late in graph[place:] for source in late.inputs if source < place}
        available = [INPUT, *range(place)]
        size = {INPUT: model.input_bytes} | {index: graph[index].output_bytes for index in range(place)}
        subsets = chain.from_iterable(combinations(available, count) for count in range(len(available) + 1))
        costs = [
            (sum(size[tensor] for tensor in sent), len(sent))
            for sent in subsets
            if all(_viewable(model, tensor, set(sent)) for tensor in needed)
        ]
        found.append((place, *min(costs)))
    return found


def _viewable(model: ModelProfile, tensor: int, sent: set[int]) -> bool:
    while tensor not in sent:
        if tensor == INPUT or not is_alias(model.graph[tensor].kind, model.graph[tensor].inputs):
            return False
        tensor = model.graph[tensor].inputs[0]
    return True


@pytest.mark.parametrize("seed", range(150))
def test_cuts_agree_with_enumeration(seed):
    """On random graphs, cuts, bytes and tensors equal the cheapest of all sets of tensors that would do."""
    model = _random_model(np.random.default_rng(seed))
    assert [(cut.layers, cut.bytes, cut.tensors) for cut in model.cut_points] == _enumerated(model)
