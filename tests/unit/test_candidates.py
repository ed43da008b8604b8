"""The planner's predictions against hand-worked radios, and against a simulated lone request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, radio, scenario

import simulator
from simulator.plan.choice import Choice
from simulator.plan.library import Memory
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario


def world(folder: Path, rate: str, **changes: Any) -> dict[str, Any]:
    """1000 bytes at 80 kbit/s: 0.1 s of sending; 0.05 s on the server; an empty answer."""
    model = chain(folder, {"whole": 4}, input_bytes=4000)
    device = card(folder, "device", "device", {"whole": "1 s"}, idle="0 W")
    server = card(folder, "server", "server", {"whole": "50 ms"})
    stages = [("1 s", "1 W"), ("2 s", "0.5 W", "100 ms", "2 W")]
    path = radio(folder, up="0 nJ/bit", active="3 W", idle="0 W", promotion=("400 ms", "1.5 W"), tail=stages)
    link = {"uplink": {"rate": "80 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "radio": path}
    workload = {"arrivals": "periodic", "rate": rate, "requests": 5}
    policies = [{"kind": "edge", "encoding": "uint8"}]
    return scenario(model, device, server, link=link, workload=workload, policies=policies, result_size="0 B") | changes


@pytest.mark.parametrize(
    ("rate", "promotion_s", "promotion_j", "tail_j"),
    [
        ("2 /s", 0.0, 0.0, 0.4 * 1),  # quiet for 0.5 - 0.1 s: still in the first stage
        ("0.5 /s", 0.1, 0.2, 1 + 0.8 * 0.5),  # quiet for 1.9 s less the promotion: second stage
        ("0.1 /s", 0.4, 0.6, 1 + 2 * 0.5),  # quiet for 9.9 s: idle, the whole tail
    ],
)
def test_promotion_and_tail_follow_from_the_time_between_requests(
    tmp_path: Path, rate: str, promotion_s: float, promotion_j: float, tail_j: float
) -> None:
    """Latency 0.15 s and the promotion; energy 0.3 J on the air, the promotion, and the tail up to the next request."""
    _, plans = prepare(load_scenario(world(tmp_path, rate)))
    prediction, cut = plans[0].choices[0].prediction, plans[0].choices[0].cut
    assert prediction.latency_s[cut, 0] == pytest.approx(0.15 + promotion_s)
    assert prediction.energy_j[cut, 0] == pytest.approx(0.3 + promotion_j + tail_j)


def test_the_prediction_is_what_a_steady_stream_measures(tmp_path: Path) -> None:
    """One request each 10 s: predicted and simulated latency agree; energy too, but for the pauses' ends."""
    document = world(tmp_path, "0.1 /s", horizon="50 s")
    _, plans = prepare(load_scenario(document))
    prediction, cut = plans[0].choices[0].prediction, plans[0].choices[0].cut
    row = simulator.run(document).summary.iloc[0]
    assert row["latency_mean_s"] == pytest.approx(prediction.latency_s[cut, 0])
    assert row["energy_mean_j"] == pytest.approx(prediction.energy_j[cut, 0])


def test_a_radio_that_wakes_is_not_idle(tmp_path: Path) -> None:
    """0.1 s on the air at 3 W, 0.4 s of promotion at 1.5 W, and 0.5 W only for the 0.05 s on the server."""
    document = world(tmp_path, "0.1 /s")
    states = {"up": "0 nJ/bit", "active": "3 W", "idle": "0.5 W", "promotion": ("400 ms", "1.5 W")}
    document["link"]["radio"] = radio(tmp_path, name="idler", **states)
    _, plans = prepare(load_scenario(document))
    prediction, cut = plans[0].choices[0].prediction, plans[0].choices[0].cut
    assert prediction.energy_j[cut, 0] == pytest.approx(0.1 * 3 + 0.4 * 1.5 + 0.05 * 0.5)


