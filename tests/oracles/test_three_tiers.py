"""Three tiers worked out by hand: two cuts, forwarding, packets, limits, exits, batches."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from worlds import card, chain, scenario, trace

import simulator
from simulator.errors import ScenarioError
from simulator.physics.packets import forwarded_bits, in_packets_bytes
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

NANO = 1e-9
ENGINES = pytest.mark.parametrize("engine", ["reference", "fast"])
ONE = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}


def world(folder: Path, at: Any = ("head", "middle"), **changes: Any) -> dict[str, Any]:
    """Three layers of 100, 200 and 400 ms on the device, a tenth at the edge, a hundredth in the cloud.

    1000 bytes cross after the head, 500 after the middle, 40 come back. Device to edge 100 kbit/s up, 32 kbit/s down,
    5 ms; edge to cloud 1 Mbit/s up, 320 kbit/s down, 20 ms.
    """
    model = chain(folder, {"head": 1000, "middle": 500, "tail": 40}, input_bytes=4000, heads=changes.pop("heads", None))
    head = {} if "early" not in str(changes.get("policies")) else {"early": "0 s"}

    def times(scale: float) -> dict[str, str]:
        return {"head": f"{100 * scale} ms", "middle": f"{200 * scale} ms", "tail": f"{400 * scale} ms", **head}

    batching = {"fixed": "10 ms", "per_item": "10 ms"}
    device = card(folder, "device", "device", times(1))
    server = card(folder, "server", "server", times(0.1))
    cloud = card(folder, "cloud", "server", times(0.01), batching=batching)
    link = {"uplink": {"rate": "100 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    backhaul = {"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "320 kbit/s"}, "propagation": "20 ms"}
    made = scenario(model, device, server, link=link, workload=ONE, policies=[{"kind": "split", "at": list(at)}])
    beyond = {"server": cloud, "link": backhaul} | changes.pop("cloud", {})
    return made | {"cloud": beyond} | changes


def run(document: dict[str, Any], engine: str = "auto") -> pd.DataFrame:
    return simulator.run(document, engine=engine).requests


@ENGINES
def test_a_request_with_two_cuts_passes_every_stage(tmp_path: Path, engine: str) -> None:
    """100 + 80 + 5 + 20 + (4000 bits) 4 + 20 + 4 + (320 bits) 1 + 20 + 10 + 5 ms: 269 ms."""
    row = run(world(tmp_path), engine).iloc[0]
    stages = ("device", "uplink", "edge", "backhaul_up", "cloud", "backhaul_down", "downlink")
    served = [row[f"{stage}_service_s"] for stage in stages]
    assert served == pytest.approx([0.1, 0.08, 0.02, 0.004, 0.004, 0.001, 0.01], abs=NANO)
    assert row["propagation_s"] == pytest.approx(0.05, abs=NANO)
    assert row["latency_s"] == pytest.approx(0.269, abs=NANO)
    assert row["partition"] == "head > middle"
    assert (row["bytes_up"], row["bytes_down"]) == (1000, 40)


@ENGINES
def test_the_edge_forwards_what_it_does_not_compute_with(tmp_path: Path, engine: str) -> None:
    """1000 bytes of input: 80 + 5 + 8 + 20 + 7 + 1 + 20 + 10 + 5 ms; the edge has no part in it."""
    policies = [{"kind": "cloud", "encoding": "uint8"}]
    row = run(world(tmp_path, policies=policies), engine).iloc[0]
    assert row["latency_s"] == pytest.approx(0.156, abs=NANO)
    assert (row["edge_service_s"], row["device_service_s"]) == (0, 0)
    assert row["cloud_service_s"] == pytest.approx(0.007, abs=NANO)


def test_without_the_cloud_nothing_lies_beyond_the_edge(tmp_path: Path) -> None:
    """One cut, or a second one behind the last layer, is what it is without a cloud."""
    document = world(tmp_path, at=("head", "output"))
    rows = run(document)
    plain = run(
        {key: value for key, value in document.items() if key != "cloud"}
        | {"policies": [{"kind": "split", "at": "head", "name": "split head and output"}]}
    )
    pd.testing.assert_frame_equal(rows[plain.columns], plain, check_categorical=False)
    beyond = [name for name in rows.columns if name not in plain.columns]
    assert len(beyond) == 6
    assert (rows[beyond] == 0).all(axis=None)


@ENGINES
def test_all_devices_share_the_link_to_the_cloud(tmp_path: Path, engine: str) -> None:
    """Two requests of 4 ms each reach it at once: the second waits 4 ms."""
    rows = run(world(tmp_path, count=2, serving={"workers": 2}), engine)
    assert rows["backhaul_up_wait_s"].tolist() == pytest.approx([0, 0.004], abs=NANO)
    assert rows["latency_s"].tolist() == pytest.approx([0.269, 0.273], abs=NANO)


@ENGINES
def test_the_link_to_the_cloud_follows_a_trace(tmp_path: Path, engine: str) -> None:
    """4000 bits from 205 ms on: 0.1 Mbit/s until 225 ms carry 2000 of them, 1 Mbit/s the others in 2 ms: 22 ms."""
    path = trace(tmp_path, [(0.0, 1e5), (0.225, 1e6), (100.0, 1e6)])
    link = {"uplink": {"trace": path, "start": "0 s"}, "downlink": {"rate": "320 kbit/s"}, "propagation": "20 ms"}
    row = run(world(tmp_path, cloud={"link": link}), engine).iloc[0]
    assert row["backhaul_up_service_s"] == pytest.approx(0.022, abs=NANO)


@ENGINES
def test_a_full_cloud_drops(tmp_path: Path, engine: str) -> None:
    """Two devices, one worker of 4 ms, no place to wait; the second reaches it 4 ms later, when it is free again."""
    rules = {"queue_limit": 0}
    fast = {"uplink": {"rate": "100 Mbit/s"}, "downlink": {"rate": "320 kbit/s"}, "propagation": "20 ms"}
    rows = run(world(tmp_path, count=2, serving={"workers": 2}, cloud={"serving": rules, "link": fast}), engine)
    assert rows["status"].tolist() == ["completed", "dropped"]
    assert rows["reason"].tolist() == ["", "cloud queue full"]
    rows = run(world(tmp_path, count=2, serving={"workers": 2}, cloud={"serving": rules}), engine)
    assert rows["status"].tolist() == ["completed", "completed"]


@ENGINES
def test_what_the_cloud_turns_back_is_finished_on_the_device(tmp_path: Path, engine: str) -> None:
    """It reaches the cloud at 225.08 ms, is back after 25 ms, and has middle and tail still to do: 600 ms."""
    fast = {"uplink": {"rate": "100 Mbit/s"}, "downlink": {"rate": "320 kbit/s"}, "propagation": "20 ms"}
    rules = {"queue_limit": 0, "when_full": "local"}
    document = world(tmp_path, count=2, serving={"workers": 2}, cloud={"serving": rules, "link": fast})
    row = run(document, engine).iloc[1]
    # both devices' features take 0.04 ms, one after the other
    assert row["latency_s"] == pytest.approx(0.22508 + 0.025 + 0.6, abs=NANO)
    assert row["reason"] == "cloud queue full, finished on the device"
    assert row["device_service_s"] == pytest.approx(0.7, abs=NANO)
    assert row["propagation_s"] == pytest.approx(0.05, abs=NANO)
    assert (row["cloud_service_s"], row["downlink_service_s"]) == (0, 0)
    assert row["edge_service_s"] == pytest.approx(0.02, abs=NANO)
    waits = [row[name] for name in rows_of_time(row)]
    assert sum(waits) == pytest.approx(row["latency_s"], abs=NANO)


def rows_of_time(row: pd.Series) -> list[str]:
    return [name for name in row.index if name.endswith(("_wait_s", "_service_s"))] + ["propagation_s"]


@ENGINES
def test_batches_in_the_cloud(tmp_path: Path, engine: str) -> None:
    """Two requests 4 ms apart, batches of two with a wait of 10 ms: both 4 ms x 30 / 20 after the second has come."""
    rules = {"max_batch": 2, "max_wait": "10 ms"}
    result = simulator.run(world(tmp_path, count=2, serving={"workers": 2}, cloud={"serving": rules}), engine=engine)
    rows = result.requests
    assert rows["cloud_wait_s"].tolist() == pytest.approx([0.004, 0], abs=NANO)
    assert rows["cloud_service_s"].tolist() == pytest.approx([0.006, 0.006], abs=NANO)
    ended = rows["finish_s"].max()
    row = result.summary.iloc[0]
    assert row["utilisation_cloud"] == pytest.approx(0.006 / ended)
    assert row["utilisation_backhaul_up"] == pytest.approx(0.008 / ended)
    assert row["utilisation_backhaul_down"] == pytest.approx(0.002 / ended)
    assert row["utilisation_edge"] == pytest.approx(2 * 0.02 / 2 / ended)


@ENGINES
@pytest.mark.parametrize(("layer", "stages"), [("head", "device"), ("middle", "edge"), ("tail", "cloud")])
def test_an_exit_ends_a_request_on_its_tier(tmp_path: Path, layer: str, stages: str, engine: str) -> None:
    """A sample that leaves after a layer is answered from the tier that computes it, with the exit's 4 bytes."""
    (tmp_path / "records.csv").write_text("# model: chain\nsample,entropy_1,correct_1,correct_final\n0,0.1,1,1\n")
    policies = [{"kind": "early_exit", "at": ["head", "middle"], "thresholds": [0.5]}]
    workload = ONE | {"samples": str(tmp_path / "records.csv")}
    document = world(tmp_path, heads={layer: "early"}, policies=policies, workload=workload)
    row = run(document, engine).iloc[0]
    device = 0.1
    edge = device + 0.08 + 0.005 + 0.02 + 0.001 + 0.005
    cloud = device + 0.08 + 0.005 + 0.02 + 0.004 + 0.02 + 0.004 + 0.0001 + 0.02 + 0.001 + 0.005
    assert row["latency_s"] == pytest.approx({"device": device, "edge": edge, "cloud": cloud}[stages], abs=NANO)
    assert row["exit"] == "early"
    assert row["correct"]


