"""``offload-sim sweep`` as a user meets it: killed, interrupted, out of space, on a cluster that fails."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from worlds import card, chain, scenario

from simulator.scenario.load import load_scenario
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

#: 60 points, long enough to be interrupted
OVER = ["link.uplink.rate=1:8 Mbit/s:20:log", "workload.rate=1 /s,2 /s,4 /s"]
POINTS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario file; one point of it takes some 50 ms."""
    folder = tmp_path_factory.mktemp("world")
    content: dict[str, Any] = scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        card(folder, "device", "device", {"head": "10 ms", "tail": "200 ms"}),
        card(folder, "server", "server", {"head": "1 s", "tail": "5 ms"}),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}],
        workload={"arrivals": "poisson", "rate": "1 /s", "requests": 10_000},
        statistics={"replications": 8},
    )
    path = folder / "world.yaml"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def expected(world: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The data set of a sweep that nothing happened to."""
    sweep = Sweep(load_scenario(world), OVER, Options(workers=1))
    return run_sweep(sweep, tmp_path_factory.mktemp("expected") / "out").frame()


def command(world: Path, out: Path, *more: str) -> list[str]:
    axes = [part for axis in OVER for part in ("--over", axis)]
    return [sys.executable, "-m", "simulator", "sweep", str(world), *axes, "-o", str(out), *more]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def has_part(out: Path) -> bool:
    return any(out.glob("part-*.parquet"))


def children(pid: int) -> list[int]:
    """Processes that compute for a sweep."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def rows(out: Path) -> pd.DataFrame:
    """The data set in an order of its own, for comparison."""
    return pd.read_parquet(out).sort_values(["point", "policy"]).reset_index(drop=True)


def same(frame: pd.DataFrame, expected: pd.DataFrame) -> None:
    ordered = expected.sort_values(["point", "policy"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(frame, ordered, check_exact=True)


def test_a_sweep_that_is_killed_goes_on_where_it_was(world: Path, expected: pd.DataFrame, tmp_path: Path) -> None:
    """SIGKILL twice, at some instant: what was written is whole, only the rest is computed, no process stays behind."""
    out = tmp_path / "out"
    kept = 0
    for _ in range(2):
        running = start(command(world, out, "--workers", "2"))
        wait_for(lambda before=kept: has_part(out) and len(pd.read_parquet(out)) > before)
        workers = children(running.pid)
        running.kill()
        running.communicate()
        frame = pd.read_parquet(out)
        assert kept < len(frame) < 2 * POINTS
        assert not frame.duplicated(["point", "policy"]).any()
        kept = len(frame)
        assert workers
        wait_for(lambda pids=workers: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    done = finish(command(world, out, "--workers", "2"))
    assert done.returncode == 0, done.stderr
    assert f"{POINTS - kept // 2} points computed" in done.stdout
    assert f"{kept // 2} were there already" in done.stdout
    same(rows(out), expected)


def test_an_interrupted_sweep_keeps_what_is_finished(world: Path, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, one word, no process left."""
    out = tmp_path / "out"
    running = start(command(world, out, "--workers", "2"))
    wait_for(lambda: has_part(out))
    workers = children(running.pid)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors.strip()) == (130, "interrupted")
    assert 0 < pd.read_parquet(out)["point"].nunique() < POINTS
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 5)


def test_a_worker_that_is_killed_is_replaced(world: Path, expected: pd.DataFrame, tmp_path: Path) -> None:
    """The data set is the same in the end."""
    out = tmp_path / "out"
    running = start(command(world, out, "--workers", "2"))
    wait_for(lambda: has_part(out))
    os.kill(children(running.pid)[0], signal.SIGKILL)
    output, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    assert f"{POINTS} points computed" in output
    same(rows(out), expected)


def test_mistakes_end_with_code_2_before_anything_runs(world: Path, tmp_path: Path) -> None:
    """An unknown axis and a value that breaks the schema, both told; no folder is made."""
    done = finish([*command(world, tmp_path / "out"), "--over", "link.uplnk=1", "--over", "count=0"])
    assert done.returncode == 2
    assert 'unknown field "uplnk"' in done.stderr
    assert "count: 0 must be 1 or more" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_folder_of_another_sweep_ends_with_code_2(world: Path, tmp_path: Path) -> None:
    """It says which axis differs."""
    arguments = [sys.executable, "-m", "simulator", "sweep", str(world), "-o", str(tmp_path / "out"), "--workers", "1"]
    short = ["--set", "workload.requests=5"]
    assert finish([*arguments, *short, "--over", "count=1,2"]).returncode == 0
    done = finish([*arguments, *short, "--over", "count=1,3"])
    assert done.returncode == 2
    assert "there the axis count is [1, 2], not [1, 3]" in done.stderr


def test_failed_points_end_with_code_2_after_the_others(world: Path, tmp_path: Path) -> None:
    """Each is told with its values."""
    arguments = [sys.executable, "-m", "simulator", "sweep", str(world), "-o", str(tmp_path / "out"), "--workers", "1"]
    done = finish([*arguments, "--set", "workload.requests=5", "--over", "policies.1.at=head,nowhere,input"])
    assert done.returncode == 2
    assert "2 points computed" in done.stdout
    assert "policies.1.at=nowhere: " in done.stderr
    assert "1 of 3 points failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(world: Path, small_disk: Path) -> None:
    """A clear message, exit code 2, what is finished is kept, and with room again the sweep goes on."""
    out = small_disk / "out"
    fill = small_disk / "fill"
    running = start(command(world, out, "--workers", "2"))
    wait_for(lambda: has_part(out))
    with fill.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 2
    assert "No space left on device" in errors
    assert "Traceback" not in errors
    kept = pd.read_parquet(out)["point"].nunique()
    assert 0 < kept < POINTS
    fill.unlink()
    done = finish(command(world, out, "--workers", "2"))
    assert done.returncode == 0, done.stderr
    assert f"{POINTS - kept} points computed" in done.stdout


class DaskCluster:
    """A scheduler and two workers, each a process of its own on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        wait_for(file.exists)
        wait_for(lambda: file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self._start("worker", self.address, "--no-nanny", "--nthreads", "1") for _ in range(2)]

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        dashboard = ["--no-dashboard"]
        local = ["--local-directory", str(self._folder)] if what == "worker" else []
        code = "import sys; from dask.__main__ import main; sys.exit(main())"
        log = (self._folder / f"{what}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-c", code, what, *arguments, *dashboard, *local], stdout=log, stderr=log
            )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    folder = tmp_path / "dask"
    folder.mkdir()
    running = DaskCluster(folder)
    yield running
    running.close()


def test_a_cluster_that_loses_a_worker(
    world: Path, expected: pd.DataFrame, cluster: DaskCluster, tmp_path: Path
) -> None:
    """The other one computes what the first had in hand: the same data set. Inputs came to each worker once."""
    out = tmp_path / "out"
    running = start(command(world, out, "--cluster", cluster.address))
    wait_for(lambda: has_part(out))
    unpacked = list((tmp_path / "dask").rglob("_inputs"))
    cluster.workers[0].kill()
    output, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    assert f"{POINTS} points computed" in output
    assert len(unpacked) == 2
    same(rows(out), expected)


def test_a_cluster_that_dies(world: Path, cluster: DaskCluster, tmp_path: Path) -> None:
    """A clear message, exit code 2, finished points are kept; the sweep goes on without the cluster."""
    out = tmp_path / "out"
    running = start(command(world, out, "--cluster", cluster.address))
    wait_for(lambda: has_part(out))
    cluster.scheduler.kill()
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 2
    assert re.search(r'lost the cluster at "tcp://127\.0\.0\.1:\d+"', errors), errors
    assert "Traceback" not in errors
    kept = pd.read_parquet(out)["point"].nunique()
    assert 0 < kept < POINTS
    done = finish(command(world, out, "--workers", "2"))
    assert f"{POINTS - kept} points computed" in done.stdout


def test_a_cluster_that_is_not_there(world: Path, tmp_path: Path) -> None:
    """A clear message, exit code 2."""
    done = finish(command(world, tmp_path / "out", "--cluster", "tcp://127.0.0.1:9"))
    assert done.returncode == 2
    assert 'no cluster answers at "tcp://127.0.0.1:9"' in done.stderr
    assert "Traceback" not in done.stderr


def test_workers_forget_the_sweep_of_a_client_that_was_killed(
    world: Path, cluster: DaskCluster, tmp_path: Path
) -> None:
    """With its files, as soon as the next client comes; a sweep that has ended leaves none either."""
    out = tmp_path / "out"
    running = start(command(world, out, "--cluster", cluster.address))
    wait_for(lambda: has_part(out))
    running.kill()
    running.communicate()
    unpacked = set((tmp_path / "dask").rglob("_inputs"))
    assert len(unpacked) == 2
    short = ["--set", "workload.requests=5"]
    done = finish(command(world, tmp_path / "other", "--cluster", cluster.address, *short))
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not list((tmp_path / "dask").rglob("_inputs")))


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:no", "tcp://", "http://x", "inproc://x"])
def test_an_address_that_is_none(world: Path, tmp_path: Path, address: str) -> None:
    """A clear message, exit code 2."""
    done = finish(command(world, tmp_path / "out", "--cluster", address))
    assert done.returncode == 2
    assert f'no cluster answers at "{address}"' in done.stderr
