"""``make bench``: the engines against a textbook SimPy model of the same system, in one run.

Ten devices, each with a processor and an uplink, share a server of four workers. Each is run several times in turn;
the best time of each counts, since whatever else the machine does can only slow a run down. Then memory, the start
of the fast engine, and a fleet of ten thousand devices, each in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import minimal_numba
import textbook_simpy
from system import document, prepared

from simulator.accounts.requests import table
from simulator.engines import fast, reference

ROUNDS = 5
SMALL = textbook_simpy.Setting(requests=10_000)
LARGE = textbook_simpy.Setting(requests=100_000)
FLEET = textbook_simpy.Setting(devices=10_000, requests=1_000, workers=4_000)

#: runs a scenario file in a fresh process; prints seconds, peak bytes before and after, bytes of the result
CHILD = """
import json, sys, time
from pathlib import Path
from simulator.studies.run import run_scenario
from simulator.scenario.load import load_scenario
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
small, large = sys.argv[1:]
started = time.perf_counter()
run_scenario(load_scenario(small), "fast")
first = time.perf_counter() - started
started = time.perf_counter()
run_scenario(load_scenario(small), "fast")
second = time.perf_counter() - started
before = peak()
result = run_scenario(load_scenario(large), "fast")
print(json.dumps({"first": first, "second": second, "before": before, "peak": peak(), "result": result.table.nbytes,
                  "requests": result.table.num_rows, "seconds": time.perf_counter() - started - second}))
"""


def best_s(action: Callable[[], object]) -> float:
    """Shortest of a few runs."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def speeds() -> None:
    """Requests a second of the engines, the textbook model and the minimal loop."""
    (_, *small), (system, *large) = prepared(SMALL), prepared(LARGE)
    few, many = small[1].size, large[1].size
    arrivals = (large[1].arrival_s, large[1].device)
    constants = (LARGE.devices, LARGE.device_s, LARGE.uplink_s, LARGE.workers, LARGE.edge_s)
    minimal_numba.latencies(*arrivals, *constants)
    fast.run(*small)

    def with_columns() -> None:
        table(system, *large, fast.run(*large), 0)

    rows = {
        "textbook SimPy model": few / best_s(lambda: textbook_simpy.run(SMALL, 1)),
        "reference engine": few / best_s(lambda: reference.run(*small)),
        "fast engine": many / best_s(lambda: fast.run(*large)),
        "fast, energy, columns": many / best_s(with_columns),
        "minimal numba loop": many / best_s(lambda: minimal_numba.latencies(*arrivals, *constants)),
    }
    textbook, minimal = rows["textbook SimPy model"], rows["minimal numba loop"]
    print(f"{'':24}{'requests/s':>12}{'to textbook':>14}{'to minimal':>12}   ({few} and {many} requests)")
    for name, rate in rows.items():
        print(f"{name:24}{rate:12.0f}{rate / textbook:14.2f}{rate / minimal:12.2f}")


def child(small: Path, large: Path, cache: str | None = None) -> dict[str, float]:
    """Run two scenarios in a fresh process."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-c", CHILD, str(small), str(large)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def processes() -> None:
    """Memory, start and the large fleet, each through the ordinary path with every column of the contract."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {}
        for label, setting in {"small": textbook_simpy.Setting(requests=10), "large": LARGE, "fleet": FLEET}.items():
            files[label] = folder / f"{label}.yaml"
            files[label].write_text(
                json.dumps(document(folder, setting) | {"server": server_of(folder, label, setting)})
            )
        fresh = child(files["small"], files["small"], cache=str(folder / "cache"))
        warm = child(files["small"], files["small"], cache=str(folder / "cache"))
        print(f"first fast run: {fresh['first']:.1f} s with nothing compiled, {warm['first']:.2f} s with code on disk")
        for label in ("large", "fleet"):
            told = child(files["small"], files[label])
            above = (told["peak"] - told["before"] - told["result"]) / told["requests"]
            print(
                f"{told['requests']:.0f} requests: {told['seconds']:.1f} s in all, {told['peak'] / 1e9:.2f} GB, "
                f"{above:.0f} bytes per request above the {told['result'] / told['requests']:.0f} of the result"
            )


def server_of(folder: Path, label: str, setting: textbook_simpy.Setting) -> str:
    """A server card of its own for each scenario, since their workers differ."""
    made = folder / "server.yaml"
    content = json.loads(made.read_text()) | {"name": f"server-{label}"}
    content["workers"]["value"] = setting.workers
    path = folder / f"server-{label}.yaml"
    path.write_text(json.dumps(content))
    return str(path)


if __name__ == "__main__":
    speeds()
    processes()
