"""Who wins along an axis: simulated crossovers equal the closed form, and the sentence claims no more than that."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.reports.winners import sentences
from simulator.scenario.load import load_scenario
from simulator.studies.crossovers import FILE, Line, along
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

ANSWER_S = 32 / 1e6
RATES = "link.uplink.rate=5 kbit/s:5 Mbit/s:13:log"


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Local 210 ms; split 10 ms, 400 bytes, 5 ms; edge 2000 bytes, 6 ms; answers of 4 bytes at 1 Mbit/s. No queues."""
    folder = tmp_path / "world"
    folder.mkdir()
    return scenario(
        chain(folder, {"head": 400, "tail": 4}, input_bytes=2000),
        card(folder, "device", "device", {"head": "10 ms", "tail": "200 ms"}),
        card(folder, "server", "server", {"head": "1 ms", "tail": "5 ms"}),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}, {"kind": "edge", "encoding": "float32"}],
        workload={"arrivals": "periodic", "rate": "0.05 /s", "requests": 200},
    )


def line_of(world: dict[str, Any], over: str, folder: Path, with_crossovers: bool = True) -> Line:
    sweep = Sweep(load_scenario(world), [over], Options(workers=1, compares=None))
    line = along(sweep, run_sweep(sweep, folder), with_crossovers)
    assert line is not None
    return line


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_crossovers_are_those_of_the_closed_form(world: dict[str, Any], tmp_path: Path) -> None:
    """3200 bits a request through the split, 16000 through the edge: rates at which the sums of stages are equal."""
    line = line_of(world, RATES, tmp_path / "out")
    first, second = line.crossovers
    expected = 3200 / (0.21 - 0.015 - ANSWER_S), 12800 / 0.009
    for crossover, rate in zip((first, second), expected, strict=True):
        assert crossover.at == pytest.approx(rate, rel=2e-5)
        assert crossover.low <= rate <= crossover.high
        assert crossover.high - crossover.low <= 2e-5 * rate  # nothing is left to chance
    assert (first.below, first.above, second.above) == ("local", "split head", "edge float32")
    words = "split head wins from 16.4 kbit/s to 1.42 Mbit/s, edge float32 above, local below"
    assert sentences(line) == [f"Mean latency over Uplink rate: {words}."]
    with (tmp_path / "out" / FILE).open() as file:
        assert [float(row["at"]) for row in csv.DictReader(file)] == [first.at, second.at]


def test_without_bisection_the_sentence_names_the_points_of_the_grid(world: dict[str, Any], tmp_path: Path) -> None:
    """Last certain point of the one, first certain point of the other."""
    line = line_of(world, "link.uplink.rate=10,20,40,1000,2000 kbit/s", tmp_path / "out", with_crossovers=False)
    assert line.crossovers == ()
    assert sentences(line) == [
        "Mean latency over Uplink rate: local wins from 10 kbit/s, split head from 20 kbit/s to 1 Mbit/s, "
        "edge float32 from 2 Mbit/s; --crossovers finds where between these values."
    ]


def test_the_interval_holds_the_true_crossover(world: dict[str, Any], tmp_path: Path) -> None:
    """An exponential server of mean 6 ms: E[edge] = 16000 / rate + 6 ms + answer, which is 30 ms at a known rate.

    Of 20 seeds at least 16 intervals of 95 % hold it; were each right with 95 %, fewer would in 0.3 % of such tests.
    """
    folder = tmp_path / "world"
    world["device"] = card(folder, "quick", "device", {"head": "10 ms", "tail": "20 ms"})
    variability = {"distribution": "exponential"}
    world["server"] = card(folder, "random", "server", {"head": "1 ms", "tail": "5 ms"}, variability=variability)
    world["policies"] = [{"kind": "local"}, {"kind": "edge", "encoding": "float32"}]
    rate = 16000 / (0.03 - 0.006 - ANSWER_S)
    held = 0
    for seed in range(20):
        line = line_of(world | {"seed": seed}, "link.uplink.rate=0.2,2 Mbit/s", tmp_path / str(seed))
        [crossover] = line.crossovers
        assert crossover.low < crossover.at < crossover.high
        held += crossover.low <= rate <= crossover.high
    assert held >= 16
    [said] = sentences(line)
    assert " (95 %: " in said


