"""Maps: the winner of a point is that of a run, nobody is named without the right to it, and the figure shows it."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch
from worlds import card, chain, radio, scenario

import simulator
from simulator.cli import cli
from simulator.errors import ResultError, ScenarioError
from simulator.figures import style
from simulator.figures.files import figure_content
from simulator.inference.standings import APART, BEHIND, BEST, CLOSE, EQUAL, STANDING_COLUMNS, verdict
from simulator.studies.map import COLUMNS

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

RATES = "link.uplink.rate=1:100 kbit/s:9:log"


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Local 210 ms; at the head 10 ms, 2000 bytes, 5 ms; the input 400 bytes, 60 ms; answers of 4 bytes at 1 Mbit/s."""
    folder = tmp_path / "world"
    folder.mkdir()
    return scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        card(folder, "device", "device", {"head": "10 ms", "tail": "200 ms"}),
        card(folder, "server", "server", {"head": "55 ms", "tail": "5 ms"}),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}, {"kind": "edge", "encoding": "float32"}],
        workload={"arrivals": "periodic", "rate": "0.02 /s", "requests": 200},
    )


def random(world: dict[str, Any]) -> dict[str, Any]:
    """The world with random gaps, so that policies queue and differences vary."""
    return world | {
        "workload": {"arrivals": "poisson", "rate": "1 /s", "requests": 60},
        "statistics": {"warmup": "500 ms"},
    }


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def point(**standings: Any) -> list[dict[str, Any]]:
    """Rows of a point: a policy with its standing, difference, half-width and reason."""
    names = STANDING_COLUMNS[1:5]
    return [
        {
            "policy": policy,
            "partition": f"cut of {policy}",
            "latency_mean_s": 1.0,
            **dict(zip(names, cells, strict=True)),
        }
        for policy, cells in standings.items()
    ]


NAN = math.nan
UNSTABLE = "no steady state: its device is offered 2.00 times what it can do, so that latency grows with the run"


@pytest.mark.parametrize(
    ("standings", "winner", "is_certain", "margin", "word"),
    [
        ({"a": (BEHIND, 0.3, 0.1, ""), "b": (BEST, 0.0, NAN, "")}, "b", True, 0.3, ""),
        ({"a": (CLOSE, 0.3, 0.4, ""), "b": (BEST, 0.0, NAN, "")}, "b", False, 0.3, "within its 95 % interval"),
        ({"a": (CLOSE, 0.3, NAN, ""), "b": (BEST, 0.0, NAN, "")}, "b", False, 0.3, "no interval"),
        # the next best is told from it, another is not
        ({"a": (BEST, 0, NAN, ""), "b": (BEHIND, 0.1, 0, ""), "c": (CLOSE, 2, 3, "")}, "a", False, 0.1, "from c"),
        # two that are equal win together, under the name of the first
        ({"a": (EQUAL, 0, NAN, ""), "b": (BEST, 0, NAN, ""), "c": (BEHIND, 2, 1, "")}, "a", True, 2.0, ""),
        ({"a": (BEST, 0, NAN, ""), "b": (EQUAL, 0, NAN, "")}, "a", False, NAN, "equal to b"),
        ({"a": (BEST, 0, NAN, ""), "b": (APART, NAN, NAN, UNSTABLE)}, "a", True, NAN, "no other policy"),
        # who answers less of its requests may have left out the slow ones: no winner between the two
        ({"a": (BEST, 0, NAN, ""), "b": (APART, NAN, NAN, "answers 60 % of its")}, "a", False, NAN, "answers 60 %"),
        ({"a": (APART, NAN, NAN, UNSTABLE), "b": (APART, NAN, NAN, UNSTABLE)}, "", False, NAN, "a and b: no steady"),
    ],
)
def test_a_winner_is_named_under_its_conditions(
    standings: dict[str, Any], winner: str, is_certain: bool, margin: float, word: str
) -> None:
    """Told from all that can be compared, or alone in a steady state."""
    won = verdict(point(**standings), "latency")
    assert (won.winner, won.is_certain) == (winner, is_certain)
    assert won.margin == pytest.approx(margin, nan_ok=True)
    assert word in won.reason
    assert bool(won.reason) == bool(word)
    assert won.partition == (f"cut of {winner}" if winner else "")


def test_winners_and_margins_are_those_of_arithmetic(world: dict[str, Any]) -> None:
    """Without queues every request takes the sum of its stages, so nothing is left to chance."""
    found = simulator.map_winners(world, RATES, {"link.propagation": ["0 s", "30 ms"]}, workers=1)
    assert list(found.frame.columns) == ["link.uplink.rate", "link.propagation", *COLUMNS]
    assert len(found.frame) == 18
    for row in found.rows:
        way = 2 * row["link.propagation"] + 32 / 1e6
        rate = row["link.uplink.rate"]
        times = {"local": 0.21, "split head": 0.015 + 16000 / rate + way, "edge float32": 0.06 + 3200 / rate + way}
        first, second = sorted(times, key=times.__getitem__)[:2]
        assert row["winner"] == first
        assert row["margin"] == pytest.approx(times[second] - times[first], rel=1e-9)
        assert row["mean"] == pytest.approx(times[first], rel=1e-9)
        assert row["partition"] == {"local": "output", "split head": "head", "edge float32": "input"}[first]
        assert row["is_certain"]
        assert math.isnan(row["half_width"])  # the same in every request
    assert {"local", "edge float32"} <= set(found.frame["winner"])


