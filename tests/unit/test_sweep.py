"""A sweep: its points are ordinary runs, its data set is read by others, and its folder survives whatever happens."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from worlds import card, chain, scenario, trace

import simulator
from simulator.errors import ClusterError, ResultError, ScenarioError, SweepError, TraceError
from simulator.scenario.load import load_scenario
from simulator.studies.run import run_scenario
from simulator.studies.sweeps import run as sweep_run
from simulator.studies.sweeps import store as sweep_store
from simulator.studies.sweeps.dispatch import Dispatch
from simulator.studies.sweeps.point import Finished, Point, next_count, worst_half_width
from simulator.studies.sweeps.progress import duration
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep, parse_precision

OVER = ("link.uplink.rate=1 Mbit/s,2 Mbit/s,4 Mbit/s", "workload.rate=1:4 /s:2")


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Two policies; the device takes 10 ms for the head, which leaves 2000 bytes, and the server 5 ms for the tail."""
    folder = tmp_path / "world"
    folder.mkdir()
    model = chain(folder, {"head": 2000, "tail": 4})
    device = card(folder, "device", "device", {"head": "10 ms", "tail": "200 ms"})
    server = card(
        folder, "server", "server", {"head": "1 s", "tail": "5 ms"}, variability={"distribution": "exponential"}
    )
    return scenario(
        model,
        device,
        server,
        policies=[{"kind": "local"}, {"kind": "split", "at": "head", "name": "split"}],
        workload={"arrivals": "poisson", "rate": "1 /s", "requests": 50},
    )


def prepared(world: dict[str, Any], over: Sequence[str] = OVER, **options: Any) -> Sweep:
    return Sweep(load_scenario(world), over, Options(**({"workers": 1} | options)))


@pytest.mark.parametrize("name", ["first", "quickstart", "mixed-fleet"])
def test_a_point_is_an_ordinary_run(name: str, tmp_path: Path) -> None:
    """Its rows are those of summary.csv, to the last bit: one group or two, with samples, deadlines, traces."""
    over = {"workload.rate": ["1 /s", "2 /s"]}
    short = ["statistics.replications=2", "statistics.warmup=2 s"]
    short.append("workload.duration=10 s" if name == "mixed-fleet" else "workload.requests=40")
    frame = simulator.sweep(name, over, overrides=short, output_dir=tmp_path, workers=1)
    for rate in (1.0, 2.0):
        alone = simulator.run(name, overrides=[*short, f"workload.rate={rate:g} /s"]).summary
        alone = alone.drop(columns=["latency_bound_s", "energy_bound_j"])  # a sweep does not ask for them
        point = frame[frame["workload.rate"] == rate].reset_index(drop=True)
        pd.testing.assert_frame_equal(point[list(alone)], alone, check_exact=True)


def test_the_data_set_is_read_as_it_is(world: dict[str, Any], tmp_path: Path) -> None:
    """By pandas and by DuckDB: one row for each point and policy, axes in SI units, no other file in the way."""
    over = [*OVER, "policies.1.at=head,input"]
    run_sweep(prepared(world, over), tmp_path / "out")
    frame = pd.read_parquet(tmp_path / "out")
    assert len(frame) == 3 * 2 * 2 * 2
    assert sorted(frame["link.uplink.rate"].unique()) == [1e6, 2e6, 4e6]
    assert (frame["link.uplink.rate"].dtype, frame["requests"].dtype) == (np.float64, np.int64)
    assert set(frame["policies.1.at"]) == {"head", "input"}
    query = """select count(distinct point), avg(latency_mean_s) from '{}/*.parquet' where policy = 'local'"""
    points, mean = duckdb.sql(query.format(tmp_path / "out")).fetchall()[0]
    assert points == 12
    assert mean == pytest.approx(frame[frame["policy"] == "local"]["latency_mean_s"].mean(), rel=1e-12)


