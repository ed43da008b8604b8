"""What `best` takes: the least of every objective under every limit, against enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from simulator.errors import ScenarioError
from simulator.plan.choice import Choice
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies.curves import rate_sweep

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

OBJECTIVES: list[Any] = ["latency", "energy", "energy_delay", "throughput", {"latency": 1, "energy": 0.3}]


def chosen(policy: str, *changes: str, scenario: str = "quickstart") -> Choice:
    """The choice of a policy in a shipped scenario."""
    _, (plan,) = prepare(load_scenario(scenario, [f"policies=[{policy}]", *changes]))
    return plan.choices[0]


def enumerated(choice: Choice, objective: Any, limits: dict[str, float]) -> int:
    """The best option, one after the other: the first of the least, or -1."""
    table, prediction, shares = choice.table, choice.prediction, choice.shares
    best, lowest = -1, float("inf")
    for option in range(len(table.cuts)):
        stages = {name: float(time_s[option] @ shares) for name, time_s in prediction.stages_s.items()}
        latency = sum(stages.values()) + float(prediction.propagation_s[option] @ shares)
        energy = float(prediction.energy_j[option] @ shares)
        scores = {
            "latency": latency,
            "energy": energy,
            "energy_delay": latency * energy,
            "throughput": max(time_s * choice.crowd[name] for name, time_s in stages.items()),
        }
        weights = objective if isinstance(objective, dict) else {objective: 1.0}
        score = sum(weight * scores[name] for name, weight in weights.items())
        keeps = latency <= limits.get("latency", np.inf) and energy <= limits.get("energy", np.inf)
        if limits.get("keep_input") and table.cuts[option].layers == 0:
            keeps = False
        if keeps and not table.misfit[option] and score < lowest * (1 - 1e-12):
            best, lowest = option, score
    return best


def yaml(value: Any) -> str:
    """A value inside a flow mapping."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml(one)}" for key, one in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("scenario", "rate"),
    [
        ("quickstart", "0.3 Mbit/s"),
        ("quickstart", "5 Mbit/s"),
        ("quickstart", "200 Mbit/s"),
        ("fleet", "5 Mbit/s"),
        ("three-tiers", "40 Mbit/s"),
    ],
)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_the_best_is_that_of_an_enumeration(objective: Any, rate: str, scenario: str) -> None:
    policy = f"{{kind: split, best: {yaml(objective)}}}"
    choice = chosen(policy, f"link.uplink={{rate: {rate}}}", scenario=scenario)
    assert choice.cut == enumerated(choice, objective, {})


@pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
def test_the_best_within_limits_is_that_of_an_enumeration(objective: Any) -> None:
    """Limits at the 10th, 40th and 70th percentile of all cuts, alone and together."""
    free = chosen("{kind: split, best: latency}")
    shares = (10, 40, 70)
    latencies, energies = np.percentile(free.latency_s, shares), np.percentile(free.energy_j, shares)
    met = 0
    for latency, energy, keep in itertools.product([None, *latencies], [None, *energies], [False, True]):
        limits = {"latency": latency, "energy": energy, "keep_input": keep or None}
        stated = {"keep_input": keep}
        stated |= {} if latency is None else {"latency": f"{latency!r} s".replace("np.float64(", "").replace(")", "")}
        stated |= {} if energy is None else {"energy": f"{float(energy)!r} J"}
        expected = enumerated(free, objective, {name: value for name, value in limits.items() if value is not None})
        policy = f"{{kind: split, best: {yaml(objective)}, within: {yaml(stated)}}}"
        if expected < 0:
            with pytest.raises(ScenarioError, match="no cut"):
                chosen(policy)
        else:
            assert chosen(policy).cut == expected
            met += 1
    assert met > 8


def test_nothing_keeps_a_limit_that_is_too_tight() -> None:
    """The message names the nearest value, at which something does."""
    with pytest.raises(ScenarioError) as caught:
        chosen("{kind: split, best: energy, within: {latency: 1 ms}}")
    (problem,) = caught.value.problems
    assert problem.path[-2:] == ("within", "latency")
    nearest = chosen("{kind: split, best: latency}")
    assert problem.hint == f"the nearest is {nearest.latency_s.min() * 1e3:.0f} ms"


def test_limits_that_exclude_each_other_are_told_together() -> None:
    """Least latency and least energy lie at different cuts; both at once keep nothing."""
    free = chosen("{kind: split, best: latency}", "link.uplink={rate: 20 Mbit/s}")
    assert free.latency_s.argmin() != free.energy_j.argmin()
    tight = f"{{latency: {float(free.latency_s.min()) * 1.001!r} s, energy: {float(free.energy_j.min()) * 1.001!r} J}}"
    with pytest.raises(ScenarioError) as caught:
        chosen(f"{{kind: split, best: latency, within: {tight}}}", "link.uplink={rate: 20 Mbit/s}")
    assert [problem.path[-1] for problem in caught.value.problems] == ["latency", "energy"]


def test_an_accuracy_that_nobody_knows_keeps_to_no_floor() -> None:
    """With altered features only options that send none, or the input, have a known accuracy."""
    policy = "{kind: split, best: latency, codec: int8, within: {accuracy: 0.7}}"
    choice = chosen(policy)
    known = ~np.isnan(choice.accuracy)
    assert {choice.table.names[k] for k in np.flatnonzero(known)} == {"input", "output"}
    assert known[choice.cut]


def test_the_best_of_several_keeps_to_limits() -> None:
    """MobileNetV3 small is the fastest; 70 % of accuracy leaves the others."""
    options = "[{kind: local, model: mobilenet_v3_small}, {kind: local, model: mobilenet_v2}, {kind: local}]"
    assert chosen(f"{{kind: best_of, choose: {options}}}", scenario="first").profile.name == "mobilenet_v3_small"
    limited = chosen(f"{{kind: best_of, choose: {options}, within: {{accuracy: 0.7}}}}", scenario="first")
    assert limited.profile.name == "mobilenet_v2"


def test_more_devices_move_the_best_throughput_away_from_the_server() -> None:
    """A server that twenty thousand devices share is the slowest stage of all cuts that use it."""
    alone, many = (
        chosen("{kind: split, best: throughput}", f"count={count}", "link.uplink={rate: 1 Gbit/s}", scenario="first")
        for count in (1, 20_000)
    )
    assert alone.table.names[alone.cut] != "output"
    assert many.table.names[many.cut] == "output"


def test_the_curve_of_a_limited_policy_has_gaps_where_nothing_keeps_to_it() -> None:
    """A limit below what the device needs alone is kept only over fast links."""
    policies = "policies=[{kind: local}, {kind: split, best: latency, encoding: jpeg, within: {latency: 55 ms}}]"
    curves = rate_sweep(*prepare(load_scenario("first", [policies, "link.uplink={rate: 50 Mbit/s}"])))["rate_sweep"]
    table = curves.to_pandas().pivot_table(index="uplink_rate_bps", columns="policy", values="latency_s", dropna=False)
    best = table["best split (latency)"]
    assert best.isna().any()
    assert best.notna().any()
    assert best.dropna().max() <= 0.055
    assert best.isna().to_numpy().nonzero()[0].max() < best.notna().to_numpy().nonzero()[0].min()
