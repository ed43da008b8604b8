"""Both engines give the same table over scenarios of three tiers; a cloud that costs nothing changes nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from worlds import card, chain, scenario, trace

import simulator

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

CASES = 70
RATES = ({"rate": "100 kbit/s"}, {"rate": "400 kbit/s"}, {"rate": "1 Mbit/s"})
SERVING: tuple[dict[str, Any], ...] = (
    {},
    {"workers": 3},
    {"max_batch": 3, "max_wait": "20 ms"},
    {"queue_limit": 0},
    {"queue_limit": 1, "when_full": "local"},
    {"max_batch": 2, "queue_limit": 1, "when_full": "local"},
)


def drawn(folder: Path, number: int) -> dict[str, Any]:
    """A scenario with a cloud: the same one for each number."""
    draw = random.Random(number)
    head = draw.choice(["head", "middle"])
    model = chain(folder, {"head": 1000, "middle": 500, "tail": 40}, input_bytes=4000, heads={head: "early"})
    varies = {"variability": {"distribution": "exponential"}} if draw.random() < 0.5 else {}
    batching = {"fixed": "10 ms", "per_item": "10 ms"}

    def tier(name: str, role: str, scale: float) -> str:
        times = {"head": f"{100 * scale} ms", "middle": f"{200 * scale} ms", "tail": f"{400 * scale} ms"}
        curve = {"batching": batching} if role == "server" else {}
        return card(folder, name, role, times | {"early": f"{8 * scale} ms"}, **curve, **varies)

    records = folder / "records.csv"
    rows = [f"{k},{k / 10},{k % 2},1" for k in range(10)]
    records.write_text("\n".join(["# model: chain", "sample,entropy_1,correct_1,correct_final", *rows]) + "\n")
    changing = {"trace": trace(folder, [(0.0, 2e5), (1.5, 1e6), (2.0, 0.0), (2.5, 5e5), (4.0, 5e5)])}
    wandering = {"clear": "1 Mbit/s", "blocked": "0 bit/s", "mean_clear": "2 s", "mean_blocked": "200 ms"}
    packets = draw.random() < 0.3
    backhaul = RATES if packets else (*RATES, changing, wandering)
    link: dict[str, Any] = {"uplink": draw.choice(RATES), "downlink": draw.choice(RATES), "propagation": "5 ms"}
    if packets:
        link["packets"] = {"mtu": draw.choice(["300 B", "1500 B"])}
    elif draw.random() < 0.4:
        link["radio"] = draw.choice(["wifi", "lte"])
    elif draw.random() < 0.3:
        link["uplink"] = link["uplink"] | {
            "losses": {"share": 0.1, "frame": "200 B", "retransmit": draw.random() < 0.5}
        }
    arrivals = {"arrivals": "poisson", "rate": draw.choice(["1 /s", "3 /s"]), "requests": 12}
    if draw.random() < 0.5:
        arrivals = {"arrivals": "periodic", "rate": "2 /s", "requests": 12, "phase": "0 s"}
    cuts = ["input", "head", "middle", "output"]
    pair = sorted((draw.randrange(4), draw.randrange(4)))
    return scenario(
        model,
        tier("device", "device", 1),
        tier("server", "server", 0.1),
        seed=number,
        count=draw.choice([1, 2, 5]),
        link=link,
        cloud={
            "server": tier("cloud", "server", draw.choice([0.01, 0.5])),
            "link": {"uplink": draw.choice(backhaul), "downlink": draw.choice(backhaul), "propagation": "20 ms"},
            "serving": draw.choice(SERVING),
        },
        serving=draw.choice(SERVING),
        workload=arrivals | {"samples": str(records)},
        policies=[
            {"kind": "cloud", "encoding": "uint8"},
            {"kind": "split", "at": [cuts[pair[0]], cuts[pair[1]]], "name": "pair"},
            {"kind": "early_exit", "at": ["head", "middle"], "thresholds": [0.4]},
            {"kind": "split", "best": draw.choice(["latency", "energy"])},
            {"kind": "adaptive", "encoding": "uint8"},
        ],
        **({"horizon": "4 s"} if draw.random() < 0.3 else {}),
    )


@pytest.mark.parametrize("number", range(CASES))
def test_both_engines_give_the_same_table(number: int, tmp_path: Path) -> None:
    """And in each row waits, services and propagation add up to the latency."""
    document = drawn(tmp_path, number)
    one, other = (simulator.run(document, engine=engine) for engine in ("reference", "fast"))
    assert one.table.equals(other.table)
    assert one.summary.equals(other.summary)
    rows = one.requests[one.requests["status"] == "completed"]
    parts = [name for name in rows if name.endswith(("_wait_s", "_service_s"))] + ["propagation_s"]
    assert len(parts) == 15
    assert (rows[parts].to_numpy() >= 0).all()
    np.testing.assert_allclose(rows[parts].sum(axis=1), rows["latency_s"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(rows["finish_s"] - rows["arrival_s"], rows["latency_s"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("number", range(10))
def test_a_cloud_that_costs_nothing_changes_nothing(number: int, engine: str, tmp_path: Path) -> None:
    """What runs at the edge alone is what it is when a cloud takes over from it in no time, over an infinite link."""
    document = drawn(tmp_path, number)
    document["link"].pop("packets", None)
    document["serving"] = {"workers": 2}
    nothing = card(tmp_path, "nothing", "server", dict.fromkeys(("head", "middle", "tail", "early"), "0 s"))
    endless = {"uplink": {"rate": "1e6 Gbit/s"}, "downlink": {"rate": "1e6 Gbit/s"}}
    document["cloud"] = {"server": nothing, "link": endless}
    # the tail takes no time anywhere
    times = {"head": "10 ms", "middle": "20 ms", "tail": "0 s", "early": "0 s"}
    document["server"] = card(tmp_path, "edge", "server", times)
    document["policies"] = [{"kind": "split", "at": at, "name": str(at)} for at in ("head", ["head", "middle"])]
    rows = simulator.run(document, engine=engine).requests
    edge, cloud = (part.reset_index(drop=True) for _, part in rows.groupby("policy", observed=True, sort=False))
    assert (edge["status"] == cloud["status"]).all()
    np.testing.assert_allclose(edge["finish_s"], cloud["finish_s"], rtol=0, atol=1e-9)


def test_the_cases_are_what_they_are_meant_to_be(tmp_path: Path) -> None:
    """Among them requests refused by either server, turned back by either, lost, cut off, and answered by each tier."""
    parts = []
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        parts.append(simulator.run(drawn(folder, number), engine="fast").requests)
    rows = pd.concat(parts, ignore_index=True)
    reasons = set(rows["reason"].astype(str))
    assert {"edge queue full", "cloud queue full", "lost on the uplink"} <= reasons
    assert {f"{tier} queue full, finished on the device" for tier in ("edge", "cloud")} <= reasons
    assert set(rows["status"].astype(str)) == {"completed", "dropped", "censored"}
    assert set(rows["exit"].astype(str)) == {"early", "final"}
    assert (rows["cloud_wait_s"] > 0).any()
    assert (rows["backhaul_up_wait_s"] > 0).any()
