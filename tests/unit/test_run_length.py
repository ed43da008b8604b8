"""How many independent requests a run is worth, against queues whose correlation is known exactly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr
from worlds import card, chain, scenario

from simulator.inference.run_length import LEAST_INDEPENDENT, StationRun, left_of_transient, memory_requests, shortness
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies.replications import Replications


@pytest.mark.parametrize("load", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
def test_the_memory_of_m_m_1_is_within_a_fifth_of_its_exact_value(load: float) -> None:
    """Variance constant of the mean of n waits over the variance of one (Daley 1968), from a load of 0.5 on."""
    constant = load * (2 + 5 * load - 4 * load**2 + load**3) / (1 - load) ** 4
    exact = constant / (load * (2 - load) / (1 - load) ** 2)
    assert memory_requests(load, 1.0, 1.0) == pytest.approx(exact, rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("load", "arrivals", "services"), [(0.8, 1.0, 0.0), (0.8, 0.0, 1.0), (0.8, 1.0, 1.0)])
def test_the_memory_of_other_queues_by_brute_force(load: float, arrivals: float, services: float) -> None:
    """Variance of the mean of 20 000 waits over that of one, from 400 series: within a third for M/D/1 and D/M/1.

    The variance of 400 means errs by a fourteenth (one sigma); the rest is the room of a limit of heavy traffic.
    """
    random = np.random.default_rng(41)
    requests, series = 20_000, 400
    wait, sums, squares = np.zeros(series), np.zeros(series), np.zeros(series)
    for step in range(-1000, requests):
        service = random.exponential(1.0, series) if services else 1.0
        gap = random.exponential(1 / load, series) if arrivals else 1 / load
        wait = np.maximum(0.0, wait + service - gap)
        if step >= 0:
            sums += wait
            squares += wait**2
    means = sums / requests
    one = float((squares / requests).mean() - means.mean() ** 2)
    assert memory_requests(load, arrivals, services) == pytest.approx(requests * float(means.var()) / one, rel=1 / 3)


def test_what_a_warm_up_leaves_is_the_rest_of_the_transient() -> None:
    """The share still missing integrates what a Brownian motion from 0 lacks of its mean (Abate and Whitt 1987)."""

    def lacking(time: float) -> float:
        root = math.sqrt(time)
        return float(2 * (1 + time) * ndtr(-root) - 2 * root * math.exp(-time / 2) / math.sqrt(2 * math.pi))

    for memories in (0.0, 0.05, 0.5, 1.0, 2.0, 4.0):
        rest, _ = quad(lacking, 2 * memories, math.inf)
        assert left_of_transient(memories) == pytest.approx(rest / 0.5, abs=1e-7)


def test_without_randomness_there_is_nothing_to_remember() -> None:
    """D/D/1 has no queue at any load below 1; above it grows for ever."""
    assert memory_requests(0.95, 0.0, 0.0) == 0.0
    assert memory_requests(1.2, 0.0, 0.0) == math.inf
    assert shortness([StationRun("device", 0.95, 60, 1, 0.0, 95.0)]) == ""


def test_little_room_forgets_soon() -> None:
    """A queue of at most 5 requests has a mean whatever it is offered, and forgets within a few requests."""
    assert memory_requests(2.0, 1.0, 1.0, room=5) == pytest.approx(4 / math.pi**2 * 25 / 2)
    assert memory_requests(0.5, 1.0, 1.0, room=1000) == memory_requests(0.5, 1.0, 1.0)


def test_the_station_that_is_worst_is_named_with_what_it_needs() -> None:
    """At a load of 0.9 a request in 360 is independent: 50 of them are 18 000."""
    memory = memory_requests(0.9, 1.0, 1.0)
    assert memory == pytest.approx(360.0)
    text = shortness([StationRun("uplink", 0.1, 2000, 1, 0.5, 90.0), StationRun("device", 0.9, 2000, 1, memory, 90.0)])
    assert "device is busy 90 % of the time" in text
    assert "2000 requests there are worth 6 independent ones" in text
    assert "about 18000" in text
    assert shortness([StationRun("device", 0.9, LEAST_INDEPENDENT * memory, 1, memory, 90.0)]) == ""


def test_many_starts_from_empty_ask_for_a_warm_up() -> None:
    """20 replications of 1800 requests at 90 /s and a load of 0.9: two memories of 360 requests last 8 s."""
    memory = memory_requests(0.9, 1.0, 1.0)
    text = shortness([StationRun("device", 0.9, 20 * 1800, 20, memory, 90.0)])
    assert "set statistics.warmup to about 8.0 s" in text
    assert shortness([StationRun("device", 0.9, 20 * 1800, 20, memory, 90.0, 8.0)]) == ""
    assert shortness([StationRun("device", 0.05, 20_000, 400, memory_requests(0.05, 1.0, 1.0), 90.0)]) == ""


def stations(document: dict[str, Any], engine: str = "reference") -> list[StationRun]:
    """What the stations of the only policy did in one replication."""
    system, plans = prepare(load_scenario(document))
    runs = Replications(system, plans, lambda *_: None)
    runs.add(engine, 1)
    return runs.loads.stations(plans[0].policy, 0)


def test_loads_are_those_of_the_scenario(tmp_path: Path) -> None:
    """5 requests per second of each of 4 devices; 20 ms on each device, 10 ms on 2 workers, 16 kbit on 1 Mbit/s."""
    model = chain(tmp_path, {"head": 2000, "tail": 4})
    device = card(tmp_path, "device", "device", {"head": "20 ms", "tail": "1 s"})
    server = card(
        tmp_path,
        "server",
        "server",
        {"head": "1 s", "tail": "10 ms"},
        workers=2,
        variability={"distribution": "exponential"},
    )
    workload = {"arrivals": "poisson", "rate": "5 /s", "requests": 200}
    policies = [{"kind": "split", "at": "head"}]
    document = scenario(model, device, server, count=4, workload=workload, policies=policies)
    found = {station.name: station for station in stations(document)}
    assert found["device"].load == pytest.approx(5 * 0.020)
    assert found["uplink"].load == pytest.approx(5 * 0.016)
    assert found["edge server"].load == pytest.approx(20 * 0.010 / 2)
    assert (found["device"].starts, found["edge server"].starts) == (4, 1)
    assert found["device"].memory == pytest.approx(memory_requests(0.1, 1.0, 0.0), abs=1e-9)


def test_a_server_that_batches_is_as_loaded_as_full_batches_leave_it(tmp_path: Path) -> None:
    """Batches of 4 in 10 + 4 x 10 = 50 ms serve 80 /s, and 40 /s are half of that, however busy the server is."""
    model = chain(tmp_path, {"whole": 4})
    device = card(tmp_path, "device", "device", {"whole": "1 s"})
    server = card(
        tmp_path,
        "server",
        "server",
        {"whole": "20 ms"},
        batching={"fixed": "10 ms", "per_item": "10 ms"},
    )
    document = scenario(
        model,
        device,
        server,
        link={"uplink": {"rate": "1 Gbit/s"}, "downlink": {"rate": "1 Gbit/s"}},
        workload={"arrivals": "poisson", "rate": "40 /s", "requests": 400},
        serving={"max_batch": 4},
        policies=[{"kind": "edge", "encoding": "uint8"}],
    )
    found = {station.name: station for station in stations(document)}
    assert found["edge server"].load == pytest.approx(40 / 80)
