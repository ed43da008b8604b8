"""Files that are damaged or hostile: every verb ends in words and exit code 2, or does what it should.

Each case is drawn from a fixed seed, so that a failure is found again. ``HOSTILE_CASES`` in the environment multiplies
their number for a longer search.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mutations import csv_with_hostile_cell, json_with_hostile_value, mutated
from worlds import card, chain, scenario

from simulator import paths
from simulator.cli import cli
from simulator.studies.loading import load_result

pytestmark = pytest.mark.engine_free

TIMES = int(os.environ.get("HOSTILE_CASES", "1"))
#: what may not reach a terminal: controls but tab and line feed, marks that reorder text, halves of characters
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
Mutator = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class World:
    """A folder of files that go together, and a finished run and sweep of them."""

    folder: Path

    def copy(self, target: Path) -> World:
        shutil.copytree(self.folder, target)
        return World(target)

    @property
    def scenario(self) -> str:
        return str(self.folder / "world.yaml")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("hostile") / "world"
    folder.mkdir()
    times = {"head": "10 ms", "exit": "1 ms", "tail": "20 ms"}
    chain(folder, {"head": 2000, "tail": 4}, heads={"head": "exit"})
    card(folder, "device", "device", times, variability={"distribution": "exponential"})
    card(folder, "server", "server", times)
    (folder / "up.csv").write_text("# measured\ntime_s,rate_bps\n0,1e6\n1,2e6\n2,0\n3,1.5e6\n4,1e6\n")
    (folder / "records.csv").write_text(
        "# model: chain\nsample,entropy_1,correct_1,correct_final\n0,0.1,1,1\n1,0.9,0,1\n2,0.5,1,0\n"
    )
    (folder / "arrivals.csv").write_text("arrival_s\n0\n0.5\n0.75\n2\n")
    content = scenario(
        "./chain.json",
        "./device.yaml",
        "./server.yaml",
        policies=[
            {"kind": "local", "name": "[/] [red]local"},
            {"kind": "split", "at": "head", "name": "$\\frac$"},
            {"kind": "early_exit", "thresholds": [0.3], "at": "head"},
        ],
        workload={"arrivals": "recorded", "file": "./arrivals.csv", "samples": "./records.csv"},
    )
    content["link"]["uplink"] = {"trace": "./up.csv"}
    (folder / "world.yaml").write_text(json.dumps(content))
    done = call("run", str(folder / "world.yaml"), "-o", str(folder / "result"))
    assert done.exit_code == 0, done.output
    return World(folder)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def require_words(done: Result, what: object) -> None:
    """The law: code 0 or 2, words where it is 2, nothing raw on a terminal, no escaped exception."""
    assert done.exception is None or isinstance(done.exception, SystemExit), (what, repr(done.exception))
    assert done.exit_code in (0, 2), (what, done.output)
    assert done.exit_code == 0 or done.stderr.strip(), what
    assert "Traceback" not in done.output, (what, done.output)
    assert not RAW.search(done.output), (what, done.output)


def require_whole(target: Path, what: object) -> None:
    """A folder that was to be written is there as a whole, or is not there."""
    if target.exists():
        load_result(target)
    assert not list(target.parent.rglob(".*.part")), what


def cases(number: int) -> list[int]:
    return list(range(number * TIMES))


FILES: dict[str, list[Mutator]] = {
    "world.yaml": [mutated, json_with_hostile_value],
    "chain.json": [mutated, json_with_hostile_value],
    "device.yaml": [mutated, json_with_hostile_value],
    "server.yaml": [mutated, json_with_hostile_value],
    "up.csv": [mutated, csv_with_hostile_cell],
    "records.csv": [mutated, csv_with_hostile_cell],
    "arrivals.csv": [mutated, csv_with_hostile_cell],
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_scenario_ends_in_words(world: World, tmp_path: Path, name: str) -> None:
    """By `check`, `explain` and `run`; the folder of the result is whole or absent."""
    here = world.copy(tmp_path / "world")
    shutil.rmtree(here.folder / "result")
    original = (here.folder / name).read_bytes()
    for case in cases(24):
        chance = random.Random(f"{name} {case}")
        damaged = FILES[name][case % 2](original, chance)
        (here.folder / name).write_bytes(damaged)
        # a damaged scenario may ask for millions of requests, which `check` counts and `run` would simulate
        verb = chance.choice(("check", "explain") if name == "world.yaml" else ("check", "explain", "run"))
        target = here.folder / "out"
        more = ["-o", str(target), "--no-plots"] if verb == "run" else []
        require_words(call(verb, here.scenario, *more), (name, case, verb))
        require_whole(target, (name, case))
        shutil.rmtree(target, ignore_errors=True)


@pytest.mark.parametrize("name", ["chain.json", "up.csv", "records.csv", "device.yaml"])
def test_a_damaged_file_of_a_sweep_is_not_copied(world: World, tmp_path: Path, name: str) -> None:
    """The folder of the sweep holds what could be read, or is not there."""
    here = world.copy(tmp_path / "world")
    original = (here.folder / name).read_bytes()
    for case in cases(4):
        chance = random.Random(f"sweep {name} {case}")
        damaged = FILES[name][case % 2](original, chance)
        (here.folder / name).write_bytes(damaged)
        target = here.folder / f"out{case}"
        done = call("sweep", here.scenario, "--over", "seed=1,2", "--workers", "1", "-o", str(target))
        require_words(done, (name, case))
        assert not list(here.folder.rglob(".*.part"))
        assert done.exit_code == 0 or not list(target.rglob("part-*"))


@pytest.mark.parametrize("verb", ["info", "import", "fit"])
def test_a_damaged_measurement_ends_in_words(world: World, tmp_path: Path, verb: str) -> None:
    """Of the built-in traces and of a small one."""
    originals = [(world.folder / "up.csv").read_bytes(), paths.find("trace", "lte-uplink-driving").read_bytes()[:3000]]
    for case in cases(20):
        chance = random.Random(f"{verb} {case}")
        file = tmp_path / f"m{case}.csv"
        file.write_bytes((mutated, csv_with_hostile_cell)[case % 2](originals[case // 2 % 2], chance))
        target = tmp_path / f"out{case}{'.yaml' if verb == 'fit' else '.csv'}"
        more = [] if verb == "info" else ["-o", str(target)]
        done = call("trace", verb, str(file), *more)
        require_words(done, (verb, case))
        assert target.exists() == (done.exit_code == 0 and verb != "info")
        assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_result_ends_in_words(world: World, tmp_path: Path) -> None:
    """By `plot`; a manifest that vouches for damaged files too."""
    import hashlib

    here = world.copy(tmp_path / "world")
    result = here.folder / "result"
    names = ["manifest.json", "summary.csv", "differences.csv", "figures/rate_sweep.csv", "requests.parquet"]
    for case in cases(30):
        chance = random.Random(f"plot {case}")
        name = names[case % len(names)]
        original = (result / name).read_bytes()
        manifest = (result / "manifest.json").read_bytes()
        mutator = mutated
        if chance.random() < 0.7:
            mutator = {".json": json_with_hostile_value, ".csv": csv_with_hostile_cell}.get(Path(name).suffix, mutated)
        damaged = mutator(original, chance)
        (result / name).write_bytes(damaged)
        if name != "manifest.json":
            vouched = json.loads(manifest)
            vouched["files"][name] = hashlib.sha256(damaged).hexdigest()
            (result / "manifest.json").write_text(json.dumps(vouched))
        require_words(call("plot", str(result)), (name, case))
        (result / name).write_bytes(original)
        (result / "manifest.json").write_bytes(manifest)


def test_the_damage_is_worth_something(world: World) -> None:
    """Accidents change files, and most cases of the first test are refused: they are not all harmless."""
    original = (world.folder / "chain.json").read_bytes()
    seen = {json_with_hostile_value(original, random.Random(case)) for case in range(50)}
    assert len(seen) > 40
    assert original not in {mutated(original, random.Random(case)) for case in range(50)}
