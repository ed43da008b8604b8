"""``make bench``: the engines against textbook SimPy models of the same systems, in one run.

All runs of a system follow each other in turn, several times; the best time of each counts, since whatever else the
machine does can only slow a run down. The textbook models and the reference engine get fewer requests than the fast
engine. Then what costs time or memory beside the loop, each in a process of its own: the start with nothing compiled,
large fleets, and the whole way from a scenario file to the files of its result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import minimal_numba
from system import BUNDLED, SYSTEMS, Prepared, Timed, arrivals_s, columns, document, length, prepared, prepared_bundled
from textbook import plain
from textbook.setting import Setting

from simulator.engines import fast, reference

ROUNDS = 3
#: requests of each of the ten devices, for the textbook model and the reference engine, and for the fast one
FEW, MANY = 5_000, 100_000
FLEET = Setting(devices=10_000, requests=1_000, workers=4_000)
WHOLE = ["count=10", "policies=[{kind: edge, encoding: jpeg}]"]
COLUMNS = ("textbook", "reference", "fast", "with columns")
#: one column over another, and the width in which it is printed
RATIOS = (
    ("reference", "textbook", 11),
    ("fast", "textbook", 8),
    ("with columns", "textbook", 9),
    ("fast", "reference", 11),
)

#: runs two scenarios in a fresh process; prints seconds, peak bytes before and after, bytes of the result
CHILD = """
import json, sys, time
from pathlib import Path
import simulator
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
(small, changes), (large, other_changes) = json.loads(sys.argv[1])
def first():
    started = time.perf_counter()
    simulator.run(small, overrides=changes, engine="fast")
    return time.perf_counter() - started
first_s, second_s = first(), first()
before = peak()
started = time.perf_counter()
result = simulator.run(large, overrides=other_changes, engine="fast")
print(json.dumps({"first": first_s, "second": second_s, "before": before, "peak": peak(), "result": result.table.nbytes,
                  "requests": result.table.num_rows, "seconds": time.perf_counter() - started}))
"""

Action = Callable[[], object]
Scenario = tuple[str, Sequence[str]]


def best_s(actions: dict[str, Action]) -> dict[str, float]:
    """Shortest time of each of some actions that take turns."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - started)
    return {name: min(seconds) for name, seconds in times.items()}


def of_engines(few: Prepared, many: Prepared) -> tuple[dict[str, Action], dict[str, int]]:
    """What is timed of the engines, and the requests of each."""
    actions: dict[str, Action] = {
        "reference": lambda: reference.run(few.plan, few.workload),
        "fast": lambda: fast.run(many.plan, many.workload),
        "with columns": lambda: columns(many, fast.run(many.plan, many.workload)),
    }
    fast.run(few.plan, few.workload)
    return actions, {
        "reference": few.workload.size,
        "fast": many.workload.size,
        "with columns": many.workload.size,
    }


def line_of(name: str, requests: dict[str, int], seconds: dict[str, float]) -> str:
    """A line of the table: requests a second, then the ratios to the textbook model."""
    rates = {column: requests[column] / seconds[column] for column in seconds}
    counts = "/".join(str(count) for count in dict.fromkeys(requests.values()))
    shown = [f"{rates[column]:13.0f}" if column in rates else f"{'-':>13}" for column in COLUMNS]
    for column, base, width in RATIOS:
        known = base in rates and column in rates
        shown.append(f"{rates[column] / rates[base]:{width}.2f}" if known else f"{'-':>{width}}")
    return f"{name:27}{counts:>14}{''.join(shown)}"


def speeds() -> None:
    """Print requests a second of every system."""
    print(f"{'':41}{'requests/s':>13}{'':41}to textbook:{'':13}fast to")
    heads = "".join(f"{column:>13}" for column in COLUMNS)
    print(f"{'':27}{'requests':>14}{heads}{'reference':>11}{'fast':>8}{'columns':>9}{'reference':>11}")
    for name, timed in SYSTEMS.items():
        actions, requests = textbook_of(timed)
        if timed.engines:
            more, counts = of_engines(prepared(timed, FEW), prepared(timed, MANY))
            actions, requests = actions | more, requests | counts
        print(line_of(name, requests, best_s(actions)), flush=True)
    for name, (scenario, few, many) in BUNDLED.items():
        actions, requests = of_engines(prepared_bundled(scenario, few), prepared_bundled(scenario, many))
        print(line_of(name, requests, best_s(actions)), flush=True)


