"""What requests take alone on the idle system, on the channels that they really meet: the bound of `physics.bound`.

The routes of a plan are walked for many requests and options at once; no queue, no waking, no frame twice. A LoRaWAN
link counts no time at all, since its frames, windows and silences are no rate over time: its bound is weak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Flags, Floats, Ints
from simulator.links.lone_transfers import transfer_times_s
from simulator.physics.bound import shortest_service_s
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, NO_DRAW, SERVER
from simulator.workload import Workload

#: options that are walked at once for all requests that they may still be best for
BLOCK = 64


@dataclass(frozen=True, eq=False)
class Alone:
    """What requests take alone, on one row each; arrays of shape (requests,).

    Attributes
    ----------
    latency_s : array
        At least this long, whatever else happens.
    device_s : array
        Computing on the device.
    air_up_s, air_down_s : array
        On air over the link of the device, at the best rate of its channels.
    bits_up, bits_down : array
        Over that link, each bit once.
    """

    latency_s: Floats
    device_s: Floats
    air_up_s: Floats
    air_down_s: Floats
    bits_up: Floats
    bits_down: Floats


@dataclass(frozen=True, eq=False)
class LeastAlone:
    """The best option of each request; arrays of shape (requests,).

    Attributes
    ----------
    latency_s : array
        Infinite for a request without options.
    row : array of int
        The row that it takes so; the earliest option of equal ones.
    """

    latency_s: Floats
    row: Ints


def alone(plan: Plan, workload: Workload, row: Ints, requests: Ints | None = None) -> Alone:
    """Walk a row for each of some requests.

    Parameters
    ----------
    plan : Plan
        With the channels that were drawn.
    workload : Workload
    row : array of int, shape (n,)
        Row of the plan's routes for each.
    requests : array of int, shape (n,), optional
        Which requests; a request may come several times. All of them in order if left out.
    """
    asked = np.arange(workload.size) if requests is None else requests
    begin_s = workload.arrival_s[asked]
    now_s, device_s = begin_s.copy(), np.zeros(asked.size)
    bits, air_s = np.zeros((2, 2, asked.size))
    leg = plan.routes.first[row].astype(np.int64)
    walking = np.flatnonzero(leg < plan.routes.first[row + 1])
    device = workload.device[asked]
    while walking.size:
        legs = plan.routes.legs[leg[walking]]
        for place in np.unique(legs["stage"]).tolist():
            stage, here = plan.stages[place], legs["stage"] == place
            mine, work = walking[here], legs["work"][here]
            if stage.kind == LINK:
                time_s, best_s = _transfers(plan, stage.name, device[mine], work, now_s[mine])
                if stage.has_radio:
                    way = 0 if stage.name == "uplink" else 1
                    bits[way, mine] += work
                    air_s[way, mine] += best_s
            else:
                factor = 1.0 if stage.draw == NO_DRAW else workload.factors[stage.draw][asked[mine]]
                time_s = work * factor
                if stage.kind == SERVER:
                    rule, least_s = plan.servers[stage.station], _least_work_s(plan, workload, place)
                    time_s = shortest_service_s(time_s, least_s, rule.batch_factor)
                else:
                    device_s[mine] += time_s
            now_s[mine] += time_s
        now_s[walking] += legs["delay_s"]
        leg[walking] += 1
        walking = walking[legs["is_last"] == 0]
    return Alone(now_s - begin_s, device_s, air_s[0], air_s[1], bits[0], bits[1])


def least_alone(plan: Plan, workload: Workload, options: Ints, allowed: Flags | None = None) -> LeastAlone:
    """The least that each request can take, over its options.

    Parameters
    ----------
    plan : Plan
    workload : Workload
    options : array of int, shape (options, requests)
        Row that each request takes on each option, with its own way out.
    allowed : array of bool, shape (options, requests), optional
        Which options each request has; all if left out.
    """
    count, size = options.shape
    floor_s = np.where(True if allowed is None else allowed, _floors_s(plan, workload)[options], np.inf)
    order = np.argsort(floor_s.min(axis=1, initial=np.inf), kind="stable")
    best_s, best = np.full(size, np.inf), np.full(size, count)
    for first in range(0, count, BLOCK):
        block = order[first : first + BLOCK]
        # an option whose floor is no better than what is known cannot be the best one, but for ties
        place, request = np.nonzero((floor_s[block] <= best_s) & np.isfinite(floor_s[block]))
        if place.size == 0:
            continue
        latency_s = np.full((block.size, size), np.inf)
        latency_s[place, request] = alone(plan, workload, options[block[place], request], request).latency_s
        for option, found_s in zip(block.tolist(), latency_s, strict=True):
            better = (found_s < best_s) | ((found_s == best_s) & (option < best) & np.isfinite(found_s))
            best_s[better], best[better] = found_s[better], option
    chosen = np.minimum(best, count - 1)
    return LeastAlone(best_s, options[chosen, np.arange(size)].astype(np.int64))


def _transfers(plan: Plan, link: str, device: Ints, bits: Floats, start_s: Floats) -> tuple[Floats, Floats]:
    """Time of lone transfers, and what they would take at the best rate of their channels."""
    time_s, best_s = np.zeros((2, device.size))
    channels = plan.links[link].channel_of[device]
    for number in np.unique(channels).tolist():
        mine = channels == number
        if plan.lora is not None:
            mine &= ~plan.lora.uses[device]
        channel = plan.links[link].channels[number]
        time_s[mine] = transfer_times_s(channel, bits[mine], start_s[mine])
        best_s[mine] = bits[mine] / channel.rates_bps.max()
    return time_s, best_s


def _least_work_s(plan: Plan, workload: Workload, place: int) -> float:
    """At most any work that a server is given."""
    legs, stage = plan.routes.legs, plan.stages[place]
    least_s = float(legs["work"][legs["stage"] == place].min())
    return least_s * (1.0 if stage.draw == NO_DRAW else float(workload.factors[stage.draw].min()))


def _floors_s(plan: Plan, workload: Workload) -> Floats:
    """What each row takes at least, whoever takes it and whenever; shape (rows,)."""
    legs = plan.routes.legs
    time_s = legs["delay_s"].copy()
    for place, stage in enumerate(plan.stages):
        here = legs["stage"] == place
        if not here.any():
            continue
        work = legs["work"][here]
        if stage.kind == LINK:
            time_s[here] += 0.0 if plan.lora is not None else work / _best_rate_bps(plan, stage.name)
            continue
        least = 1.0 if stage.draw == NO_DRAW else float(workload.factors[stage.draw].min())
        service_s = work * least
        if stage.kind == SERVER:
            rule = plan.servers[stage.station]
            service_s = shortest_service_s(service_s, _least_work_s(plan, workload, place), rule.batch_factor)
        time_s[here] += service_s
    row = np.repeat(np.arange(plan.routes.rows), np.diff(plan.routes.first))
    # rounding must not make a floor that nothing reaches
    floors_s: Floats = np.bincount(row, time_s, plan.routes.rows).astype(np.float64) * (1 - 1e-12)
    return floors_s


def _best_rate_bps(plan: Plan, link: str) -> float:
    return max(float(channel.rates_bps.max()) for channel in plan.links[link].channels)
