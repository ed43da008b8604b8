"""What requests take alone on the idle system, on the channels that they really meet: the bound of `physics.bound`.

The routes of a plan are walked for many requests and options at once; no queue, no waking, no frame twice. A LoRaWAN
link counts no time at all, since its frames, windows and silences are no rate over time: its bound is weak.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.links.lone_transfers import transfer_times_s
from simulator.physics.bound import shortest_service_s
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, NO_DRAW, SERVER, Stage
from simulator.workload import Workload

#: options that are walked at once for all requests that they may still be best for
BLOCK = 64
_FIRST_BLOCKS = np.array([1, 4, 16])


@dataclass(frozen=True, eq=False)
class LeastAlone:
    """The best option of each request, arrays of shape (n,).

    Attributes
    ----------
    latency_s : array
    row : array of int
        The row that it takes so; the earliest option of equal ones.
    """

    latency_s: Floats
    row: Ints


def alone_s(plan: Plan, workload: Workload, row: Ints, requests: Ints | None = None) -> Floats:
    """How long some requests take alone, each on a row; shape (n,).

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
    now_s = begin_s.copy()
    leg = plan.routes.first[row].astype(np.int64)
    walking = np.arange(asked.size)
    while walking.size:
        legs = plan.routes.legs[leg[walking]]
        for place in np.unique(legs["stage"]).tolist():
            stage, here = plan.stages[place], legs["stage"] == place
            mine, work = walking[here], legs["work"][here]
            if stage.kind == LINK:
                now_s[mine] += _transfers_s(plan, stage, workload.device[asked[mine]], work, now_s[mine])
            else:
                factor = 1.0 if stage.draw == NO_DRAW else workload.factors[stage.draw][asked[mine]]
                now_s[mine] += _service_s(plan, workload, place, work * factor)
        now_s[walking] += legs["delay_s"]
        leg[walking] += 1
        walking = walking[legs["is_last"] == 0]
    return now_s - begin_s


def least_alone(plan: Plan, workload: Workload, options: Ints, way: Ints, requests: Ints | None = None) -> LeastAlone:
    """The least that each of some requests can take, over options that all of them have.

    Parameters
    ----------
    plan : Plan
    workload : Workload
    options : array of int, shape (options,)
        Row of each with the first way out.
    way : array of int, shape (n,)
        Way out of each request: its row of an option is that many further on.
    requests : array of int, shape (n,), optional
        Which requests, such as those of a group; all of them in order if left out.
    """
    asked = np.arange(workload.size) if requests is None else requests
    floors_s, ways = _floors_s(plan, workload), np.unique(way)
    of_options_s = floors_s[options[:, None] + ways].min(axis=1, initial=np.inf)
    order = np.argsort(of_options_s, kind="stable")
    best_s, best = np.full(asked.size, np.inf), np.full(asked.size, options.size)
    # most often the first one settles it for all others
    borders = np.append(np.arange(0, options.size, BLOCK)[1:], options.size)
    for first, last in pairwise([0, *_FIRST_BLOCKS[borders[0] > _FIRST_BLOCKS].tolist(), *borders.tolist()]):
        block = order[first:last][of_options_s[order[first:last]] <= best_s.max(initial=-np.inf)]
        if not block.size:
            break
        rows = options[block][:, None] + way
        # an option whose floor is above what is known cannot be the best one
        place, which = np.nonzero(floors_s[rows] <= best_s)
        latency_s = np.full(rows.shape, np.inf)
        latency_s[place, which] = alone_s(plan, workload, rows[place, which], asked[which])
        for option, found_s in zip(block.tolist(), latency_s, strict=True):
            better = (found_s < best_s) | ((found_s == best_s) & (option < best))
            best_s[better], best[better] = found_s[better], option
    return LeastAlone(best_s, options[best] + way)


def best_rate_bps(plan: Plan, stage: Stage) -> Floats:
    """The best rate that a link ever has, infinite for a LoRaWAN link; shape (devices,)."""
    link = plan.links[stage.station]
    rates = np.array([channel.rates_bps.max() for channel in link.channels])[link.channel_of]
    return np.asarray(rates if plan.lora is None else np.where(plan.lora.uses, np.inf, rates))


def _transfers_s(plan: Plan, stage: Stage, device: Ints, bits: Floats, start_s: Floats) -> Floats:
    """Time of lone transfers."""
    time_s = np.zeros(device.size)
    link = plan.links[stage.station]
    number_of = link.channel_of if plan.lora is None else np.where(plan.lora.uses, -1, link.channel_of)
    for number in np.unique(number_of[device]).tolist():
        if number >= 0:
            mine = number_of[device] == number
            time_s[mine] = transfer_times_s(link.channels[number], bits[mine], start_s[mine])
    return time_s


def _service_s(plan: Plan, workload: Workload, place: int, work_s: Floats) -> Floats:
    """The least time of visits to a processor or to a server, which may serve them in batches."""
    legs, stage = plan.routes.legs, plan.stages[place]
    if stage.kind != SERVER:
        return work_s
    together = [number for number, other in enumerate(plan.stages) if other.station == stage.station]
    least_s = float(legs["work"][np.isin(legs["stage"], together)].min()) * _least_factor(workload, stage)
    return shortest_service_s(work_s, least_s, plan.servers[stage.station].batch_factor)


def _least_factor(workload: Workload, stage: Stage) -> float:
    return 1.0 if stage.draw == NO_DRAW else float(workload.factors[stage.draw].min())


def _floors_s(plan: Plan, workload: Workload) -> Floats:
    """What each row takes at least, whoever takes it and whenever; shape (rows,)."""
    legs = plan.routes.legs
    time_s = legs["delay_s"].copy()
    for place in np.unique(legs["stage"]).tolist():
        stage, here = plan.stages[place], legs["stage"] == place
        work = legs["work"][here]
        if stage.kind == LINK:
            time_s[here] += work / best_rate_bps(plan, stage).max()
        else:
            time_s[here] += _service_s(plan, workload, place, work * _least_factor(workload, stage))
    row = np.repeat(np.arange(plan.routes.rows), np.diff(plan.routes.first))
    # rounding must not make a floor that nothing reaches
    floors_s: Floats = np.bincount(row, time_s, plan.routes.rows).astype(np.float64) * (1 - 1e-12)
    return floors_s