def textbook_of(timed: Timed) -> tuple[dict[str, Action], dict[str, int]]:
    """The run of a textbook model, and its requests."""
    plain_links = SYSTEMS["plain links"]
    few = prepared(timed if timed.engines else plain_links, FEW).workload
    arrivals = arrivals_s(few)
    return {"textbook": lambda: timed.textbook(timed.setting, arrivals)}, {"textbook": few.size}


def minimal() -> None:
    """Print the speed of the fast engine against a minimal loop that is written for plain links alone."""
    timed = SYSTEMS["plain links"]
    many, of = prepared(timed, MANY), timed.setting
    workload = many.workload
    numbers = (of.devices, of.device_s, of.uplink_s, of.workers, of.edge_s)
    seconds = best_s(
        {
            "compiled": lambda: minimal_numba.latencies(workload.arrival_s, workload.device, *numbers),
            "fast": lambda: fast.run(many.plan, workload),
        }
    )
    rate = workload.size / seconds["compiled"]
    print(f"minimal numba loop, plain links up to the edge: {rate:.0f} requests/s; the fast engine, with the way back")
    print(f"and every instant: {seconds['compiled'] / seconds['fast']:.2f} of that")


def child(small: Scenario, large: Scenario, cache: str | None = None) -> dict[str, float]:
    """Run two scenarios in a fresh process."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-c", CHILD, json.dumps([small, large])]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def written(folder: Path, setting: Setting) -> Scenario:
    """A file with the plain system."""
    folder.mkdir()
    file = folder / "scenario.yaml"
    file.write_text(json.dumps(document(folder, Timed(plain.run, setting))))  # JSON is YAML
    return str(file), ()


def starts(folder: Path) -> None:
    """Print how long a first run takes that has to compile what it needs."""
    cell = ("wifi-cell", ["workload.duration=10 s", "statistics.replications=1", "statistics.warmup=0 s"])
    scenarios = {"plain links": written(folder / "ten", Setting(requests=10)), "wifi-cell": cell}
    for name, scenario in scenarios.items():
        cache = str(folder / f"cache of {name}")
        fresh, warm = (child(scenario, scenario, cache)["first"] for _ in range(2))
        print(f"first fast run, {name}: {fresh:.1f} s with nothing compiled, {warm:.2f} s with code on disk")


def sizes(folder: Path) -> None:
    """Print time and memory of large runs with every column of the contract."""
    small = written(folder / "small", Setting(requests=10))
    for name, setting in {"many": Setting(requests=MANY), "fleet": FLEET}.items():
        told = child(small, written(folder / name, setting))
        above = (told["peak"] - told["before"] - told["result"]) / told["requests"]
        print(
            f"{told['requests']:.0f} requests of {setting.devices} devices: {told['seconds']:.1f} s in all, "
            f"{told['peak'] / 1e9:.2f} GB, {above:.0f} bytes per request above the "
            f"{told['result'] / told['requests']:.0f} of the result"
        )


def commands(folder: Path) -> None:
    """Print how long the command takes from a scenario file with the WiFi card to the files of its result."""

    def command(requests: int) -> Action:
        changes = [part for change in (*WHOLE, *length(requests)) for part in ("--set", change)]
        options = ["--engine", "fast", "--no-plots", "--replace", "-o", str(folder / f"result of {requests}")]
        words = [sys.executable, "-m", "simulator", "run", "fleet", *options, *changes]
        return lambda: subprocess.run(words, check=True, capture_output=True)

    seconds = best_s({"few": command(100), "many": command(MANY)})
    print(
        f"{10 * MANY} requests with the WiFi card, from the file to summary.csv and requests.parquet: "
        f"{seconds['many']:.1f} s for the command, {seconds['many'] - seconds['few']:.1f} s more than for 1000"
    )


if __name__ == "__main__":
    speeds()
    minimal()
    with tempfile.TemporaryDirectory() as name:
        starts(Path(name))
        sizes(Path(name))
        commands(Path(name))
