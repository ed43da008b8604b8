"""What can never be met or has no effect is said before the run, and what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

from simulator.devices.card import load_card
from simulator.errors import CardError, NotFoundError, ScenarioError, TraceError
from simulator.paths import LARGEST
from simulator.plan.memory import FRAME_BYTES, ROW_BYTES, needed_bytes
from simulator.plan.prepare import prepare
from simulator.profiling.samples import load_samples
from simulator.scenario.load import load_scenario
from simulator.studies.check import check


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """A model with an exit after its first layer."""
    model = chain(folder, {"first": 400, "second": 400}, heads={"first": "way-out"})
    times = {"first": "10 ms", "second": "10 ms", "way-out": "1 ms"}
    cards = (card(folder, role, role, times) for role in ("device", "server"))
    return scenario(model, *cards) | changes


def warned(document: dict[str, Any]) -> list[str]:
    """What `check` warns of."""
    problems, warnings = check(load_scenario(document))
    assert problems == []
    return warnings


def records(folder: Path, scores: str, header: str = "entropy") -> str:
    """Sample records with one exit."""
    path = folder / "samples.csv"
    rows = "".join(f"{k},{score},1,1\n" for k, score in enumerate(scores.split()))
    path.write_text(f"sample,{header}_1,correct_1,correct_final\n{rows}")
    return str(path)


def test_a_deadline_within_the_propagation_is_met_by_nobody_who_crosses(tmp_path: Path) -> None:
    """There and back takes 40 ms: 30 ms are too short for the edge, not for the device; 40 ms are just possible."""
    document = world(tmp_path, policies=[{"kind": "local"}, {"kind": "edge", "encoding": "float32"}])
    document["link"] = document["link"] | {"propagation": "20 ms"}
    document["workload"] = document["workload"] | {"deadline": "30 ms"}
    (said,) = warned(document)
    assert said.startswith("edge float32: no answer of the server meets the deadline of 30.0 ms")
    document["workload"] |= {"deadline": "40 ms"}
    assert warned(document) == []


@pytest.mark.parametrize(
    ("threshold", "said"),
    [(0.05, ["no sample meets the threshold 0.05"]), (0.95, ["every sample meets the threshold 0.95"]), (0.5, [])],
)
def test_thresholds_that_decide_nothing_are_said(tmp_path: Path, threshold: float, said: list[str]) -> None:
    """Entropies 0.1, 0.6 and 0.9: a threshold of 0.5 lets one in three out."""
    document = world(tmp_path, policies=[{"kind": "early_exit", "at": "output", "thresholds": [threshold]}])
    document["workload"] = document["workload"] | {"samples": records(tmp_path, "0.1 0.6 0.9"), "any_model": True}
    if "any_model" not in type(load_scenario(world(tmp_path)).scenario.workload).model_fields:
        del document["workload"]["any_model"]
    found = warned(document)
    assert len(found) == len(said)
    assert all(text in sentence for text, sentence in zip(said, found, strict=True))


def test_priorities_without_their_order_are_said(tmp_path: Path) -> None:
    fleet = [{"name": "a", "count": 1, "priority": 0}, {"name": "b", "count": 1, "priority": 1}]
    assert warned(world(tmp_path, fleet=fleet)) == [
        "the priorities of the groups have no effect without serving.order: priority"
    ]
    assert warned(world(tmp_path, fleet=fleet, serving={"order": "priority"})) == []


def test_computing_takes_no_less_power_than_doing_nothing(tmp_path: Path) -> None:
    path = card(tmp_path, "device", "device", {"first": "1 ms"}, idle="3 W", active="2 W")
    with pytest.raises(CardError, match=r"computing takes 2\.00 W, less than the 3\.00 W of doing nothing"):
        load_card(path)


@pytest.mark.parametrize(
    ("scores", "header", "says"),
    [
        ("0.1 -0.2", "entropy", "an entropy is at least 0"),
        ("0.1 1.2", "confidence", "between 0 and 1"),
        ("0.1 -0.1", "confidence", "between 0 and 1"),
    ],
)
def test_scores_that_no_softmax_gives_are_refused(tmp_path: Path, scores: str, header: str, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        load_samples(records(tmp_path, scores, header))


@pytest.mark.parametrize("row", ["1764038400", "1,-2", "1,-1"])
def test_arrivals_since_1970_or_of_no_device_are_refused(tmp_path: Path, row: str) -> None:
    """The idle energy of 56 years would be charged; a device -2 would vanish."""
    header = "arrival_s,device" if "," in row else "arrival_s"
    (tmp_path / "times.csv").write_text(f"{header}\n{row}\n")
    document = world(tmp_path, workload={"arrivals": "recorded", "file": str(tmp_path / "times.csv")})
    problems, _ = check(load_scenario(document))
    assert "is no arrival" in problems[0].message
    assert "since 1970" in problems[0].hint


@pytest.mark.parametrize(("kind", "name"), [("samples", "samples.csv"), ("trace", "t.csv"), ("model", "m.json")])
def test_a_file_that_does_not_fit_into_memory_is_not_read(tmp_path: Path, kind: str, name: str) -> None:
    """A sparse file of a gigabyte: refused with its size, at once."""
    with (tmp_path / name).open("wb") as file:
        file.truncate(10**9)
    path = str(tmp_path / name)
    document = world(tmp_path)
    if kind == "samples":
        document["workload"] = document["workload"] | {"samples": path}
    elif kind == "trace":
        document["link"] = document["link"] | {"uplink": {"trace": path}}
    else:
        document["model"] = path
    most = f"{LARGEST[kind] / 1e6:g} MB"
    with pytest.raises(ScenarioError, match=f"has 1,000 MB, and a file of this kind at most {most}"):
        load_scenario(document)
    with pytest.raises(NotFoundError, match="1,000 MB"):
        load_samples(path)


def test_a_run_that_does_not_fit_into_memory_is_refused_with_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million requests under two policies take 1.3 GB; where 1 GB is free they are refused, half of them are not."""
    import psutil

    import simulator

    free = type("Memory", (), {"available": 1_000_000_000})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "float32"}]
    document = world(tmp_path, policies=policies)
    document["workload"] = {"arrivals": "periodic", "rate": "1 /s", "requests": 1_000_000}
    problems, _ = check(load_scenario(document))
    assert "needs about 1.30 GB of memory, and 1.00 GB are free" in problems[0].message
    with pytest.raises(ScenarioError, match=r"needs about 1\.30 GB"):
        simulator.run(document)
    document["workload"]["requests"] = 500_000
    assert check(load_scenario(document))[0] == []


def test_frames_of_lora_need_memory_while_a_replication_is_accounted_for(tmp_path: Path) -> None:
    """SF7 carries 222 bytes: 1000 requests of 2220 bytes are 10 000 frames in each of four replications."""
    document = world(tmp_path, policies=[{"kind": "edge", "encoding": "uint8"}], statistics={"replications": 4})
    document["model"] = chain(tmp_path, {"only": 400}, input_bytes=4 * 2220)
    document |= {role: card(tmp_path, role, role, {"only": "1 ms"}) for role in ("device", "server")}
    document["link"] = {"uplink": {"region": "EU868", "distance": "1 km", "spreading_factor": 7}}
    document["workload"] = {"arrivals": "periodic", "rate": "1 /h", "requests": 1000}
    system, plans = prepare(load_scenario(document))
    most = int(system.groups[0].lora.parameters().most_bytes.max())
    frames = -(-2220 // most) * 1000
    assert needed_bytes(system, plans) == 4 * 1000 * ROW_BYTES + frames * FRAME_BYTES
