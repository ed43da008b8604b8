"""``make bench``: requests a second of the engines and of a textbook SimPy model of the same system, in one run.

Ten devices, each with a processor and an uplink, share a server of four workers. Each is run several times in turn;
the best time of each counts, since whatever else the machine does can only slow a run down.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import textbook_simpy
from worlds import card, chain, scenario

from simulator.analysis.run import prepare, sources
from simulator.engines import reference
from simulator.scenario.load import load_scenario
from simulator.workload import draw

ROUNDS = 3


def best_s(action: Callable[[], object]) -> float:
    """Shortest of a few runs."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def same_system(folder: Path, setting: textbook_simpy.Setting) -> dict[str, object]:
    """The textbook's system as a scenario; 2000 bytes at 1 Mbit/s are its 16 ms uplink."""
    model = chain(folder, {"head": 2000, "tail": 4})
    device = card(folder, "device", "device", {"head": f"{setting.device_s} s", "tail": "1 s"})
    server = card(folder, "server", "server", {"head": "1 s", "tail": f"{setting.edge_s} s"}, workers=setting.workers)
    return scenario(
        model,
        device,
        server,
        count=setting.devices,
        workload={"arrivals": "poisson", "rate": f"{setting.rate_per_s} /s", "requests": setting.requests},
        policies=[{"kind": "split", "at": "head"}],
    )


def main() -> None:
    """Print requests a second of each and the ratios."""
    setting = textbook_simpy.Setting()
    total = setting.devices * setting.requests
    with tempfile.TemporaryDirectory() as name:
        loaded = load_scenario(same_system(Path(name), setting))
        system, plans = prepare(loaded)
        workload = draw(sources(system), 1, 0)
        textbook = best_s(lambda: textbook_simpy.run(setting, 1))
        ours = best_s(lambda: reference.run(plans[0], workload))
    print(f"{total} requests, best of {ROUNDS}")
    print(f"textbook SimPy model  {total / textbook:12.0f} requests/s")
    print(f"reference engine      {total / ours:12.0f} requests/s  ratio {textbook / ours:.2f}")


if __name__ == "__main__":
    main()
