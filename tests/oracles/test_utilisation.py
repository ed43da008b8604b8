"""Utilisations worked out by hand: busy time of each station over its servers and the observed time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator


def utilisations(folder: Path, **changes: Any) -> list[float]:
    """Device, uplink and edge; whole model 500 ms on the device, after the head 40 ms on the server.

    The head takes 100 ms; its 1000 bytes, as many as the input's, need 80 ms up; the answer's 40 need 10 ms down.
    """
    model = chain(folder, {"head": 1000, "tail": 40}, input_bytes=4000)
    device = card(folder, "device", "device", {"head": "100 ms", "tail": "400 ms"})
    curve = {"fixed": "60 ms", "per_item": "40 ms"}
    server = card(folder, "server", "server", {"head": "10 ms", "tail": "40 ms"}, batching=curve)
    link = {"uplink": {"rate": "100 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    row = simulator.run(scenario(model, device, server, link=link) | changes).summary.iloc[0]
    return [float(row[f"utilisation_{station}"]) for station in ("device", "uplink", "edge")]


ONCE = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}
SPLIT = [{"kind": "split", "at": "head"}]


@pytest.mark.parametrize("workers", [1, 2])
def test_three_split_requests_one_second_apart(tmp_path: Path, workers: int) -> None:
    """The last of three answers is there after 2.24 s; with two workers the server is half as busy."""
    found = utilisations(tmp_path, policies=SPLIT, serving={"workers": workers})
    assert found == pytest.approx([0.3 / 2.24, 0.24 / 2.24, 0.12 / 2.24 / workers])


def test_a_batch_keeps_its_worker_busy_once(tmp_path: Path) -> None:
    """Two devices share a batch of 40 ms x 140 / 100: the answers are there after 0.256 s."""
    found = utilisations(tmp_path, policies=SPLIT, count=2, workload=ONCE, serving={"max_batch": 2})
    assert found == pytest.approx([0.1 / 0.256, 0.08 / 0.256, 0.056 / 0.256])


def test_finishing_on_the_device_keeps_it_busy(tmp_path: Path) -> None:
    """Three reach the edge after 85 ms, one starts, two turn back and compute 0.5 s from 90 ms on."""
    rules = {"queue_limit": 0, "when_full": "local"}
    edge = [{"kind": "edge", "encoding": "uint8"}]
    found = utilisations(tmp_path, policies=edge, count=3, workload=ONCE, serving=rules)
    assert found == pytest.approx([2 * 0.5 / (3 * 0.59), 0.08 / 0.59, 0.05 / 0.59])


def test_the_warm_up_does_not_count(tmp_path: Path) -> None:
    """Busy 0.5 s of every second; observed from 2.25 s to 3.5 s: 0.25 s and 0.5 s of 1.25 s."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 4}
    assert utilisations(tmp_path, workload=workload, statistics={"warmup": "2.25 s"})[0] == pytest.approx(0.6)


def test_the_warm_up_counts_for_no_station(tmp_path: Path) -> None:
    """Four inputs a second apart, each 80 ms on the uplink and 50 ms at the edge; observed from 2.04 s to 3.15 s."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 4}
    edge = [{"kind": "edge", "encoding": "uint8"}]
    found = utilisations(tmp_path, policies=edge, workload=workload, statistics={"warmup": "2.04 s"})
    assert found == pytest.approx([0, (0.04 + 0.08) / 1.11, 0.1 / 1.11])


def test_the_warm_up_does_not_count_for_what_is_finished_on_the_device(tmp_path: Path) -> None:
    """Twice, a second apart, two of three turn back and compute from 0.09 to 0.59 s; observed from 0.3 s to 1.59 s."""
    rules = {"queue_limit": 0, "when_full": "local"}
    edge = [{"kind": "edge", "encoding": "uint8"}]
    found = utilisations(
        tmp_path, policies=edge, count=3, workload=ONCE | {"requests": 2}, serving=rules, statistics={"warmup": "0.3 s"}
    )
    assert found == pytest.approx([2 * (0.29 + 0.5) / (3 * 1.29), 0.08 / 1.29, 0.05 / 1.29])
