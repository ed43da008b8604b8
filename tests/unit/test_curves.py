"""The curves over the uplink rate: a policy that chooses its cut follows the best of all cuts."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import card, chain, scenario

from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies.curves import rate_sweep


@pytest.mark.parametrize(("objective", "column"), [("latency", "latency_s"), ("energy", "energy_j")])
def test_the_best_split_is_the_lower_envelope_of_all_splits(objective: str, column: str) -> None:
    """At every rate the curve of `split best` is the least of the curves of the single cuts."""
    cuts = ["input", "max1", "max2", "max3", "max4", "max5", "max6", "conv7", "output"]
    policies = [{"kind": "split", "at": cut, "name": cut} for cut in cuts]
    policies.append({"kind": "split", "best": objective, "name": "best"})
    scenario = {
        "name": "surgery",
        "model": "tiny_yolov2",
        "device": "tiny-yolov2-rpi3b",
        "server": "tiny-yolov2-cloud",
        "link": {"uplink": {"rate": "4 Mbit/s"}, "downlink": {"rate": "100 Mbit/s"}, "radio": "wifi"},
        "workload": {"arrivals": "periodic", "rate": "0.01 /s", "requests": 2},
        "policies": policies,
    }
    system, plans = prepare(load_scenario(scenario))
    rows = rate_sweep(system, plans)["rate_sweep"].to_pandas()
    curves = rows.pivot_table(index="uplink_rate_bps", columns="policy", values=column)
    single = curves[cuts].min(axis=1)
    assert (curves["best"] <= single * (1 + 1e-12)).all()
    # the cuts left out above are never far better: each lies between two of them
    assert curves["best"].tolist() == pytest.approx(single.tolist(), rel=0.05)
    assert curves["best"].nunique() > 10


@pytest.mark.parametrize("rate", ["12 kbit/s", "33 kbit/s", "170 kbit/s"])
def test_policies_change_places_where_their_costs_are_equal(tmp_path: Path, rate: str) -> None:
    """0.5 s and 1.5 J on the device; 8000 bits and 0.1 s at 1 W over the link, whatever rate the link has.

    Equal latency where 8000 bits take 0.4 s, at 20 kbit/s; equal energy where they take 1.4 s.
    """
    model = chain(tmp_path, {"whole": 4}, input_bytes=4000)
    device = card(tmp_path, "device", "device", {"whole": "500 ms"})
    server = card(tmp_path, "server", "server", {"whole": "100 ms"})
    link = {"uplink": {"rate": rate}, "downlink": {"rate": "1 Mbit/s"}}
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}]
    document = scenario(model, device, server, link=link, policies=policies, result_size="0 B")
    found = rate_sweep(*prepare(load_scenario(document)))["rate_sweep_crossovers"].to_pylist()
    assert [(row["metric"], row["from_policy"], row["to_policy"]) for row in found] == [
        (metric, "local", "edge uint8") for metric in ("latency_s", "energy_j")
    ]
    assert [row["rate_bps"] for row in found] == pytest.approx([8000 / 0.4, 8000 / 1.4], rel=1e-9)
