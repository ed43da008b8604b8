"""What is predicted of a LoRaWAN link is what a lone device does in a run; what nobody could wait for is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

EDGE = [{"kind": "edge", "encoding": "uint8"}]


def world(folder: Path, size_bytes: int, edge: str, **changes: Any) -> dict[str, Any]:
    """One request at instant 0 of a device whose processor draws nothing at rest, and a long look afterwards.

    The head shrinks the input to a tenth, so that candidates differ.
    """
    model = chain(folder, {"head": -(-size_bytes // 10) * 4, "tail": 4}, input_bytes=4 * size_bytes)
    device = card(folder, "device", "device", {"head": "300 ms", "tail": "2 s"}, idle="0 W")
    server = card(folder, "server", "server", {"head": "0 s", "tail": edge})
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 1}
    policies = [{"kind": "local"}, *EDGE, {"kind": "split", "at": "head"}]
    return scenario(model, device, server, workload=workload, policies=policies) | changes


def predicted_and_run(document: dict[str, Any]) -> list[tuple[float, float, float, float]]:
    """Latency and energy of each policy, predicted and simulated."""
    _, plans = prepare(load_scenario(document))
    rows = simulator.run(document).requests
    assert (rows["status"] == "completed").all()
    found = []
    for plan, (_, row) in zip(plans, rows.iterrows(), strict=True):
        choice = plan.choices[0]
        said = choice.prediction
        found.append(
            (said.latency_s[choice.cut, 0], row["latency_s"], said.energy_j[choice.cut, 0], row["energy_j"]),
        )
    return found


@settings(max_examples=150)
@given(
    region=st.sampled_from([("EU868", 3), ("EU868", 8), ("US915", 8)]),
    factor=st.sampled_from([7, 8, 10, "range"]),
    duty_cycle=st.sampled_from([None, 0.1, 1.0]),
    confirmed=st.booleans(),
    size_bytes=st.sampled_from([1, 52, 240, 1500]),
    edge=st.sampled_from(["0 s", "999 ms", "1.25 s", "1.9 s", "2.5 s", "100 s"]),
    result_size=st.sampled_from(["0 B", "1 B", "60 B", "300 B"]),
    propagation=st.sampled_from(["0 s", "10 ms", "400 ms"]),
)
def test_a_lone_device_on_a_quiet_link_does_what_was_predicted(
    tmp_path_factory: pytest.TempPathFactory,
    region: tuple[str, int],
    factor: Any,
    size_bytes: int,
    edge: str,
    **more: Any,
) -> None:
    """To a microsecond, the room that an hour's airtime has for rounding, and to what the radio sleeps away elsewhere.

    The request's share of the sleep in the hour after it is taken off; what is left of it is below 0.3 uW times 10 s.
    """
    name, channels = region
    uplink = {"region": name, "channels": channels, "distance": "2 km", "spreading_factor": factor}
    uplink |= {"duty_cycle": more["duty_cycle"], "confirmed": more["confirmed"]}
    link = {"uplink": uplink, "propagation": more["propagation"], "radio": "sx1272"}
    changes = {"link": link, "result_size": more["result_size"], "horizon": "1 h"}
    document = world(tmp_path_factory.mktemp("world"), size_bytes, edge, **changes)
    for said_s, took_s, said_j, spent_j in predicted_and_run(document):
        assert said_s == pytest.approx(took_s, abs=1e-6)
        asleep_j = 0.3e-6 * (3600.0 - took_s)
        assert said_j == pytest.approx(spent_j - asleep_j, abs=1e-5)


def told(folder: Path, verb: str, document: dict[str, Any]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, lines joined."""
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(document))
    done = CliRunner().invoke(cli, [verb, str(path)])
    return done.exit_code, " ".join(done.stdout.split()), " ".join(done.stderr.split())


LORA = {"uplink": {"region": "EU868", "distance": "1 km"}, "radio": "sx1272"}


def swollen(document: dict[str, Any], size_bytes: float) -> dict[str, Any]:
    """The scenario with a model whose pictures have so many bytes, small as its tensors are."""
    path = Path(document["model"])
    profile = json.loads(path.read_text())
    profile["encodings"]["jpeg"] = {**profile["encodings"]["uint8"], "size_bytes": size_bytes}
    path.write_text(json.dumps(profile))
    return document | {"policies": [{**policy, "encoding": "jpeg"} for policy in document["policies"]]}


@pytest.mark.parametrize("verb", ["check", "explain", "run"])
def test_four_gigabytes_are_refused(tmp_path: Path, verb: str) -> None:
    """4e9 bytes are 16 528 926 frames of 242 bytes; the message says so, in every verb."""
    document = swollen(world(tmp_path, 10, "0 s", link=LORA, policies=EDGE), 4e9)
    code, out, err = told(tmp_path, verb, document)
    assert (code, out) == (2, "")
    assert "4.00 GB over LoRa are 16,528,926 frames at SF7" in err
    assert "at most 100,000 frames are simulated" in err


def test_an_answer_of_gigabytes_is_refused(tmp_path: Path) -> None:
    """1e9 bytes are 4 132 232 parts of 242 bytes."""
    document = world(tmp_path, 10, "0 s", link=LORA, policies=EDGE, result_size="1 GB")
    code, _, err = told(tmp_path, "check", document)
    assert code == 2
    assert "an answer of 1.00 GB over LoRa has 4,132,232 parts" in err


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_the_best_cut_is_one_that_can_be_sent(tmp_path: Path, objective: str) -> None:
    """Even where the processor is so slow and hungry that months of sending would cost less."""
    policies = [{"kind": "split", "best": objective}]
    document = swollen(world(tmp_path, 10, "0 s", link=LORA, policies=policies), 4e9)
    times = {"head": "1000000 h", "tail": "1000000 h"}
    document["device"] = card(tmp_path, "slow", "device", times, active="1000 W", idle="0 W")
    _, (plan,) = prepare(load_scenario(document))
    choice = plan.choices[0]
    assert choice.table.cuts[choice.cut].name == "head"
    assert choice.scores[choice.cut] > choice.scores.min()


def test_a_link_is_explained(tmp_path: Path) -> None:
    """Every candidate with its frames' time; 240 bytes at SF7 take 0.394496 s (385.25 symbols of 1.024 ms)."""
    code, out, _ = told(tmp_path, "explain", world(tmp_path, 240, "0 s", link=LORA))
    assert code == 0
    assert "394 ms" in out


@pytest.mark.parametrize("distance", ["1 km", "30 km"])
def test_nobody_sends_to_a_gateway_that_does_not_hear(tmp_path: Path, distance: str) -> None:
    """The best cut of a device out of range is to send nothing, though its processor is slow; `edge` still runs."""
    link = {"uplink": {"region": "EU868", "distance": distance}}
    policies = [{"kind": "split", "best": "latency"}, *EDGE]
    document = world(tmp_path, 10, "0 s", link=link, policies=policies)
    document["device"] = card(tmp_path, "slow", "device", {"head": "1 h", "tail": "1 h"})
    _, plans = prepare(load_scenario(document))
    best = plans[0].choices[0]
    rows = simulator.run(document).requests
    assert best.table.cuts[best.cut].name == ("input" if distance == "1 km" else "output")
    assert rows["status"].tolist() == (["completed"] * 2 if distance == "1 km" else ["completed", "dropped"])
