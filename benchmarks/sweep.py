"""``make bench``: a sweep of 2000 points with 1000 requests each, in one process and in two.

What a point costs beside its simulation is the time of the sweep in one process less the time of the same simulations
(drawing, engine, summary) in a bare loop, divided by the number of points. The best of a few rounds counts.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from system import SYSTEMS, document

from simulator.accounts.outcome import columns_of, outcome
from simulator.inference.summary import summarise
from simulator.plan.prepare import prepare
from simulator.scenario.load import LoadedScenario, load_scenario
from simulator.studies.replications import Replications
from simulator.studies.sweeps.run import run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

ROUNDS = 3
AXES = ("link.uplink.rate=1:8 Mbit/s:40:log", "workload.rate=1:4 /s:50")
POINTS = 2000
SYSTEM = SYSTEMS["plain links"]
#: of each device
REQUESTS = 100


def sweep_s(loaded: LoadedScenario, workers: int) -> float:
    """Seconds of a whole sweep: reading the axes, starting processes, computing, writing."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        result = run_sweep(Sweep(loaded, AXES, Options(workers=workers, engine="fast")), Path(folder))
        seconds = time.perf_counter() - started
    if result.computed != POINTS:
        raise RuntimeError(f"{result.computed} points instead of {POINTS}: {result.failed[:1]}")
    return seconds


def simulation_s(loaded: LoadedScenario) -> float:
    """Seconds of one point's simulation and summary, with everything prepared."""
    system, plans = prepare(loaded)
    times = []
    for _ in range(300):
        started = time.perf_counter()
        runs = Replications(system, plans, outcome)
        runs.add("fast", expected=1)
        summarise(columns_of(runs.records()), runs.facts())
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def main() -> None:
    """Print points a second, parallel efficiency and what a point costs beside its simulation."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_scenario(document(Path(folder), SYSTEM, REQUESTS))
        simulation_s(loaded)  # compiles, or loads what was compiled
        rounds = [(simulation_s(loaded), sweep_s(loaded, 1), sweep_s(loaded, 2)) for _ in range(ROUNDS)]
    alone, one, two = (min(column) for column in zip(*rounds, strict=True))
    print(f"{POINTS} points x {SYSTEM.setting.devices * REQUESTS} requests, best of {ROUNDS}:")
    print(f"  one process {one:.2f} s ({POINTS / one:.0f} points/s), two {two:.2f} s ({POINTS / two:.0f} points/s)")
    print(f"  parallel efficiency {one / two / 2:.2f}, start of the processes included")
    print(f"  a point: {1e3 * one / POINTS:.2f} ms, its simulation and summary {1e3 * alone:.2f} ms of it, ")
    print(f"  so {1e3 * (one / POINTS - alone):.2f} ms beside them")


if __name__ == "__main__":
    main()
