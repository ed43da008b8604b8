"""What is predicted of a lone request is the mean of a run at vanishing load, for every kind of link.

Runs: `REPLICATIONS` of `REQUESTS` requests, so far apart that no two meet. Each comparison is within 4 standard errors
of the means of replications (and 0.1 %, for what is worked out between the points of a grid): a false alarm in 16 000
comparisons, of which there are about 100. The seeds are fixed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, radio, scenario, trace

import simulator
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

pytestmark = pytest.mark.engine_free

REPLICATIONS, REQUESTS, GAP_S = 60, 40, 1e5
RADIO = {"promotion": ("300 ms", "1.5 W"), "tail": [("2 s", "1.1 W"), ("4 s", "0.7 W", "50 ms", "0.9 W")]}
STOPS = {"clear": "4 Mbit/s", "blocked": "0 bit/s", "mean_clear": "8 s", "mean_blocked": "500 ms"}
#: a rate that changes each second, with outages that last
ROWS = [(float(k), 4e6 * (k % 7 != 3) * (k % 11 < 9) / (1 + k % 3)) for k in range(77)]


#: stationary: 0.05 0.1 = 0.35 / 70, 0.6 / 60 = 0.35 / 35
CHAIN: dict[str, Any] = {
    "states": [
        {"share": 0.05, "lowest": "0 bit/s", "mean": "0 bit/s", "highest": "0 bit/s"},
        {"share": 0.35, "lowest": "100 kbit/s", "mean": "1 Mbit/s", "highest": "2 Mbit/s"},
        {"share": 0.6, "lowest": "2 Mbit/s", "mean": "5 Mbit/s", "highest": "6 Mbit/s"},
    ],
    "transitions": [[0.9, 0.1, 0.0], [1 / 70, 1 - 1 / 70 - 1 / 35, 1 / 35], [0.0, 1 / 60, 1 - 1 / 60]],
}
#: 10 steps at a rate, then 3 or 20 of (nearly) none: stationary shares 1 / 10 to 1.15 / 10
STALLS: dict[str, Any] = {
    "states": [
        {"share": 11.5 / 43, "lowest": "0 bit/s", "mean": "0 bit/s", "highest": "0 bit/s", "stall": 0},
        {"share": 11.5 / 43, "lowest": "0 bit/s", "mean": "5 kbit/s", "highest": "9 kbit/s", "stall": 0},
        {"share": 20 / 43, "lowest": "1 Mbit/s", "mean": "3 Mbit/s", "highest": "6 Mbit/s"},
    ],
    "transitions": [[0.7, 0.3, 0.0], [0.3, 0.7, 0.0], [0.05, 0.05, 0.9]],
    "stalls": [{"lengths": [3, 20], "shares": [0.5, 0.5], "exits": [0.0, 0.0, 1.0]}],
}


def generator(folder: Path, chain: dict[str, Any] = CHAIN) -> str:
    """A chain with outages of 5 s in the mean, on a step of half a second."""
    lines = {
        "kind": "markov",
        "name": "made",
        "title": "made",
        "source": "tests",
        "licence": "none",
        "estimated": "by hand",
        "step": "500 ms",
        **chain,
        "fitted_to": {
            "samples": 2,
            "duration": "1 s",
            "mean": "3 Mbit/s",
            "deviation": "1 Mbit/s",
            "p10": "1 Mbit/s",
            "p50": "3 Mbit/s",
            "p90": "5 Mbit/s",
            "outage": 0.05,
            "lags": [1],
            "autocorrelation": [0.9],
        },
    }
    path = folder / "made.yaml"
    path.write_text(json.dumps(lines))
    return str(path)


def world(folder: Path, link: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A head of 100 ms that makes 50 kB of 200 kB, and a server that takes 20 ms for each half; answers have 20 kB."""
    model = chain(folder, {"head": 50_000, "tail": 20_000}, input_bytes=200_000)
    device = card(folder, "device", "device", {"head": "100 ms", "tail": "3 s"})
    server = card(folder, "server", "server", {"head": "20 ms", "tail": "20 ms"})
    workload = {"arrivals": "poisson", "rate": f"{1 / GAP_S} /s", "requests": REQUESTS}
    policies = [{"kind": "edge", "encoding": "float32"}, {"kind": "split", "at": "head"}]
    statistics = {"replications": REPLICATIONS}
    built = scenario(model, device, server, link=link, workload=workload, policies=policies, statistics=statistics)
    # the radio falls asleep after the last answer too
    return built | {"horizon": f"{10 * REQUESTS * GAP_S} s"} | changes


