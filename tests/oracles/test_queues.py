"""Queues with known means, through scenario files and the ordinary path.

Each mean must lie within 4 standard errors of theory; ten replications give the standard error, so that a right
engine fails one such check in about 300 (Student t, 9 degrees of freedom). Seeds are fixed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import stdtrit
from worlds import card, chain, scenario

import simulator

REPLICATIONS = 10
SERVICE_S = 0.010


def latency_of(document: dict[str, Any]) -> tuple[float, float]:
    """Mean latency and its standard error."""
    row = simulator.run(document).summary.iloc[0]
    return row["latency_mean_s"], row["latency_ci95_s"] / stdtrit(REPLICATIONS - 1, 0.975)


def assert_mean(document: dict[str, Any], expected_s: float) -> None:
    mean, error = latency_of(document)
    assert error < 0.05 * expected_s, "too few requests to tell anything"
    assert abs(mean - expected_s) <= 4 * error


def poisson(rate_per_s: float, requests: int = 15_000) -> dict[str, Any]:
    return {"arrivals": "poisson", "rate": f"{rate_per_s} /s", "requests": requests}


def statistics(warmup_s: float) -> dict[str, Any]:
    return {"replications": REPLICATIONS, "warmup": f"{warmup_s} s"}


def local_queue(folder: Path, utilisation: float, variability: dict[str, Any] | None) -> dict[str, Any]:
    model = chain(folder, {"whole": 4})
    device = card(folder, "device", "device", {"whole": "10 ms"}, variability=variability)
    server = card(folder, "server", "server", {"whole": "10 ms"})
    return scenario(model, device, server, workload=poisson(utilisation / SERVICE_S), statistics=statistics(20.0))


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.3, 0.7])
def test_m_d_1_waits_half_as_long_as_m_m_1(tmp_path: Path, utilisation: float) -> None:
    """Pollaczek-Khinchine with constant service: E[T] = s + rho s / (2 (1 - rho))."""
    expected = SERVICE_S + utilisation * SERVICE_S / (2 * (1 - utilisation))
    assert_mean(local_queue(tmp_path, utilisation, None), expected)


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.3, 0.7])
def test_m_m_1_latency(tmp_path: Path, utilisation: float) -> None:
    """Exponential service: E[T] = s / (1 - rho)."""
    document = local_queue(tmp_path, utilisation, {"distribution": "exponential"})
    assert_mean(document, SERVICE_S / (1 - utilisation))


@pytest.mark.slow
def test_m_g_1_latency_follows_pollaczek_khinchine(tmp_path: Path) -> None:
    """Lognormal service with cv 1.5: E[T] = s + rho s (1 + cv^2) / (2 (1 - rho))."""
    cv, rho = 1.5, 0.6
    lognormal = {"distribution": "lognormal", "cv": {"value": cv, "source": "tests"}}
    expected = SERVICE_S + rho * SERVICE_S * (1 + cv**2) / (2 * (1 - rho))
    assert_mean(local_queue(tmp_path, rho, lognormal), expected)


@pytest.mark.slow
def test_m_g_1_from_early_exits_follows_pollaczek_khinchine(tmp_path: Path) -> None:
    """Two ways out, 4 ms with probability 0.6 and 14 ms otherwise, are a two-point service time."""
    model = chain(tmp_path, {"head": 4, "tail": 4}, heads={"head": "exit_1"})
    device = card(tmp_path, "device", "device", {"head": "3 ms", "exit_1": "1 ms", "tail": "10 ms"})
    server = card(tmp_path, "server", "server", {"head": "3 ms", "exit_1": "1 ms", "tail": "10 ms"})
    records = tmp_path / "samples.csv"
    rows = "".join(f"{k},{0.1 if k < 6 else 0.9},1,1\n" for k in range(10))
    records.write_text("# model: chain\nsample,entropy_1,correct_1,correct_final\n" + rows)
    mean, second = 0.6 * 0.004 + 0.4 * 0.014, 0.6 * 0.004**2 + 0.4 * 0.014**2
    rate = 0.7 / mean
    document = scenario(
        model,
        device,
        server,
        workload=poisson(rate) | {"samples": str(records)},
        statistics=statistics(20.0),
        policies=[{"kind": "early_exit", "thresholds": [0.5]}],
    )
    assert_mean(document, mean + rate * second / (2 * (1 - rate * mean)))


def stated(value: Any) -> dict[str, Any]:
    return {"value": value, "source": "tests"}


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.4, 0.8])
def test_m_e2_1_waits_three_quarters_as_long_as_m_m_1(tmp_path: Path, utilisation: float) -> None:
    """Two exponential stages have a squared variation of 1/2: E[T] = s + 3/4 rho s / (1 - rho)."""
    document = local_queue(tmp_path, utilisation, {"distribution": "erlang", "stages": stated(2)})
    assert_mean(document, SERVICE_S + 0.75 * utilisation * SERVICE_S / (1 - utilisation))


@pytest.mark.slow
def test_m_g_1_with_gamma_service_follows_pollaczek_khinchine(tmp_path: Path) -> None:
    """Gamma service with cv 2: E[T] = s + rho s (1 + cv^2) / (2 (1 - rho))."""
    document = local_queue(tmp_path, 0.5, {"distribution": "gamma", "cv": stated(2.0)})
    assert_mean(document, SERVICE_S + 0.5 * SERVICE_S * (1 + 4) / (2 * 0.5))


@pytest.mark.slow
def test_m_g_1_with_two_point_service_follows_pollaczek_khinchine(tmp_path: Path) -> None:
    """One run in ten takes 5 times as long: factors 1/1.4 and 5/1.4, second moment (0.9 + 0.1 x 25) / 1.4^2."""
    rho, second = 0.6, (0.9 + 0.1 * 25) / 1.4**2
    slow = {"distribution": "two_point", "slow_share": stated(0.1), "slow_ratio": stated(5.0)}
    assert_mean(local_queue(tmp_path, rho, slow), SERVICE_S + rho * SERVICE_S * second / (2 * (1 - rho)))


@pytest.mark.slow
def test_m_g_1_with_measured_service_follows_pollaczek_khinchine(tmp_path: Path) -> None:
    """Times of 3, 4, 4 and 9 ms in a file: mean 5 ms, second moment 122 / 4 / 25 of the factors."""
    rho, second = 0.6, 122 / 4 / 25
    (tmp_path / "times.csv").write_text("factor\n3\n4\n4\n9\n")
    measured = {"distribution": "empirical", "file": stated("times.csv")}
    assert_mean(local_queue(tmp_path, rho, measured), SERVICE_S + rho * SERVICE_S * second / (2 * (1 - rho)))


@pytest.mark.slow
@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_d_m_1_latency(tmp_path: Path, utilisation: float) -> None:
    """Equal gaps: E[T] = s / (1 - sigma), where sigma = exp(-(1 - sigma) / rho) is what an arrival finds busy."""
    sigma = brentq(lambda x: x - math.exp(-(1 - x) / utilisation), 0.0, 1 - 1e-9)
    document = local_queue(tmp_path, utilisation, {"distribution": "exponential"})
    document["workload"]["arrivals"] = "periodic"
    assert_mean(document, SERVICE_S / (1 - sigma))


def offloaded(
    folder: Path, workers: int, on_device: dict[str, Any] | None, devices: int, rate: float
) -> dict[str, Any]:
    """Devices whose tail runs on one server; the link is so fast that it does not count."""
    model = chain(folder, {"head": 4, "tail": 4})
    exponential = {"distribution": "exponential"}
    device = card(folder, "device", "device", {"head": "10 ms", "tail": "10 ms"}, variability=on_device)
    server = card(
        folder, "server", "server", {"head": "0 s", "tail": "10 ms"}, workers=workers, variability=exponential
    )
    link = {"uplink": {"rate": "1 Tbit/s"}, "downlink": {"rate": "1 Tbit/s"}}
    return scenario(
        model,
        device,
        server,
        link=link,
        count=devices,
        workload=poisson(rate, 150_000 // REPLICATIONS // devices),
        statistics=statistics(5.0),
        policies=[{"kind": "split", "at": "head"}] if on_device else [{"kind": "edge", "encoding": "float32"}],
    )


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "utilisation"), [(2, 0.6), (4, 0.8)])
def test_m_m_c_waits_as_erlang_says(tmp_path: Path, workers: int, utilisation: float) -> None:
    """Ten Poisson devices are one Poisson stream: E[T] = s + C(c, a) s / (c (1 - rho)), C by Erlang's formula."""
    load = workers * utilisation
    partial = [load**k / math.factorial(k) for k in range(workers)]
    last = load**workers / math.factorial(workers) / (1 - utilisation)
    waits = last / (sum(partial) + last)
    expected = SERVICE_S + waits * SERVICE_S / (workers * (1 - utilisation))
    document = offloaded(tmp_path, workers, None, devices=10, rate=load / SERVICE_S / 10)
    assert_mean(document, expected)


