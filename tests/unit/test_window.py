"""Which requests count: what a warm-up and the end of the first device leave out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.special import stdtrit
from worlds import card, chain, scenario

import simulator
from simulator.accounts.window import Window, first_run_out_s
from simulator.cli import cli
from simulator.errors import ScenarioError
from simulator.scenario.schema import Workload as WorkloadSpec
from simulator.workload import Source, draw

PERIODIC = {"arrivals": "periodic", "rate": "1 /s"}


def run_out_s(*groups: dict[str, Any], horizon_s: float = math.inf) -> float:
    """When the first device has run out, of groups of two devices each."""
    sources = [
        Source(WorkloadSpec.model_validate(spec), range(2 * g, 2 * g + 2), 0, None, None, None, horizon_s)
        for g, spec in enumerate(groups)
    ]
    return first_run_out_s(sources, draw(sources, 1, 0))


def test_devices_that_end_together_have_no_cool_down() -> None:
    """The same duration, or the same number at the same instants: nothing arrives after the first has run out."""
    assert run_out_s(PERIODIC | {"duration": "20 s"}) == math.inf
    assert run_out_s({"arrivals": "poisson", "rate": "3 /s", "duration": "20 s"}) == math.inf


def test_a_number_of_requests_ends_with_the_last_of_them() -> None:
    """20 Poisson requests of each device: the earlier of the two last arrivals."""
    spec = WorkloadSpec.model_validate({"arrivals": "poisson", "rate": "3 /s", "requests": 20})
    sources = [Source(spec, range(2), 0, None, None, None)]
    workload = draw(sources, 1, 0)
    last = [workload.arrival_s[workload.device == device].max() for device in (0, 1)]
    assert first_run_out_s(sources, workload) == min(last)
    one = [Source(spec, range(1), 0, None, None, None)]
    assert first_run_out_s(one, draw(one, 1, 0)) == math.inf


def test_the_shorter_of_two_durations_ends_the_window() -> None:
    """One group stops at 10 s, the other goes on alone; with a number of requests it is the same."""
    long = PERIODIC | {"duration": "20 s"}
    assert run_out_s(long, PERIODIC | {"duration": "10 s"}) == 10.0
    assert 2.0 <= run_out_s(long, PERIODIC | {"rate": "2 /s", "requests": 5}) < 2.5


def test_a_horizon_cuts_nothing_by_itself() -> None:
    """Who is cut off by the end of the observation has not run out."""
    assert run_out_s({"arrivals": "poisson", "rate": "3 /s", "requests": 2000}, horizon_s=5.0) == math.inf


def test_a_recording_that_ends_is_what_happened(tmp_path: Path) -> None:
    """A device that falls silent in it is no cool-down; one that is cut off by ``requests`` is."""
    file = tmp_path / "arrivals.csv"
    file.write_text(
        "arrival_s,device\n" + "".join(f"{k},0\n" for k in range(3)) + "".join(f"{k},1\n" for k in range(9))
    )
    recorded = {"arrivals": "recorded", "file": str(file)}
    assert run_out_s(recorded) == math.inf
    assert run_out_s(recorded | {"requests": 3}) == math.inf
    assert run_out_s(recorded | {"requests": 6}) == math.inf
    assert run_out_s(recorded | {"duration": "5 s"}) == math.inf
    assert 4.0 <= run_out_s(recorded, PERIODIC | {"requests": 5}) < 5.0


def test_both_ends_of_a_window_count() -> None:
    """From the end of the warm-up to the last request of the first device, in its own replication."""
    window = Window.of(1.0, (3.0, math.inf))
    arrival, replication = np.array([0.0, 1.0, 3.0, 4.0, 1.0, 9.0]), np.array([0.0, 0, 0, 0, 1, 1])
    assert window.holds(arrival, replication).tolist() == [False, True, True, False, True, True]
    assert Window.of(1.0, (math.inf, math.inf)) == Window(1.0)


def fleet(folder: Path, **changes: Any) -> dict[str, Any]:
    """A hundred devices that send 50 bytes at once to a server that takes 10 ms."""
    model = chain(folder, {"whole": 4}, input_bytes=200)
    device = card(folder, "device", "device", {"whole": "10 ms"})
    server = card(folder, "server", "server", {"whole": "10 ms"})
    link = {"uplink": {"rate": "100 Gbit/s"}, "downlink": {"rate": "100 Gbit/s"}}
    workload = {"arrivals": "poisson", "rate": "0.9 /s", "requests": 20}
    policies = [{"kind": "edge", "encoding": "uint8"}]
    return scenario(model, device, server, count=100, link=link, workload=workload, policies=policies) | changes


@pytest.mark.slow
def test_the_mean_of_a_fleet_is_that_of_its_full_load(tmp_path: Path) -> None:
    """M/D/1 at load 0.9, mean 10 + 0.9 x 10 / (2 x 0.1) = 55 ms, within 4 standard errors (false alarm: 1 in 8000).

    Devices run out one after another, and with the requests of those that are left the mean is below 45 ms.
    """
    document = fleet(tmp_path, statistics={"replications": 100, "warmup": "4 s"})
    result = simulator.run(document)
    (row,) = result.summary_rows
    assert not row["latency_ci95_is_at_least"]
    error = row["latency_ci95_s"] / stdtrit(99, 0.975)
    assert error < 0.04 * 0.055
    assert abs(row["latency_mean_s"] - 0.055) <= 4 * error
    assert row["utilisation_edge"] == pytest.approx(0.9, abs=0.02)
    assert row["throughput_rps"] == pytest.approx(90, rel=0.03)
    everything = result.requests
    assert len(everything) == 100 * 2000
    assert everything["latency_s"].mean() < 0.045
    left_out = result.manifest["left_out"]
    assert row["requests"] + left_out["warmup"] + left_out["cool_down"] == 100 * 2000


def test_without_a_warm_up_the_report_says_that_it_is_too_short(tmp_path: Path) -> None:
    """One replication of that fleet is a few independent requests; its interval is a lower bound."""
    result = simulator.run(fleet(tmp_path))
    assert result.summary_rows[0]["latency_ci95_is_at_least"]
    assert any("edge server is busy 90 % of the time" in caution for caution in result.manifest["cautions"])


def test_a_stored_result_keeps_its_window(tmp_path: Path) -> None:
    """Figures of a result that was read back show what its summary is about."""
    simulator.run(fleet(tmp_path), output_dir=tmp_path / "out")
    result = simulator.load_result(tmp_path / "out")
    assert len(result.window.until_s) == 1
    points = result.plot.latency_parts()
    assert points is not None
    kept = result.requests[result.requests["arrival_s"] <= result.window.until_s[0]]
    assert len(kept) == result.summary_rows[0]["requests"] < 2000


@pytest.mark.parametrize(
    ("workload", "warmup", "message"),
    [
        (PERIODIC | {"requests": 30}, "30 s", "the warm-up of 30.0 s outlasts the run: "),
        (PERIODIC | {"duration": "1 min"}, "2 min", "the warm-up of 120 s outlasts the run: the last request"),
        (
            {"arrivals": "poisson", "rate": "3 /s", "requests": 9},
            "20 s",
            "outlasts the run: the first device issues its last request at",
        ),
    ],
)
def test_a_warm_up_that_outlasts_the_run_is_refused(
    tmp_path: Path, workload: dict[str, Any], warmup: str, message: str
) -> None:
    """By check and by run, at its place, with the instant that it must not pass."""
    document = fleet(tmp_path, workload=workload, statistics={"warmup": warmup})
    with pytest.raises(ScenarioError, match=message):
        simulator.run(document)
    (problem,) = simulator.check(document)
    assert message in problem.message
    assert problem.path == ("statistics", "warmup")


def test_the_commands_end_with_2_and_name_the_line(tmp_path: Path) -> None:
    """Nothing is written, and the sweep says it of the point."""
    file = tmp_path / "short.yaml"
    text = "name: short\nmodel: mobilenet_v2\ndevice: raspberry-pi-4\nserver: t4-tensorrt\n"
    text += 'link: {uplink: {rate: "5 Mbit/s"}, downlink: {rate: "5 Mbit/s"}}\n'
    text += "workload: {arrivals: poisson, rate: 1 /s, requests: 20}\npolicies: [{kind: local}]\n"
    text += "statistics:\n  warmup: 10 min\n"
    file.write_text(text)
    for arguments in (["check"], ["run", "-o", str(tmp_path / "out")]):
        done = CliRunner().invoke(cli, [*arguments, str(file)])
        assert done.exit_code == 2
        assert "short.yaml:9:" in done.stderr
        assert "outlasts the run" in done.stderr
    assert not (tmp_path / "out").exists()
