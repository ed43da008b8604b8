"""What is not comparable is not compared: neither mark nor winner, and the reason in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, radio, scenario

import simulator
from simulator.inference.comparability import conditions, reasons_by_metric
from simulator.reports.run import sentences
from simulator.scenario.load import load_scenario
from simulator.studies.check import check


def row(policy: str, completed: int, requests: int = 1000, group: str = "", **others: Any) -> dict[str, Any]:
    named = {"group": group} if group else {}
    return {"policy": policy, "completed": completed, "requests": requests, "condition": "", **named, **others}


def test_who_answers_less_is_not_compared() -> None:
    """Shares within one in a hundred are the same; 80 % is not 100 %."""
    found = conditions([row("local", 1000), row("edge", 800), row("split", 990)], {})
    assert found == ["", "answers 80 % of its requests where others answer 100 %", ""]


def test_equal_losses_are_compared_unless_most_is_lost() -> None:
    """All lose a fifth: compared. All lose nearly everything: nobody's mean says anything."""
    assert conditions([row("a", 800), row("b", 805)], {}) == ["", ""]
    assert conditions([row("a", 4), row("b", 3)], {}) == [
        "answers only 0.4 % of its requests",
        "answers only 0.3 % of its requests",
    ]


def test_overload_comes_first_and_sets_no_standard() -> None:
    """An overloaded policy that answers everything does not shame one that keeps up and drops a little."""
    found = conditions([row("a", 1000), row("b", 900)], {("a", ""): "no steady state"})
    assert found == ["no steady state", ""]


def test_a_group_that_cannot_be_compared_spoils_the_mean_over_all_groups() -> None:
    rows = [row("a", 1000, group="near", bytes_up_mean=0.0), row("a", 500, group="far", bytes_up_mean=0.0)]
    rows[1]["condition"] = "answers less"
    found = reasons_by_metric({}, rows)
    assert found["latency_mean_s", "a", "far"] == "answers less"
    assert found["latency_mean_s", "a", ""] == "answers less (group far)"
    assert ("latency_mean_s", "a", "near") not in found


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """10 kB to a server that is faster than the device."""
    model = chain(folder, {"whole": 4}, input_bytes=40_000)
    near = card(folder, "device", "device", {"whole": "100 ms"})
    far = card(folder, "server", "server", {"whole": "10 ms"})
    document = scenario(model, near, far, policies=[{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}])
    document["workload"] = {"arrivals": "poisson", "rate": "2 /s", "requests": 2000}
    document["link"] = {"uplink": {"rate": "10 Mbit/s"}, "downlink": {"rate": "10 Mbit/s"}}
    return document | changes


def test_without_a_radio_no_energy_is_compared(tmp_path: Path) -> None:
    """Sending is free: edge would win on energy whatever the radio; with one the energies are compared."""
    document = world(tmp_path, statistics={"replications": 5})
    said = sentences(simulator.run(document))
    assert not any("wins on mean energy" in sentence for sentence in said)
    assert any(s.startswith("Mean energy is not compared: sending costs no energy") for s in said)
    energy = [r for r in simulator.run(document).difference_rows if r["metric"] == "energy_mean_j"]
    assert not any(r["separated"] for r in energy)
    document["link"] |= {"radio": radio(tmp_path, up="1 uJ/bit", idle="0 W")}
    energy = [r for r in simulator.run(document).difference_rows if r["metric"] == "energy_mean_j"]
    assert all(r["separated"] and not r["condition"] for r in energy)


def test_policies_that_send_the_same_are_compared_without_a_radio(tmp_path: Path) -> None:
    """What is left out is left out of both."""
    model = chain(tmp_path, {"first": 400, "second": 400}, input_bytes=400)
    near = card(tmp_path, "device", "device", {"first": "10 ms", "second": "50 ms"})
    far = card(tmp_path, "server", "server", {"first": "1 ms", "second": "1 ms"})
    policies = [{"kind": "edge", "encoding": "float32"}, {"kind": "split", "at": "first"}]
    document = scenario(model, near, far, policies=policies)
    document["workload"] = {"arrivals": "poisson", "rate": "1 /s", "requests": 2000}
    rows = simulator.run(document).difference_rows
    assert not any(r["condition"] for r in rows)


def test_survivors_of_a_horizon_are_not_compared(tmp_path: Path) -> None:
    """Offered 5 and 2 times what they can do, most requests are in flight at the horizon: no winner, no interval."""
    document = world(tmp_path, horizon="60 s")
    document["workload"] = {"arrivals": "poisson", "rate": "250 /s", "requests": 15_000}
    result = simulator.run(document)
    said = sentences(result)
    assert not any("wins" in s or "Lowest" in s for s in said)
    assert sum("no steady state" in s for s in said) == 2
    assert all(r["latency_ci95_s"] != r["latency_ci95_s"] for r in result.summary_rows)


def test_overload_and_the_brink_of_it_are_known_before_the_run(tmp_path: Path) -> None:
    """Device 1.2, uplink 0.096: a warning of no steady state; at 0.95 one of small errors; at 0.5 none."""
    document = world(tmp_path)
    told = {}
    for rate in (12, 9.5, 5):
        document["workload"]["rate"] = f"{rate} /s"
        problems, told[rate] = check(load_scenario(document))
        assert problems == []
    assert told[12] == [
        "local: no steady state: its device is offered 1.20 times what it can do, so that latency grows with the run"
    ]
    (brink,) = told[9.5]
    assert brink.startswith("local: its device is offered 0.95 of what it can do: small errors")
    assert told[5] == []


@pytest.mark.parametrize("losses", [None, {"share": 0.05, "retransmit": False}])
def test_a_winner_has_its_condition(tmp_path: Path, losses: dict[str, Any] | None) -> None:
    """Edge is faster; where it loses one frame in twenty for good, 7 of 10 requests of 7 frames come through."""
    document = world(tmp_path)
    if losses:
        document["link"]["uplink"]["losses"] = losses
    said = sentences(simulator.run(document))
    assert any(s.startswith("edge uint8 wins on mean latency") for s in said) == (losses is None)
    assert any(s.startswith("edge uint8 is not compared (answers 7") for s in said) == (losses is not None)
