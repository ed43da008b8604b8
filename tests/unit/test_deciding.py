"""The rule `adaptive`: its predictions by hand and by brute force, what it takes, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from generated import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.errors import ScenarioError
from simulator.plan.deciding import without_beaten
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.rules import PER_BIT_S, PROCESSOR_S, SERVERS_S, TICKS_PER_BIT, TICKS_PER_S, UPLINK_S
from simulator.plan.stages import LINK, PROCESSOR, SERVER
from simulator.scenario.load import load_scenario
from simulator.workload import Workload


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """Head 125 ms, tail 500 ms on the device; 50 and 250 ms at the server; input 1000 B, between 500 B; 8 kbit/s."""
    model = chain(folder, {"head": 500, "tail": 4}, input_bytes=4000)
    device = card(folder, "device", "device", {"head": "125 ms", "tail": "500 ms"})
    server = card(folder, "server", "server", {"head": "50 ms", "tail": "250 ms"}, workers=2)
    made = scenario(model, device, server, policies=[{"kind": "adaptive", "encoding": "uint8"}], result_size="0 B")
    made["link"] = {"uplink": {"rate": "8 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "propagation": "100 ms"}
    return made | changes


def planned(document: dict[str, Any]) -> Plan:
    (plan,) = prepare(load_scenario(document))[1]
    return plan


def test_the_numbers_of_a_rule_by_hand(tmp_path: Path) -> None:
    """Cuts input, head, output: their own work and twice 0.1 s; what they wait for; two workers share who waits.

    Input and head go to the server for 0.3 and 0.25 s, in the mean 0.275 s for each who waits there.
    """
    rule = planned(world(tmp_path)).rule
    assert rule is not None
    assert rule.row.tolist() == [0, 1, 2]
    assert rule.constant_s == pytest.approx([0.2 + 0.3, 0.125 + 0.2 + 0.25, 0.625])
    assert rule.weights[:, PROCESSOR_S].tolist() == [0, 1, 1]
    assert rule.weights[:, PER_BIT_S].tolist() == [8000, 4000, 0]
    assert rule.weights[:, UPLINK_S].tolist() == [1, 1, 0]
    assert rule.weights[:, SERVERS_S].tolist() == [1, 1, 0]
    assert rule.each_s == pytest.approx(np.array([[0.275 / 2]]))
    assert rule.mean_rate_bps.tolist() == [8000.0]


def test_a_batch_shares_the_time_of_who_waits(tmp_path: Path) -> None:
    """A batch of four takes 1.6 times the time of one: who waits costs 0.4 of its time, on each of two workers."""
    document = world(tmp_path, serving={"max_batch": 4})
    times = {"head": "50 ms", "tail": "250 ms"}
    batching = {"fixed": "80 ms", "per_item": "20 ms"}
    document["server"] = card(tmp_path, "batching", "server", times, workers=2, batching=batching)
    rule = planned(document).rule
    assert rule is not None
    assert rule.each_s == pytest.approx(np.array([[0.275 * (80 + 4 * 20) / (4 * 100) / 2]]))


def test_it_goes_where_the_least_is_predicted(tmp_path: Path) -> None:
    """At 0 s: input 1.5, head 1.075, output 0.625 s. With work at the processor the head and the input win in turn.

    Alone: output, 0.625 s. A moment later 0.625 s stand there: input 1.5, head 1.7, output 1.25 s: output again, and
    1.25 s stand there. The third: input 1.5, head 2.325, output 1.875 s: input. The fourth: input 2.5, head 3.325,
    output 1.875 s: output.
    """
    times = tmp_path / "times.csv"
    times.write_text("arrival_s\n0\n0.001\n0.002\n0.003\n")
    document = world(tmp_path, workload={"arrivals": "recorded", "file": str(times)})
    for engine in ("reference", "fast"):
        rows = simulator.run(document, engine=engine).requests
        assert rows["partition"].tolist() == ["output", "output", "input", "output"]


@pytest.mark.parametrize("rate", ["1 Mbit/s", "8 Mbit/s", "60 Mbit/s"])
def test_alone_it_predicts_what_the_planner_predicts(rate: str) -> None:
    """Nothing stands anywhere, and the link has one rate: scores are the predicted latencies of a lone request."""
    overrides = ["policies=[{kind: adaptive, encoding: jpeg}]", f"link.uplink.rate={rate}", "link.propagation=7 ms"]
    (plan,) = prepare(load_scenario("first", overrides))[1]
    rule = plan.rule
    assert rule is not None
    knows = np.zeros(SERVERS_S + 1)
    knows[PER_BIT_S] = 1 / rule.mean_rate_bps[0]
    choice = plan.choices[0]
    assert rule.constant_s + rule.weights @ knows == pytest.approx(choice.scores[rule.row], rel=1e-12)
    assert choice.scores[rule.row].min() == choice.scores.min()


@settings(max_examples=150)
@given(cases(ruled=1.0), st.lists(st.floats(0.0, 10.0), min_size=4, max_size=4))
def test_who_is_left_out_never_has_the_least_score(case: tuple[Plan, Workload], knows: list[float]) -> None:
    """Whatever is known, one that stays has the least score, and it is a beaten one only where both are the same."""
    rule = case[0].rule
    assert rule is not None
    fewer = without_beaten(rule)
    for g in range(rule.first.size - 1):
        all_of, kept = (slice(*some.first[g : g + 2]) for some in (rule, fewer))
        scores = [some.constant_s[part] + some.weights[part] @ knows for some, part in ((rule, all_of), (fewer, kept))]
        assert scores[0].min() == pytest.approx(scores[1].min())
        assert set(fewer.row[kept]) <= set(rule.row[all_of])


def test_who_is_beaten_is_left_out(tmp_path: Path) -> None:
    """A layer that takes time and makes nothing smaller is no place to cut; of two equal cuts the first stays."""
    document = world(tmp_path)
    document["model"] = chain(tmp_path, {"head": 500, "same": 500, "larger": 600, "tail": 4}, input_bytes=4000)
    times = {"head": "125 ms", "same": "0 s", "larger": "100 ms", "tail": "500 ms"}
    document["device"] = card(tmp_path, "four", "device", times)
    document["server"] = card(tmp_path, "faster", "server", dict.fromkeys(times, "5 ms") | {"same": "0 s"})
    plan = planned(document)
    assert plan.rule is not None
    assert [plan.partition[row] for row in plan.rule.row] == ["input", "head", "output"]


def test_requests_far_apart_take_the_best_split(tmp_path: Path) -> None:
    """On a link of one rate, each meets idle stations."""
    workload = {"arrivals": "periodic", "rate": "0.1 /s", "requests": 5}
    policies = [{"kind": "adaptive", "encoding": "uint8"}, {"kind": "split", "best": "latency", "encoding": "uint8"}]
    for rate in ("2 kbit/s", "8 kbit/s", "40 kbit/s", "1 Mbit/s"):
        document = world(tmp_path, workload=workload, policies=policies)
        document["link"] = {"uplink": {"rate": rate}, "downlink": {"rate": "1 Mbit/s"}, "propagation": "10 ms"}
        rows = simulator.run(document).requests
        one, other = (rows[rows["policy"] == label]["partition"].tolist() for label in rows["policy"].unique())
        assert one == other


def test_what_the_server_told_keeps_others_away(tmp_path: Path) -> None:
    """A fast link to one slow worker: news of a queue make the device compute on its own, until they are old.

    Eight devices ask at once. The answer of the second comes at 2.03 s and says that six waited at 1.01 s, each of them
    for 0.75 s, the mean of the two options: 4.5 s in all. A request takes 1 s at the server and 3 s on the device. At
    1.9 s nobody has been told anything. At 2.1 s, 3.4 s are left of the queue; at 4.5 s 1 s is.
    """
    times = tmp_path / "times.csv"
    times.write_text("arrival_s,device\n" + "".join(f"0,{k}\n" for k in range(8)) + "1.9,1\n2.1,1\n4.5,1\n")
    document = world(tmp_path, workload={"arrivals": "recorded", "file": str(times)}, count=8)
    document["link"] = {"uplink": {"rate": "1 Gbit/s"}, "downlink": {"rate": "1 Gbit/s"}, "propagation": "10 ms"}
    document["server"] = card(tmp_path, "slow", "server", {"head": "500 ms", "tail": "500 ms"})
    document["device"] = card(tmp_path, "slower", "device", {"head": "2 s", "tail": "1 s"})
    rows = simulator.run(document, engine="reference").requests
    assert rows["partition"].tolist() == ["input"] * 9 + ["output", "input"]


def at_processor(plan: Plan, row: int, shares: list[float], stage: int) -> tuple[float, float]:
    """Share of the samples that comes to a stage on an option, and their mean work there."""
    comes, does = 0.0, 0.0
    for way, share in enumerate(shares):
        for leg in plan.routes.legs[plan.routes.first[row + way] : plan.routes.first[row + way + 1]]:
            if leg["stage"] == stage:
                comes, does = comes + share, does + share * float(leg["work"])
    return comes, does


@settings(max_examples=150)
@given(cases(ruled=1.0, shared=0.0))
def test_weights_are_sums_over_visits_and_ways_out(case: tuple[Plan, Workload]) -> None:
    """As far as a drawn rule kept them; and work whose way out is open stands at the processor with its mean."""
    plan, _ = case
    rule = plan.rule
    assert rule is not None
    for g in range(rule.first.size - 1):
        taken = plan.taken[g]
        ways = int(plan.final[g]) + 1
        shares = [0.0] * (ways - 1) + [1.0]
        if taken is not None:
            shares = [float((taken == way).mean()) for way in range(ways)]
        for option in range(rule.first[g], rule.first[g + 1]):
            visits = np.zeros(SERVERS_S + 1)
            for way, share in enumerate(shares):
                row = rule.row[option] + way
                for number in range(plan.routes.first[row], plan.routes.first[row + 1]):
                    leg = plan.routes.legs[number]
                    stage = plan.stages[leg["stage"]]
                    if stage.kind == PROCESSOR:
                        visits[PROCESSOR_S] += share
                    elif stage.kind == SERVER:
                        visits[SERVERS_S] += share
                    elif stage.kind == LINK and stage.name == "uplink":
                        visits[UPLINK_S] += share
                        visits[PER_BIT_S] += share * leg["work"]
                    comes, does = at_processor(plan, int(rule.row[option]), shares, int(leg["stage"]))
                    if stage.kind == PROCESSOR and comes > 0:
                        assert rule.ticks[number] == pytest.approx(does / comes * TICKS_PER_S, abs=1)
                    elif stage.kind == LINK:
                        assert rule.ticks[number] == leg["work"] * TICKS_PER_BIT
            kept = rule.weights[option] != 0
            assert rule.weights[option][kept] == pytest.approx(visits[kept])
            assert rule.weights[option, SERVERS_S] == pytest.approx(visits[SERVERS_S])


def test_lorawan_is_refused_with_what_to_take(tmp_path: Path) -> None:
    link = {"uplink": {"region": "EU868", "distance": "1 km"}}
    with pytest.raises(ScenarioError, match=r"policies.0.kind.*duty cycle.*\n.*take local, edge or split"):
        simulator.run(world(tmp_path, link=link))


def test_nobody_knows_the_load_of_what_is_decided_anew(tmp_path: Path) -> None:
    """No offered load and no overload, however much is asked for; `explain` and `list` say what it does."""
    row = simulator.run(
        world(tmp_path, workload={"arrivals": "periodic", "rate": "100 /s", "requests": 50})
    ).summary.iloc[0]
    assert np.isnan(row["offered_load"])
    assert row["condition"] == ""
    said = CliRunner().invoke(cli, ["explain", "first", "--set", "policies=[{kind: adaptive, encoding: jpeg}]"])
    assert "adaptive: decides anew for each request; the least predicted latency is" in said.output
    assert "adaptive" in CliRunner().invoke(cli, ["list", "policies"]).output
