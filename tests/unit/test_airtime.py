"""What the report says of shared media: LoRaWAN's frames and hours, the fill of a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator
from simulator.reports.airtime import cell_sentences, frame_sentences
from simulator.reports.run import sentences


def world(folder: Path, input_bytes: int, **changes: Any) -> dict[str, Any]:
    """A model whose raw input has so many bytes, answered in one byte."""
    model = chain(folder, {"whole": 4}, input_bytes=4 * input_bytes)
    device = card(folder, "device", "device", {"whole": "10 ms"})
    server = card(folder, "server", "server", {"whole": "100 ms"})
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}]
    return scenario(model, device, server, policies=policies, result_size="1 B") | changes


def test_a_picture_over_lora_is_told_in_frames_and_hours(tmp_path: Path) -> None:
    """44 770 bytes at SF7: 185 frames, 73.93 s on the air, 2 h 3 min under a duty cycle of 1 % (facts on LoRa)."""
    link = {"uplink": {"region": "EU868", "distance": "1 km"}}
    document = world(tmp_path, 44770, link=link)
    document["workload"] = {"arrivals": "periodic", "rate": "1 /h", "requests": 1}
    (said,) = frame_sentences(simulator.run(document))
    assert said.startswith("LoRa, edge uint8: a request takes 185 frames and 73.9 s on the air; its uplink takes ")
    # 73.93 s and 184 times 2.17 s of receive windows are not waiting: 7353.9 - 473.2 s are 114.7 min
    waits = "takes 2.04 h, of which it waits 115 min for the duty cycle and for others"
    assert said.endswith(f"{waits}. 0.0 % of the frames are lost.")


def test_a_result_without_lora_or_cells_says_nothing(tmp_path: Path) -> None:
    result = simulator.run(world(tmp_path, 1000))
    assert frame_sentences(result) == cell_sentences(result) == []


def link_of(cell: str | None, rate: str) -> dict[str, Any]:
    """A link whose downlink costs next to nothing."""
    return {"uplink": {"rate": rate}, "downlink": {"rate": "1000 Gbit/s"}} | ({"cell": cell} if cell else {})


@pytest.mark.parametrize("horizon", [None, "20 s"])
def test_the_fill_of_a_cell_is_airtime_over_time(tmp_path: Path, horizon: str | None) -> None:
    """Two devices send 1 Mbit every 10 s, at 2 and at 4 Mbit/s: 0.5 and 0.25 s of airtime each time.

    A third has a link of its own, and the last to be answered. Until 20 s each has sent twice.
    """
    fleet = [
        {"name": "slow", "count": 1, "link": link_of("hall", "2 Mbit/s")},
        {"name": "quick", "count": 1, "link": link_of("hall", "4 Mbit/s")},
        {"name": "apart", "count": 1, "link": link_of(None, "1 Mbit/s")},
    ]
    workload = {"arrivals": "periodic", "rate": "0.1 /s", "requests": 3}
    document = world(tmp_path, 125_000, fleet=fleet, workload=workload)
    if horizon:
        document["horizon"] = horizon
    result = simulator.run(document)
    share = 2 * 0.75 / 20 if horizon else 3 * 0.75 / result.requests["finish_s"].max()
    assert cell_sentences(result) == [f"Cell hall, edge uint8: {100 * share:.2g} % of the airtime is used."]


def test_a_run_that_outlasts_its_requests_says_so(tmp_path: Path) -> None:
    """Twenty pictures in two hours take forty: idle energy and utilisation are then those of the queue."""
    link = {"uplink": {"region": "EU868", "distance": "1 km"}}
    workload = {"arrivals": "periodic", "rate": "10 /h", "requests": 20}
    document = world(tmp_path, 44770, link=link, workload=workload)
    (caution,) = [text for text in simulator.run(document).manifest["cautions"] if "horizon" in text]
    assert caution.startswith("edge uint8: without a horizon the run goes on for 39.")
    ended = simulator.run(document | {"horizon": "3 h"}).manifest["cautions"]
    assert not [text for text in ended if "horizon" in text]


def test_a_policy_that_loses_most_requests_is_no_winner(tmp_path: Path) -> None:
    """A hundred frames of which one in twenty is lost for good: six requests in a thousand come through."""
    losses = {"share": 0.05, "retransmit": False}
    link = link_of(None, "100 Mbit/s")
    link["uplink"]["losses"] = losses
    document = world(tmp_path, 150_000, link=link)
    document["workload"] = {"arrivals": "periodic", "rate": "1 /s", "requests": 500}
    said = sentences(simulator.run(document))
    assert "edge uint8 is not compared (answers only 0.4 % of its requests)." in said


def test_answers_fill_a_cell_as_well(tmp_path: Path) -> None:
    """Every 10 s, 1 Mbit up at 2 Mbit/s and 1 Mbit down at 4: 0.75 s of airtime, three times in 30 s."""
    link = {"uplink": {"rate": "2 Mbit/s"}, "downlink": {"rate": "4 Mbit/s"}, "cell": "hall"}
    workload = {"arrivals": "periodic", "rate": "0.1 /s", "phase": "0 s", "requests": 3}
    document = world(tmp_path, 125_000, link=link, workload=workload, horizon="30 s", result_size="125 kB")
    assert cell_sentences(simulator.run(document)) == ["Cell hall, edge uint8: 7.5 % of the airtime is used."]