@pytest.mark.parametrize(("radio_bps", "backhaul_bps"), [(1e5, 1e6), (1e6, 1e5), (3e5, 3e5)])
@pytest.mark.parametrize("size", [400, 1000, 1001, 4000])
def test_forwarded_packets_take_the_pipeline_s_time(radio_bps: float, backhaul_bps: float, size: int) -> None:
    """Packet by packet: each hop takes one when it has come and the one before has left."""
    packet = 250
    whole = float(in_packets_bytes(np.array([float(size)]), packet)[0])
    count = round(whole / packet)
    assert count == -(-size // packet)
    radio_end = backhaul_end = 0.0
    for _ in range(count):
        radio_end += packet * 8 / radio_bps
        backhaul_end = max(backhaul_end, radio_end) + packet * 8 / backhaul_bps
    own = float(forwarded_bits(np.array([whole * 8]), packet * 8, backhaul_bps, radio_bps)[0])
    assert whole * 8 / radio_bps + own / backhaul_bps == pytest.approx(backhaul_end)


def test_a_message_of_less_than_a_packet_keeps_its_size() -> None:
    assert in_packets_bytes(np.array([0.0, 40.0, 1500.0, 1501.0]), 1500).tolist() == [0, 40, 1500, 3000]
    assert forwarded_bits(np.array([320.0]), 12_000, 1e5, 1e6).tolist() == [320]


@ENGINES
def test_packets_go_on_while_others_come(tmp_path: Path, engine: str) -> None:
    """1000 bytes of input in packets of 300: 1200 bytes, 96 ms; the edge has one left then: 2.4 ms at 1 Mbit/s.

    The answer of 40 bytes is one packet: 1 + 10 ms.
    """
    policies = [{"kind": "cloud", "encoding": "uint8"}]
    document = world(tmp_path, policies=policies)
    document["link"] = document["link"] | {"packets": {"mtu": "300 B"}}
    row = run(document, engine).iloc[0]
    assert row["latency_s"] == pytest.approx(0.096 + 0.0024 + 0.007 + 0.001 + 0.01 + 0.05, abs=NANO)
    assert row["bytes_up"] == 1200


def test_every_pair_costs_what_its_layers_cost(tmp_path: Path) -> None:
    """All ten pairs of four cuts, from the layers' times and sizes; the best is the least of them."""
    policies = [{"kind": "split", "best": "latency"}]
    _, (plan,) = prepare(load_scenario(world(tmp_path, policies=policies)))
    choice = plan.choices[0]
    size, device_s, names = [4000, 1000, 500, 0], [0.1, 0.2, 0.4], ["input", "head", "middle", "output"]
    expected = {}
    for a, b in itertools.combinations_with_replacement(range(4), 2):
        total = sum(device_s[:a]) + 0.1 * sum(device_s[a:b]) + 0.01 * sum(device_s[b:])
        if a < 3:
            total += size[a] * 8 / 1e5 + 40 * 8 / 32e3 + 0.01
        if b < 3:
            total += size[b if b > a else a] * 8 / 1e6 + 40 * 8 / 320e3 + 0.04
        expected[names[a] if b == 3 else f"{names[a]} > {names[b]}"] = total
    found = dict(zip(choice.table.names, choice.prediction.latency_s[:, 0].tolist(), strict=True))
    assert found == pytest.approx(expected)
    assert choice.table.names[choice.cut] == min(expected, key=lambda name: expected[name])


def test_offered_loads_of_all_tiers(tmp_path: Path) -> None:
    """Ten devices, one request a second each: 10 x 4 ms in the cloud, 10 x 4 ms on the way there, 10 x 20 ms before."""
    from simulator.inference.saturation import loads_of

    system, plans = prepare(load_scenario(world(tmp_path, count=10)))
    (loads,) = loads_of(system, plans).values()
    found = {station.station: station.load for station in loads}
    expected = {"device": 0.1, "uplink": 0.08, "edge": 0.2, "backhaul_up": 0.04, "cloud": 0.04, "backhaul_down": 0.01}
    assert found == pytest.approx(expected | {"downlink": 0.01})


def test_what_fits_nowhere_is_said(tmp_path: Path) -> None:
    """The edge has room for the middle layer, not for all layers; the cloud for none."""
    document = world(tmp_path)
    cloud = Path(document["cloud"]["server"])
    cloud.write_text(cloud.read_text().replace('"1 GB"', '"100 B"'))
    with pytest.raises(ScenarioError, match=r"cloud: chain on cloud: .* exceed 100 B of memory"):
        prepare(load_scenario(document))
