"""The state in which a message finds its radio is predicted from the gaps between requests, not from their mean."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import card, chain, radio, scenario

import simulator
from simulator.plan.prediction import predict
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

STATES = {"promotion": ("300 ms", "1.5 W"), "tail": [("2 s", "1.1 W"), ("4 s", "0.7 W", "50 ms", "0.9 W")]}


def world(folder: Path, workload: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A device that sends 400 bytes at 4 Mbit/s and gets 4 back from a server that takes 1 ms."""
    model = chain(folder, {"whole": 4}, input_bytes=400)
    device = card(folder, "device", "device", {"whole": "9 s"})
    server = card(folder, "server", "server", {"whole": "1 ms"})
    link = {"uplink": {"rate": "4 Mbit/s"}, "downlink": {"rate": "4 Mbit/s"}} | changes.pop("link", {})
    policies = [{"kind": "edge", "encoding": "float32"}]
    return scenario(model, device, server, link=link, workload=workload, policies=policies) | changes


def predicted(document: dict[str, Any]) -> tuple[float, float]:
    """Latency and energy of the only policy."""
    _, (plan,) = prepare(load_scenario(document))
    said = plan.choices[0].prediction
    return float(said.latency_s[0, 0]), float(said.energy_j[0, 0])


@pytest.mark.parametrize("gap_s", [1.0, 5.0, 20.0])
def test_poisson_requests_find_the_radio_in_each_state_with_its_probability(tmp_path: Path, gap_s: float) -> None:
    """Mean latency and energy within 4 standard errors of 20 replications of 500 requests, and what is left out.

    A promotion makes requests meet: of those that come within 0.3 s of one that wakes the radio, 0.3 / gap of all, each
    waits for 0.3 s at most, in the mean for half of it.
    """
    workload = {"arrivals": "poisson", "rate": f"{1 / gap_s} /s", "requests": 500}
    link = {"radio": radio(tmp_path, idle="0 W", **STATES)}
    statistics = {"replications": 20}
    document = world(tmp_path, workload, link=link, statistics=statistics, horizon=f"{5000 * gap_s} s")
    rows = simulator.run(document).requests
    rows["caused_j"] = rows["energy_compute_j"] + rows["energy_radio_j"] + rows["latency_s"]
    means = rows.groupby("replication")[["latency_s", "caused_j"]].mean().to_numpy()
    errors = means.std(axis=0, ddof=1) / math.sqrt(len(means))
    # states before a message, each pause being shorter by 1 ms at the server and by the last promotion
    asleep, half = math.exp(-6.001 / gap_s), math.exp(-2.001 / gap_s) - math.exp(-6.001 / gap_s)
    shorter = 1 / (1 + half * -math.expm1(-0.05 / gap_s) + asleep * -math.expm1(-0.3 / gap_s))
    waking_s = shorter * (asleep * 0.3 + half * 0.05)
    left_out_s = asleep * 0.3 * min(0.3 / gap_s, 1) * 0.5
    latency_s, energy_j = predicted(document)
    assert means[:, 0].mean() == pytest.approx(latency_s, abs=4 * errors[0] + 2 * left_out_s)
    assert means[:, 1].mean() == pytest.approx(energy_j, abs=4 * errors[1] + 2 * 3 * left_out_s)
    # 400 and 4 bytes, 1 ms, and the promotion
    assert latency_s == pytest.approx(0.001808 + waking_s, rel=1e-9)


def test_over_equal_gaps_a_promotion_keeps_the_radio_awake_for_the_next_request(tmp_path: Path) -> None:
    """Requests every 1.2 s, asleep after 1 s, awake after 0.3 s: every other request wakes the radio, 0.15 s each."""
    workload = {"arrivals": "periodic", "rate": f"{1 / 1.2} /s", "requests": 40}
    slow = radio(tmp_path, promotion=("300 ms", "1.5 W"), tail=[("1 s", "1.1 W")])
    document = world(tmp_path, workload, link={"radio": slow})
    latency_s, _ = predicted(document)
    assert latency_s == pytest.approx(0.001808 + 0.15, abs=1e-9)
    assert simulator.run(document).requests["latency_s"].mean() == pytest.approx(latency_s, abs=1e-9)


