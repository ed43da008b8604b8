"""A profile that does not count everything says so wherever its times are used, with the share that is missing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from worlds import card, chain, scenario

import simulator
from simulator.profiling.model import load_profile
from simulator.reports.catalogue import model_view
from simulator.reports.explain import explain
from simulator.reports.front import render as render_front
from simulator.reports.run import render
from simulator.reports.sweep import sweep_report
from simulator.scenario.load import load_scenario
from simulator.studies.check import check
from simulator.studies.optimise import optimise
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep


def world(folder: Path, uncounted: list[str], missing_macs: int) -> dict[str, Any]:
    """Two layers of 10 MACs each, and what their profile says of itself."""
    model = chain(folder, {"first": 400, "second": 400})
    stated = json.loads(Path(model).read_text()) | {"uncounted": uncounted, "missing_macs": missing_macs}
    Path(model).write_text(json.dumps(stated))
    times = {"first": "10 ms", "second": "10 ms"}
    return scenario(model, *(card(folder, role, role, times) for role in ("device", "server")))


def printed(what: Any) -> str:
    text = io.StringIO()
    Console(width=200, file=text).print(what)
    return " ".join(text.getvalue().split())


@pytest.mark.parametrize(
    ("missing_macs", "said"),
    [
        (0, "not counted are mine.op; how much is missing is not known"),
        (60, "not counted are mine.op; at least 75 % of the multiply-accumulates are missing"),
    ],
)
def test_what_is_not_counted_is_said_everywhere(tmp_path: Path, missing_macs: int, said: str) -> None:
    """20 MACs are counted; 60 more were seen by another counter: three in four. Check, explain, run and manifest."""
    document = world(tmp_path, ["mine.op"], missing_macs)
    loaded = load_scenario(document)
    assert any(said in warning for warning in check(loaded)[1])
    assert said in printed(explain(loaded))
    result = simulator.run(document)
    assert any(said in caution for caution in result.manifest["cautions"])
    assert said in printed(render(result))
    assert said.partition("; ")[2] in printed(model_view(load_profile(document["model"])))


def test_of_many_operators_the_first_are_named(tmp_path: Path) -> None:
    """A sentence stays a sentence."""
    (said,) = check(load_scenario(world(tmp_path, list("abcdef"), 0)))[1]
    assert "not counted are a, b, c and 3 more; " in said


def test_a_complete_profile_needs_no_word(tmp_path: Path) -> None:
    assert check(load_scenario(world(tmp_path, [], 0)))[1] == []


def test_a_sweep_says_it_once_for_all_points(tmp_path: Path) -> None:
    """Three points read the same profile: one caution when they are computed, and one when they are drawn."""
    document = world(tmp_path, ["mine.op"], 60)
    sweep = Sweep(load_scenario(document), {"workload.requests": [1, 2, 3]}, Options(workers=1))
    assert run_sweep(sweep, tmp_path / "out").sentence().count("at least 75 % of the multiply") == 1
    assert printed(sweep_report(tmp_path / "out")).count("at least 75 % of the multiply") == 1


def test_a_front_says_it_once(tmp_path: Path) -> None:
    """Points of an optimisation are those of a sweep."""
    document = world(tmp_path, ["mine.op"], 60)
    sweep = Sweep(load_scenario(document), {"workload.requests": [1, 2]}, Options(workers=1))
    found = optimise(sweep, ("latency", "energy"), tmp_path / "front")
    assert printed(render_front(found)).count("at least 75 % of the multiply") == 1


def test_a_sweep_speaks_of_the_models_that_its_points_use(tmp_path: Path) -> None:
    """Each value of an axis counts, whatever the scenario itself names."""
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
    document = world(tmp_path / "own", ["mine.op"], 60)
    other = world(tmp_path / "other", [], 0)["model"]
    options = Options(workers=1)
    assert Sweep(load_scenario(document), {"model": [other]}, options).cautions == ()
    assert len(Sweep(load_scenario(document), {"model": [other, document["model"]]}, options).cautions) == 1