@pytest.mark.parametrize("objective", ["latency", "energy"])
def test_a_point_is_judged_as_a_run_is(world: dict[str, Any], objective: str, tmp_path: Path) -> None:
    """Winner, margin and half-width are those of differences.csv, to the last bit; unstable points have no winner."""
    given = random(world)
    given["link"] = given["link"] | {"radio": radio(tmp_path)}
    given["statistics"] = {"replications": 3}
    found = simulator.map_winners(
        given, "link.uplink.rate=20,60 kbit/s", "workload.rate=1,4,8 /s", objective=objective, workers=1
    )
    kinds = set()
    for row in found.rows:
        changes = [f"link.uplink.rate={row['link.uplink.rate']} bit/s", f"workload.rate={row['workload.rate']} /s"]
        run = simulator.run(given, overrides=changes)
        mine = run.differences.query("metric == @found.metric.name and condition == ''")
        if mine.empty:
            kinds.add("alone or nobody")
            assert math.isnan(row["margin"])
            stable = run.summary[run.summary["condition"] == ""]["policy"].tolist()
            assert row["winner"] == (stable[0] if stable else "")
            continue
        second = mine.iloc[0]
        kinds.add(bool(mine["separated"].all()))
        assert row["winner"] == second["best"]
        assert (row["margin"], row["half_width"]) == (second["difference"], second["difference_ci95"])
        assert row["is_certain"] == mine["separated"].all()
    assert len(kinds) >= 2


def test_a_fleet_is_judged_over_all_of_its_groups() -> None:
    """As a run does in the rows of all groups together."""
    short = ["workload.duration=10 s", "statistics.replications=3", "statistics.warmup=1 s"]
    found = simulator.map_winners("mixed-fleet", "fleet.0.count=1,4", "seed=1,2", overrides=short, workers=1)
    for row in found.rows:
        changes = [*short, f"fleet.0.count={row['fleet.0.count']}"]
        run = simulator.run("mixed-fleet", overrides=changes, seed=row["seed"])
        against = run.differences.query("metric == 'latency_mean_s' and group == '(all)'")
        equal = against[against["difference"] == 0]
        second = against[against["difference"] > 0].iloc[0]
        assert row["winner"] == second["best"]
        assert row["equal"] == ", ".join(equal["policy"])
        assert (row["margin"], row["half_width"]) == (second["difference"], second["difference_ci95"])
        assert row["is_certain"] == second["separated"]
    axes = found.plot.map().axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4"]


def test_nobody_wins_where_nobody_keeps_up(world: dict[str, Any]) -> None:
    """At 100 /s the device, the uplink and the server are all asked for more than they can do."""
    found = simulator.map_winners(world, RATES, "workload.rate=0.02,100 /s", workers=1)
    over = found.frame[found.frame["workload.rate"] == 100]
    assert set(over["winner"]) == {""}
    assert over["reason"].str.contains("no steady state").all()
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.shares["", False] == 0.5


def test_equal_policies_win_together(world: dict[str, Any]) -> None:
    """The best split is one of the others wherever it is not the head; the name is that of the first."""
    policies = [
        {"kind": "local"},
        {"kind": "split", "at": "input"},
        {"kind": "split", "best": "latency", "name": "best"},
    ]
    found = simulator.map_winners(world | {"policies": policies}, RATES, "seed=1,2", workers=1)
    for row in found.rows:
        assert row["is_certain"]
        assert row["winner"] != "best" or row["partition"] == "head"
        assert row["winner"] == "best" or row["equal"] == "best"


