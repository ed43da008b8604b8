"""The Pareto front: what belongs to it, that a whole grid is judged like brute force, and that a search finds it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.errors import ResultError, ScenarioError, SweepError
from simulator.figures.canvas import Canvas, Look
from simulator.figures.front import draw
from simulator.figures.fronts import FRONT_FIGURES, figure
from simulator.inference.pareto import costs, front, merge_groups, read_objectives
from simulator.scenario.load import load_scenario
from simulator.studies.optimise import by_environment, optimise
from simulator.studies.search import Place, search
from simulator.studies.sweeps.sweep import Options, Sweep

ALL = ("latency", "energy", "accuracy")


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """On the device: 210 ms. Cut at the head: 10 ms, 2000 bytes, 5 ms on the server."""
    folder = tmp_path / "world"
    folder.mkdir()
    return scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        card(folder, "device", "device", {"head": "10 ms", "tail": "200 ms"}),
        card(folder, "server", "server", {"head": "1 s", "tail": "5 ms"}),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}, {"kind": "edge", "encoding": "float32"}],
        workload={"arrivals": "poisson", "rate": "1 /s", "requests": 30},
    )


def grid(world: dict[str, Any], *over: str, given: Sequence[str] = ()) -> Sweep:
    return Sweep(load_scenario(world), over, Options(workers=1), given)


def brute_force(values: np.ndarray) -> list[bool]:
    """By the definition, pair by pair."""
    return [
        not any(all(other <= one) and any(other < one) for other in values) and not np.isnan(one).any()
        for one in values
    ]


def test_front_by_hand() -> None:
    """(2, 2) is beaten by (1, 2); equal rows are on the front together; NaN never is."""
    values = np.array([[1, 2], [2, 1], [2, 2], [1, 2], [0, np.nan], [3, 0]], dtype=float)
    assert front(values).tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize("objectives", [2, 3])
def test_front_agrees_with_its_definition(objectives: int) -> None:
    """On random values with many ties."""
    generator = np.random.default_rng(objectives)
    for _ in range(20):
        values = generator.integers(0, 6, (40, objectives)).astype(float)
        values[generator.random(40) < 0.1, 0] = np.nan
        with np.errstate(invalid="ignore"):
            assert front(values).tolist() == brute_force(values)


def test_groups_are_merged_with_their_requests() -> None:
    """Two groups: 10 completed of 10 at 1 s, 30 of 40 at 2 s: 1.75 s over 40; energy over all 50."""
    row = {"point": "x", "count": 3, "policy": "edge", "accuracy": 0.5}
    rows = [
        row | {"requests": 10, "completed": 10, "latency_mean_s": 1.0, "energy_mean_j": 5.0},
        row | {"requests": 40, "completed": 30, "latency_mean_s": 2.0, "energy_mean_j": 10.0},
    ]
    [merged] = merge_groups(rows, ["count"])
    assert merged["count"] == 3
    assert merged["latency_mean_s"] == pytest.approx(1.75)
    assert merged["energy_mean_j"] == pytest.approx(9.0)
    assert merged["completed_ratio"] == pytest.approx(0.8)


def test_a_small_grid_is_judged_as_a_whole(world: dict[str, Any], tmp_path: Path) -> None:
    """The front is that of brute force over ordinary runs of every point."""
    axes = {"link.uplink.rate": ["0.1 Mbit/s", "1 Mbit/s", "10 Mbit/s"], "workload.rate": ["0.5 /s", "2 /s"]}
    found = optimise(grid(world, *(f"{a}={','.join(v)}" for a, v in axes.items())), ALL, tmp_path / "out")
    every = []
    for values in itertools.product(*axes.values()):
        summary = simulator.run(world, overrides=[f"{a}={v}" for a, v in zip(axes, values, strict=True)]).summary
        every += summary[["latency_mean_s", "energy_mean_j", "accuracy"]].to_numpy().tolist()
    table = np.array(every) * [1, 1, -1]
    best = sorted(map(tuple, table[brute_force(table)].tolist()))
    assert found.exhaustive
    assert sorted(map(tuple, costs(found.rows, ALL).tolist())) == best
    assert len(found.alternatives) == 18


def test_each_environment_has_the_front_that_it_has_alone(world: dict[str, Any], tmp_path: Path) -> None:
    """Nobody chooses the rate of a link: three rates, three fronts, each that of an optimisation at this rate."""
    rates = ["0.1 Mbit/s", "1 Mbit/s", "10 Mbit/s"]
    over = "workload.rate=0.5 /s,2 /s"
    found = optimise(grid(world, over, given=[f"link.uplink.rate={','.join(rates)}"]), ALL, tmp_path / "out")
    assert [axis.path for axis in found.environments] == ["link.uplink.rate"]
    assert [axis.path for axis in found.choices] == ["workload.rate"]
    fronts = list(by_environment(map(dict, found.rows), found.environments).items())
    assert [words for words, _ in fronts] == [f"Uplink rate {rate}" for rate in ("100 kbit/s", "1 Mbit/s", "10 Mbit/s")]
    for number, (rate, (_, rows)) in enumerate(zip(rates, fronts, strict=True)):
        fixed = {**world, "link": {**world["link"], "uplink": {"rate": rate}}}
        alone = optimise(grid(fixed, over), ALL, tmp_path / f"alone{number}")
        names = ["policy", "workload.rate", "latency_mean_s", "energy_mean_j", "accuracy"]
        assert [[row[name] for name in names] for row in rows] == [[row[name] for name in names] for row in alone.rows]
    drawn = figure(found)
    assert len(drawn.axes) == 3 * len(rates)
    assert [axes.get_title(loc="left") for axes in drawn.axes[::3]] == [words for words, _ in fronts]


def test_policies_alone_are_choices_enough(world: dict[str, Any], tmp_path: Path) -> None:
    """`--for` without `--over`."""
    found = optimise(grid(world, given=["link.uplink.rate=0.1,10 Mbit/s"]), ("latency", "energy"), tmp_path / "out")
    assert {row["link.uplink.rate"] for row in found.rows} == {1e5, 1e7}
    assert found.choices == ()


def test_values_that_make_no_difference_share_a_row(world: dict[str, Any], tmp_path: Path) -> None:
    """The device computes at every uplink rate alike: one row that says so, and the hint that the rate is given."""
    file, out = tmp_path / "world.yaml", tmp_path / "out"
    file.write_text(json.dumps({**world, "policies": [{"kind": "local"}]}))
    over = ["--over", "link.uplink.rate=1:8 Mbit/s:4:log", "--objectives", "latency,energy", "--workers", "1"]
    done = CliRunner().invoke(cli, ["optimise", str(file), *over, "-o", str(out)])
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith("local")]
    assert [row[1] for row in rows] == ["any"]
    assert "4 of 4 alternatives are on the front" in done.stdout
    assert "--for instead" in done.stdout
    given = [word.replace("--over", "--for") for word in over]
    done = CliRunner().invoke(cli, ["optimise", str(file), *given, "-o", str(tmp_path / "given")])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("Uplink rate") == 4
    assert "Caution" not in done.stdout


def test_a_search_gives_every_environment_the_same_budget(world: dict[str, Any], tmp_path: Path) -> None:
    """And more environments than points are refused, before anything runs."""
    axes = ("workload.rate=0.001:0.01 /s:40", "link.propagation=0:1 ms:30")
    sweep = grid(world, *axes, given=["link.uplink.rate=0.1,10 Mbit/s"])
    found = optimise(sweep, ("latency", "energy"), tmp_path / "out", budget=80)
    rates = [row["link.uplink.rate"] for row in found.alternatives if row["policy"] == "local"]
    assert (rates.count(1e5), rates.count(1e7)) == (40, 40)
    with pytest.raises(SweepError, match="2 environments, and a budget of 1 points"):
        optimise(sweep, ("latency", "energy"), tmp_path / "none", budget=1)
    assert not (tmp_path / "none").exists()


def test_the_bars_of_the_figure_are_the_intervals(world: dict[str, Any], tmp_path: Path) -> None:
    """Of the alternatives on the front, in both directions."""
    repeated = {**world, "statistics": {"replications": 3}}
    found = optimise(grid(repeated, "workload.rate=0.5 /s,4 /s"), ("latency", "energy"), tmp_path / "out")
    (axes,) = figure(found).axes
    widths: list[float] = []
    for container in axes.containers:
        horizontal, _ = container.lines[2]
        widths += [float(np.ptp(path.vertices[:, 0])) / 2 for path in horizontal.get_paths()]
    factor = {"Mean latency (ms)": 1e3, "Mean latency (s)": 1.0}[axes.get_xlabel()]
    expected = [row["latency_ci95_s"] * factor for row in found.rows]
    assert sorted(widths) == pytest.approx(sorted(expected))


def test_what_is_written(world: dict[str, Any], tmp_path: Path) -> None:
    """The front as CSV and Parquet, a figure with axis labels and units, and the alternatives that it shows."""
    out = tmp_path / "out"
    found = optimise(
        grid(world, "link.uplink.rate=1:8 Mbit/s:4:log"), ("latency", "energy"), out, drawing=FRONT_FIGURES
    )
    table = pd.read_csv(out / "front.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(out / "front.parquet"))
    assert table["latency_mean_s"].is_monotonic_increasing
    assert len(table) == len(found.rows) > 0
    assert len(pd.read_csv(out / "figures" / "front.csv")) == 12
    drawing = (out / "figures" / "front.svg").read_text()
    assert "Mean latency (ms)" in drawing
    assert "Energy per request (" in drawing
    assert figure(found).axes[0].get_xlabel() == "Mean latency (ms)"


def test_a_search_goes_on_where_it_was(world: dict[str, Any], tmp_path: Path) -> None:
    """The same seed asks for the same points, and they are there already."""
    axes = ("link.uplink.rate=0.1:50 Mbit/s:30:log", "workload.rate=0.1:2 /s:30:log")
    first = optimise(grid(world, *axes), ("latency", "energy"), tmp_path / "out", budget=80)
    again = optimise(grid(world, *axes), ("latency", "energy"), tmp_path / "out", budget=80)
    assert not first.exhaustive
    assert (first.sweep.computed, again.sweep.computed) == (80, 0)
    assert list(map(str, first.rows)) == list(map(str, again.rows))


def test_a_search_finds_the_best_of_a_scenario(world: dict[str, Any], tmp_path: Path) -> None:
    """No queue: latency falls with the uplink rate down to 10 ms + 16 kbit / rate + 5 ms + the answer, cut at the head.

    So the fastest of 40 x 40 points is known: the highest rate, one device at the slowest pace; 150 points find it
    within 1 %.
    """
    axes = ("link.uplink.rate=0.1:50 Mbit/s:40:log", "workload.rate=0.001:0.01 /s:40")
    found = optimise(grid(world, *axes), ("latency", "energy"), tmp_path / "out", budget=150)
    fastest = 0.010 + 16_000 / 50e6 + 0.005 + 4 * 8 / 1e6
    assert found.rows[0]["latency_mean_s"] == pytest.approx(fastest, rel=0.01)
    assert found.rows[0]["policy"].endswith("head")


def test_a_search_finds_a_known_front() -> None:
    """Deb's bi-objective problem with g = 1 + (y - 0.3)^2: f1 = x, f2 = g (1 - sqrt(x / g)), front at y = 0.3.

    With 600 of 10 201 points the dominated area is that of the true front within 2 %.
    """
    side = 101

    def values(place: Place) -> list[float]:
        x, y = place[0] / (side - 1), place[1] / (side - 1)
        g = 1 + 10 * (y - 0.3) ** 2
        return [x, g * (1 - np.sqrt(x / g))]

    seen: dict[Place, list[float]] = {}

    def evaluate(places: Sequence[Place]) -> Mapping[Place, Sequence[Sequence[float] | None]]:
        seen.update({place: values(place) for place in places})
        # two policies: the second is worse everywhere, and sometimes it has no values at all
        return {
            place: [seen[place], None if place[0] % 2 else [value + 1 for value in seen[place]]] for place in places
        }

    tried = search([side, side], [True, True], 2, evaluate, budget=600, seed=3)
    assert tried == len(seen) == 600
    truth = np.array([values((k, 30)) for k in range(side)])
    assert _area(np.array(list(seen.values()))) == pytest.approx(_area(truth), rel=0.02)


def _area(points: np.ndarray) -> float:
    """Area that is dominated, up to the corner (1.1, 1.1)."""
    best = points[front(points)]
    best = best[np.argsort(best[:, 0])]
    best = best[(best < 1.1).all(axis=1)]
    right = np.append(best[1:, 0], 1.1)
    return float(((right - best[:, 0]) * (1.1 - best[:, 1])).sum())


def test_axes_of_names_are_categories() -> None:
    """Their order means nothing; all the same the best of 30 x 30 is found, and nothing is computed twice."""
    asked: list[Place] = []

    def evaluate(places: Sequence[Place]) -> Mapping[Place, Sequence[Sequence[float]]]:
        asked.extend(places)
        return {p: [[float((p[0] * 7) % 30), float(abs(p[1] - 11)) + (p[0] * 7) % 30]] for p in places}

    search([30, 30], [False, True], 1, evaluate, budget=500, seed=1)
    assert len(asked) == len(set(asked)) <= 500
    assert (0, 11) in asked


@pytest.mark.parametrize(
    ("text", "word"), [("latency", "no front"), ("latency,cost", "cost"), ("energy,energy", "given twice")]
)
def test_objectives_that_are_refused(text: str, word: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(ScenarioError, match=word):
        read_objectives(text)


def test_an_objective_that_nobody_knows(world: dict[str, Any], tmp_path: Path) -> None:
    """A model without a published accuracy, and no sample records."""
    profile = json.loads(Path(world["model"]).read_text())
    profile["top1"] = profile["top1_source"] = None
    Path(world["model"]).write_text(json.dumps(profile))
    with pytest.raises(SweepError, match="no alternative has a known accuracy"):
        optimise(grid(world, "count=1,2"), ALL, tmp_path / "out")


def test_the_points_of_another_sweep_are_refused(world: dict[str, Any], tmp_path: Path) -> None:
    """As by a sweep."""
    optimise(grid(world, "count=1,2"), ALL, tmp_path / "out")
    with pytest.raises(ResultError, match="is not a folder of this sweep"):
        optimise(grid(world, "count=1,3"), ALL, tmp_path / "out")


def test_the_command(world: dict[str, Any], tmp_path: Path) -> None:
    """Prints the front and where it is."""
    file = tmp_path / "world.yaml"
    file.write_text(json.dumps(world))
    out = tmp_path / "out"
    arguments = ["optimise", str(file), "--over", "link.uplink.rate=1:8 Mbit/s:4:log", "--workers", "1", "-o", str(out)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "of 12 alternatives are on the front, from all 4 points" in done.stdout
    assert (out / "front.csv").exists()
    told = CliRunner().invoke(cli, ["plot", str(out)])
    assert told.exit_code == 2
    assert f"offload-sim plot {out / 'points'}" in told.stderr
    assert CliRunner().invoke(cli, ["plot", str(out / "points")]).exit_code == 0
    refused = CliRunner().invoke(cli, [*arguments, "--objectives", "latency,costs"])
    assert refused.exit_code == 2
    assert '"costs" is not an objective' in refused.stderr


def test_what_has_no_steady_state_is_on_no_front(world: dict[str, Any], tmp_path: Path) -> None:
    """At 10 /s the device alone is offered 2.1 times what it can do, the server 10 times: only the split is left."""
    found = optimise(grid(world, "workload.rate=1 /s,10 /s"), ("latency", "energy"), tmp_path / "front")
    on_front = {(row["workload.rate"], row["policy"]) for row in found.rows}
    assert (10.0, "local") not in on_front
    assert (1.0, "local") in on_front or (1.0, "split head") in on_front
    overloaded = grid(world, "workload.rate=500 /s")
    with pytest.raises(SweepError, match="no alternative can be compared: no steady state"):
        optimise(overloaded, ("latency", "energy"), tmp_path / "none")


def test_what_cannot_be_compared_has_no_costs_and_a_bound_stays_one() -> None:
    """The cheapest alternative has no steady state, so the other is the front; a lower bound stays one."""

    def alternative(policy: str, latency_s: float, **more: Any) -> dict[str, Any]:
        means = {"latency_mean_s": latency_s, "energy_mean_j": latency_s, "accuracy": 0.7, "latency_ci95_s": 0.1}
        counts = {"point": "p", "policy": policy, "requests": 10, "completed": 10, "energy_ci95_j": 0.1}
        return {**means, **counts, "latency_ci95_is_at_least": True, "energy_ci95_is_at_least": False, **more}

    merged = merge_groups(
        [alternative("local", 1.0, condition="no steady state: its device"), alternative("edge", 2.0)], []
    )
    assert front(costs(merged, ("latency", "energy"))).tolist() == [False, True]
    assert [(one["latency_ci95_is_at_least"], one["energy_ci95_is_at_least"]) for one in merged] == [(True, False)] * 2


def test_lower_bounds_are_dotted_on_the_front() -> None:
    """In the direction of their objective only."""
    alternative = {"policy": "local", "on_front": True, "latency_mean_s": 1.0, "energy_mean_j": 1.0}
    widths = {"latency_ci95_s": 0.1, "energy_ci95_j": 0.1}
    bounds = {"latency_ci95_is_at_least": True, "energy_ci95_is_at_least": False}
    drawn = draw({"": [alternative | widths | bounds]}, ("latency", "energy"), Canvas(Look()))
    patterns = [lines.get_linestyle()[0][1] for lines in drawn.axes[0].containers[0].lines[2]]
    assert [pattern is not None for pattern in patterns] == [True, False]
    assert "95 % interval, at least" in [text.get_text() for text in drawn.legends[0].get_texts()]