def compared(document: dict[str, Any]) -> list[tuple[float, float, float]]:
    """For each policy, and for latency and energy: predicted, mean of the run, and standard error of that.

    Energy is what the request causes, and the watt that the processor draws while it waits for the answer; the radios
    of these worlds draw nothing while they are idle.
    """
    _, plans = prepare(load_scenario(document))
    rows = simulator.run(document).requests
    rows = rows[rows["status"] == "completed"]
    rows["caused_j"] = rows["energy_compute_j"] + rows["energy_radio_j"]
    rows["caused_j"] += rows["latency_s"] - rows["device_service_s"]
    found = []
    for plan in plans:
        choice = plan.choices[0]
        mine = rows[rows["policy"] == plan.policy].groupby("replication")
        for values, column in ((choice.prediction.latency_s, "latency_s"), (choice.prediction.energy_j, "caused_j")):
            means = mine[column].mean().to_numpy()
            error = means.std(ddof=1) / math.sqrt(means.size)
            found.append((float(values[choice.cut, 0]), float(means.mean()), float(error)))
    return found


LINKS: dict[str, Any] = {
    "constant": lambda _: {"uplink": {"rate": "3 Mbit/s"}, "downlink": {"rate": "9 Mbit/s"}},
    "recorded up": lambda folder: {"uplink": {"trace": trace(folder, ROWS)}, "downlink": {"rate": "9 Mbit/s"}},
    "recorded down": lambda folder: {"uplink": {"rate": "9 Mbit/s"}, "downlink": {"trace": trace(folder, ROWS)}},
    "recorded in step": lambda folder: {
        "uplink": {"trace": trace(folder, ROWS)},
        "downlink": {"trace": trace(folder, [(at, rate / 2) for at, rate in ROWS], name="down")},
    },
    "recorded apart": lambda folder: {
        "uplink": {"trace": trace(folder, ROWS)},
        "downlink": {"trace": trace(folder, ROWS[:58], name="down")},
    },
    "stopping": lambda _: {"uplink": STOPS, "downlink": STOPS},
    "slowing": lambda _: {
        "uplink": STOPS | {"blocked": "200 kbit/s", "mean_blocked": "3 s"},
        "downlink": STOPS | {"blocked": "1 Mbit/s", "mean_clear": "1 s"},
    },
    "generated": lambda folder: {"uplink": {"generator": generator(folder)}, "downlink": {"rate": "9 Mbit/s"}},
    "generated both ways": lambda folder: {
        "uplink": {"generator": generator(folder)},
        "downlink": {"generator": generator(folder)},
    },
    "generated with stalls": lambda folder: {
        "uplink": {"generator": generator(folder, STALLS)},
        "downlink": {"generator": generator(folder, STALLS)},
    },
    "recorded, one of the two from its start": lambda folder: {
        "uplink": {"trace": trace(folder, ROWS), "start": "0 s"},
        "downlink": {"trace": trace(folder, [(at, rate / 2) for at, rate in ROWS], name="down")},
    },
    "losing": lambda _: {
        "uplink": {"rate": "3 Mbit/s", "losses": {"share": 0.2, "frame": "5 kB"}},
        "downlink": {"rate": "9 Mbit/s", "losses": {"good_to_bad": 0.1, "bad_to_good": 0.3}},
    },
    "losing in a cell": lambda _: {
        "uplink": {"rate": "3 Mbit/s", "losses": {"share": 0.2}},
        "downlink": {"rate": "9 Mbit/s"},
        "cell": "alone",
    },
    "losing over a recording": lambda folder: {
        "uplink": {"trace": trace(folder, ROWS), "losses": {"share": 0.2}},
        "downlink": {"rate": "9 Mbit/s"},
    },
}