def test_the_figure_shows_the_table(world: dict[str, Any]) -> None:
    """One shape for each winner and for what is doubtful, over axes with units, logarithmic where the values are."""
    found = simulator.map_winners(random(world), RATES, "workload.rate=0.5,1,2,4,8,100 /s", workers=1)
    figure = found.plot.map()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Uplink rate (kbit/s)"
    assert axes.get_ylabel() == "Request rate (/s)"
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    looks = {"doubtful": "/////", "nobody": "xxxx"}
    area = dict.fromkeys(looks, 0) | dict.fromkeys(found.policies, 0)
    for patch in axes.patches:
        assert isinstance(patch, PathPatch)
        cells = 0.0
        corners = patch.get_path().vertices.reshape(-1, 5, 2)
        for box in corners:  # fields are as wide as the steps of the axis
            cells += round(math.log(box[1, 0] / box[0, 0]) / math.log(100 ** (1 / 8)))
        kind = next((name for name, hatch in looks.items() if patch.get_hatch() == hatch), "")
        if not kind:
            colours = [style.PALETTE[k] for k in range(len(found.policies))]
            tints = [[np.array(to_rgb(c)), np.array(to_rgb(c)) / 2 + 0.5] for c in colours]
            mine = np.array(patch.get_facecolor()[:3])
            kind = next(
                policy
                for policy, pair in zip(found.policies, tints, strict=True)
                if any(np.allclose(mine, tint) for tint in pair)
            )
        area[kind] += int(cells)
    frame = found.frame
    assert area["nobody"] == (frame["winner"] == "").sum() > 0
    assert area["doubtful"] == (~frame["is_certain"] & (frame["winner"] != "")).sum() > 0
    assert {policy: area[policy] for policy in found.policies} == {
        policy: (frame["winner"] == policy).sum() for policy in found.policies
    }
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "not told from the next best" in words
    assert "nobody has a steady state" in words


def test_axes_of_names_and_cuts_that_change(world: dict[str, Any], tmp_path: Path) -> None:
    """Names stand at their places; where one policy takes several cuts, each is named in its area."""
    other = card(tmp_path, "slow", "device", {"head": "10 ms", "tail": "900 ms"})
    world["policies"] = [{"kind": "split", "best": "latency", "name": "best"}, {"kind": "split", "at": "input"}]
    found = simulator.map_winners(world, RATES, {"device": [world["device"], other]}, workers=1)
    figure = found.plot.map()
    assert len(figure.axes[0].get_yticklabels()) == 2
    assert {text.get_text() for text in figure.axes[0].texts} <= set(found.partitions("best"))
    assert figure.axes[0].texts
    small = found.plot.map(size=(2.5, 2.5), font_size=6)
    assert tuple(small.get_size_inches()) == (2.5, 2.5)
    assert figure_content(figure, "pdf") == figure_content(found.plot.map(), "pdf")


def test_the_command_writes_and_draws_again(world: dict[str, Any], tmp_path: Path) -> None:
    """Table, figure and sentence; `plot` needs the folder only; the other objective takes the same points."""
    out = tmp_path / "out"
    path = tmp_path / "world.yaml"
    path.write_text(json.dumps(world))
    arguments = ["map", str(path), "--x", RATES, "--y", "link.propagation=0 s,30 ms", "-o", str(out), "--workers", "1"]
    done = call(*arguments)
    assert done.exit_code == 0, done.output
    assert "Mean latency over 18 points of Uplink rate 1 kbit/s to 100 kbit/s" in done.stdout
    assert sorted(item.name for item in out.iterdir()) == ["figures", "map.csv", "map.json", "plane"]
    table = pd.read_csv(out / "map.csv", keep_default_na=False)
    assert table["winner"].tolist() == simulator.load_map(out).frame["winner"].tolist()
    svg = (out / "figures" / "map.svg").read_bytes()
    (out / "figures" / "map.svg").unlink()
    done = call("plot", str(out))
    assert done.exit_code == 0, done.output
    assert (out / "figures" / "map.svg").read_bytes() == svg
    printed = pd.read_csv(StringIO(call("plot", str(out), "--csv").stdout), keep_default_na=False)
    pd.testing.assert_frame_equal(printed[list(table)], table)
    assert "tabular" in call("plot", str(out), "--latex").stdout
    before = {part: part.stat().st_mtime_ns for part in (out / "plane").glob("part-*")}
    done = call(*arguments, "--objective", "energy")
    assert done.exit_code == 0, done.output
    assert "sending costs no energy" in done.stdout  # the link names no radio
    assert {part: part.stat().st_mtime_ns for part in (out / "plane").glob("part-*")} == before


@pytest.mark.parametrize(
    ("change", "x", "y", "word"),
    [
        ({"policies": [{"kind": "local"}]}, RATES, "seed=1,2", "no other policy"),
        ({}, RATES, RATES, "is given twice"),
        ({}, {"seed": [1]}, {"seed": [2]}, "one axis x and another axis y"),
        ({}, "link.uplink.speed=1,2", "seed=1,2", r"--x link\.uplink\.speed"),
        ({}, RATES, "seed", r"--y seed.*is not path=values"),
    ],
)
def test_axes_and_scenarios_that_are_refused(
    world: dict[str, Any], tmp_path: Path, change: dict[str, Any], x: Any, y: Any, word: str
) -> None:
    """Before anything runs, with the option that is wrong."""
    with pytest.raises(ScenarioError, match=word):
        simulator.map_winners(world | change, x, y, workers=1, output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_objective_that_is_unknown(world: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="latencies"):
        simulator.map_winners(world, RATES, "seed=1,2", objective="latencies", workers=1)


def test_a_folder_that_is_no_map_is_told(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text('{"format": "atlas"}')
    with pytest.raises(ResultError, match="no readable map"):
        simulator.load_map(tmp_path)
