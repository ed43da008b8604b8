"""Compressed variants of models: derived from the profile of the model, named behind an @, told when unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import simulator
from simulator import paths
from simulator.cli import cli
from simulator.devices.card import load_card
from simulator.errors import NotFoundError, ProfileError
from simulator.profiling.check import contradictions
from simulator.profiling.model import load_profile
from simulator.profiling.variants import Variant, derived, variants
from simulator.reports.catalogue import file_text, model_names

NAMES = [f"{row.model}@{row.name}" for row in variants() if row.model != paths.ANY_MODEL]

SCENARIO = """
name: variants
model: resnet50
device: raspberry-pi-4
server: t4-tensorrt
link: {uplink: {rate: "6 Mbit/s"}, downlink: {rate: "6 Mbit/s"}}
workload: {arrivals: periodic, rate: "1 /s", requests: 30}
policies: [{kind: local}, {kind: edge, encoding: jpeg}]
"""


def variant(**fields) -> Variant:
    """A variant of no source."""
    plain = Variant("*", "mine", "pruned", "mine", 0.0, None, None, None, "")
    return replace(plain, **fields)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_a_sound_profile(name):
    """It loads, adds up, is listed, and is stored and read back as it is."""
    profile = load_profile(name)
    assert (profile.name, contradictions(profile)) == (name, [])
    assert name in model_names()


def test_every_row_says_who_published_it():
    """An accuracy has a source; a share of work belongs to pruned networks alone, bits to quantised ones."""
    for row in variants():
        assert (row.top1 is None) == (row.source == "") == (row.model == paths.ANY_MODEL)
        assert (row.macs_removed > 0) == (row.kind == "pruned")
        assert row.kind == "quantised" or row.bits is None
    keys = [(row.model, row.name) for row in variants()]
    assert len(set(keys)) == len(keys)


@given(
    st.sampled_from(["resnet50_exits", "bert-base", "mobilenet_v2", "resnet8"]),
    st.floats(0, 0.99),
    st.sampled_from([None, *range(1, 17)]),
)
def test_any_compression_of_any_network_is_sound(model, removed, bits):
    """Shared weights, heads of exits and rounding: totals add up, nothing grows, tensors and cuts stay."""
    whole = load_profile(model)
    kind = "pruned" if bits is None else "quantised"
    small = derived(whole, variant(kind=kind, macs_removed=0.0 if bits else removed, bits=bits))
    assert contradictions(small) == []
    for old, new in zip(whole.graph, small.graph, strict=True):
        assert new.macs <= old.macs
        assert new.params <= old.params
        assert new.weight_bytes <= old.weight_bytes
        assert (new.output_bytes, new.inputs) == (old.output_bytes, old.inputs)
    assert [cut.bytes for cut in small.cut_points] == [cut.bytes for cut in whole.cut_points]
    work = [sum(layer.macs for layer in graph) for graph in (small.graph, whole.graph)]
    assert bits or abs(work[0] - (1 - removed) * work[1]) <= 1


def test_weights_of_so_many_bits_take_so_many_bytes():
    """Of ResNet-18's convolutions and linear layer, and at no precision of a processor more."""
    whole, small = load_profile("resnet18"), load_profile("resnet18@llt-3bit")
    for old, new in zip(whole.graph, small.graph, strict=True):
        size = -(-3 * old.params // 8) if old.macs else old.param_bytes
        assert (new.weight_bytes, new.integer_weight_bytes) == (size, size if old.macs else 0)


def test_a_network_of_8_or_16_bits_asks_for_a_precision():
    """Others do not: nothing is measured below 8 bits."""
    asked = {name: load_profile(name).precision for name in ("resnet18@int8", "resnet18@float16", "resnet18@llt-4bit")}
    assert asked == {"resnet18@int8": "int8", "resnet18@float16": "float16", "resnet18@llt-4bit": ""}


def test_a_precision_that_no_accuracy_is_known_of_has_none():
    """Any model may be had in int8; what that does to its accuracy is not made up."""
    assert load_profile("resnet50@int8").top1 is None
    assert load_profile("mobilenet_v2@int8").top1 == pytest.approx(0.70542)


def test_a_pruned_network_may_be_quantised_too():
    """One behind the other: the work of the first, the weights of both; no accuracy was published of that."""
    pruned, both = load_profile("resnet50@sfp"), load_profile("resnet50@sfp@int8")
    assert (both.name, both.macs, both.params, both.top1) == ("resnet50@sfp@int8", pruned.macs, pruned.params, None)
    assert both.graph[0].weight_bytes * 4 == pruned.graph[0].weight_bytes


def test_a_profile_of_ones_own_has_the_variants_of_any(tmp_path: Path):
    """``mine.json@int8``, from the folder of the file that names it; and stored it is the same again."""
    load_profile("resnet8").save(tmp_path / "mine.json")
    profile = load_profile("mine.json@int8", tmp_path)
    assert profile.precision == "int8"
    assert load_profile(profile.save(tmp_path / "small.json")) == profile
    assert file_text("model", "resnet8@int8") == load_profile("resnet8@int8").text
    with pytest.raises(NotFoundError, match="no variant"):
        load_profile("mine.json@sfp", tmp_path)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("resnet50@sfpp", '"resnet50" has no variant called "sfpp"', "did you mean sfp"),
        ("resnet50@", '"resnet50" has no variant called ""', "sfp"),
        ("resnet18@sfp", '"resnet18" has no variant called "sfp"', "qil-4bit"),
        ("resnt50@sfp", 'no built-in model is called "resnt50"', "did you mean resnet50"),
        ("@sfp", 'no built-in model is called ""', ""),
        ("../resnet50@sfp", "does not exist", "looked at"),
    ],
)
def test_an_unknown_one_is_told_with_the_nearest(name, message, hint):
    """Of the model, or of the variant."""
    with pytest.raises(NotFoundError) as raised:
        load_profile(name)
    assert message in str(raised.value)
    assert hint in str(raised.value)