@pytest.mark.parametrize("asleep", [False, True], ids=["no radio", "a radio with states"])
@pytest.mark.parametrize("kind", LINKS)
def test_a_lone_request_takes_what_was_predicted(tmp_path: Path, kind: str, asleep: bool) -> None:
    """Latency and energy, for a whole input and for a tensor that is sent once the head has run."""
    link = LINKS[kind](tmp_path) | {"propagation": "7 ms"}
    if asleep:
        link["radio"] = radio(tmp_path, idle="0 W", **RADIO)
    for predicted, mean, error in compared(world(tmp_path, link)):
        assert mean == pytest.approx(predicted, rel=1e-3, abs=4 * error)


@pytest.mark.parametrize("card_name", [None, "sx1272"], ids=["no radio", "a radio"])
@pytest.mark.parametrize("shadowing", ["0 dB", "8 dB"])
def test_a_lone_lora_device_takes_what_was_predicted(tmp_path: Path, card_name: str | None, shadowing: str) -> None:
    """Shadowing gives each device a data rate of its own, and puts some out of range; a sleeping radio draws 0.3 uW."""
    uplink = {"region": "EU868", "distance": "2 km", "shadowing": shadowing}
    link = {"uplink": uplink, "radio": card_name} if card_name else {"uplink": uplink}
    document = world(tmp_path, link, result_size="20 B")
    chain(tmp_path, {"head": 120, "tail": 20}, input_bytes=400)
    document["statistics"], document["workload"]["requests"] = {"replications": 400}, 1
    for predicted, mean, error in compared(document):
        assert mean == pytest.approx(predicted, rel=2e-3, abs=4 * error)


def test_a_link_that_stops_loses_against_a_processor(tmp_path: Path) -> None:
    """120 Mbit/s, blocked for 0.5 s every 8.5 s: a transfer of 22.7 ms in all waits 0.0588 x 0.5 s each way.

    While bits flow it is blocked too: 1/8 /s times 0.5 s, 6.25 % of the time on the air. So 27.6 ms on the device win.
    """
    stops = STOPS | {"clear": "120 Mbit/s"}
    link = {"uplink": stops, "downlink": stops, "propagation": "5 ms"}
    policies = [{"kind": "edge", "encoding": "float32"}, {"kind": "split", "best": "latency"}]
    document = world(tmp_path, link, policies=policies, result_size="15 kB")
    chain(tmp_path, {"head": 150_000, "tail": 15_000}, input_bytes=150_000)
    document["device"] = card(tmp_path, "fast", "device", {"head": "20 ms", "tail": "7.6 ms"})
    document["server"] = card(tmp_path, "one", "server", {"head": "1 ms", "tail": "0.7 ms"})
    _, plans = prepare(load_scenario(document))
    edge, best = (plan.choices[0] for plan in plans)
    on_air_s = 165_000 * 8 / 120e6
    expected_s = 0.0117 + on_air_s * (1 + 0.5 / 8) + 2 * 0.5 / 8.5 * 0.5
    assert 0.0117 + on_air_s == pytest.approx(0.0227)
    assert edge.scores[0] == pytest.approx(expected_s, rel=1e-9)
    assert expected_s == pytest.approx(0.082, abs=1e-3)
    assert best.table.cuts[best.cut].name == "output"
    assert best.scores[best.cut] == pytest.approx(0.0276)
