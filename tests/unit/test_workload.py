"""Drawing requests: streams are named, so that nothing changes what others see."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.errors import ScenarioError
from simulator.scenario.load import load_scenario
from simulator.scenario.schema import Workload as WorkloadSpec
from simulator.workload import Source, Workload, draw, stream


def source(devices: range = range(1), samples: int = 0, base: Path | None = None, **spec: Any) -> Source:
    fields = {"arrivals": "poisson", "rate": "10 /s", "requests": 100} | spec
    given = {key: value for key, value in fields.items() if value is not None}
    return Source(WorkloadSpec.model_validate(given), devices, samples, None, None, base)


def test_periodic_arrivals_stand_at_multiples_of_the_period() -> None:
    drawn = draw([source(arrivals="periodic", phase="0 s", rate="4 /s", requests=5)], 1, 0)
    assert drawn.arrival_s.tolist() == [0, 0.25, 0.5, 0.75, 1.0]


def test_a_duration_ends_before_its_last_instant() -> None:
    """4 a second for 1 s: 0 to 0.75, not 1."""
    drawn = draw([source(arrivals="periodic", phase="0 s", rate="4 /s", requests=None, duration="1 s")], 1, 0)
    assert drawn.arrival_s.tolist() == [0, 0.25, 0.5, 0.75]


def test_jitter_moves_each_arrival_by_less_than_its_bound_and_keeps_order() -> None:
    drawn = draw([source(arrivals="periodic", phase="0 s", rate="10 /s", requests=1000, jitter="50 ms")], 1, 0)
    moved = drawn.arrival_s - np.arange(1000) / 10
    assert moved.min() >= 0
    assert moved.max() < 0.05
    assert moved.std() == pytest.approx(0.05 / math.sqrt(12), rel=0.1)


def phases(devices: int, replication: int = 0, **spec: Any) -> np.ndarray:
    """First arrival of each of some periodic devices."""
    drawn = draw([source(range(devices), arrivals="periodic", **{"rate": "4 /s"} | spec)], 1, replication)
    return np.array([drawn.arrival_s[drawn.device == device].min() for device in range(devices)])


def test_phases_are_uniform_over_a_period() -> None:
    """2000 devices of 250 ms; Kolmogorov-Smirnov at 1.95 / sqrt(n), which a right one exceeds once in 1000 seeds."""
    found = np.sort(phases(2000) / 0.25)
    assert ((found >= 0) & (found < 1)).all()
    assert np.abs(found - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / math.sqrt(2000)


def test_every_device_and_replication_has_a_phase_of_its_own() -> None:
    """Another device changes no phase, and a later arrival of a device is a whole number of periods later."""
    few, many = phases(3), phases(5)
    assert few.tolist() == many[:3].tolist()
    assert len({*many, *phases(5, replication=1)}) == 10
    drawn = draw([source(arrivals="periodic", rate="4 /s", requests=5)], 1, 0)
    assert np.diff(drawn.arrival_s) == pytest.approx([0.25] * 4)


def test_a_phase_that_is_given_is_that_of_all_devices_in_all_replications() -> None:
    for replication in (0, 1):
        assert phases(3, replication, phase="100 ms").tolist() == [0.1] * 3


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 50.0), st.integers(0, 1000))
def test_a_duration_holds_as_many_periodic_arrivals_as_its_rate_says(rate: float, periods: float, seed: int) -> None:
    """Within one of rate times duration, whatever the phase, all of them before the end."""
    duration_s = periods / rate
    spec = {"arrivals": "periodic", "rate": f"{rate!r} /s", "requests": None, "duration": f"{duration_s!r} s"}
    beside = source(requests=1)  # somebody always arrives
    drawn = draw([beside, source(range(1, 2), **spec)], seed, 0)
    times = drawn.arrival_s[drawn.device == 1]
    assert math.floor(periods * (1 - 1e-9)) <= times.size <= math.ceil(periods)
    assert (times < duration_s).all()


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ({"phase": "250 ms"}, "a phase of 250 ms is no part of a period of 250 ms"),
        ({"phase": "-1 ms"}, "zero or more"),
        ({"arrivals": "poisson", "phase": "0 s"}, "poisson arrivals have no phase"),
    ],
)
def test_a_phase_lies_within_the_period_of_periodic_arrivals(workload: dict[str, str], message: str) -> None:
    given = {"arrivals": "periodic", "rate": "4 /s", "requests": 2} | workload
    problems = simulator.check(scenario("resnet50", "raspberry-pi-4", "t4-triton", workload=given))
    assert [problem.path for problem in problems] == [("workload", "phase")]
    assert message in problems[0].message


def test_cameras_out_of_step_do_not_wait_for_each_other() -> None:
    """50 cameras in one cell of 200 Mbit/s, 5 pictures a second each: all wait for all where they are in step.

    Airtime of a picture of 44.77 kB and an answer of 4 kB is 1.951 ms, so that the last of 50 in step has its picture
    through after 50 x 1.79 = 89.5 ms. Offered are 250 x 1.951 ms = 49 % of the airtime: M/D/1 would wait 0.9 ms, and
    spread phases less than that, so that the mean stays below 2 x 2 ms of propagation, 2 x 1.951 ms in the cell, the
    5 ms of `max_wait` and the largest batch that gathers in 5 ms.
    """
    link = {"uplink": {"rate": "200 Mbit/s"}, "downlink": {"rate": "200 Mbit/s"}, "propagation": "2 ms", "cell": "hall"}
    document = scenario(
        "resnet50",
        "raspberry-pi-4",
        "t4-triton",
        count=50,
        link=link,
        serving={"max_batch": 16, "max_wait": "5 ms"},
        workload={"arrivals": "periodic", "rate": "5 fps", "duration": "20 s", "deadline": "100 ms"},
        policies=[{"kind": "edge", "encoding": "jpeg"}],
        statistics={"replications": 3},
    )
    apart = simulator.run(document).summary.iloc[0]
    in_step = simulator.run(document, overrides=["workload.phase=0 s"]).summary.iloc[0]
    assert (apart["deadline_miss_ratio"], in_step["deadline_miss_ratio"]) == (0.0, 1.0)
    assert apart["latency_mean_s"] < 0.020
    assert in_step["latency_mean_s"] > 0.0895


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() -> None:
    """10 a second: mean 0.1 s within 4 standard errors, coefficient of variation 1 within 4 % (10 000 gaps)."""
    gaps = np.diff(draw([source(requests=10_001)], 3, 0).arrival_s)
    assert abs(gaps.mean() - 0.1) < 4 * 0.1 / math.sqrt(10_000)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.04)


def test_a_poisson_duration_has_as_many_requests_as_its_rate_says() -> None:
    """1000 s at 10 a second: 10 000 within 4 standard deviations (100), none at or after the end."""
    drawn = draw([source(requests=None, duration="1000 s")], 5, 0)
    assert abs(drawn.size - 10_000) < 400
    assert drawn.arrival_s.max() < 1000


def test_requests_are_numbered_by_arrival_then_device() -> None:
    drawn = draw([source(range(3), arrivals="periodic", phase="0 s", requests=2)], 1, 0)
    assert drawn.device.tolist() == [0, 1, 2, 0, 1, 2]


def same(one: Workload, other: Workload) -> bool:
    return one.arrival_s.tobytes() == other.arrival_s.tobytes() and one.sample.tobytes() == other.sample.tobytes()


def test_the_seed_and_the_replication_decide_everything() -> None:
    sources = [source(range(2), samples=7)]
    assert same(draw(sources, 1, 0), draw(sources, 1, 0))
    assert not same(draw(sources, 1, 0), draw(sources, 2, 0))
    assert not same(draw(sources, 1, 0), draw(sources, 1, 1))


def test_another_device_changes_nobody_elses_requests() -> None:
    few, many = draw([source(range(2), samples=7)], 1, 0), draw([source(range(3), samples=7)], 1, 0)
    mine = many.device < 2
    assert few.arrival_s.tolist() == many.arrival_s[mine].tolist()
    assert few.sample.tolist() == many.sample[mine].tolist()


def test_streams_of_different_purpose_differ() -> None:
    first = {name: stream(1, 0, name, 0).random() for name in ("arrivals", "samples", "device time", "edge time")}
    assert len(set(first.values())) == 4


def test_recorded_arrivals_are_taken_as_they_are_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("# mine\narrival_s,device\n0.5,1\n0.25,0\n0.125,1\n")
    spec = {"arrivals": "recorded", "rate": None, "requests": None, "file": str(tmp_path / "times.csv")}
    drawn = draw([source(range(2), base=tmp_path, **spec)], 1, 0)
    assert drawn.arrival_s.tolist() == [0.125, 0.25, 0.5]
    assert drawn.device.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "content", ["", "time\n1\n", "arrival_s\nx\n", "arrival_s\n-1\n", "arrival_s\nnan\n", "arrival_s,device\n1,2\n"]
)
def test_a_recording_that_cannot_be_meant_is_refused_with_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "times.csv").write_text(content)
    spec = {"arrivals": "recorded", "rate": None, "requests": None, "file": str(tmp_path / "times.csv")}
    with pytest.raises(ScenarioError, match=r"times\.csv"):
        draw([source(range(2), base=tmp_path, **spec)], 1, 0)


def test_no_requests_at_all_is_an_error() -> None:
    with pytest.raises(ScenarioError, match="no request arrives"):
        draw([source(requests=None, rate="1 /h", duration="1 ms")], 1, 0)


@pytest.mark.parametrize("arrivals", ["periodic", "poisson"])
def test_a_horizon_leaves_earlier_requests_as_they_are(arrivals: str) -> None:
    """What is drawn until the horizon is the beginning of what is drawn without one; an arrival at it is in."""
    whole = draw([source(range(2), samples=50, arrivals=arrivals)], 1, 0)
    horizon_s = float(whole.arrival_s[60])
    short = draw([replace(source(range(2), samples=50, arrivals=arrivals), horizon_s=horizon_s)], 1, 0)
    kept = int((whole.arrival_s <= horizon_s).sum())
    assert short.size == kept < whole.size
    for name in ("arrival_s", "device", "sample", "device_factor", "edge_factor"):
        assert np.array_equal(getattr(short, name), getattr(whole, name)[:kept])


@pytest.mark.parametrize("how", [simulator.check, simulator.run])
def test_a_scenario_without_requests_is_told_where_its_workload_stands(
    tmp_path: Path, how: Callable[[Any], Any]
) -> None:
    times = {"whole": "1 s"}
    files = card(tmp_path, "device", "device", times), card(tmp_path, "server", "server", times)
    rare = {"arrivals": "poisson", "rate": "1 /h", "duration": "1 ms"}
    document = scenario(chain(tmp_path, {"whole": 4}), *files, workload=rare)
    path = tmp_path / "rare.yaml"
    path.write_text(json.dumps(document, indent=1))
    line = 1 + next(k for k, text in enumerate(path.read_text().splitlines()) if '"workload"' in text)
    try:
        problems = how(path)
    except ScenarioError as error:
        problems = error.problems
    assert [(problem.file, problem.line) for problem in problems] == [(str(path), line)]


def test_a_warm_up_beyond_the_horizon_is_refused() -> None:
    document = scenario("resnet50", "raspberry-pi-4", "t4-triton", horizon="10 s", statistics={"warmup": "10 s"})
    with pytest.raises(ScenarioError, match=r"leaves nothing before the horizon of 10\.0 s"):
        load_scenario(document)


def test_a_duration_ends_a_recording_before_its_last_instant(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("arrival_s\n0.5\n1\n1.5\n")
    spec = {"arrivals": "recorded", "rate": None, "requests": None, "file": str(tmp_path / "times.csv")}
    assert draw([source(base=tmp_path, duration="1 s", **spec)], 1, 0).arrival_s.tolist() == [0.5]


@pytest.mark.parametrize("varying", ["device", "server"])
def test_run_to_run_variation_is_that_of_the_card_whose_it_is(tmp_path: Path, varying: str) -> None:
    """Head on the device, tail on the server: only the one whose card says so takes other times."""
    cards = {
        role: card(
            tmp_path,
            role,
            role,
            {"head": "1 s", "tail": "1 s"},
            variability={"distribution": "exponential"} if role == varying else None,
        )
        for role in ("device", "server")
    }
    model = chain(tmp_path, {"head": 40, "tail": 40})
    policies = [{"kind": "split", "at": "head"}]
    rows = simulator.run(scenario(model, cards["device"], cards["server"], policies=policies)).requests
    times = {"device": rows["device_service_s"], "server": rows["edge_service_s"]}
    steady = "server" if varying == "device" else "device"
    assert times[varying].nunique() == len(rows)
    assert times[steady].to_numpy() == pytest.approx(np.ones(len(rows)))


def test_samples_have_nothing_to_do_with_arrivals() -> None:
    """Correlation of jitter and sample of 1000 requests within 4 / sqrt(1000): a false alarm in 16 000 seeds.

    So many samples that a number takes all bits of a draw, as a jitter does: one stream for both would correlate in
    full.
    """
    records = 1 << 40
    drawn = draw([source(samples=records, arrivals="periodic", phase="0 s", requests=1000, jitter="50 ms")], 1, 0)
    jitter_s = drawn.arrival_s - np.arange(1000) / 10
    assert abs(np.corrcoef(jitter_s, drawn.sample)[0, 1]) < 4 / math.sqrt(1000)


def test_a_device_and_its_server_vary_independently(tmp_path: Path) -> None:
    """Correlation of 2000 pairs of services within 4 / sqrt(2000): a false alarm in 16 000 seeds."""
    varying = {"distribution": "exponential"}
    cards = (card(tmp_path, r, r, {"head": "1 ms", "tail": "1 ms"}, variability=varying) for r in ("device", "server"))
    model = chain(tmp_path, {"head": 40, "tail": 40})
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 2000}
    rows = simulator.run(
        scenario(model, *cards, policies=[{"kind": "split", "at": "head"}], workload=workload)
    ).requests
    found = np.corrcoef(rows["device_service_s"], rows["edge_service_s"])[0, 1]
    assert abs(found) < 4 / math.sqrt(2000)
