"""What a policy written in Python sees when a request arrives, and the option that it names."""

from __future__ import annotations

from simulator.engines.world import World, slot
from simulator.physics.queueing import left_waiting
from simulator.plan.plan import Plan
from simulator.plan.stages import SERVER
from simulator.policies.online import Observation, OnlinePolicy


def observe(plan: Plan, w: World, device: int, now: float) -> Observation:
    """What is known at an arrival; ``w`` is the state in objects."""
    return Observation(
        now_s=now,
        device=device,
        uplink_rate_bps=plan.links["uplink"].channel(device).rate_at_bps(now),
        waiting_device=waiting(plan, w, "device", device),
        waiting_uplink=waiting(plan, w, "uplink", device),
        waiting_edge=waiting(plan, w, "edge", device),
    )


def decided(plan: Plan, policy: OnlinePolicy, seen: Observation, sample: int) -> int:
    """The row of the option that a policy names."""
    return plan.row_at(int(plan.group_of[seen.device]), policy.decide(seen), sample)


def waiting(plan: Plan, w: World, name: str, device: int) -> int:
    """Who waits at a stage, without those who can start now."""
    stage = w.stages[[stage.name for stage in plan.stages].index(name)]
    station = w.hall.stations[stage.station + slot(stage, device)]
    if stage.kind != SERVER:
        return left_waiting(station.waiting, station.free, 1)
    server = w.hall.servers[stage.place]
    here = left_waiting(server.waiting + server.at_door, station.free, server.max_batch)
    return min(here, int(server.queue_limit))
