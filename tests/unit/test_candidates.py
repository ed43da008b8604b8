"""The planner's predictions against hand-worked radios, and against a simulated lone request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, radio, scenario

import simulator
from simulator.analysis.run import prepare
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
        ("0.5 /s", 0.1, 0.2, 1 + 0.9 * 0.5),  # quiet for 1.9 s: second stage
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
