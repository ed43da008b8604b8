"""The bound in a summary: beaten by nobody, met by who is alone and chooses well."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import simulator
from simulator import paths

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
from drawn import drawn

from simulator.errors import OffloadSimError

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

SHORT = ["statistics.replications=1", "statistics.warmup=0 s"]


@pytest.mark.parametrize("name", [name for name in paths.names("scenario") if name != "lora-sensor"])
def test_no_shipped_policy_beats_it(name: str) -> None:
    summary = simulator.run(name).summary
    assert (summary["latency_mean_s"] >= summary["latency_bound_s"] * (1 - 1e-12)).all()
    assert (summary["energy_mean_j"] >= summary["energy_bound_j"] * (1 - 1e-12)).all()
    assert (summary["latency_bound_s"] > 0).all()


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_no_policy_of_a_drawn_scenario_beats_it(first: int) -> None:
    """Losses, radios, cells, LoRaWAN, batches, limits, horizons and warm-ups."""
    seen = 0
    for number in range(first, first + 20):
        try:
            summary = simulator.run(drawn(number)).summary
        except OffloadSimError:
            continue
        known = summary["completed"] > 0
        latency, bound = summary["latency_mean_s"][known], summary["latency_bound_s"][known]
        # dropped requests and those in flight have no latency: the bound is that of the completed ones
        assert (latency >= bound * (1 - 1e-12)).all()
        assert (summary["energy_mean_j"] >= summary["energy_bound_j"] * (1 - 1e-12)).all()
        seen += 1
    assert seen > 10


def test_who_is_alone_and_takes_the_best_option_meets_it() -> None:
    """Requests of a constant link that never meet: the best cut by prediction is the best by foresight."""
    changes = [
        "link={uplink: {rate: 40 Mbit/s}, downlink: {rate: 40 Mbit/s}, propagation: 1 ms}",
        "workload={arrivals: periodic, rate: 1 /s, requests: 20}",
        "policies=[{kind: split, best: latency, encoding: jpeg}, {kind: local}]",
    ]
    summary = simulator.run("first", overrides=changes).summary.set_index("policy")
    best = summary.loc["best split (latency)"]
    assert best["latency_mean_s"] == pytest.approx(best["latency_bound_s"], rel=1e-9)
    assert summary.loc["local", "latency_mean_s"] > 1.1 * best["latency_bound_s"]


def test_it_knows_every_policy_s_model_and_encoding() -> None:
    """A lighter model of one policy lowers the bound of all; so does what only one of them may send."""
    plain, lighter = (
        simulator.run("first", overrides=[f"policies=[{{kind: local}}{more}]"]).summary["latency_bound_s"]
        for more in ("", ", {kind: local, model: mobilenet_v3_small}")
    )
    assert lighter.nunique() == 1
    assert lighter.iloc[0] < plain.iloc[0]


def test_a_sweep_does_not_ask_for_it(tmp_path: Path) -> None:
    found = simulator.sweep("first", over={"workload.rate": "1,2 /s"}, overrides=["workload.requests=5"])
    assert not any("bound" in column for column in found.columns)


def test_each_requests_own_channel_counts() -> None:
    """Over a link that changes the bound lies below what any fixed option has on average, even without queues."""
    changes = [*SHORT, "workload={arrivals: poisson, rate: 0.05 /s, requests: 200}"]
    changes += ["policies=[{kind: local}, {kind: edge, encoding: jpeg}]"]
    summary = simulator.run("quickstart", overrides=changes).summary
    assert np.all(summary["latency_bound_s"] < 0.98 * summary["latency_mean_s"].min())