def test_whole_numbers_have_neighbours_and_nothing_between(world: dict[str, Any], tmp_path: Path) -> None:
    """More devices wait longer for the server: an ordinary run at the crossover, at its neighbour, at both ends."""
    folder = tmp_path / "world"
    world["server"] = card(folder, "slow", "server", {"head": "60 ms", "tail": "5 ms"})
    world["link"] = world["link"] | {"uplink": {"rate": "160 kbit/s"}}
    world["policies"] = [{"kind": "local"}, {"kind": "edge", "encoding": "float32"}]
    world["workload"] = {"arrivals": "poisson", "rate": "0.5 /s", "requests": 100}
    world["statistics"] = {"replications": 6}
    line = line_of(world, "count=1,8,40", tmp_path / "out")
    [crossover] = line.crossovers

    def run(count: float) -> tuple[str, bool]:
        difference = simulator.run(world, overrides=[f"count={count:.0f}"]).differences.iloc[0]
        return difference["best"], difference["separated"] or difference["condition"] != ""

    assert run(crossover.at - 1)[0] == "edge float32"
    assert run(crossover.at)[0] == "local"
    assert run(crossover.low) == ("edge float32", True)
    assert run(crossover.high) == ("local", True)
    assert not run(crossover.low + 1)[1] or crossover.low + 1 == crossover.at
    assert not run(crossover.high - 1)[1] or crossover.high == crossover.at


@pytest.mark.parametrize(
    ("policies", "above", "word"),
    [
        (["local", "edge"], "edge float32", "local wins below 4.76 /s, edge float32 above"),
        (["local", "split"], "", "local wins below 4.76 /s, nobody above"),
    ],
)
def test_a_policy_wins_until_it_has_no_steady_state(
    world: dict[str, Any], tmp_path: Path, policies: list[str], above: str, word: str
) -> None:
    """The device is full at 1 / 210 ms; the uplink takes 6.25 inputs a second, and with small frames never one more."""
    kinds = {
        "local": {"kind": "local"},
        "edge": {"kind": "edge", "encoding": "float32"},
        "split": {"kind": "split", "at": "input", "name": "slow"},
    }
    rate = "100 kbit/s" if above else "50 kbit/s"
    world["link"] = world["link"] | {"uplink": {"rate": rate}, "propagation": "1 s"}
    world["policies"] = [kinds[policy] for policy in policies]
    line = line_of(world, "workload.rate=1,3,6 /s", tmp_path / "out")
    [crossover] = line.crossovers
    assert crossover.at == pytest.approx(1 / 0.21, rel=2e-5)
    assert (crossover.below, crossover.above) == ("local", above)
    said = sentences(line)
    assert said[0] == f"Mean latency over Request rate: {word}."
    assert said[1:] == ([] if above else ["Nobody: no policy has a steady state."])


def test_what_is_not_certain_is_not_claimed(world: dict[str, Any], tmp_path: Path) -> None:
    """Where the winner at the end of the axis cannot be named, the sentence stops before it and says so."""
    world["workload"] = {"arrivals": "periodic", "rate": "0.05 /s", "requests": 50}  # too few for an interval
    world["policies"] = [{"kind": "local"}, {"kind": "edge", "encoding": "float32"}]
    line = line_of(world, "link.uplink.rate=5,10,20 kbit/s", tmp_path / "few")
    assert line.stretches == ()
    assert line.doubtful == (5e3, 1e4, 2e4)
    [said] = sentences(line)
    assert "at none of 3 points from 5 to 20 kbit/s is there a winner" in said
    assert "local is not told from edge float32: the difference has no interval" in said


def test_cuts_that_change_along_the_axis_are_named(world: dict[str, Any], tmp_path: Path) -> None:
    """The best split ends at the output, then at the head, then at the input; it is the first of equals."""
    world["policies"] = [{"kind": "split", "best": "latency", "name": "best"}, {"kind": "split", "at": "head"}]
    line = line_of(world, "link.uplink.rate=5,10,2000,5000 kbit/s", tmp_path / "out")
    [said] = sentences(line)
    assert said == (
        "Mean latency over Uplink rate: best (at output, then input) wins at every value from 5 kbit/s to 5 Mbit/s."
    )


def test_the_command_ends_with_the_sentence(world: dict[str, Any], tmp_path: Path) -> None:
    """Only over one axis of numbers; other sweeps end as before, and refuse to look for crossovers."""
    path = tmp_path / "world.yaml"
    path.write_text(json.dumps(world))
    rates = ["--over", "link.uplink.rate=10,20 kbit/s", "--workers", "1"]
    done = call("sweep", str(path), *rates, "-o", str(tmp_path / "line"), "--crossovers")
    assert done.exit_code == 0, done.output
    assert "local wins below 16.4 kbit/s, split head above." in done.stdout
    plane = [*rates, "--over", "seed=1,2"]
    done = call("sweep", str(path), *plane, "-o", str(tmp_path / "plane"))
    assert done.exit_code == 0, done.output
    assert "wins" not in done.stdout
    for more in (plane, ["--over", "link.uplink={rate: 1 Mbit/s}"]):
        done = call("sweep", str(path), *more, "-o", str(tmp_path / "refused"), "--crossovers")
        assert done.exit_code == 2
        assert "only along one axis of numbers" in done.stderr
        assert not (tmp_path / "refused").exists()