def test_columns(world: dict[str, Any], tmp_path: Path) -> None:
    """The point, the axes, the columns of summary.csv, the number of replications."""
    result = run_sweep(prepared(world), tmp_path / "out")
    summary = [name for name in run_scenario(load_scenario(world)).summary.columns if "bound" not in name]
    assert list(result.frame().columns) == ["point", "link.uplink.rate", "workload.rate", *summary, "replications"]


def test_points_and_policies_see_the_same_requests(world: dict[str, Any], tmp_path: Path) -> None:
    """Local does not care about the uplink, so it is equal to the last bit at every rate of it.

    Differences between points are paired: without queues each request takes 16 kbit / (1 Mbit/s) - 16 kbit / (2 Mbit/s)
    longer on the slower uplink, and so does their mean.
    """
    frame = run_sweep(prepared(world, ["link.uplink.rate=1 Mbit/s,2 Mbit/s", "seed=1,2"]), tmp_path / "out").frame()
    local = frame[frame["policy"] == "local"].set_index(["seed", "link.uplink.rate"])["latency_mean_s"].unstack()
    assert (local[1e6] == local[2e6]).all()
    assert local[1e6][1] != local[1e6][2]
    slow = {**world, "workload": {"arrivals": "periodic", "rate": "0.01 /s", "requests": 50}}
    frame = run_sweep(prepared(slow, ["link.uplink.rate=1 Mbit/s,2 Mbit/s"]), tmp_path / "slow").frame()
    split = frame[frame["policy"] == "split"]["latency_mean_s"].to_numpy()
    assert split[0] - split[1] == pytest.approx(0.008, rel=1e-9)


@pytest.mark.parametrize("beside", [False, True], ids=["copied", "started afresh"])
def test_processes_yield_the_same_as_this_process(world: dict[str, Any], tmp_path: Path, beside: bool) -> None:
    """Row by row and bit by bit; beside another thread of the user's, processes are no copies of this one."""
    alone = run_sweep(prepared(world), tmp_path / "alone").frame()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    if beside:
        thread.start()
    try:
        together = run_sweep(prepared(world, workers=2), tmp_path / "together").frame()
    finally:
        over.set()
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
    assert not multiprocessing.active_children()


def test_identities_are_stable_and_cover_the_content_of_files(world: dict[str, Any], tmp_path: Path) -> None:
    """The same scenario: the same hash, wherever its files lie; another content of a file: another hash."""

    def identity(given: dict[str, Any]) -> str:
        sweep = prepared(given, ["count=1,2"])
        return sweep.identity(0, sweep.scenario(0))

    moved = tmp_path / "moved"
    moved.mkdir()
    copy = dict(world)
    for key in ("model", "device", "server"):
        target = moved / Path(world[key]).name
        target.write_bytes(Path(world[key]).read_bytes())
        copy[key] = str(target)
    assert identity(world) == identity(copy)
    Path(copy["device"]).write_text(Path(copy["device"]).read_text().replace("10 ms", "11 ms"))
    assert identity(world) != identity(copy)


def test_only_what_is_missing_is_computed(world: dict[str, Any], tmp_path: Path) -> None:
    """A second time nothing; with a part of the data set gone, the points of that part."""
    first = run_sweep(prepared(world), tmp_path / "out")
    parts = sweep_store.parts(tmp_path / "out")
    assert (first.computed, run_sweep(prepared(world), tmp_path / "out").computed) == (6, 0)
    lost = len(pd.read_parquet(parts[0])) // 2
    parts[0].unlink()
    again = run_sweep(prepared(world), tmp_path / "out")
    assert again.computed == lost > 0
    pd.testing.assert_frame_equal(first.frame(), again.frame(), check_exact=True)


