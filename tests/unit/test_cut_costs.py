"""Tables of layers and cuts: every number is that of the cards, sums are the whole, sizes are bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies import cut_costs as module
from simulator.studies.cut_costs import cut_costs

TIMES = {"one": "10 ms", "two": "20 ms", "three": "40 ms"}
SERVED = {"one": "1 ms", "two": "2 ms", "three": "4 ms"}
SIZES = {"one": 3000, "two": 200, "three": 8}
POLICIES = [
    {"kind": "local"},
    {"kind": "split", "at": "two"},
    {"kind": "edge", "encoding": "float32"},
    {"kind": "edge", "encoding": "uint8"},
]


def rows_of(world: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    tables = cut_costs(*prepare(load_scenario(world)))
    return {name: table.to_pylist() for name, table in tables.items()}


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Three layers; 1 Mbit/s up and down; 5 ms each way."""
    model = chain(tmp_path, SIZES, input_bytes=1000)
    link = {"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "propagation": "5 ms"}
    device, server = card(tmp_path, "device", "device", TIMES), card(tmp_path, "server", "server", SERVED)
    return scenario(model, device, server, link=link, policies=POLICIES)


def test_layers_have_the_times_of_their_cards(world: dict[str, Any]) -> None:
    """And behind each the bytes that cross; the input in its smallest encoding, nothing behind the output."""
    rows = rows_of(world)["layer_times"]
    assert [row["layer"] for row in rows] == ["input as uint8", "one", "two", "output"]
    assert [row["device_s"] for row in rows] == pytest.approx([0, 0.01, 0.02, 0.04])
    assert [row["edge_s"] for row in rows] == pytest.approx([0, 0.001, 0.002, 0.004])
    assert [row["cut_bytes"] for row in rows] == [250, 3000, 200, 0]
    assert [row["taken_by"] for row in rows] == ["edge float32, edge uint8", "", "split two", "local"]


def test_cuts_have_their_stages(world: dict[str, Any]) -> None:
    """Each encoding of the input that a policy knows; what is taken or not beaten; stages add up to the latency."""
    rows = {row["cut"]: row for row in rows_of(world)["cut_stages"]}
    # behind the first layer there is more to send than behind the second, but less to compute on the device
    assert list(rows) == ["input as float32", "input as uint8", "one", "two", "output"]
    two = rows["two"]
    assert two["device_s"] == pytest.approx(0.03)
    assert two["uplink_s"] == pytest.approx(200 * 8 / 1e6)
    assert two["edge_s"] == pytest.approx(0.004)
    assert two["downlink_s"] == pytest.approx(8 * 8 / 1e6)
    assert two["propagation_s"] == pytest.approx(0.01)
    for row in rows.values():
        stages = sum(row[f"{stage}_s"] for stage in (*module.STAGES, "propagation"))
        assert row["latency_s"] == pytest.approx(stages)
    assert [row["taken_by"] for row in rows.values()] == ["edge float32", "edge uint8", "", "split two", "local"]


def test_a_simulated_lone_request_takes_what_its_cut_says(world: dict[str, Any]) -> None:
    """No queues at one request in a second."""
    result = simulator.run(world)
    latency = dict(zip(result.summary["policy"], result.summary["latency_mean_s"], strict=True))
    for row in result.curves["cut_stages"].to_pylist():
        for policy in filter(None, row["taken_by"].split(", ")):
            assert latency[policy] == pytest.approx(row["latency_s"])


def test_three_tiers_have_both_cuts(world: dict[str, Any], tmp_path: Path) -> None:
    """The pair that a policy takes, and for each other first cut the second that is quickest."""
    cloud = card(tmp_path, "cloud", "server", {"one": "100 us", "two": "200 us", "three": "400 us"})
    link = {"uplink": {"rate": "1 Gbit/s"}, "downlink": {"rate": "1 Gbit/s"}, "propagation": "1 s"}
    world["cloud"] = {"server": cloud, "link": link}
    world["policies"] = [*POLICIES, {"kind": "split", "at": ["one", "two"], "name": "pair"}]
    rows = {row["cut"]: row for row in rows_of(world)["cut_stages"]}
    assert rows["one > two"]["taken_by"] == "pair"
    assert rows["one > two"]["cloud_s"] == pytest.approx(0.0004)
    assert rows["one > two"]["propagation_s"] == pytest.approx(2.01)
    # the way to the cloud is never worth its two seconds
    assert rows["one"]["cloud_s"] == 0.0
    assert [row["device_s"] for row in rows_of(world)["layer_times"]] == pytest.approx([0, 0.01, 0.02, 0.04])


def test_tables_are_bounded_and_lose_no_time(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more layers than there is room for, neighbours are added up; groups beyond the first dozen are left out."""
    monkeypatch.setattr(module, "_MOST_LAYERS", 3)
    rows = rows_of(world)["layer_times"]
    assert len(rows) == 3
    assert sum(row["device_s"] for row in rows) == pytest.approx(0.07)
    assert sum(row["edge_s"] for row in rows) == pytest.approx(0.007)
    world["fleet"] = [{"name": f"group{k}", "count": 1} for k in range(14)]
    groups = {row["group"] for row in rows_of(world)["cut_stages"]}
    assert groups == {f"group{k}" for k in range(12)}
