"""Offered load: the work that arrives at a station in a second, over what the station can do in a second.

At 1 or above a queue without a limit has no steady state: it grows for as long as requests arrive, so that a mean
latency says how long the run was (Kleinrock, "Queueing Systems", vol. 1, 1975, section 2.1). The load follows from the
mean work of the chosen option before anything runs:

- processor: requests per second x seconds on the device;
- link: bits per second over the mean rate, divided by the mean share of the transmissions that get through; a cell's
  airtime is that of all its links, in both directions; LoRaWAN frames take their airtime, their receive windows and
  their share of the duty cycle;
- server: seconds per second over the number of workers, in the largest batches that the rules allow.

A server with a queue limit turns requests away instead of letting them wait; what its devices then finish themselves
(at least 1 - 1/load of it) is added to their own work. Left out are collisions of LoRa frames, the promotions of radios
(a busy radio does not sleep), and policies that decide anew for each request: their load is not known before the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.links.lora_parameters import LoraParameters
from simulator.links.lora_times import full_airtime_s, mean_rate, windows_s
from simulator.physics.lora import frames_of, last_frame_bytes, uplink_airtime_s
from simulator.plan.plan import Plan
from simulator.plan.serving import UNLIMITED
from simulator.plan.stages import SERVER, Stage
from simulator.plan.system import Group, System
from simulator.workload import Source, recorded_arrivals_s

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StationLoad:
    """Offered load of one station that a group's requests pass.

    Attributes
    ----------
    station : str
        Name of a stage, or ``cell NAME``.
    load : float
        Work that arrives per second over capacity.
    limited : bool
        Whether a queue limit keeps the station from falling behind without end.
    """

    station: str
    load: float
    limited: bool = False


def arrival_rates(system: System) -> Floats:
    """Requests per second of one device of each group, shape (groups,): as stated, or as recorded arrivals show.

    Raises
    ------
    ScenarioError
        When an arrival file cannot be used.
    """
    rates = np.zeros(len(system.groups))
    for g, group in enumerate(system.groups):
        if group.workload.rate is not None:
            rates[g] = group.workload.rate
            continue
        recorded = recorded_arrivals_s(Source(group.workload, group.devices, 0, None, None, system.base))
        everyone = recorded.get(-1)
        times = list(recorded.values()) if everyone is None else [everyone] * len(group.devices)
        span_s = np.ptp(np.concatenate(times)) if times else 0.0
        # n arrivals of a device have n - 1 gaps
        gaps = sum(own.size - 1 for own in times)
        rates[g] = gaps / span_s / len(group.devices) if span_s > 0 else 0.0
    return rates


def offered_loads(system: System, plan: Plan, rates: Floats) -> tuple[tuple[StationLoad, ...], ...]:
    """Every station that a group's requests pass, busiest first; one tuple for each group.

    Parameters
    ----------
    system : System
    plan : Plan
        Decided before the run; see `is_known`.
    rates : array, shape (groups,)
        Requests per second of each device, see `arrival_rates`.
    """
    work = [_work_s(plan, g, group) for g, group in enumerate(system.groups)]
    in_all = rates * np.array([len(group.devices) for group in system.groups])
    shared = {
        stage.name: _load(plan, stage, float(sum(r * one[stage.name] for r, one in zip(in_all, work, strict=True))))
        for stage in plan.stages
        if stage.shared
    }
    limited = {name for name, rules in plan.servers.items() if rules.queue_limit < UNLIMITED}
    cells: dict[str, float] = {}
    for group, rate, one in zip(system.groups, in_all, work, strict=True):
        if group.cell is not None:
            cells[group.cell] = cells.get(group.cell, 0.0) + float(rate) * (one["uplink"] + one["downlink"])
    found = []
    for g, (group, rate, one) in enumerate(zip(system.groups, rates.tolist(), work, strict=True)):
        returned_s = sum(_returned_s(plan, g, name, shared[name]) for name in limited if plan.servers[name].fallback)
        stations = [StationLoad("device", rate * (one["device"] + returned_s))]
        if group.cell is None:
            stations += [StationLoad(name, rate * one[name]) for name in ("uplink", "downlink")]
        else:
            stations.append(StationLoad(f"cell {group.cell}", cells[group.cell]))
        stations += [StationLoad(name, load, name in limited) for name, load in shared.items() if one[name] > 0]
        found.append(tuple(sorted(stations, key=lambda station: -station.load)))
    return tuple(found)


def is_known(plan: Plan) -> bool:
    """Whether the offered load follows from the plan, because the policy decides before the run."""
    return not plan.decides_anew


def _load(plan: Plan, stage: Stage, offered: float) -> float:
    """Load of a station that all share, from the seconds of work that arrive in a second; batches are full."""
    if stage.kind != SERVER:
        return offered
    rules = plan.servers[stage.name]
    sizes = np.arange(1, rules.max_batch + 1)
    return offered * float((rules.batch_factor[1:] / sizes).min()) / rules.workers


def _returned_s(plan: Plan, g: int, server: str, load: float) -> float:
    """Work that a full server leaves to a device of a group with each of its requests, at least."""
    choice = plan.choices[g]
    met = choice.table.on_edge if server == "edge" else choice.table.on_cloud
    rest_s = np.where(met[choice.cut], choice.table.fallback_s[choice.cut], 0.0)
    return max(1 - 1 / load, 0.0) * float(rest_s @ choice.shares) if load > 0 else 0.0


def _work_s(plan: Plan, g: int, group: Group) -> dict[str, float]:
    """Mean seconds of one request at each stage, for a group's chosen option."""
    choice = plan.choices[g]
    table = choice.table
    bytes_up, bytes_down = table.bytes_up[choice.cut], table.bytes_down[choice.cut]
    if group.lora is None:
        up_s = 8 * bytes_up / (group.uplink.mean_rate_bps * group.delivered_up)
        down_s = 8 * bytes_down / (group.downlink.mean_rate_bps * group.delivered_down)
    else:
        up_s = _lora_s(group.lora.parameters(), bytes_up.tolist())
        down_s = np.zeros(bytes_down.shape)
    work = {"device": table.device_s[choice.cut], "uplink": up_s, "downlink": down_s, "edge": table.edge_s[choice.cut]}
    if group.cloud is not None:
        # all packets, also those that are forwarded while others are still on their way
        work["backhaul_up"] = 8 * table.bytes_beyond[choice.cut] / group.cloud.uplink.mean_rate_bps
        work["backhaul_down"] = 8 * table.bytes_back[choice.cut] / group.cloud.downlink.mean_rate_bps
        work["cloud"] = table.cloud_s[choice.cut]
    return {name: float(row @ choice.shares) for name, row in work.items()}


def _lora_s(rules: LoraParameters, sizes_bytes: Sequence[float]) -> Floats:
    """How long messages keep a LoRaWAN device from sending others, in the long run.

    Frames that ask for an answer are left out, so this is a lower bound where the answer misses the windows.
    """
    rate = mean_rate(rules)
    most_bytes, sharing = int(rules.most_bytes[rate]), float(rules.duty_cycle.sum())
    factor, bandwidth_hz = int(rules.spreading_factor[rate]), float(rules.bandwidth_hz[rate])
    seconds = np.zeros(len(sizes_bytes))
    for k, size_bytes in enumerate(sizes_bytes):
        frames = frames_of(size_bytes, most_bytes)
        if frames:
            last_s = uplink_airtime_s(last_frame_bytes(size_bytes, most_bytes), factor, bandwidth_hz)
            airtime_s = (frames - 1) * full_airtime_s(rules, rate) + last_s
            seconds[k] = max(airtime_s + frames * windows_s(rules, rate), airtime_s / sharing)
    return seconds
