"""Policies with models of their own: their costs, sizes and accuracies, on the requests that all policies share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.errors import ScenarioError
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies.curves import rate_sweep

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

HEAVY, LIGHT = "heavy", "light"


def world(folder: Path, policies: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A model of one layer of 10 MACs, and another of half as many layers; a roofline of one second for ten MACs."""
    heavy = chain(folder, {"one": 1000, "two": 40}, input_bytes=4000, name=HEAVY)
    chain(folder, {"only": 20}, input_bytes=2000, name=LIGHT)
    made = {}
    for name, role, rate in (("device", "device", "10 MMAC/s"), ("server", "server", "100 MMAC/s")):
        path = Path(card(folder, name, role, {"one": "1 s"}))
        content = path.read_text()
        start = content.index('"compute"')
        end = content.index('"memory"')
        stated = '{"value": "%s", "source": "tests"}'
        roofline = (
            f'"compute": {{"kind": "roofline", "rates": {{"default": {stated % rate}}}, '
            f'"bandwidth": {stated % "1e6 GB/s"}, "overhead": {stated % "0 s"}}}, '
        )
        path.write_text(content[:start] + roofline + content[end:])
        made[name] = str(path)
    return scenario(heavy, made["device"], made["server"], policies=policies) | changes


def test_a_policy_runs_its_own_model(tmp_path: Path) -> None:
    """Two layers of 10 MACs at 1e7 /s take 2 us, one takes 1 us; a quarter of 4000 and of 2000 bytes is sent."""
    light = str(tmp_path / f"{LIGHT}.json")
    policies = [
        {"kind": "local"},
        {"kind": "local", "model": light},
        {"kind": "edge", "encoding": "uint8"},
        {"kind": "edge", "encoding": "uint8", "model": light},
    ]
    rows = simulator.run(world(tmp_path, policies)).requests.groupby("policy", observed=True).first()
    assert rows.loc["local", "device_service_s"] == pytest.approx(2e-6)
    assert rows.loc["local (light)", "device_service_s"] == pytest.approx(1e-6)
    assert rows.loc["edge uint8", "bytes_up"] == 1000
    assert rows.loc["edge uint8 (light)", "bytes_up"] == 500
    assert rows.loc["edge uint8", "bytes_down"] == 40
    assert rows.loc["edge uint8 (light)", "bytes_down"] == 20


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_it_has_the_accuracy_of_its_model(engine: str) -> None:
    """The published top-1: 69.758 % of ResNet-18, 72.154 % of the scenario's MobileNetV2 (torchvision)."""
    changes = ["workload.requests=20", "policies=[{kind: local}, {kind: local, model: resnet18}]"]
    found = simulator.run("first", overrides=changes, engine=engine)
    shown = dict(zip(found.summary["policy"], found.summary["accuracy"], strict=True))
    assert (shown["local"], shown["local (resnet18)"]) == (0.72154, 0.69758)
    assert "resnet18" in found.manifest["profiles"]


def test_it_sees_the_same_requests_and_samples() -> None:
    changes = [
        "policies=[{kind: local}, {kind: local, model: mobilenet_v2}]",
        "workload.requests=40",
        "statistics.warmup=0 s",
    ]
    rows = simulator.run("quickstart", overrides=changes).requests
    one, other = (part for _, part in rows.groupby("policy", observed=True, sort=False))
    for column in ("arrival_s", "sample", "device", "replication"):
        assert np.array_equal(one[column], other[column])
    # the records are of the scenario's model: what another one says about a sample is not known
    assert one["correct"].notna().all()
    assert other["correct"].isna().all()


def test_the_best_of_several_is_the_least_of_their_predictions() -> None:
    options = "{kind: local}, {kind: local, model: mobilenet_v2}, {kind: edge, encoding: jpeg}"
    for objective in ("latency", "energy"):
        policies = f"policies=[{options}, {{kind: best_of, objective: {objective}, choose: [{options}]}}]"
        _, plans = prepare(load_scenario("first", [policies]))
        *alone, best = (plan.choices[0] for plan in plans)
        assert best.scored(objective)[best.cut] == min(choice.scored(objective)[choice.cut] for choice in alone)


def test_the_best_of_several_is_chosen_anew_at_each_rate() -> None:
    """Its curve is the lower envelope of theirs."""
    options = "{kind: local}, {kind: edge, encoding: jpeg}, {kind: split, best: latency}"
    policies = f"policies=[{options}, {{kind: best_of, choose: [{options}]}}]"
    curves = rate_sweep(*prepare(load_scenario("first", [policies])))["rate_sweep"].to_pandas()
    table = curves.pivot_table(index="uplink_rate_bps", columns="policy", values="latency_s")
    best = table.pop("best of 3 (latency)")
    np.testing.assert_array_equal(best, table.min(axis=1))


def test_options_that_cannot_run_are_all_told() -> None:
    """Each at its place."""
    bad = "{kind: split, at: nowhere}, {kind: edge, encoding: bmp}"
    with pytest.raises(ScenarioError) as caught:
        prepare(load_scenario("first", [f"policies=[{{kind: best_of, choose: [{bad}]}}]"]))
    paths = [problem.path for problem in caught.value.problems]
    assert [path[:4] for path in paths] == [("policies", 0, "choose", 0), ("policies", 0, "choose", 1)]


def test_a_choice_within_a_choice_is_no_policy() -> None:
    inner = "{kind: best_of, choose: [{kind: local}, {kind: local}]}"
    with pytest.raises(ScenarioError, match='"best_of" is not a kind of policy'):
        load_scenario("first", [f"policies=[{{kind: best_of, choose: [{inner}, {{kind: local}}]}}]"])


def test_a_model_that_is_not_there_is_told_at_its_place() -> None:
    with pytest.raises(ScenarioError, match="did you mean mobilenet_v2") as caught:
        load_scenario("first", ["policies=[{kind: local, model: mobilenet_v22}]"])
    assert caught.value.problems[0].path[:3] == ("policies", 0, "model")


def test_a_sweep_calls_it_as_a_run_does(tmp_path: Path) -> None:
    """The copy that a sweep makes of a profile keeps its name."""
    own = tmp_path / "own.json"
    shutil.copy(Path(simulator.__file__).parents[1] / "profiles" / "models" / "mobilenet_v2.json", own)
    changes = ["workload.requests=5", f"policies=[{{kind: local}}, {{kind: local, model: {own}}}]"]
    found = simulator.sweep("first", over={"workload.rate": "1,2 /s"}, overrides=changes, output_dir=tmp_path / "sweep")
    assert set(found["policy"]) == {"local", "local (own)"}
