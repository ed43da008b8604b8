"""What a sweep leaves in its folder: copies with the permissions of their source, nothing of the dead, one writer."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from worlds import card, chain, scenario

from simulator.errors import OffloadSimError, ProfileError, ResultError
from simulator.scenario.load import load_scenario
from simulator.staging import StagedFiles
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.store import SweepFolder
from simulator.studies.sweeps.sweep import Options, Sweep


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "world"
    folder.mkdir()
    times = {"head": "10 ms", "tail": "20 ms"}
    return scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        card(folder, "device", "device", times),
        card(folder, "server", "server", times),
    )


def prepared(world: dict[str, Any]) -> Sweep:
    return Sweep(load_scenario(world), ["seed=1,2"], Options(workers=1))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_copy_may_be_read_by_whom_its_source_lets_read_it(world: dict[str, Any], tmp_path: Path, mode: int) -> None:
    """A private profile does not become public in the folder of a sweep."""
    Path(world["model"]).chmod(mode)
    run_sweep(prepared(world), tmp_path / "out")
    (copy,) = (tmp_path / "out" / "_inputs").rglob("chain.json")
    assert stat.S_IMODE(copy.stat().st_mode) == mode


def test_a_file_that_is_no_profile_is_not_copied(world: dict[str, Any], tmp_path: Path) -> None:
    """It is judged first: a secret that somebody names as a model stays where it is."""
    Path(world["model"]).write_text("password: hunter2")
    with pytest.raises(ProfileError, match="not valid JSON"):
        run_sweep(prepared(world), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_copy_is_put_right(world: dict[str, Any], tmp_path: Path) -> None:
    """The name of its folder is the hash of its content, so anything else there is a mistake."""
    run_sweep(prepared(world), tmp_path / "out")
    (copy,) = (tmp_path / "out" / "_inputs").rglob("chain.json")
    copy.write_text("{}")
    run_sweep(prepared(world), tmp_path / "out")
    assert copy.read_bytes() == Path(world["model"]).read_bytes()


def test_a_second_thread_is_refused(tmp_path: Path) -> None:
    """As a second process is; when the first is done, the folder is free."""
    manifest = {"axes": {}, "identity": "x"}

    def folder() -> SweepFolder:
        return SweepFolder(tmp_path / "out", manifest, {}, pa.schema([]))

    refused: list[OffloadSimError] = []

    def second() -> None:
        try:
            with folder():
                pass
        except ResultError as error:
            refused.append(error)

    with folder():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert "another sweep is writing" in str(refused[0])
    with folder():
        pass


def test_temporary_files_of_the_living_stay_and_those_of_the_dead_go(tmp_path: Path) -> None:
    """A process that is killed while it writes leaves a folder; the next one that writes there removes it, no other."""
    code = f"""
import os, sys
from pathlib import Path
from simulator.staging import StagedFiles
staged = StagedFiles(Path({str(tmp_path)!r})).__enter__()
staged.write_bytes("figures/x.txt", b"half")
print("written", flush=True)
sys.stdin.read()
os._exit(9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "written\n"
        with StagedFiles(tmp_path) as staged:
            staged.write_bytes("y.txt", b"whole")
            staged.commit()
        assert len(list(tmp_path.glob(".*.part"))) == 1
        other.communicate("")
    assert other.returncode == 9
    with StagedFiles(tmp_path) as staged:
        staged.write_bytes("y.txt", b"whole")
        staged.commit()
    assert sorted(os.listdir(tmp_path)) == ["figures", "y.txt"]


@pytest.mark.parametrize("name", ["part-abc.parquet", "part-1.parquet", "part-99999999999.parquet"])
def test_a_file_that_only_looks_like_a_part_is_told(world: dict[str, Any], tmp_path: Path, name: str) -> None:
    """Readers of the data set would take it for one."""
    run_sweep(prepared(world), tmp_path / "out")
    (tmp_path / "out" / name).write_bytes(b"")
    with pytest.raises(ResultError, match="was not written by a sweep"):
        run_sweep(prepared(world), tmp_path / "out")
