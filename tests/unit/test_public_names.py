"""What `import simulator` offers: every name is there, nothing is loaded, and the front is that of the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import simulator
from simulator.cli import cli
from simulator.registry import kinds, load

AXES = ["link.uplink.rate=1 Mbit/s,50 Mbit/s"]


def test_every_public_name_is_there() -> None:
    """And is the class that it is called after."""
    for name in simulator.__all__:
        assert getattr(simulator, name).__name__ == name
        assert name in dir(simulator)
    with pytest.raises(AttributeError, match="no attribute 'Polcy'"):
        _ = simulator.Polcy


@pytest.mark.parametrize("group", ["policies", "links", "compute"])
def test_every_built_in_kind_is_public(group: str) -> None:
    """Who writes a kind of their own finds those that there are."""
    for kind in kinds(group):
        assert load(group, kind).__name__ in simulator.__all__


def test_importing_loads_nothing_of_it() -> None:
    code = "import sys, simulator; print([name for name in sys.modules if name.startswith('simulator.')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_front_from_python_is_that_of_the_command(tmp_path: Path) -> None:
    objectives = ("latency", "energy")
    front = simulator.optimise("first", AXES, objectives=objectives, workers=1)
    command = ["optimise", "first", "--over", *AXES, "--objectives", ",".join(objectives), "--workers", "1"]
    result = CliRunner().invoke(cli, [*command, "-o", str(tmp_path / "front")])
    assert result.exit_code == 0, result.output
    written = pd.read_parquet(tmp_path / "front" / "front.parquet")
    assert front["latency_mean_s"].tolist() == written["latency_mean_s"].tolist()
    assert front["policy"].tolist() == written["policy"].tolist()


def test_an_environment_has_a_front_of_its_own() -> None:
    """One alternative at least for each rate."""
    front = simulator.optimise("first", environments=AXES, objectives=("latency", "energy"), workers=1)
    assert sorted(set(front["link.uplink.rate"])) == [1e6, 50e6]


def test_objectives_are_checked_first() -> None:
    with pytest.raises(simulator.ScenarioError, match="speed"):
        simulator.optimise("first", AXES, objectives=("latency", "speed"))