def test_recorded_gaps_count_as_often_as_they_were_recorded(tmp_path: Path) -> None:
    """Gaps of 1 s, 4 s and 10 s, two of each: awake, a short promotion, a long one."""
    path = tmp_path / "arrivals.csv"
    path.write_text("arrival_s\n" + "".join(f"{at}\n" for at in np.cumsum([0, 1, 4, 10, 1, 4, 10])))
    document = world(tmp_path, {"arrivals": "recorded", "file": str(path)}, link={"radio": radio(tmp_path, **STATES)})
    latency_s, _ = predicted(document)
    assert latency_s == pytest.approx(0.001808 + (0 + 0.05 + 0.3) / 3, abs=1e-9)
    later = simulator.run(document).requests["latency_s"].iloc[1:]
    assert later.mean() == pytest.approx(latency_s, abs=1e-9)


def test_the_wifi_cell_is_never_later_over_a_faster_uplink() -> None:
    """From 1.5 to 8 Mbit/s, among them 2.1 and 2.15."""
    system, plans = prepare(load_scenario("wifi-cell"))
    rates = np.array([1.5, 1.9, 2.0, 2.1, 2.15, 2.2, 2.5, 3.0, 5.0, 8.0]) * 1e6
    latency_s = predict(plans[1].choices[0].table, system.groups[0], rates).latency_s[:, 0, 0]
    assert (np.diff(latency_s) < 0).all()
    for rate, expected_s in zip(rates.tolist(), latency_s.tolist(), strict=True):
        _, plans = prepare(load_scenario("wifi-cell", [f"link.uplink.rate={rate} bit/s"]))
        assert plans[1].choices[0].scores[0] == pytest.approx(expected_s, rel=1e-12)


ARRIVALS = st.one_of(
    st.fixed_dictionaries({"arrivals": st.just("poisson")}),
    st.fixed_dictionaries(
        {"arrivals": st.just("periodic"), "jitter": st.sampled_from(["0 s", "1 ms", "80 ms", "3 s"])}
    ),
)


@settings(max_examples=40)
@given(
    arrivals=ARRIVALS,
    gap_s=st.sampled_from([0.2, 0.5, 1.0, 2.0, 7.0]),
    tail=st.sampled_from(["1 ms", "238 ms", "2 s"]),
    promotion=st.sampled_from(["1 ms", "79 ms", "1 s"]),
    propagation=st.sampled_from(["0 s", "100 ms"]),
    downlink=st.sampled_from(["4 Mbit/s", "40 kbit/s"]),
)
def test_a_faster_link_is_never_predicted_to_be_later(
    tmp_path_factory: pytest.TempPathFactory,
    arrivals: dict[str, Any],
    gap_s: float,
    tail: str,
    promotion: str,
    propagation: str,
    downlink: str,
) -> None:
    """Over four decades of the uplink's rate, whatever arrives and whatever the radio does."""
    folder = tmp_path_factory.mktemp("world")
    states = {"promotion": (promotion, "1 W"), "tail": [(tail, "1 W"), ("300 ms", "0.5 W", "10 ms", "1 W")]}
    link = {"propagation": propagation, "downlink": {"rate": downlink}, "radio": radio(folder, **states)}
    document = world(folder, arrivals | {"rate": f"{1 / gap_s} /s", "requests": 10}, link=link)
    system, (plan,) = prepare(load_scenario(document))
    latency_s = predict(plan.choices[0].table, system.groups[0], np.geomspace(4e2, 4e6, 200)).latency_s
    assert (np.diff(latency_s, axis=0) <= 0).all()


def test_the_promotion_before_an_answer_shortens_the_pause_after_it(tmp_path: Path) -> None:
    """Every 2.6 s a request is at the server for 1.5 s; the radio, asleep after 1 s, wakes for the answer in 0.3 s.

    That leaves 0.8 s until the next request, which finds it awake; without the promotion it would be 1.1 s.
    """
    workload = {"arrivals": "periodic", "rate": f"{1 / 2.6} /s", "requests": 20}
    sleepy = radio(tmp_path, idle="0 W", promotion=("300 ms", "1.5 W"), tail=[("1 s", "1.1 W")])
    document = world(tmp_path, workload, link={"radio": sleepy})
    document["server"] = card(tmp_path, "slow", "server", {"whole": "1.5 s"})
    latency_s, energy_j = predicted(document)
    assert latency_s == pytest.approx(0.000808 + 1.5 + 0.3, abs=1e-9)
    steady = simulator.run(document).requests.iloc[2:-1]
    assert steady["latency_s"].to_numpy() == pytest.approx(latency_s, abs=1e-9)
    caused_j = steady["energy_compute_j"] + steady["energy_radio_j"] + steady["latency_s"]
    assert caused_j.to_numpy() == pytest.approx(energy_j, rel=1e-6)
