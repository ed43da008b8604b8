"""The systems that the benchmarks run: each as a scenario and, with the same numbers, as a textbook model.

All imports from inside the simulator that the benchmarks of speed need stand here.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from textbook import batches, cell, full_queue, plain, radio, rule, three_tiers
from textbook.devices import Row
from textbook.setting import Setting

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from worlds import card, chain, scenario

from simulator.accounts.requests import table
from simulator.engines.log import RequestLog
from simulator.plan.channels import with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.plan.system import System
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw

#: bytes of the input, of what the first layer leaves of it, and of the answer; 1 Mbit/s both ways
BYTES = (8000, 2000, 500)
BYTES_PER_S = 125_000
#: bytes between edge and cloud, and of the answer; 20 Mbit/s both ways
BYTES_BEYOND, BYTES_BEYOND_PER_S = (2500, 500), 2_500_000


@dataclass(frozen=True)
class Timed:
    """A system that is timed.

    Attributes
    ----------
    textbook : callable
        Its textbook model.
    setting : Setting
        Its numbers.
    serving : dict
        Rules of the server in the scenario.
    link : dict
        What the scenario's link has beside its rates.
    batching : dict or None
        Batch curve of the server.
    has_cloud : bool
        Whether the tail runs in a cloud, and a part between head and tail at the edge.
    policy : dict
        What the scenario's policy is.
    engines : bool
        Whether a scenario can say it.
    """

    textbook: Callable[[Setting, list[list[float]]], list[Row]]
    setting: Setting = field(default_factory=Setting)
    serving: Mapping[str, Any] = field(default_factory=dict)
    link: Mapping[str, Any] = field(default_factory=dict)
    batching: Mapping[str, str] | None = None
    has_cloud: bool = False
    policy: Mapping[str, str] = field(default_factory=lambda: {"kind": "split", "at": "head"})
    engines: bool = True


_FEW = Setting(rate_per_s=3.0)
_BATCHES = Setting(workers=1, edge_s=0.005)
# no multiple of another time: who finds the queue full must not hang on the order of what happens at one instant
_FULL = Setting(workers=3, edge_s=0.01003)
# nor of two options, which are then never the same but for rounding
_FREE = Setting(workers=2, rate_per_s=25.0, edge_s=0.01003, rest_s=0.06071)

SYSTEMS = {
    "plain links": Timed(plain.run),
    "radio that wakes (wifi)": Timed(radio.run, _FEW, link={"radio": "wifi"}),
    "shared cell": Timed(cell.run, _FEW, link={"cell": "hall"}),
    "batches of up to 8": Timed(
        batches.run,
        _BATCHES,
        serving={"max_batch": _BATCHES.max_batch, "max_wait": f"{_BATCHES.max_wait_s} s"},
        batching={"fixed": f"{_BATCHES.batch_fixed_s} s", "per_item": f"{_BATCHES.batch_item_s} s"},
    ),
    "full queue, back to device": Timed(
        full_queue.run, _FULL, serving={"queue_limit": _FULL.queue_limit, "when_full": "local"}
    ),
    "three tiers": Timed(three_tiers.run, has_cloud=True),
    "a rule for each request": Timed(rule.run, _FREE, policy={"kind": "adaptive"}),
}

#: scenarios as they are shipped, for which there is no textbook model; requests of each device for the
#: reference and the fast engine
BUNDLED: dict[str, tuple[str, int, int]] = {
    "lte-drone, generated rates": ("lte-drone", 10_000, 200_000),
    "3g-commute, recorded rates": ("3g-commute", 10_000, 200_000),
    "wifi-cell, with losses": ("wifi-cell", 2_000, 50_000),
    "lora-sensor, LoRaWAN": ("lora-sensor", 50, 2_000),
}


class Prepared(NamedTuple):
    """A system, its only plan and its workload, with all that is random drawn."""

    system: System
    plan: Plan
    workload: Workload


def document(folder: Path, timed: Timed, requests: int | None = None) -> dict[str, Any]:
    """A system as a scenario; its model and cards are written into a folder."""
    setting = timed.setting
    input_bytes, head, tail = BYTES
    for size, time_s in ((input_bytes, setting.input_uplink_s), (head, setting.uplink_s), (tail, setting.downlink_s)):
        assert size == round(time_s * BYTES_PER_S)
    model = chain(folder, {"head": head, "tail": tail}, input_bytes=input_bytes)
    device = card(folder, "device", "device", {"head": f"{setting.device_s} s", "tail": f"{setting.rest_s} s"})
    times = {"head": f"{setting.whole_edge_s - setting.edge_s:.6f} s", "tail": f"{setting.edge_s} s"}
    server = card(folder, "server", "server", times, workers=setting.workers, batching=timed.batching)
    count = setting.requests if requests is None else requests
    made = scenario(
        model,
        device,
        server,
        count=setting.devices,
        workload={"arrivals": "poisson", "rate": f"{setting.rate_per_s} /s", "requests": count},
        policies=[dict(timed.policy)],
        serving=dict(timed.serving),
    )
    made["link"] |= {"propagation": f"{setting.propagation_s} s", **timed.link}
    return made | over_three_tiers(folder, setting) if timed.has_cloud else made


def over_three_tiers(folder: Path, setting: Setting) -> dict[str, Any]:
    """What a scenario says otherwise when its tail runs in a cloud; its model and cards are written into a folder."""
    input_bytes, head, tail = BYTES
    for size, time_s in zip(BYTES_BEYOND, (setting.backhaul_s, setting.backhaul_down_s), strict=True):
        assert size == round(time_s * BYTES_BEYOND_PER_S)
    rest = {"middle": f"{setting.edge_s} s", "tail": f"{setting.cloud_s} s"}
    rate = {"rate": f"{8 * BYTES_BEYOND_PER_S} bit/s"}
    return {
        "model": chain(folder, {"head": head, "middle": BYTES_BEYOND[0], "tail": tail}, input_bytes=input_bytes),
        "device": card(folder, "device", "device", {"head": f"{setting.device_s} s", **rest}),
        "server": card(folder, "server", "server", {"head": "1 ms", **rest}, workers=setting.workers),
        "cloud": {
            "server": card(folder, "cloud", "server", {"head": "1 ms", **rest}, workers=setting.cloud_workers),
            "link": {"uplink": rate, "downlink": rate, "propagation": f"{setting.backhaul_propagation_s} s"},
        },
        "policies": [{"kind": "split", "at": ["head", "middle"]}],
    }


def ready(reference: str | Mapping[str, Any], overrides: Sequence[str] = ()) -> Prepared:
    """A scenario with one policy, ready to run."""
    system, plans = prepare(load_scenario(reference, overrides))
    workload = draw(sources(system), system.scenario.seed, 0)
    (plan,) = with_drawn_channels(plans, system, 0)
    return Prepared(system, plan, workload)


def prepared_bundled(name: str, requests: int) -> Prepared:
    """A shipped scenario with one policy that offloads, one replication, and so many requests of each device."""
    return ready(name, ["policies=[{kind: edge, encoding: jpeg}]", *length(requests)])


def length(requests: int) -> list[str]:
    """Overrides for so many requests of each device."""
    return ["workload.duration=null", f"workload.requests={requests}", "statistics.replications=1"]


def prepared(timed: Timed, requests: int) -> Prepared:
    """One of `SYSTEMS`, with so many requests of each device."""
    with tempfile.TemporaryDirectory() as name:
        return ready(document(Path(name), timed, requests))


def columns(ready: Prepared, log: RequestLog) -> object:
    """Energy and all columns of ``requests.parquet``."""
    return table(ready.system, ready.plan, ready.workload, log, 0)


def arrivals_s(workload: Workload) -> list[list[float]]:
    """Arrivals of each device, as the textbook models take them."""
    devices = int(workload.device.max()) + 1
    return [workload.arrival_s[workload.device == device].tolist() for device in range(devices)]
