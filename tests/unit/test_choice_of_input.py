"""What of a model's input is sent, and whose records a scenario may use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator
from simulator.errors import ScenarioError
from simulator.plan.prepare import prepare
from simulator.profiling import partition
from simulator.profiling.graph import INPUT, Encoding, Layer
from simulator.profiling.model import ModelProfile
from simulator.scenario.load import load_scenario


def tokens(policy: dict[str, Any]) -> dict[str, Any]:
    """A model that reads token numbers."""
    return scenario("distilbert-base", "raspberry-pi-4", "t4-tensorrt", policies=[policy])


def test_a_model_of_tokens_runs_on_its_device() -> None:
    """Local sends nothing, so that it needs no encoding."""
    assert (simulator.run(tokens({"kind": "local"})).requests["bytes_up"] == 0).all()


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "edge", "encoding": "int64"},
        {"kind": "split", "at": "input"},
        {"kind": "split", "at": "input", "encoding": "int64"},
    ],
)
def test_every_encoding_of_a_profile_is_a_choice(policy: dict[str, Any]) -> None:
    """128 numbers of 8 bytes, also if nothing is said: that is what the model reads."""
    assert (simulator.run(tokens(policy)).requests["bytes_up"] == 1024).all()


def test_the_best_split_of_a_model_of_tokens_needs_no_encoding() -> None:
    """The tensor that the model reads is the first candidate."""
    _, (plan,) = prepare(load_scenario(tokens({"kind": "split", "best": "latency"})))
    assert plan.choices[0].table.bytes_up[0, 0] == 1024
    assert plan.choices[0].encoding == "int64"


def refused(document: dict[str, Any]) -> str:
    """What is said of a scenario that cannot be prepared."""
    with pytest.raises(ScenarioError) as caught:
        prepare(load_scenario(document))
    return str(caught.value)


def test_an_encoding_that_the_profile_lacks_is_refused_with_those_that_it_has() -> None:
    said = refused(tokens({"kind": "edge", "encoding": "jpeg"}))
    assert 'distilbert-base has no size for inputs encoded as "jpeg"' in said
    assert "known: int64" in said


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "split", "at": "head", "encoding": "uint8"},
        {"kind": "split", "at": "output", "encoding": "uint8"},
        {"kind": "early_exit", "thresholds": [0.5], "encoding": "uint8"},
    ],
)
def test_an_encoding_without_effect_is_refused(tmp_path: Path, policy: dict[str, Any]) -> None:
    """A cut behind the first layer sends a tensor, however the input is encoded."""
    assert "the encoding of the input has no effect" in refused(world(tmp_path, "chain") | {"policies": [policy]})


def world(folder: Path, recorded: str, **workload: Any) -> dict[str, Any]:
    """Two layers with an exit, and the records of some model."""
    model = chain(folder, {"head": 40, "tail": 40}, heads={"head": "exit_1"})
    times = {"head": "1 ms", "exit_1": "1 ms", "tail": "1 ms"}
    device, server = card(folder, "device", "device", times), card(folder, "server", "server", times)
    path = folder / "samples.csv"
    path.write_text(f"{recorded and f'# model: {recorded}'}\nsample,entropy_1,correct_1,correct_final\n0,0.1,1,1\n")
    arrivals = {"arrivals": "periodic", "rate": "1 /s", "requests": 1, "samples": str(path)}
    return scenario(model, device, server, workload=arrivals | workload)


@pytest.mark.parametrize("recorded", ["chain", "other, chain"])
def test_records_of_the_model_are_taken(tmp_path: Path, recorded: str) -> None:
    """Records may hold for several models."""
    assert simulator.run(world(tmp_path, recorded)).requests["correct"].tolist() == [True]


@pytest.mark.parametrize(
    ("recorded", "message"),
    [("resnet50", "records resnet50, not chain"), ("", "does not say which model it records")],
)
def test_records_of_another_model_are_refused_unless_they_are_wanted(
    tmp_path: Path, recorded: str, message: str
) -> None:
    """``any_model: true`` takes them all the same."""
    said = refused(world(tmp_path, recorded))
    assert message in said
    assert "any_model: true" in said
    assert simulator.run(world(tmp_path, recorded, any_model=True)).requests["correct"].tolist() == [True]


def test_counting_cuts_takes_a_time_that_is_linear_in_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """2000 layers whose outputs are all alive until the last: each is looked at when it comes and when it goes."""
    looked_at = 0
    count_crossing = partition.fewest_bytes

    def counted(live: set[int], *rest: Any) -> tuple[int, int]:
        nonlocal looked_at
        looked_at += len(live)
        return count_crossing(live, *rest)

    monkeypatch.setattr(partition, "fewest_bytes", counted)
    layers = 2000
    graph = [layer(f"l{k}", (k - 1 if k else INPUT,)) for k in range(layers)] + [layer("sum", tuple(range(layers)))]
    cuts = ModelProfile(
        name="dense",
        source="tests",
        input_shape=(1, 1),
        input_dtype="float32",
        graph=tuple(graph),
        macs=10 * len(graph),
        params=0,
        unread_params=0,
        exits=(),
        output_bytes=4,
        encodings={"float32": Encoding(4.0, "shape", False)},
        top1=None,
        top1_source=None,
        uncounted=(),
        versions={},
    ).cut_points
    assert [cut.bytes for cut in cuts[1:-1]] == [4 * (k + 1) for k in range(layers)]
    assert looked_at <= 3 * layers


def layer(name: str, inputs: tuple[int, ...]) -> Layer:
    """A layer that makes one number."""
    return Layer(
        name=name,
        kind="elementwise",
        op="tests",
        macs=10,
        params=0,
        param_bytes=0,
        inputs=inputs,
        input_bytes=4 * len(inputs),
        output_shape=(1, 1),
        output_bytes=4,
        fused_into=None,
    )
