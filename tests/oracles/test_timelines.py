"""Timelines worked out by hand, to a nanosecond."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from worlds import card, chain, radio, scenario, trace

import simulator

NANO = 1e-9


def requests(document: dict[str, Any]) -> pd.DataFrame:
    return simulator.run(document).requests


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """Head 100 ms and tail 400 ms on the device, 10 and 40 ms on the server; 1000 bytes cross after the head."""
    model = chain(folder, {"head": 1000, "tail": 40}, input_bytes=4000)
    device = card(folder, "device", "device", {"head": "100 ms", "tail": "400 ms"})
    server = card(folder, "server", "server", {"head": "10 ms", "tail": "40 ms"})
    link = {"uplink": {"rate": "100 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    return scenario(model, device, server, link=link) | changes


def test_local_requests_queue_on_the_device(tmp_path: Path) -> None:
    """0.5 s of service at 4 requests a second: the k-th of three waits k * 0.25 s."""
    rows = requests(world(tmp_path, workload={"arrivals": "periodic", "phase": "0 s", "rate": "4 /s", "requests": 3}))
    assert rows["arrival_s"].tolist() == pytest.approx([0, 0.25, 0.5], abs=NANO)
    assert rows["device_wait_s"].tolist() == pytest.approx([0, 0.25, 0.5], abs=NANO)
    assert rows["finish_s"].tolist() == pytest.approx([0.5, 1.0, 1.5], abs=NANO)


def test_a_split_request_passes_every_stage(tmp_path: Path) -> None:
    """Head 100 ms, 8000 bits at 100 kbit/s 80 ms, 5 ms, tail 40 ms, 320 bits at 32 kbit/s 10 ms, 5 ms: 240 ms."""
    rows = requests(world(tmp_path, policies=[{"kind": "split", "at": "head"}]))
    first = rows.iloc[0]
    stages = ["device_service_s", "uplink_service_s", "edge_service_s", "downlink_service_s", "propagation_s"]
    assert first[stages].tolist() == pytest.approx([0.1, 0.08, 0.04, 0.01, 0.01], abs=NANO)
    assert first["latency_s"] == pytest.approx(0.24, abs=NANO)
    assert (first["bytes_up"], first["bytes_down"]) == (1000, 40)


def test_sending_the_encoded_input_skips_the_device(tmp_path: Path) -> None:
    """1000 bytes of uint8 input take 80 ms, then 5 + 50 + 10 + 5 ms: 150 ms."""
    rows = requests(world(tmp_path, policies=[{"kind": "edge", "encoding": "uint8"}]))
    assert rows["latency_s"].tolist() == pytest.approx([0.15] * 3, abs=NANO)
    assert rows["device_service_s"].tolist() == [0.0] * 3


def test_two_devices_share_one_server_in_order_of_device(tmp_path: Path) -> None:
    """Equal devices tie at the server; the lower number goes first, the other waits one service of 50 ms."""
    document = world(tmp_path, policies=[{"kind": "edge", "encoding": "uint8"}], count=2)
    rows = requests(document | {"workload": {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}})
    assert rows["edge_wait_s"].tolist() == pytest.approx([0, 0.05], abs=NANO)
    assert rows["latency_s"].tolist() == pytest.approx([0.15, 0.20], abs=NANO)


def test_each_group_has_its_own_device_and_link(tmp_path: Path) -> None:
    """On the device 0.5 s, 0.25 s on the faster one; over the link 0.15 s, over the other 40 + 1 + 50 + 10 + 1 ms."""
    other = {"uplink": {"rate": "200 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "1 ms"}
    faster = card(tmp_path, "faster", "device", {"head": "50 ms", "tail": "200 ms"})
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}
    fleet = [{"name": "plain", "count": 1}, {"name": "other", "count": 1, "device": faster, "link": other}]
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}]
    serving = {"workers": 2}
    rows = requests(world(tmp_path, workload=workload, fleet=fleet, policies=policies, serving=serving))
    assert rows["group"].tolist() == ["plain", "other"] * 2
    assert rows["latency_s"].tolist() == pytest.approx([0.5, 0.25, 0.15, 0.102], abs=NANO)


def test_two_workers_serve_two_devices_at_once(tmp_path: Path) -> None:
    """With two workers nobody waits."""
    document = world(tmp_path, policies=[{"kind": "edge", "encoding": "uint8"}], count=2)
    document["server"] = card(tmp_path, "server", "server", {"head": "10 ms", "tail": "40 ms"}, workers=2)
    rows = requests(document | {"workload": {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}})
    assert rows["edge_wait_s"].tolist() == pytest.approx([0, 0], abs=NANO)


def test_an_outage_delays_a_transfer_by_its_length_and_the_trace_wraps(tmp_path: Path) -> None:
    """100 kbit/s for 50 ms, nothing for 100 ms, 100 kbit/s for 50 ms: 8000 bits need 80 ms of rate.

    Request 0 sends from 0: 50 ms, outage, 30 ms: ends at 0.18 s. Request 1 sends from 0.19 s: 10 ms, then the trace
    wraps and gives 50 ms, an outage and 20 ms: ends at 0.37 s.
    """
    path = trace(tmp_path, [(0.0, 100e3), (0.05, 0.0), (0.1, 0.0), (0.15, 100e3)])
    link = {"uplink": {"trace": path, "start": "0 s"}, "downlink": {"rate": "32 kbit/s"}}
    times = tmp_path / "arrivals.csv"
    times.write_text("arrival_s\n0\n0.19\n")
    workload = {"arrivals": "recorded", "file": str(times)}
    rows = requests(world(tmp_path, link=link, workload=workload, policies=[{"kind": "edge", "encoding": "uint8"}]))
    assert rows["uplink_service_s"].tolist() == pytest.approx([0.18, 0.18], abs=NANO)


def test_an_exit_on_the_device_sends_nothing_and_its_head_costs_when_not_taken(tmp_path: Path) -> None:
    """Head 100 ms and exit 20 ms; a sure sample is done after 120 ms, an unsure one goes on over the link."""
    times = {"head": "100 ms", "exit_1": "20 ms", "tail": "400 ms"}
    for entropy, expected in ((0.1, 0.12), (0.9, 0.12 + 0.08 + 0.005 + 0.04 + 0.01 + 0.005)):
        records = tmp_path / "samples.csv"
        records.write_text(f"# model: chain\nsample,entropy_1,correct_1,correct_final\n0,{entropy},0,1\n")
        document = world(tmp_path)
        chain(tmp_path, {"head": 1000, "tail": 40}, input_bytes=4000, heads={"head": "exit_1"})
        card(tmp_path, "device", "device", times)
        card(tmp_path, "server", "server", {"head": "10 ms", "exit_1": "2 ms", "tail": "40 ms"})
        document["workload"] |= {"samples": str(records)}
        document["policies"] = [{"kind": "early_exit", "thresholds": [0.5], "at": "head"}]
        rows = requests(document)
        assert rows["latency_s"].tolist() == pytest.approx([expected] * 3, abs=NANO)
        assert rows["correct"].tolist() == [entropy > 0.5] * 3


def test_without_exits_the_final_output_is_judged(tmp_path: Path) -> None:
    """The exit of every sample is wrong, its final output right: right when all of the model runs."""
    records = tmp_path / "samples.csv"
    records.write_text("# model: chain\nsample,entropy_1,correct_1,correct_final\n0,0.1,0,1\n1,0.9,0,1\n")
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 4, "samples": str(records)}
    assert requests(world(tmp_path, workload=workload))["correct"].tolist() == [True] * 4


def test_requests_beyond_the_horizon_are_censored(tmp_path: Path) -> None:
    """0.5 s of service at 4 a second until 1.2 s: two are finished, the third is being computed."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "4 /s", "requests": 3}
    rows = requests(world(tmp_path, workload=workload, horizon="1.2 s"))
    assert rows["status"].tolist() == ["completed", "completed", "censored"]
    assert rows["finish_s"].isna().tolist() == [False, False, True]