@pytest.mark.parametrize("what", ["axes", "replications", "seed", "file", "foreign", "result"])
def test_the_folder_of_something_else_is_refused(world: dict[str, Any], tmp_path: Path, what: str) -> None:
    """And left as it is."""
    out = tmp_path / "out"
    over, options = OVER, {}
    if what == "foreign":
        out.mkdir()
        (out / "thesis.tex").write_text("my life's work")
    elif what == "result":
        run_scenario(load_scenario(world), output_dir=out, plots=False)
    else:
        run_sweep(prepared(world), out)
    if what == "axes":
        over = (OVER[0], "workload.rate=1:4 /s:3")
    elif what == "replications":
        options["replications"] = 3
    elif what == "seed":
        world["seed"] = 2
    elif what == "file":
        Path(world["device"]).write_text(Path(world["device"]).read_text().replace("10 ms", "11 ms"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(ResultError, match="is not a folder of this sweep"):
        run_sweep(prepared(world, over, **options), out)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_two_sweeps_do_not_write_into_one_folder(world: dict[str, Any], tmp_path: Path) -> None:
    """The second is told so."""
    out = tmp_path / "out"
    sweep = prepared(world)
    code = """
import sys, simulator.studies.sweeps.store as store, pyarrow
with store.SweepFolder(store.Path(sys.argv[1]), {"axes": {}, "identity": sys.argv[2]}, {}, pyarrow.schema([])):
    print("open", flush=True)
    sys.stdin.read()
"""
    arguments = [sys.executable, "-c", code, str(out), sweep.manifest()["identity"]]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ResultError, match="another sweep is writing"):
            run_sweep(sweep, out)
        other.communicate("")
    assert run_sweep(sweep, out).computed == 6


def test_a_damaged_part_is_named(world: dict[str, Any], tmp_path: Path) -> None:
    """With what to do about it."""
    run_sweep(prepared(world), tmp_path / "out")
    part = sweep_store.parts(tmp_path / "out")[0]
    part.write_bytes(part.read_bytes()[:-30])
    with pytest.raises(ResultError, match=r"part-00000\.parquet.*damaged"):
        run_sweep(prepared(world), tmp_path / "out")


def test_leftovers_of_a_killed_writer_are_no_data(world: dict[str, Any], tmp_path: Path) -> None:
    """A half-written file under a temporary name is neither read nor kept."""
    run_sweep(prepared(world), tmp_path / "out")
    half = tmp_path / "out" / ".part-00007.parquet.abc.part"
    half.write_bytes(b"PAR1 half")
    assert len(pd.read_parquet(tmp_path / "out")) == 12
    run_sweep(prepared(world), tmp_path / "out")
    assert not half.exists()


def test_a_failing_point_does_not_stop_the_others(world: dict[str, Any], tmp_path: Path) -> None:
    """It is told with its values and its problem; its scenario is kept in a file; later sweeps try it again."""
    over = ["policies.1.at=head,nowhere,input", "count=1,2"]
    result = run_sweep(prepared(world, over), tmp_path / "out")
    assert (result.points, result.computed, len(result.failed)) == (6, 4, 2)
    failure = result.failed[0]
    assert failure.point == "policies.1.at=nowhere count=1"
    assert "--over policies.1.at=head,nowhere,input" in str(failure.problems[0])
    assert not failure.is_defect
    told = json.loads((tmp_path / "out" / "_failed.json").read_text())
    assert told["failed"] == 2
    with pytest.raises(ScenarioError, match="nowhere"):
        simulator.run(told["points"][0]["scenario"])
    assert len(pd.read_parquet(tmp_path / "out")) == 8
    with pytest.raises(SweepError, match="2 of 6 points failed"):
        sweep_run.require_all(result)


def test_values_that_do_not_go_together_fail_at_their_point(world: dict[str, Any], tmp_path: Path) -> None:
    """Each is fine with another value of the other axis."""
    world["workload"] = {"arrivals": "poisson", "rate": "1 /s", "requests": 50}
    over = ["workload.arrivals=periodic,poisson", "workload.jitter=0 s,10 ms"]
    result = run_sweep(prepared(world, over), tmp_path / "out")
    assert result.computed == 3
    assert [failure.point for failure in result.failed] == ["workload.arrivals=poisson workload.jitter=10 ms"]


def test_messages_name_the_files_of_the_user(world: dict[str, Any], tmp_path: Path) -> None:
    """Not the copies that the points read; a file that is no trace is refused before anything is copied."""
    dead = trace(tmp_path, [(0.0, 0.0), (1.0, 0.0)], name="dead")
    over = {"link.uplink": [{"rate": "1 Mbit/s"}, {"trace": dead}]}
    with pytest.raises(TraceError) as raised:
        simulator.sweep(world, over, workers=1, output_dir=tmp_path / "out")
    assert dead in str(raised.value)
    assert not (tmp_path / "out").exists()
    wrong = {**world, "policies": [{"kind": "split", "at": "nowhere"}]}
    with pytest.raises(SweepError) as raised:
        simulator.sweep(wrong, {"count": [1]}, workers=1)
    assert "nowhere" in str(raised.value)
    assert "_inputs/" not in str(raised.value)


def test_a_full_disk_keeps_finished_points(
    world: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep ends with a clear message; with room again it goes on where it was."""
    monkeypatch.setattr(sweep_run, "_WRITE_S", 0.0)
    monkeypatch.setattr(sweep_run, "_WRITE_SHARE", 0.0)
    written = 0
    fsync = os.fsync

    def full_after_a_while(descriptor: int) -> None:
        nonlocal written
        written += "part-" in os.readlink(f"/proc/self/fd/{descriptor}")
        if written > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_after_a_while)
        with pytest.raises(ResultError, match="No space left on device"):
            run_sweep(prepared(world), tmp_path / "out")
    kept = pd.read_parquet(tmp_path / "out")["point"].nunique()
    assert 0 < kept < 6
    assert not list((tmp_path / "out").glob(".*"))
    assert run_sweep(prepared(world), tmp_path / "out").computed == 6 - kept


def test_replications_until_a_precision(world: dict[str, Any], tmp_path: Path) -> None:
    """Every half-width is at most the wanted share of its mean, or the maximum is reached and said so."""
    frame = run_sweep(prepared(world, precision=0.05, max_replications=400), tmp_path / "out").frame()
    # 4 /s load the device, which takes 210 ms, to 0.84, and 50 requests from empty queues fall short of its mean
    short = (frame["policy"] == "local") & (frame["workload.rate"] == 4)
    assert frame["latency_ci95_is_at_least"].equals(short)
    assert frame["precision_met"].equals(frame["workload.rate"] != 4)
    queue_s = 0.21 + 0.84 * 0.21 / (2 * 0.16)  # Pollaczek-Khinchine
    assert (frame["latency_mean_s"] + frame["latency_ci95_s"] < queue_s)[short].all()
    assert (frame["latency_ci95_s"] <= 0.05 * frame["latency_mean_s"]).all()
    assert (frame["replications"] >= 10).all()
    frame = run_sweep(prepared(world, precision=1e-6, max_replications=11), tmp_path / "more").frame()
    assert not frame["precision_met"].any()
    assert set(frame["replications"]) == {11}


def test_the_next_number_of_replications() -> None:
    """Half-widths shrink with the root: 1.2 times too wide needs 1.44 times as many, and never more than twice."""
    assert next_count(100, 1.2) == 144
    assert next_count(100, 5.0) == 200
    assert next_count(10, 1.001) == 11
    row = {"latency_mean_s": 2.0, "latency_ci95_s": 0.1, "energy_mean_j": np.nan, "energy_ci95_j": np.nan}
    assert worst_half_width([row, {**row, "latency_mean_s": 1.0}]) == 0.1
    assert worst_half_width([{**row, "latency_ci95_s": np.nan}]) == 0.0  # equal in all replications


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("0.5 %", 0.005), ("0.1", 0.1), (0.25, 0.25)])
def test_precision(text: str | float, value: float) -> None:
    """A percentage or a share."""
    assert parse_precision(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["0", "100%", "-1%", "two", "2 ms", float("nan")])
def test_precisions_that_are_none(text: str | float) -> None:
    """Not between 0 and 1."""
    with pytest.raises(ScenarioError, match="is not a precision"):
        parse_precision(text)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"workers": 0}, "0 workers"),
        ({"workers": 2, "cluster": "tcp://x:1"}, "exclude each other"),
        ({"engine": "warp"}, "not an engine"),
        ({"precision": 0.1, "max_replications": 3, "replications": 5}, "too few"),
    ],
)
def test_options_that_are_refused(world: dict[str, Any], options: dict[str, Any], word: str) -> None:
    """Before anything runs."""
    with pytest.raises(ScenarioError, match=word):
        prepared(world, **options)


def test_from_python_without_a_folder(world: dict[str, Any]) -> None:
    """A frame in order of the grid."""
    over = {"link.uplink.rate": "1:4 Mbit/s:3:log", "count": [2, 1]}
    frame = simulator.sweep(world, over, workers=1, replications=2)
    assert frame["link.uplink.rate"].tolist() == pytest.approx([1e6] * 4 + [2e6] * 4 + [4e6] * 4)
    assert frame["count"].tolist() == [2, 2, 1, 1] * 3
    assert set(frame["replications"]) == {2}


def test_duration() -> None:
    """Hours, minutes, seconds."""
    assert [duration(s) for s in (0, 59.6, 3725)] == ["0:00:00", "0:01:00", "1:02:05"]


class _Crew:
    """Finishes at once, unless a point says how it goes wrong: an error, or the death of everybody."""

    def __init__(self, errors: dict[int, type[Exception]] | None = None, deadly: dict[int, int] | None = None) -> None:
        self.errors, self.deadly = errors or {}, deadly or {}
        self.renewed = 0

    def width(self) -> int:
        return 2

    def submit(self, points: Sequence[Point]) -> Future[list[Finished]]:
        from concurrent.futures.process import BrokenProcessPool

        future: Future[list[Finished]] = Future()
        numbers = [point.number for point in points]
        wrong = [self.errors[n] for n in numbers if n in self.errors]
        lethal = [n for n in numbers if self.deadly.get(n, 0)]
        if lethal:
            self.deadly[lethal[0]] -= 1
            future.set_exception(BrokenProcessPool("died"))
        elif wrong:
            future.set_exception(wrong[0]("boom"))
        else:
            future.set_result([Finished(n, str(n), ({},), seconds=1e-4) for n in numbers])
        return future

    def renew(self) -> None:
        self.renewed += 1

    def check(self) -> None: ...

    def close(self) -> None: ...


def _dispatched(crew: _Crew, count: int = 300) -> list[Finished]:
    points = (Point(n, str(n), None) for n in range(count))  # type: ignore[arg-type]
    return [one for batch in Dispatch(points, crew, count).finished() for one in batch]


def test_a_task_that_fails_is_narrowed_down_to_its_point() -> None:
    """All others of the same task are done."""
    done = _dispatched(_Crew(errors={7: ZeroDivisionError, 250: MemoryError}))
    assert sorted(one.number for one in done) == list(range(300))
    assert {one.number for one in done if not one.rows} == {7, 250}
    assert all(one.is_defect for one in done if not one.rows)


def test_a_point_that_kills_its_process_is_found() -> None:
    """One that kills every time fails; what was killed from outside is computed again."""
    crew = _Crew(deadly={100: 10**9, 200: 1})
    done = _dispatched(crew)
    assert sorted(one.number for one in done) == list(range(300))
    assert {one.number for one in done if not one.rows} == {100}
    assert crew.renewed >= 3


def test_processes_that_do_not_start_are_no_fault_of_the_points() -> None:
    """Nothing was ever computed: the sweep ends instead of blaming point after point."""
    with pytest.raises(ClusterError, match="before they have computed anything"):
        _dispatched(_Crew(deadly=dict.fromkeys(range(300), 10**9)))


def test_parts_hold_the_schema_that_was_promised(world: dict[str, Any], tmp_path: Path) -> None:
    """Every part has the same columns and types, so that they are one data set."""
    sweep = prepared(world)
    run_sweep(sweep, tmp_path / "out")
    for part in sweep_store.parts(tmp_path / "out"):
        assert pa.parquet.read_schema(part).remove_metadata().equals(sweep.schema)
