"""Where a run gives no interval, and what it says instead: no half-width of 0 anywhere."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from worlds import card, chain, radio, scenario

import simulator
from simulator.reports.run import render
from simulator.studies.result import Result

#: the scenario of the README, on one replication
CAMERA: dict[str, Any] = {
    "name": "camera",
    "model": "resnet18",
    "device": "raspberry-pi-4",
    "server": "t4-tensorrt",
    "link": {
        "uplink": {"rate": "5.85 Mbit/s"},
        "downlink": {"rate": "12.74 Mbit/s"},
        "propagation": "20 ms",
        "radio": "lte",
    },
    "workload": {"arrivals": "poisson", "rate": "3 /s", "requests": 2000, "deadline": "300 ms"},
    "policies": [{"kind": "local"}, {"kind": "edge", "encoding": "jpeg"}, {"kind": "split", "at": "layer3"}],
    "statistics": {"replications": 1, "warmup": "10 s"},
}


def printed(result: Result) -> str:
    """What a console shows, as one line."""
    text = io.StringIO()
    Console(file=text, width=200).print(render(result))
    return " ".join(text.getvalue().split())


def half_widths(result: Result) -> list[float]:
    """Of all means and differences; NaN where there is no interval."""
    found = [row[name] for row in result.summary_rows for name in ("latency_ci95_s", "energy_ci95_j")]
    return found + [row["difference_ci95"] for row in result.difference_rows]


@pytest.fixture
def parts(tmp_path: Path) -> tuple[str, str, str, str]:
    """Model, device, server and radio of a small world without randomness."""
    model = chain(tmp_path, {"whole": 4})
    times = {"whole": "10 ms"}
    device = card(tmp_path, "device", "device", times)
    return model, device, card(tmp_path, "server", "server", times), radio(tmp_path)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_energy_of_one_replication_has_no_interval(seed: int) -> None:
    """Idle energy is shared equally; seeds differ by some percent, of which batches of one run see nothing."""
    result = simulator.run(CAMERA | {"seed": seed})
    assert all(math.isnan(row["energy_ci95_j"]) for row in result.summary_rows)
    assert all(row["latency_ci95_s"] > 0 for row in result.summary_rows)
    assert all(width != 0 for width in half_widths(result))
    text = printed(result)
    assert "no interval for mean energy: idle energy is shared equally" in text
    assert "± 0 " not in text
    assert "on mean energy" not in text or "without an interval no winner is named" in text


def test_five_replications_give_the_energy_an_interval() -> None:
    """They see how the time between requests varies: the four seeds of one replication lie about that far apart."""
    result = simulator.run(CAMERA | {"statistics": {"replications": 5, "warmup": "10 s"}})
    assert all(0.01 < row["energy_ci95_j"] < 0.1 for row in result.summary_rows)


@pytest.mark.parametrize("replications", [1, 5])
def test_losses_that_are_not_repeated_have_no_interval_where_nothing_varies(
    parts: tuple[str, str, str, str], replications: int
) -> None:
    """Requests without their input are dropped; the others all take the same time, which says nothing of chance."""
    model, device, server, radio_card = parts
    losses = {"share": 0.05, "retransmit": False}
    document = scenario(
        model,
        device,
        server,
        link={"uplink": {"rate": "8 Mbit/s", "losses": losses}, "downlink": {"rate": "8 Mbit/s"}, "radio": radio_card},
        workload={"arrivals": "periodic", "rate": "1 /s", "requests": 400},
        policies=[{"kind": "edge", "encoding": "uint8"}],
        statistics={"replications": replications},
    )
    result = simulator.run(document)
    assert result.summary_rows[0]["dropped"] > 0
    assert math.isnan(result.summary_rows[0]["latency_ci95_s"])
    assert "no interval for mean latency" in printed(result)
    assert all(width != 0 for width in half_widths(result))


def test_replications_that_are_equal_have_no_interval(parts: tuple[str, str, str, str]) -> None:
    """One periodic device over a constant link: five times the same, which is no proof of anything."""
    model, device, server, _ = parts
    document = scenario(model, device, server, statistics={"replications": 5})
    document["workload"]["requests"] = 400
    document["policies"].append({"kind": "edge", "encoding": "uint8"})
    result = simulator.run(document)
    assert all(math.isnan(width) for row in result.summary_rows for width in (row["latency_ci95_s"],))
    text = printed(result)
    assert "±" not in text.split("best of its column")[0]
    assert "no interval for mean latency" in text
    assert "it is the same for every request" in text


def test_equal_replications_of_different_requests_say_that_they_are_copies(
    parts: tuple[str, str, str, str], tmp_path: Path
) -> None:
    """Recorded arrivals, some close together: requests wait, and wait the same in every replication."""
    model, device, server, _ = parts
    file = tmp_path / "arrivals.csv"
    file.write_text("arrival_s\n" + "".join(f"{k + 0.004 * (k % 3)}\n{k + 0.015}\n" for k in range(200)))
    workload = {"arrivals": "recorded", "file": str(file)}
    result = simulator.run(scenario(model, device, server, workload=workload, statistics={"replications": 4}))
    (row,) = result.summary_rows
    assert math.isnan(row["latency_ci95_s"])
    assert result.requests["latency_s"].std() > 0.0005
    assert "all replications give the same value" in printed(result)
