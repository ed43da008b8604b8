"""``make growth``: time of the engines over the number of requests, as the figure ``docs/images/growth.svg``.

Both axes are logarithmic; a line of slope one beside the measurements shows what linear growth would be.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from system import SYSTEMS, prepared

from simulator.engines import fast, reference

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZES = {"fast engine": (10**4, 10**5, 10**6, 10**7), "reference engine": (10**4, 10**5, 10**6)}
ENGINES: dict[str, Callable[..., object]] = {"fast engine": fast.run, "reference engine": reference.run}


def measure() -> list[tuple[str, int, float]]:
    """Rows of (engine, requests, seconds), the best of three runs each."""
    rows = []
    for name, sizes in SIZES.items():
        for size in sizes:
            _, plan, workload = prepared(SYSTEMS["plain links"], size // 10)
            seconds = []
            for _ in range(3):
                started = time.perf_counter()
                ENGINES[name](plan, workload)
                seconds.append(time.perf_counter() - started)
            rows.append((name, size, min(seconds)))
            print(f"{name:18} {size:9d} requests {min(seconds):9.4f} s  {min(seconds) / size * 1e9:7.0f} ns each")
    return rows


def draw(rows: list[tuple[str, int, float]]) -> Figure:
    """The figure."""
    figure = Figure(figsize=(3.5, 2.6), layout="constrained")
    axes = figure.subplots()
    for (name, marker), colour in zip(
        (("reference engine", "s"), ("fast engine", "o")), ("#D55E00", "#0072B2"), strict=True
    ):
        mine = [(size, seconds) for engine, size, seconds in rows if engine == name]
        sizes, seconds = zip(*mine, strict=True)
        axes.loglog(sizes, seconds, marker=marker, color=colour, label=name, linewidth=1.2, markersize=4)
        line = [seconds[-1] * size / sizes[-1] for size in sizes]
        axes.loglog(sizes, line, color=colour, linestyle=":", linewidth=0.8)
    axes.set_xlabel("requests")
    axes.set_ylabel("time (s)")
    axes.set_title("dotted: linear growth through the last point", fontsize=7)
    axes.legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Measure, write the table and the figure."""
    rows = measure()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (IMAGES / "growth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("engine", "requests", "seconds"))
        writer.writerows(rows)
    draw(rows).savefig(IMAGES / "growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