def two_ways(folder: Path, precision: str = "float32") -> Choice:
    """A head with an exit and a tail, all sent as 1000 bytes of input; three of four samples are sure at the exit."""
    model = chain(folder, {"head": 800, "tail": 40}, input_bytes=4000, heads={"head": "exit_1"})
    device = card(folder, "device", "device", {"head": "100 ms", "exit_1": "20 ms", "tail": "400 ms"})
    stated = json.loads(Path(device).read_text()) | {"precision": precision}
    Path(device).write_text(json.dumps(stated))
    server = card(folder, "server", "server", {"head": "10 ms", "exit_1": "2 ms", "tail": "40 ms"})
    records = folder / "samples.csv"
    records.write_text(
        "# model: chain\nsample,entropy_1,correct_1,correct_final\n0,0.1,1,1\n1,0.5,1,1\n2,0.2,1,1\n3,0.9,1,1\n"
    )
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 1, "samples": str(records)}
    link = {"uplink": {"rate": "80 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    policies = [{"kind": "early_exit", "thresholds": [0.5], "at": "input", "encoding": "uint8"}]
    document = scenario(model, device, server, link=link, workload=workload, policies=policies)
    _, plans = prepare(load_scenario(document))
    return plans[0].choices[0]


def test_the_answer_of_an_exit_is_as_large_as_its_own_output(tmp_path: Path) -> None:
    """4 bytes from the exit, 40 from the final output, nothing from an exit on the device."""
    table = two_ways(tmp_path).table
    assert [cut.name for cut in table.cuts] == ["input", "head", "output"]
    assert table.bytes_down.tolist() == [[4, 40], [0, 40], [0, 0]]


def test_results_that_the_device_has_made_do_not_come_down(tmp_path: Path) -> None:
    """800 bytes from the head and 40 from the tail are results: all from the server, the last after the head."""
    model = chain(tmp_path, {"head": 800, "tail": 40}, input_bytes=4000)
    stated = json.loads(Path(model).read_text()) | {"outputs": [0, 1], "output_bytes": 840}
    Path(model).write_text(json.dumps(stated))
    cards = (card(tmp_path, role, role, {"head": "1 ms", "tail": "1 ms"}) for role in ("device", "server"))
    document = scenario(model, *cards, policies=[{"kind": "local"}])
    _, plans = prepare(load_scenario(document))
    assert plans[0].choices[0].table.bytes_down.ravel().tolist() == [840, 40, 0]
    _, plans = prepare(load_scenario(document | {"result_size": "7 B"}))
    assert plans[0].choices[0].table.bytes_down.ravel().tolist() == [7, 7, 0]


def test_whoever_turns_back_evaluates_the_exits_on_the_device(tmp_path: Path) -> None:
    """Of what the server would have computed: head and exit, or all three; after the head only the tail."""
    table = two_ways(tmp_path).table
    assert table.fallback_s.ravel().tolist() == pytest.approx([0.12, 0.52, 0, 0.4, 0, 0])
    assert table.edge_s.ravel().tolist() == pytest.approx([0.012, 0.052, 0, 0.04, 0, 0])


def test_a_prediction_with_exits_is_the_mean_over_the_samples(tmp_path: Path) -> None:
    """100 ms up and 10 ms of propagation; 12 ms and 1 ms for three of four samples, 52 ms and 10 ms for one."""
    choice = two_ways(tmp_path)
    assert choice.shares.tolist() == [0.75, 0.25]
    assert choice.scores[0] == pytest.approx(0.110 + 0.75 * 0.013 + 0.25 * 0.062)


@pytest.mark.parametrize(("precision", "size_bytes"), [("float32", 800), ("float16", 400), ("int8", 200)])
def test_what_crosses_is_held_in_the_numbers_of_the_device(tmp_path: Path, precision: str, size_bytes: int) -> None:
    """Tensors are as narrow as the device computes them; the encoded input is what it is."""
    table = two_ways(tmp_path, precision).table
    assert table.bytes_up.tolist() == [[1000, 1000], [0, size_bytes], [0, 0]]


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_integers_cross_as_they_are(tmp_path: Path, precision: str) -> None:
    """A bottleneck of 3 x 29 x 29 bytes (head network distillation) is 2523 bytes for every processor."""
    model = chain(tmp_path, {"head": 2523, "tail": 40}, input_bytes=4000)
    stated = json.loads(Path(model).read_text())
    stated["columns"].append("integer_bytes")
    for row, integers in zip(stated["graph"], (2523, 0), strict=True):
        row.append(integers)
    Path(model).write_text(json.dumps(stated))
    device = card(tmp_path, "device", "device", {"head": "1 ms", "tail": "1 ms"})
    narrow = json.loads(Path(device).read_text()) | {"precision": precision}
    Path(device).write_text(json.dumps(narrow))
    server = card(tmp_path, "server", "server", {"head": "1 ms", "tail": "1 ms"})
    policies = [{"kind": "split", "at": "head"}]
    _, plans = prepare(load_scenario(scenario(model, device, server, policies=policies)))
    choice = plans[0].choices[0]
    assert choice.table.cuts[choice.cut].name == "head"
    assert choice.table.bytes_up[choice.cut].tolist() == [2523]


def test_a_memory_tells_result_sizes_apart(tmp_path: Path) -> None:
    """Points of one sweep share tables, but for what differs between them."""
    memory = Memory()
    sizes = ("0 B", "120 B", "0 B")
    choices = [
        prepare(load_scenario(world(tmp_path, "1 /s", result_size=size)), memory)[1][0].choices[0] for size in sizes
    ]
    assert [choice.table.bytes_down[0, 0] for choice in choices] == [0, 120, 0]
    assert choices[0].table is choices[2].table