def test_who_would_arrive_after_the_horizon_is_no_request(tmp_path: Path) -> None:
    """4 a second until 1.2 s: five arrive, at 0 to 1 s; nobody is charged with later ones, who miss no deadline."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "4 /s", "requests": 100, "deadline": "10 s"}
    result = simulator.run(world(tmp_path, workload=workload, horizon="1.2 s"))
    assert result.requests["arrival_s"].tolist() == [0, 0.25, 0.5, 0.75, 1.0]
    assert result.summary.loc[0, ["requests", "completed", "censored"]].tolist() == [5, 2, 3]
    assert result.summary.loc[0, "deadline_miss_ratio"] == pytest.approx(3 / 5)


def test_an_answer_at_the_very_deadline_is_in_time(tmp_path: Path) -> None:
    """0.5 s of service at 4 a second, deadline 0.5 s: the first is just in time, those that wait are not."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "4 /s", "requests": 3, "deadline": "0.5 s"}
    assert requests(world(tmp_path, workload=workload))["deadline_met"].tolist() == [True, False, False]


@pytest.mark.parametrize("when_full", ["drop", "local"])
def test_who_finds_the_queue_full_gets_no_answer_from_the_server(tmp_path: Path, when_full: str) -> None:
    """Three send 1000 bytes each and reach the edge together: one starts, one may wait, the third receives nothing."""
    rows = requests(
        world(
            tmp_path,
            count=3,
            serving={"queue_limit": 1, "when_full": when_full},
            policies=[{"kind": "edge", "encoding": "uint8"}],
            workload={"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1},
        )
    )
    assert rows["bytes_up"].tolist() == [1000, 1000, 1000]
    assert rows["bytes_down"].tolist() == [40, 40, 0]


def test_energy_of_a_split_request_is_power_times_time(tmp_path: Path) -> None:
    """0.24 s: 0.1 s at 3 W, 0.14 s at 1 W; radio 2 W for 0.09 s, 8000 x 100 nJ, 320 x 50 nJ, else 0.5 W."""
    document = world(tmp_path, policies=[{"kind": "split", "at": "head"}])
    document["link"] |= {"radio": radio(tmp_path)}
    document["workload"] = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}
    row = requests(document).iloc[0]
    assert row["energy_compute_j"] == pytest.approx(0.3, abs=NANO)
    assert row["energy_radio_j"] == pytest.approx(2 * 0.09 + 8000 * 100e-9 + 320 * 50e-9, abs=NANO)
    assert row["energy_idle_j"] == pytest.approx(0.14 * 1 + 0.15 * 0.5, abs=NANO)
    parts = row[["energy_compute_j", "energy_radio_j", "energy_idle_j"]].sum()
    assert row["energy_j"] == pytest.approx(parts, abs=NANO)


