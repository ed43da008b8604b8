"""The system that all benchmarks run, as a scenario: the textbook's, so that ratios compare like with like."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import textbook_simpy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from worlds import card, chain, scenario

from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.plan.system import System
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw


def document(folder: Path, setting: textbook_simpy.Setting) -> dict[str, object]:
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


def prepared(setting: textbook_simpy.Setting) -> tuple[System, Plan, Workload]:
    """The system, its only plan and its workload."""
    with tempfile.TemporaryDirectory() as name:
        system, plans = prepare(load_scenario(document(Path(name), setting)))
        return system, plans[0], draw(sources(system), 1, 0)
