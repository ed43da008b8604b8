"""The curves over the uplink rate: a policy that chooses its cut follows the best of all cuts."""

from __future__ import annotations

import pytest

from simulator.analysis.curves import rate_sweep
from simulator.analysis.run import prepare
from simulator.scenario.load import load_scenario


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
