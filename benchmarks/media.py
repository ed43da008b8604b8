"""``make bench``: the engines where links are not plain, as they are in every bundled scenario.

Each system is the built-in scenario named beside it with one policy that offloads, longer. The shorter way of the fast
engine through plain links takes none of them: these are speeds of its event loop. The best of several runs counts. The
last line is a whole run with the WiFi card, from the file to ``summary.csv`` and ``requests.parquet``, in one process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.accounts.requests import table
from simulator.engines import fast, reference
from simulator.plan.channels import with_drawn_channels
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.studies.run import run_scenario
from simulator.workload import draw

ROUNDS = 3
EDGE = "policies=[{kind: edge, encoding: jpeg}]"
#: scenario, what is changed in it, requests of each device for the reference and the fast engine
SYSTEMS: dict[str, tuple[str, list[str], int, int]] = {
    "WiFi radio": ("fleet", [], 1_000, 20_000),
    "LTE radio, generated rates": ("lte-drone", [], 10_000, 200_000),
    "3G radio, recorded rates": ("3g-commute", [], 10_000, 200_000),
    "WiFi cell with losses": ("wifi-cell", [], 2_000, 30_000),
    "batches of up to 8": (
        "fleet",
        ["server=t4-triton", "serving={max_batch: 8, max_wait: 20 ms}", "count=100"],
        100,
        2_000,
    ),
    "LoRaWAN sensors": ("lora-sensor", [], 50, 2_000),
}
WHOLE = ["count=10", "workload.requests=100000", EDGE, "statistics.replications=1"]


def overrides(changes: list[str], requests: int) -> list[str]:
    """One policy, one replication, so many requests of each device."""
    plain = ["workload.duration=null", f"workload.requests={requests}", "statistics.replications=1"]
    return [*changes, EDGE, *plain]


def rate(run: Callable[..., Any], name: str, changes: list[str], requests: int, with_columns: bool = False) -> float:
    """Requests a second; what is random is drawn before."""
    system, plans = prepare(load_scenario(name, overrides(changes, requests)))
    workload = draw(sources(system), system.scenario.seed, 0)
    (plan,) = with_drawn_channels(plans, system, 0)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        log = run(plan, workload)
        if with_columns:
            table(system, plan, workload, log, 0)
        times.append(time.perf_counter() - started)
    return workload.size / min(times)


def main() -> None:
    """Print the table."""
    fast.run(*_small())
    print(f"{'requests/s':28}{'reference':>12}{'fast':>12}{'ratio':>8}{'with columns':>14}")
    for label, (name, changes, few, many) in SYSTEMS.items():
        slow = rate(reference.run, name, changes, few)
        quick = rate(fast.run, name, changes, many)
        columns = rate(fast.run, name, changes, many, with_columns=True)
        print(f"{label:28}{slow:12.0f}{quick:12.0f}{quick / slow:8.1f}{columns:14.0f}")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        result = run_scenario(load_scenario("fleet", WHOLE), "fast", Path(folder) / "whole", plots=False)
        seconds = time.perf_counter() - started
    print(f"{result.table.num_rows} requests with the WiFi card, from the file to its results: {seconds:.1f} s")


def _small() -> tuple[Any, Any]:
    """Something to compile with."""
    system, plans = prepare(load_scenario("first"))
    return plans[0], draw(sources(system), 1, 0)


if __name__ == "__main__":
    main()
