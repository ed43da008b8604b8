"""What a device knows when a request arrives, and the row that it takes: by a rule, or as a policy in Python says."""

from __future__ import annotations

from typing import Any

from simulator.engines.deciding import servers_of, settle, standing_bits, standing_s
from simulator.engines.world import World, slot
from simulator.errors import PolicyError, Problem
from simulator.physics.queueing import left_waiting
from simulator.plan.plan import Plan
from simulator.policies.online import Observation, ServerNews
from simulator.printable import one_line

#: of a message that somebody else wrote
_MOST_LETTERS = 300


def take_row(plan: Plan, w: World, request: int, sample: int, now: float) -> None:
    """Decide which row a request takes at its arrival; ``w`` is the state in objects.

    Raises
    ------
    PolicyError
        If a policy in Python raises, or names a cut that does not exist or cannot run.
    """
    if plan.online is None:
        settle(w, request, now)
        return
    device = w.traffic.device[request]
    seen = observe(plan, w, device, now)
    try:
        row = plan.row_at(int(plan.group_of[device]), plan.online.decide(seen), sample)
    except Exception as error:
        raise PolicyError(Problem(f"request {request} at {now:.6g} s: {_in_a_line(error)}")) from error
    w.traffic.row[request] = row


def _in_a_line(error: Exception) -> str:
    """Type and message of what a policy raised."""
    lines = f"{type(error).__name__}: {error}".strip().splitlines()
    return one_line(lines[0])[:_MOST_LETTERS]


def observe(plan: Plan, w: World, device: int, now: float) -> Observation:
    """What a device knows now."""
    known, heard = w.beliefs.devices[device], w.beliefs.heard[device]
    return Observation(
        now_s=now,
        device=device,
        waiting_device=waiting(plan, w, "device", device),
        waiting_uplink=waiting(plan, w, "uplink", device),
        backlog_device_s=standing_s(w.beliefs, device),
        backlog_uplink_bits=standing_bits(w.beliefs, device),
        uplink_rate_bps=known.rate_bps,
        uplink_rate_age_s=now - known.rate_s,
        servers={
            name: ServerNews(int(news.waiting), float(now - news.since_s))
            for name, news in zip(servers_of(plan), heard, strict=True)
        },
    )


def waiting(plan: Plan, w: World, name: str, device: int) -> int:
    """Who waits at an own station of a device, without who can start now."""
    stage: Any = w.stages[[stage.name for stage in plan.stages].index(name)]
    station = w.hall.stations[stage.station + slot(stage, device)]
    return left_waiting(station.waiting, station.free, 1)