def test_who_turns_back_waits_from_when_the_device_knows(tmp_path: Path) -> None:
    """Three reach the edge after 85 ms, two learn at 90 ms that it is full and start at once, for 0.5 s each."""
    rows = requests(
        world(
            tmp_path,
            count=3,
            serving={"queue_limit": 0, "when_full": "local"},
            policies=[{"kind": "edge", "encoding": "uint8"}],
            workload={"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1},
        )
    )
    assert rows["device_wait_s"].tolist() == pytest.approx([0, 0, 0], abs=NANO)
    assert rows["device_service_s"].tolist() == pytest.approx([0, 0.5, 0.5], abs=NANO)
    assert rows["finish_s"].tolist() == pytest.approx([0.15, 0.59, 0.59], abs=NANO)


def test_idle_energy_is_shared_by_the_requests_of_its_own_device(tmp_path: Path) -> None:
    """10 s at 1 W but for 0.5 s a request: 8.5 J over three requests of one device, 9.5 J for the one of the other."""
    times = tmp_path / "times.csv"
    times.write_text("arrival_s,device\n0,0\n1,0\n2,0\n3,1\n")
    rows = requests(world(tmp_path, count=2, workload={"arrivals": "recorded", "file": str(times)}, horizon="10 s"))
    assert rows["energy_idle_j"].tolist() == pytest.approx([8.5 / 3] * 3 + [9.5], abs=NANO)
