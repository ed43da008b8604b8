"""Cascades: an exit that reads the input itself. A little network runs first; where it is not sure, a big one does."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from profiles_by_hand import layer, profile
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.errors import ExtractionError, ProfileError
from simulator.plan.choice import Choice
from simulator.plan.prepare import prepare
from simulator.profiling.graph import INPUT, Exit
from simulator.profiling.liveness import MemoryNeeds
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.partition import cut_points, execution_order, find_cut
from simulator.scenario.load import load_scenario


def cascade() -> ModelProfile:
    """An input of 400 bytes; a little network of two layers, an even smaller one, and a big one of three layers."""
    return profile(
        [
            layer("a", [INPUT], 300),
            layer("little.conv", [INPUT], 60),
            layer("little.relu", [1], 60, kind="activation", macs=0, fused_into=1),
            layer("little.fc", [2], 8, macs=3),
            layer("tiny", [INPUT], 4, macs=1),
            layer("b", [0, INPUT], 200),
            layer("c", [5], 40),
        ],
        [Exit("first", INPUT, (1, 2, 3), 8), Exit("second", INPUT, (4,), 4)],
    )


def test_behind_each_head_that_reads_the_input_lies_a_cut() -> None:
    """Name, layers and heads before, work of the trunk, what crosses: after the heads it is still the input."""
    assert [
        (cut.name, cut.layers, cut.heads, cut.macs_before, cut.macs_after, cut.bytes, cut.tensors)
        for cut in cascade().cut_points
    ] == [
        ("input", 0, 0, 0, 30, 400, 1),
        ("little.fc", 0, 1, 0, 30, 400, 1),
        ("tiny", 0, 2, 0, 30, 400, 1),
        ("a", 1, 2, 10, 20, 300 + 400, 2),
        ("b", 2, 2, 20, 10, 200, 1),
        ("output", 3, 2, 30, 0, 0, 0),
    ]


def test_heads_run_before_all_else() -> None:
    """The little network, the smaller one, the big one; and how much of it lies before each cut."""
    model = cascade()
    assert execution_order(model, model.exits) == (1, 2, 3, 4, 0, 5, 6)
    assert [cut.steps(model.exits) for cut in model.cut_points] == [0, 3, 4, 5, 6, 7]
    assert [cut.steps(()) for cut in model.cut_points] == [0, 0, 0, 1, 2, 3]


def test_memory_of_either_side_of_a_cascade() -> None:
    """Device: input and 60 bytes, fused in place. Server, behind: input, the first map, the second one."""
    model = cascade()
    needs = MemoryNeeds(model, execution_order(model, model.exits), 4)
    assert needs.before(3)[1] == 400 + 60 + 8
    assert needs.before(4)[1] == 400 + 60 + 8
    assert needs.after(3)[1] == 4 + 400 + 300 + 200
    assert needs.after(0)[1] == 8 + 4 + 400 + 300 + 200


def test_the_cut_of_a_cascade_is_found_by_layer_or_module() -> None:
    model = cascade()
    assert [find_cut(model, name).heads for name in ("input", "little.fc", "little", "little.conv", "tiny", "a")] == [
        0,
        1,
        1,
        1,
        2,
        2,
    ]


def test_a_cascade_survives_storage(tmp_path: Path) -> None:
    """And the table that shows it speaks of the input."""
    path = cascade().save(tmp_path / "net.json")
    assert load_profile(path) == cascade()
    shown = CliRunner().invoke(cli, ["show", "model", str(path)])
    assert "early exits: first after the input, second after the input" in shown.output


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (Exit("first", INPUT, (), 8), 'exit "first" has no layers and follows none'),
        (Exit("first", INPUT, (5,), 8), 'layer 5 of the head of exit "first" reads layer 0, which runs later'),
        (Exit("first", -2, (4,), 8), "-2 is not a whole number of at least -1"),
    ],
)
def test_a_head_that_cannot_run_there_is_refused(tmp_path: Path, head: Exit, message: str) -> None:
    """It needs layers, and nothing that comes later."""
    path = replace(cascade(), exits=(head,)).save(tmp_path / "net.json")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert message in str(caught.value)


def test_what_a_later_head_reads_crosses_where_exits_are_evaluated() -> None:
    """The head after b reads a too: cut at a2, a crosses for the head alone, 100 bytes beside a2's 50."""
    model = profile(
        [
            layer("a", [INPUT], 100),
            layer("a2", [0], 50),
            layer("b", [1], 30),
            layer("head", [0, 2], 8),
            layer("c", [2]),
        ],
        [Exit("late", 2, (3,), 8)],
    )
    names = [cut.name for cut in model.cut_points]
    assert names == ["input", "a", "a2", "b", "output"]
    assert [cut.bytes for cut in model.cut_points] == [400, 100, 50, 30, 0]
    assert [cut.bytes for cut in cut_points(model, model.exits)] == [400, 100, 100 + 50, 30, 0]


