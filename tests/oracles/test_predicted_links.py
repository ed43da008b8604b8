"""What `explain` predicts of lossy and of shared links, against quiet runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from worlds import card, chain, radio, scenario

import simulator
from simulator.cli import cli
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

GAP_S, REQUESTS = 10.0, 4000


def quiet(folder: Path, uplink: dict[str, Any], **link: Any) -> dict[str, Any]:
    """A device that sends 20 frames every 10 s and gets 5 frames back: requests do not meet."""
    model = chain(folder, {"whole": 20_000}, input_bytes=80_000)
    device = card(folder, "device", "device", {"whole": "900 ms"})
    server = card(folder, "server", "server", {"whole": "50 ms"})
    rate = {"rate": "4 Mbit/s"}
    return scenario(
        model,
        device,
        server,
        link={"uplink": rate | uplink, "downlink": rate | uplink, "propagation": "7 ms"}
        | {"radio": radio(folder)}
        | link,
        workload={"arrivals": "periodic", "rate": f"{1 / GAP_S} /s", "requests": REQUESTS},
        policies=[{"kind": "edge", "encoding": "uint8"}],
        result_size="5000 B",
    )


def predicted(document: dict[str, Any]) -> tuple[float, float, float]:
    """Uplink time, latency and energy that the planner predicts for sending the input."""
    _, (plan,) = prepare(load_scenario(document))
    choice = plan.choices[0]
    table = choice.prediction
    uplink_s, latency_s, energy_j = (
        values[choice.cut, -1] for values in (table.stages_s["uplink"], table.latency_s, table.energy_j)
    )
    return float(uplink_s), float(latency_s), float(energy_j)


def measured(document: dict[str, Any]) -> tuple[float, float, float]:
    """Means of the same over a run; the energy from arrival to answer only, at the idle powers of card and radio."""
    rows = simulator.run(document).requests
    assert (rows["uplink_wait_s"] == 0).all()
    latency, end = rows["latency_s"].mean(), rows["finish_s"].max()
    idle = (1.0 + 0.5) * (end / len(rows) - latency)
    return rows["uplink_service_s"].mean(), latency, rows["energy_j"].mean() - idle


@pytest.mark.parametrize("retransmit", [True, False])
def test_a_link_without_losses_is_predicted_exactly(tmp_path: Path, retransmit: bool) -> None:
    """The device alone in its cell, or a link of its own, or losses of a share of 0."""
    for uplink, link in (({}, {}), ({}, {"cell": "hall"}), ({"losses": {"share": 0, "retransmit": retransmit}}, {})):
        document = quiet(tmp_path, uplink, **link)
        assert measured(document) == pytest.approx(predicted(document), rel=1e-9)
    # 160 kbit at 4 Mbit/s, and the answer's 40 kbit
    assert predicted(document)[:2] == pytest.approx((0.04, 0.04 + 0.05 + 0.01 + 0.014))


@pytest.mark.parametrize("link", [{}, {"cell": "hall"}])
@pytest.mark.parametrize(
    ("losses", "lost", "correlation"),
    [({"share": 0.2}, 0.2, 0.0), ({"good_to_bad": 0.02, "bad_to_good": 0.18}, 0.1, 0.8)],
)
def test_frames_that_are_sent_again_are_predicted_by_their_mean(
    tmp_path: Path, losses: dict[str, Any], lost: float, correlation: float, link: dict[str, Any]
) -> None:
    """Within 4 standard errors of 20 (and 5) frames of 2 ms in each request, also alone in a cell.

    Tries of frames: variance p (1 + r) / (1 - r) / (1 - p)^2 for each frame, see `test_lossy_links`.
    """
    document = quiet(tmp_path, {"losses": losses | {"frame": "1 kB"}}, **link)
    up_s, latency_s, energy_j = predicted(document)
    assert up_s == pytest.approx(0.04 / (1 - lost))
    deviation_s = 0.002 * math.sqrt(lost * (1 + correlation) / (1 - correlation)) / (1 - lost)
    found = measured(document)
    assert found[0] == pytest.approx(up_s, abs=4 * deviation_s * math.sqrt(20 / REQUESTS))
    assert found[1] == pytest.approx(latency_s, abs=4 * deviation_s * math.sqrt(25 / REQUESTS))
    # a second of sending costs 1 W idle, 2 W active and 4 Mbit of 100 nJ each; receiving is cheaper
    assert found[2] == pytest.approx(energy_j, abs=4 * 3.4 * deviation_s * math.sqrt(25 / REQUESTS))


def test_what_stays_lost_takes_no_time_to_repeat(tmp_path: Path) -> None:
    """Predicted as if nothing were lost, which is what those that get through take."""
    document = quiet(tmp_path, {"losses": {"share": 0.01, "retransmit": False}})
    rows = simulator.run(document).requests
    done = rows[rows["status"] == "completed"]
    assert 0 < len(done) < len(rows)
    assert done["latency_s"].to_numpy() == pytest.approx(predicted(document)[1], rel=1e-9)


def test_the_best_cut_knows_of_losses(tmp_path: Path) -> None:
    """Local takes 900 ms; sending 64 ms + 50 ms / (1 - p): the device is better beyond p = 1 - 50 / 836 = 0.94."""
    for lost, cut in ((0.9, "input"), (0.95, "output")):
        document = quiet(tmp_path, {"losses": {"share": lost}})
        document["policies"] = [{"kind": "split", "best": "latency", "encoding": "uint8"}]
        _, (plan,) = prepare(load_scenario(document))
        assert plan.choices[0].table.cuts[plan.choices[0].cut].name == cut


def test_explain_names_the_cell() -> None:
    said = CliRunner().invoke(cli, ["explain", "wifi-cell"])
    assert said.exit_code == 0, said.output
    assert "shared in cell access-point" in said.output


def test_one_camera_of_the_wifi_cell_is_answered_as_predicted() -> None:
    """Alone in its cell it is answered as predicted within 0.5 %; with five more in step it takes a third longer."""
    _, plans = prepare(load_scenario("wifi-cell", ["count=1"]))
    expected = float(plans[1].choices[0].scores[plans[1].choices[0].cut])
    in_step = "workload.phase=0 s"
    summaries = [simulator.run("wifi-cell", overrides=[f"count={count}", in_step]).summary for count in (1, 6)]
    one, six = (summary["latency_mean_s"] for summary in summaries)
    assert one[1] == pytest.approx(expected, rel=0.005)
    assert six[1] > 1.3 * expected
    assert six[1] < six[0]


def test_the_wifi_cell_fills_before_its_server() -> None:
    """Airtime for one picture and its answer is 20.6 ms: 24 cameras need 99 % of it and 8 % of the server.

    They are in step, so that half of them has not got a picture through when the period of 500 ms is half over.
    """
    airtime_s = (44.77e3 * 8 / 18.88e6 + 4000 * 8 / 54.97e6) / 0.95
    assert 24 * 2 * airtime_s < 1 < 25 * 2 * airtime_s
    summary = simulator.run("wifi-cell", overrides=["count=24", "workload.phase=0 s"]).summary.set_index("policy")
    local, edge = summary.loc["local"], summary.loc["edge jpeg"]
    assert edge["latency_mean_s"] > local["latency_mean_s"]
    assert edge["deadline_miss_ratio"] > 0.5
    assert edge["utilisation_edge"] < 0.1


STATES = {"promotion": ("300 ms", "1.5 W"), "tail": [("2 s", "1.1 W"), ("4 s", "0.7 W", "50 ms", "0.9 W")]}


@pytest.mark.parametrize("gap_s", [0.5, 2.0, 3.0, 6.5, 20.0])
def test_a_radio_with_states_draws_what_was_predicted(tmp_path: Path, gap_s: float) -> None:
    """Requests that find the radio in each of its stages: latency and energy of one in the middle of a run, exactly.

    What the run charges to a request is what its transfers cause; the processor's rest until the answer is added.
    """
    link = {"radio": radio(tmp_path, name="cellular", **STATES)}
    workload = {"arrivals": "periodic", "rate": f"{1 / gap_s} /s", "requests": 5}
    document = quiet(tmp_path, {}, **link) | {"workload": workload, "horizon": "200 s"}
    system, _ = prepare(load_scenario(document))
    request = simulator.run(document).requests.iloc[2]
    _, latency_s, energy_j = predicted(document)
    assert request["latency_s"] == pytest.approx(latency_s, abs=1e-9)
    rest_j = system.groups[0].card.idle_w * request["latency_s"]
    caused_j = request["energy_compute_j"] + request["energy_radio_j"]
    assert caused_j + rest_j == pytest.approx(energy_j, abs=1e-9)