def test_a_variant_has_no_module_to_cut(tmp_path: Path):
    """Said with what to give; nothing is written."""
    done = CliRunner().invoke(cli, ["cut", "resnet50@sfp", "--at", "layer2", "-o", str(tmp_path / "halves")])
    assert done.exit_code == 2
    assert "derived from published numbers" in done.output
    assert not (tmp_path / "halves").exists()


def test_a_precision_in_a_file_is_a_known_one(tmp_path: Path):
    """Told with what may be written."""
    text = load_profile("resnet8@int8").text.replace('"precision": "int8"', '"precision": "int7"')
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(ProfileError, match="write float16 or int8"):
        load_profile(tmp_path / "odd.json")


def test_a_card_is_faster_at_a_precision_that_it_holds():
    """By its factor, all layers alike, with tensors of one byte; a card without it computes at its own."""
    card, whole, small = load_card("raspberry-pi-4"), load_profile("mobilenet_v2"), load_profile("mobilenet_v2@int8")
    factor = card.precisions["int8"].value
    np.testing.assert_allclose(card.layer_times_s(whole), factor * card.layer_times_s(small), rtol=1e-12)
    assert (card.element_bytes_of(whole), card.element_bytes_of(small)) == (4, 1)
    other = load_card("raspberry-pi-3b-plus")
    assert other.element_bytes_of(small) == 4
    assert (other.layer_times_s(small) <= other.layer_times_s(whole)).all()
    half = load_profile("mobilenet_v2@float16")
    assert card.element_bytes_of(half) == 4


def test_a_raspberry_pi_4_is_as_much_faster_as_mlperf_measured():
    """TensorFlow Lite int8: about three times; p90 latencies in ms of five networks in float32 and in int8."""
    pairs = [(392.96, 167.19), (64.29, 25.18), (90.50, 30.12), (85.87, 27.85), (73.92, 23.33)]
    ratios = [slow / fast for slow, fast in pairs]
    assert load_card("raspberry-pi-4").precisions["int8"].value == pytest.approx(
        np.exp(np.mean(np.log(ratios))), abs=0.005
    )
    assert min(ratios) > 2.3
    assert max(ratios) > 3


def test_a_scenario_and_a_sweep_take_a_variant(tmp_path: Path):
    """In ``model``: local compute takes a share of the time near that of the work, and workers get the profile."""
    file = tmp_path / "variants.yaml"
    file.write_text(SCENARIO)
    means = {}
    for model in ("resnet50", "resnet50@sfp"):
        summary = simulator.run(file, overrides=[f"model={model}"]).summary
        means[model] = summary.set_index("policy")["latency_mean_s"]["local"]
    assert 0.55 < means["resnet50@sfp"] / means["resnet50"] < 0.65
    swept = simulator.sweep(file, ["model=resnet50,resnet50@sfp"], output_dir=tmp_path / "sweep", workers=1)
    local = swept[swept["policy"] == "local"].set_index("model")["latency_mean_s"]
    assert dict(local) == means