def world(folder: Path, **policy: Any) -> dict[str, Any]:
    """Little network 20 ms, big one 100 ms and 400 ms on the device, a tenth on the server; half the samples are sure.

    The input goes as 1000 bytes at 80 kbit/s, or as 4000; 5 ms one way; 4 and 40 bytes come back at 32 kbit/s.
    """
    model = chain(folder, {"head": 8000, "tail": 40}, input_bytes=4000, heads={"input": "little"})
    times = {"little": 20, "head": 100, "tail": 400}
    device = card(folder, "device", "device", {name: f"{time} ms" for name, time in times.items()})
    server = card(folder, "server", "server", {name: f"{time / 10} ms" for name, time in times.items()})
    records = folder / "samples.csv"
    records.write_text("# model: chain\nsample,entropy_1,correct_1,correct_final\n0,0.1,1,1\n1,0.9,0,1\n")
    workload = {"arrivals": "periodic", "rate": "1 /s", "phase": "0 s", "requests": 40, "samples": str(records)}
    link = {"uplink": {"rate": "80 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    policies = [{"kind": "early_exit", "thresholds": [0.5]} | policy]
    return scenario(model, device, server, link=link, workload=workload, policies=policies)


def chosen(folder: Path, **policy: Any) -> Choice:
    _, plans = prepare(load_scenario(world(folder, **policy)))
    return plans[0].choices[0]


def test_who_is_sure_stays_on_the_device_and_the_rest_sends_the_input(tmp_path: Path) -> None:
    """Both ways out at every cut: nothing on the device, the little network, also the first layer, everything."""
    table = chosen(tmp_path, at="little", encoding="uint8").table
    assert [cut.name for cut in table.cuts] == ["input", "little", "head", "output"]
    assert table.device_s.ravel().tolist() == pytest.approx([0, 0, 0.02, 0.02, 0.02, 0.12, 0.02, 0.52])
    assert table.edge_s.ravel().tolist() == pytest.approx([0.002, 0.052, 0, 0.05, 0, 0.04, 0, 0])
    assert table.bytes_up.tolist() == [[1000, 1000], [0, 1000], [0, 8000], [0, 0]]
    assert table.bytes_down.tolist() == [[4, 40], [0, 40], [0, 40], [0, 0]]
    assert table.on_device.tolist() == [[False, False], [True, True], [True, True], [True, True]]
    assert table.offloaded.tolist() == [[True, True], [False, True], [False, True], [False, False]]
    assert table.fallback_s.ravel().tolist() == pytest.approx([0.02, 0.52, 0, 0.5, 0, 0.4, 0, 0])


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize(
    ("policy", "sure_s", "unsure_s"),
    [
        ({"at": "little", "encoding": "uint8"}, 0.02, 0.02 + 0.1 + 0.01 + 0.05 + 0.01),
        ({"at": "little"}, 0.02, 0.02 + 0.4 + 0.01 + 0.05 + 0.01),
        ({"at": "input", "encoding": "uint8"}, 0.1 + 0.01 + 0.002 + 0.001, 0.1 + 0.01 + 0.052 + 0.01),
        ({"at": "output"}, 0.02, 0.52),
    ],
)
def test_a_cascade_takes_what_its_ways_take(
    tmp_path: Path, engine: str, policy: dict[str, Any], sure_s: float, unsure_s: float
) -> None:
    """One request each second, sure or not; both engines, to a nanosecond."""
    result = simulator.run(world(tmp_path, **policy), engine=engine)
    for _, row in result.requests.iterrows():
        expected = sure_s if row["exit"] == "little" else unsure_s
        assert row["latency_s"] == pytest.approx(expected, abs=1e-9)
    assert set(result.requests["exit"]) == {"little", "final"}


def test_all_can_still_be_sent(tmp_path: Path) -> None:
    """The policy `edge` knows no exits: 0.1 s up, 10 ms of propagation, 50 ms on the server, 10 ms down."""
    document = world(tmp_path) | {"policies": [{"kind": "edge", "encoding": "uint8"}]}
    assert simulator.run(document).requests["latency_s"].to_numpy() == pytest.approx(0.1 + 0.01 + 0.05 + 0.01)


def test_an_encoding_has_no_effect_behind_the_first_layer(tmp_path: Path) -> None:
    """The cut behind the little network sends the input; one behind a layer does not."""
    (problem,) = simulator.check(world(tmp_path, at="head", encoding="uint8"))
    assert 'the cut at "head" never sends the input' in problem.message


def test_explain_shows_the_cut_of_the_cascade(tmp_path: Path) -> None:
    """Where exits are evaluated, with the encoding of its policy."""
    import yaml

    path = tmp_path / "world.yaml"
    path.write_text(yaml.safe_dump(world(tmp_path, at="little", encoding="uint8")))
    shown = CliRunner().invoke(cli, ["explain", str(path)], env={"COLUMNS": "200"}).output
    (row,) = [line for line in shown.splitlines() if line.startswith("little, input as uint8")]
    assert "early exit at little" in row
    assert "20.0 ms" in row


# --- from PyTorch and ONNX


def two_networks() -> Any:
    """A little classifier that reads the picture, and a big one."""
    from simulator.profiling.extract.environment import prepare as declared

    declarations = declared()
    import torch
    from torch import nn

    class Cascade(nn.Module):
        exit_names = ("early",)

        def __init__(self) -> None:
            super().__init__()
            self.little = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
            self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, stride=2, padding=1)
            self.last = nn.Linear(32, 10)

        def forward(self, picture: Any) -> Any:
            maps = torch.relu(self.second(torch.relu(self.first(picture))))
            return self.little(picture), self.last(maps.mean((2, 3)))

    del declarations
    return Cascade()


two_networks.input_shape = (1, 3, 32, 32)

#: name of a cut, MACs before and bytes that cross, worked out by hand; 3 x 32 x 32 values of four bytes come in
BY_HAND = [
    ("input", 0, 12_288),
    ("little.2", 0, 12_288),
    ("first", 27 * 16 * 32 * 32, 4 * 16 * 32 * 32),
    ("second", 27 * 16 * 32 * 32 + 144 * 32 * 16 * 16, 4 * 32 * 16 * 16),
    ("mean", 27 * 16 * 32 * 32 + 144 * 32 * 16 * 16, 4 * 32),
    ("output", 27 * 16 * 32 * 32 + 144 * 32 * 16 * 16 + 320, 0),
]


@pytest.mark.torch
def test_a_little_network_that_reads_the_picture_is_an_exit() -> None:
    """Its layers are no part of the trunk; the picture crosses before and behind it."""
    pytest.importorskip("torch")
    from simulator.profiling.extract import extract

    model = extract("test_cascades:two_networks")
    (early,) = model.exits
    assert (early.after, early.output_bytes, sum(model.graph[k].macs for k in early.layers)) == (INPUT, 40, 1920)
    assert [(cut.name, cut.macs_before, cut.bytes) for cut in model.cut_points] == BY_HAND


@pytest.mark.torch
def test_an_exit_that_returns_the_input_is_refused() -> None:
    """It is nobody's answer."""
    torch = pytest.importorskip("torch")
    from simulator.profiling.extract.assemble import assemble
    from simulator.profiling.extract.sources import Blueprint

    class Echo(torch.nn.Linear):
        exit_names = ("echo",)

        def forward(self, given: Any) -> Any:
            return given, super().forward(given)

    with pytest.raises(ExtractionError, match='exit "echo" of tests:echo returns the input itself'):
        assemble(Blueprint("echo", "tests:echo", lambda: Echo(4, 4), (1, 4)))


@pytest.mark.torch
def test_a_file_with_a_little_network_profiles_and_is_cut(tmp_path: Path) -> None:
    """Its profile is the module's; cut behind the little network, the head answers and the tail gets the picture."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from test_onnx_halves import check_cut

    from simulator.profiling.onnx import read_onnx

    path = tmp_path / "m.onnx"
    module, example = two_networks().eval(), (torch.zeros(1, 3, 32, 32),)
    names = {"input_names": ["x"], "output_names": ["early", "late"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, path, dynamo=False, **names)
    file = tmp_path / "m.json"
    done = CliRunner().invoke(cli, ["profile", str(path), "--exits", "early", "-o", str(file)])
    assert done.exit_code == 0, done.output
    model = load_profile(file)
    assert [(macs, size) for _, macs, size in BY_HAND] == [(cut.macs_before, cut.bytes) for cut in model.cut_points]
    assert model == replace(read_onnx(str(path), exits=("early",)), source=model.source)
    for name in (model.cut_points[1].name, "first", "second"):
        first, second = check_cut(model, name, path, tmp_path / name)
        assert ("early" in first, list(second)) == (True, ["late"])
