"""Every bundled scenario gives the same requests.parquet from both engines, and again on every run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from simulator import paths
from simulator.scenario.load import load_scenario
from simulator.studies.run import run_scenario

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

ADAPTIVE = ["policies=[{kind: adaptive}]", "statistics.replications=1"]


def digest(name: str, engine: str, folder: Path, overrides: Sequence[str] = ()) -> str:
    """SHA-256 of requests.parquet of one run."""
    run_scenario(load_scenario(name, overrides), engine, folder, plots=False)
    return hashlib.sha256((folder / "requests.parquet").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", paths.names("scenario"))
def test_both_engines_write_the_same_file(name: str, tmp_path: Path) -> None:
    assert digest(name, "reference", tmp_path / "reference") == digest(name, "fast", tmp_path / "fast")


@pytest.mark.parametrize("name", [name for name in paths.names("scenario") if "lora" not in name])
def test_both_engines_decide_anew_alike(name: str, tmp_path: Path) -> None:
    folders = (tmp_path / engine for engine in ("reference", "fast"))
    assert len({digest(name, folder.name, folder, ADAPTIVE) for folder in folders}) == 1


def test_another_process_writes_the_same_file(tmp_path: Path) -> None:
    """Hash seeds differ between processes; the bytes do not."""
    command = [sys.executable, "-m", "simulator", "run", "first", "--no-plots", "-o"]
    for folder in ("one", "two"):
        subprocess.run([*command, str(tmp_path / folder)], check=True, capture_output=True)
    assert (tmp_path / "one" / "requests.parquet").read_bytes() == (tmp_path / "two" / "requests.parquet").read_bytes()


def test_another_seed_writes_another_file(tmp_path: Path) -> None:
    run_scenario(load_scenario("quickstart", seed=1), "reference", tmp_path / "one", plots=False)
    run_scenario(load_scenario("quickstart", seed=2), "reference", tmp_path / "two", plots=False)
    assert (tmp_path / "one" / "requests.parquet").read_bytes() != (tmp_path / "two" / "requests.parquet").read_bytes()
