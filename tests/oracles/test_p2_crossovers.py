"""Target P2: where to cut Tiny-YOLOv2 as the uplink grows (Hu et al., DADS, INFOCOM 2019, figures 1-3)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from worlds import card

import simulator
from simulator.devices.card import load_card
from simulator.plan.choice import Choice
from simulator.plan.prediction import predict
from simulator.plan.prepare import prepare
from simulator.profiling.model import load_profile
from simulator.scenario.load import load_scenario
from simulator.studies.crossovers import along
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

#: the paper divides MiB by Mbit/s; its figures show rates that are that factor too small
PAPER_UNIT = 1024**2 / 1e6
#: below this the device alone is best, above the next cut in turn
CROSSOVERS_MBIT_S = {"max5": 0.547, "max4": 7.27, "max3": 14.47, "input": 20.49}


def surgery(rate: str, policies: list[dict[str, Any]]) -> dict[str, Any]:
    """The device and the server of the paper; it counts neither the answer nor the propagation."""
    return {
        "name": "surgery",
        "model": "tiny_yolov2",
        "device": "tiny-yolov2-rpi3b",
        "server": "tiny-yolov2-cloud",
        "link": {"uplink": {"rate": rate}, "downlink": {"rate": "100 Mbit/s"}},
        "result_size": "0 B",
        "workload": {"arrivals": "periodic", "rate": "0.01 /s", "requests": 2},
        "policies": policies,
    }


BEST = [{"kind": "split", "best": "latency"}]


def best_cut(rate_bps: float) -> str:
    """The cut that the planner takes at a rate."""
    _, plans = prepare(load_scenario(surgery(f"{rate_bps!r} bit/s", BEST)))
    choice: Choice = plans[0].choices[0]
    return choice.table.cuts[choice.cut].name


@pytest.mark.parametrize("cut", CROSSOVERS_MBIT_S)
def test_the_best_cut_changes_at_the_published_rates(cut: str) -> None:
    """The rate from which this cut is the best, by bisection, lies within 1 % of the published one."""
    cuts = ["output", *CROSSOVERS_MBIT_S]
    before = cuts[cuts.index(cut) - 1]
    published = CROSSOVERS_MBIT_S[cut] * 1e6
    low, high = published * 0.98, published * 1.02
    assert (best_cut(low), best_cut(high)) == (before, cut)
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if best_cut(middle) == before else (low, middle)
    assert high == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(("cut", "published_s"), [("input", 2.065), ("max5", 0.767)])
def test_latency_at_four_megabit_in_the_unit_of_the_paper(cut: str, published_s: float) -> None:
    """At 4 Mbit/s of the paper, which are 4 Mibit/s, simulated to the end, to the published digit."""
    rate = f"{4e6 * PAPER_UNIT!r} bit/s"
    policy = {"kind": "split", "at": cut}
    row = simulator.run(surgery(rate, [policy])).summary.iloc[0]
    assert row["latency_mean_s"] == pytest.approx(published_s, abs=0.0006)


def test_two_constants_predict_the_local_time(tmp_path: Path) -> None:
    """With 0.946 GMAC/s for every layer, local inference takes 1.766 s within 0.5 %."""
    profile = load_profile("tiny_yolov2")
    stated = {"source": "tests"}
    path = card(tmp_path, "device", "device", {"whole": "1 s"})
    content = json.loads(Path(path).read_text())
    content["compute"] = {
        "kind": "roofline",
        "rates": {"default": {"value": "0.946 GMAC/s", **stated}},
        "bandwidth": {"value": "1000 TB/s", **stated},
        "overhead": {"value": "0 s", **stated},
    }
    Path(path).write_text(json.dumps(content))
    assert load_card(path).layer_times_s(profile).sum() == pytest.approx(1.766, rel=0.005)


def test_predictions_are_simulated_times_when_nobody_waits() -> None:
    """Every cut of the table: the planner's prediction is the latency of a lone request."""
    system, plans = prepare(load_scenario(surgery("4 Mbit/s", BEST)))
    choice = plans[0].choices[0]
    predicted = predict(choice.table, system.groups[0]).latency_s[:, -1]
    for name in ("input", "conv1", "max3", "max5", "conv8", "output"):
        k = [cut.name for cut in choice.table.cuts].index(name)
        policy = {"kind": "split", "at": name}
        simulated = simulator.run(surgery("4 Mbit/s", [policy])).summary.loc[0, "latency_mean_s"]
        assert simulated == pytest.approx(predicted[k], abs=1e-9)


def test_simulated_crossovers_are_the_published_rates(tmp_path: Path) -> None:
    """Bisection between simulated runs, each cut as a policy of its own: within 1 % as well."""
    policies = [{"kind": "split", "at": cut, "name": cut} for cut in ("output", *CROSSOVERS_MBIT_S)]
    world = surgery("1 Mbit/s", policies)
    world["workload"] |= {"requests": 20}
    world["statistics"] = {"batches": 2}
    sweep = Sweep(load_scenario(world), ["link.uplink.rate=0.3:60 Mbit/s:12:log"], Options(workers=1, compares=None))
    line = along(sweep, run_sweep(sweep, tmp_path / "out"), with_crossovers=True)
    assert line is not None
    assert [crossover.above for crossover in line.crossovers] == list(CROSSOVERS_MBIT_S)
    rates = [crossover.at / 1e6 for crossover in line.crossovers]
    assert rates == pytest.approx(list(CROSSOVERS_MBIT_S.values()), rel=0.01)
