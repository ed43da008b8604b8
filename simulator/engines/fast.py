"""The fast engine: the event loop of `engines.compiled`, compiled by numba and kept on disk.

It runs every plan and gives the same log as `engines.reference`, bit for bit. The functions of `physics` that it uses
are the same Python functions, compiled. The cache on disk is keyed by the source of all of them, so that a change
in any is never answered with old machine code.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from simulator.engines import compiled, queues, tandem
from simulator.engines.base import RequestLog
from simulator.physics import link, rrc
from simulator.physics.link import Channel
from simulator.plan.plan import Plan
from simulator.workload import Workload

#: functions that the loop calls, those that are called by others first
_HELPERS = (
    link.segment_at,
    link.segment_reaching,
    link.transfer_s,
    rrc.stage_after,
    rrc.wake_s,
    queues.push,
    queues.sink,
    queues.drop_first,
    queues.queue_up,
    queues.leave_queue,
    queues.more_urgent,
    queues.push_urgent,
    queues.pop_urgent,
    compiled.transfer_over,
    compiled.wake_of,
    compiled.transfer_end,
    compiled.simulate,
    tandem.front,
    tandem.back,
    tandem.tandem,
)


@cache
def _loops() -> tuple[Callable[..., None], Callable[..., bool]]:
    """The compiled event loop and tandem; the first call on a machine compiles them, later ones load them."""
    import numba
    from numba.extending import register_jitable

    for helper in _HELPERS:
        register_jitable(helper)
    sources = "".join(inspect.getsource(module) for module in (link, rrc, queues, compiled, tandem))
    fingerprint = int(hashlib.sha256(sources.encode()).hexdigest()[:12], 16)
    simulate, in_tandem = compiled.simulate, tandem.tandem

    # both close over the fingerprint, which numba makes a part of the key of its cache
    @numba.njit(cache=True)
    def run_events(requests, options, system, uplinks, downlinks, serving, log):  # type: ignore[no-untyped-def]
        simulate(requests, options, system, uplinks, downlinks, serving, log)
        return fingerprint

    @numba.njit(cache=True)
    def run_tandem(requests, options, system, uplinks, downlinks, serving, log):  # type: ignore[no-untyped-def]
        return fingerprint > 0 and in_tandem(requests, options, system, uplinks, downlinks, serving, log)

    return run_events, run_tandem


def run(plan: Plan, workload: Workload) -> RequestLog:
    """Run one policy over one workload.

    Parameters
    ----------
    plan : Plan
    workload : Workload

    Returns
    -------
    RequestLog
        Instants of every request, ordered by request number: the same as those of the reference engine.
    """
    rows = plan.rows(workload)
    serving = plan.serving
    run_events, run_tandem = _loops()
    if serving.plain and plan.order == "arrival" and not plan.wakes and _one_entry(plan):
        log = RequestLog.empty(rows, serving.fallback, plan.wakes)
        if run_tandem(*_arguments(plan, workload, log)):
            return log
    log = RequestLog.empty(rows, serving.fallback, plan.wakes)
    run_events(*_arguments(plan, workload, log))
    return log


def _one_entry(plan: Plan) -> bool:
    """Whether the requests of each group all start at the processor, or all at the uplink, whatever their way out."""
    options = zip(plan.chosen_row.tolist(), plan.final.tolist(), strict=True)
    return all(np.unique(plan.on_device[first : first + final + 1]).size == 1 for first, final in options)


def _arguments(plan: Plan, workload: Workload, log: RequestLog) -> tuple[tuple[Any, ...], ...]:
    """Plan, workload and log as the compiled functions take them."""
    serving = plan.serving
    unused = np.empty(0)
    urgent_first = plan.order != "arrival"
    requests = (
        workload.arrival_s,
        workload.device,
        log.row,
        workload.device_factor,
        workload.edge_factor,
        plan.urgency(workload) if urgent_first else unused,
        urgent_first,
    )
    options = (
        plan.device_s,
        plan.bits_up,
        plan.edge_s,
        plan.bits_down,
        plan.fallback_s,
        plan.on_device,
        plan.offloaded,
    )
    system = (
        plan.uplink_of,
        plan.downlink_of,
        plan.propagation_s[plan.group_of],
        plan.horizon_s,
        plan.wakes,
        _radios(plan),
    )
    rules = (
        serving.workers,
        serving.max_batch,
        serving.max_wait_s,
        serving.queue_limit,
        serving.fallback,
        serving.batch_factor,
    )
    instants = (
        log.status,
        log.reason,
        log.batch,
        log.device_start_s,
        log.device_end_s,
        log.uplink_start_s,
        log.uplink_end_s,
        log.edge_start_s,
        log.edge_end_s,
        log.downlink_start_s,
        log.downlink_end_s,
        log.fallback_start_s if serving.fallback else unused,
        log.fallback_end_s if serving.fallback else unused,
        log.uplink_wake_s if plan.wakes else unused,
        log.downlink_wake_s if plan.wakes else unused,
        log.finish_s,
    )
    return (
        requests,
        options,
        system,
        _end_to_end(plan.uplink),
        _end_to_end(plan.downlink),
        rules,
        instants,
    )


def _end_to_end(channels: tuple[Channel, ...]) -> tuple[np.ndarray, ...]:
    """Channels laid end to end: first and last segment of each, then edges, rates and cumulative bits.

    Every array has one entry more per channel than it has segments, so that one pair of bounds serves all three.
    """
    lengths = np.array([channel.rates_bps.size for channel in channels])
    first = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths + 1)[:-1]))
    return (
        first,
        first + lengths,
        np.concatenate([channel.edges_s for channel in channels]),
        np.concatenate([np.append(channel.rates_bps, np.nan) for channel in channels]),
        np.concatenate([channel.cumulative_bits for channel in channels]),
    )


def _radios(plan: Plan) -> tuple[np.ndarray, ...]:
    """Group of each device, and the radio states of the groups end to end: first and last stage, ends, delays."""
    lengths = np.array([ends.size for ends in plan.tail_ends_s])
    first = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths + 1)[:-1]))
    ends = np.concatenate([np.append(ends, np.inf) for ends in plan.tail_ends_s])
    return plan.group_of, first, first + lengths, ends, np.concatenate(plan.wake_delays_s)