@pytest.mark.slow
def test_a_tandem_of_exponential_stations_is_two_queues(tmp_path: Path) -> None:
    """Burke: the output of M/M/1 is Poisson, so device and edge add s / (1 - rho) each."""
    utilisation = 0.6
    document = offloaded(tmp_path, 1, {"distribution": "exponential"}, devices=1, rate=utilisation / SERVICE_S)
    assert_mean(document, 2 * SERVICE_S / (1 - utilisation))


@pytest.mark.slow
@pytest.mark.parametrize(("utilisation", "places"), [(0.8, 3), (1.5, 5)])
def test_m_m_1_k_loses_and_delays_as_its_states_say(tmp_path: Path, utilisation: float, places: int) -> None:
    """K requests at most, one of them in service: probabilities p_n proportional to rho^n for n up to K.

    Who finds K is lost; latency of the others by Little's law, mean number over the rate that gets in. Both within 4
    standard errors.
    """
    rate = utilisation / SERVICE_S
    document = offloaded(tmp_path, 1, None, devices=1, rate=rate) | {"serving": {"queue_limit": places - 1}}
    states = utilisation ** np.arange(places + 1)
    states = states / states.sum()
    number = float(states @ np.arange(places + 1))
    assert_mean(document, number / (rate * (1 - float(states[-1]))))
    rows = simulator.run(document).requests
    lost = (rows["status"] == "dropped").groupby(rows["replication"]).mean()
    assert abs(lost.mean() - states[-1]) <= 4 * lost.std() / math.sqrt(REPLICATIONS)
