"""Cells against queueing theory, through scenario files: processor sharing, and senders that never rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.special import stdtrit
from worlds import chain, scenario

import simulator

REPLICATIONS = 10


def free(folder: Path, role: str, workers: int) -> str:
    """Write a card that computes any model in no time worth counting."""

    def stated(value: Any) -> dict[str, Any]:
        return {"value": value, "source": "tests"}

    compute = {
        "kind": "roofline",
        "rates": {"default": stated("1e9 GMAC/s")},
        "bandwidth": stated("1e9 GB/s"),
        "overhead": stated("0 s"),
    }
    content = {"name": role, "title": role, "role": role, "precision": "float32", "compute": compute}
    content |= {"memory": stated("1 GB"), "idle_power": stated("1 W"), "active_power": stated("3 W")}
    path = folder / f"{role}.yaml"
    path.write_text(json.dumps(content | {"workers": stated(workers)}))
    return str(path)


def cell(folder: Path, sizes_kb: dict[str, int], **changes: Any) -> dict[str, Any]:
    """One group of devices for each size of message, all in one cell of 8 Mbit/s: 1 ms of airtime for each kB."""
    device, server = free(folder, "device", 1), free(folder, "server", 1000)
    fleet = [
        {"name": name, "count": 1, "model": chain(folder, {"whole": 4}, name=name, input_bytes=4000 * size)}
        for name, size in sizes_kb.items()
    ]
    link = {"uplink": {"rate": "8 Mbit/s"}, "downlink": {"rate": "8 Mbit/s"}, "cell": "hall"}
    edge = [{"kind": "edge", "encoding": "uint8"}]
    first = str(fleet[0]["model"])
    return scenario(first, device, server, link=link, fleet=fleet, policies=edge, result_size="0 B") | changes


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.3, 0.7])
@pytest.mark.parametrize(
    "shares", [{"all": (10, 1000)}, {"small": (5, 900), "large": (55, 100)}], ids=["one size", "two sizes"]
)
def test_many_rare_senders_are_an_m_g_1_queue_with_processor_sharing(
    tmp_path: Path, utilisation: float, shares: dict[str, tuple[int, int]]
) -> None:
    """E[T] = E[S] / (1 - rho) whatever the distribution of sizes, and x / (1 - rho) for a message of airtime x.

    1000 devices, so that a device's own two messages hardly ever meet; every mean within 4 standard errors from ten
    replications (Student t, 9 degrees of freedom: a right program fails one of the checks in about 300).
    """
    document = cell(tmp_path, {name: size for name, (size, _) in shares.items()})
    mean_s = sum(size * count for size, count in shares.values()) / 1000 * 1e-3
    for group, (_, count) in zip(document["fleet"], shares.values(), strict=True):
        group["count"] = count
    rate_each = utilisation / mean_s / 1000
    document |= {
        "workload": {"arrivals": "poisson", "rate": f"{rate_each} /s", "duration": "220 s"},
        "statistics": {"replications": REPLICATIONS, "warmup": "20 s"},
    }
    summary = simulator.run(document).summary
    for (size, _), (_, row) in zip(shares.values(), summary.iterrows(), strict=True):
        expected = size * 1e-3 / (1 - utilisation)
        error = row["latency_ci95_s"] / stdtrit(REPLICATIONS - 1, 0.975)
        assert error < 0.05 * expected, "too few requests to tell anything"
        assert abs(row["latency_mean_s"] - expected) <= 4 * error


@pytest.mark.parametrize("senders", [1, 2, 4, 8, 16])
def test_senders_that_never_rest_have_equal_parts_of_the_rate(tmp_path: Path, senders: int) -> None:
    """20 messages of 10 ms each wait at every device from the start: the last ends at n x 20 x 10 ms."""
    times = tmp_path / "times.csv"
    times.write_text("arrival_s\n" + "0\n" * 20)
    document = cell(tmp_path, {"chain": 10})
    document["fleet"][0]["count"] = senders
    document["workload"] = {"arrivals": "recorded", "file": str(times)}
    rows = simulator.run(document).requests
    assert rows["uplink_service_s"].to_numpy() == pytest.approx(senders * 0.01, abs=1e-9)
    assert rows.groupby("device")["finish_s"].max().to_numpy() == pytest.approx(senders * 0.2, abs=1e-9)
