"""Ends a process before each single step that it takes on the file system, and goes on after each of these ends.

Run as ``python crash_points.py WORK`` with the folder of a scenario ``world.yaml``. Each attempt is a fork that counts
its calls of `os.replace`, `os.unlink`, `os.mkdir`, `os.rmdir` and `os.fsync` and ends before one of them, as a kill
would: nothing of its own runs any more. A second fork then does the same work without an end.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from simulator.scenario.load import load_scenario
from simulator.staging import write_file
from simulator.studies.map import load_map, map_winners
from simulator.studies.optimise import Front, optimise
from simulator.studies.run import run_scenario
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

STEPS = ("replace", "unlink", "mkdir", "rmdir", "fsync")
KILLED, FAILED = 9, 1


def in_a_fork(work: Callable[[], None], before: int | None) -> int:
    """Exit code of some work in a process of its own, which ends before a step if there are as many."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 0
    try:
        if before is not None:
            end_before(before)
        work()
    except BaseException:
        traceback.print_exc()
        code = FAILED
    os._exit(code)


def end_before(number: int) -> None:
    """Let this process end before its step of this number."""
    steps = itertools.count()
    for name in STEPS:
        real = getattr(os, name)

        def counted(*given: object, real: Callable = real, **options: object) -> object:
            if next(steps) == number:
                os._exit(KILLED)
            return real(*given, **options)

        setattr(os, name, counted)


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part") or path.parent.name.endswith(".part")]


def main(work: Path) -> None:
    loaded = load_scenario(work / "world.yaml")

    Front.figure = lambda _: Figure()  # what it shows is no matter here

    def sweep_of() -> Sweep:
        return Sweep(loaded, ["seed=1,2"], Options(workers=1))

    def sweep(out: Path) -> None:
        run_sweep(sweep_of(), out)
        assert len(pd.read_parquet(out)) == 2 * 2

    def front(out: Path) -> None:
        found = optimise(sweep_of(), ("latency", "energy"), out)
        assert found.rows
        assert len(pd.read_parquet(out / "points")) == 2 * 2

    def plane(out: Path) -> None:
        found = map_winners(loaded, "seed=1,2", "count=1", "latency", Options(workers=1), out)
        assert len(found.rows) == len(load_map(out).rows) == 2
        assert (out / "map.csv").is_file()

    def run(out: Path) -> None:
        run_scenario(loaded, output_dir=out, plots=False)
        assert (out / "manifest.json").is_file()

    def schema(out: Path) -> None:
        write_file(out / "x.json", b"{}")
        assert (out / "x.json").read_bytes() == b"{}"

    for verb in (sweep, front, plane, run, schema):
        out = work / verb.__name__
        verb(out)  # so that every fork finds everything imported and compiled
        end_everywhere(verb, out, again=False)
        if verb not in (front, plane):  # the points of an optimisation and of a map are a sweep
            end_everywhere(verb, out, again=True)


def end_everywhere(verb: Callable[[Path], None], out: Path, again: bool) -> None:
    """End a verb before each of its steps, each time from a new folder or ``again`` in one full of parts."""

    def work() -> None:
        verb(out)

    for number in itertools.count():
        shutil.rmtree(out, ignore_errors=True)
        if again:
            assert in_a_fork(work, None) == 0
            for part in sorted(out.rglob("part-*"))[:1]:
                part.unlink()
        code = in_a_fork(work, number)
        if code == 0:
            break
        where = f"{verb.__name__}, again {again}, step {number}"
        assert code == KILLED, where
        assert in_a_fork(work, None) == 0, where
        assert not leftovers(out), (where, leftovers(out))
    assert number >= 3, "nothing was counted"
    print(verb.__name__, "again" if again else "new", number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
