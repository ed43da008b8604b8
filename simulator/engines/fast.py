"""The fast engine: the event loop of `engines.compiled`, compiled by numba and kept on disk.

It runs every plan and gives the same log as `engines.reference`, bit for bit. The functions of `physics` that it uses
are the same Python functions, compiled. The cache on disk is keyed by the source of all of them, so that a change
in any is never answered with old machine code.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from simulator.engines import cells, compiled, compiled_lora, frames, lorawan, queues, steps, tandem, transfers
from simulator.engines.base import RequestLog
from simulator.engines.interrupts import interrupts_held_back
from simulator.physics import duty, link, lora, losses, queueing, rrc, sharing
from simulator.physics.link import Channel
from simulator.plan.lora import no_lora
from simulator.plan.medium import LossPlan
from simulator.plan.plan import Plan
from simulator.workload import Workload

#: functions that the loop calls, those that are called by others first
_HELPERS = (
    link.segment_at,
    link.segment_reaching,
    link.transfer_s,
    rrc.stage_after,
    rrc.wake_s,
    losses.attempts_until,
    losses.delivered_among,
    losses.send,
    queueing.left_waiting,
    queueing.has_room,
    sharing.virtual_at,
    sharing.next_end_s,
    queues.push,
    queues.sink,
    queues.drop_first,
    queues.queue_up,
    queues.leave_queue,
    queues.more_urgent,
    queues.push_urgent,
    queues.enter_urgent,
    queues.pop_urgent,
    lora.symbol_s,
    lora.needs_low_rate,
    lora.time_on_air_s,
    lora.uplink_airtime_s,
    lora.downlink_airtime_s,
    lora.survives,
    lora.adapted_rate,
    duty.off_time_s,
    duty.earliest_start_s,
    lorawan.begin_asking,
    lorawan.begin_message,
    lorawan.next_start_s,
    lorawan.start_frame,
    lorawan.note_frame,
    lorawan.retransmit_timeout_s,
    lorawan.answer_airtime_s,
    lorawan.end_frame,
    lorawan.answer,
    cells.enter_cell,
    cells.leave_cell,
    cells.airtime_left_s,
    compiled_lora.take_up,
    compiled_lora.has_to_ask,
    compiled_lora.leave_line,
    compiled_lora.ask,
    compiled_lora.send_answer,
    compiled_lora.frame_over,
    compiled_lora.asked,
    compiled_lora.answer_ready,
    compiled_lora.answer_over,
    transfers.transfer_over,
    transfers.wake_of,
    transfers.sent_bits,
    transfers.wake,
    compiled.simulate,
    tandem.front,
    tandem.back,
    tandem.tandem,
)


@cache
def _loops() -> tuple[Callable[..., Any], Callable[..., bool]]:
    """The compiled event loop and tandem; the first call on a machine compiles them, later ones load them."""
    import numba
    from numba.extending import register_jitable

    for helper in _HELPERS:
        register_jitable(helper)
    formulas = (link, rrc, losses, queueing, sharing, lora, duty)
    loops = (frames, steps, queues, cells, lorawan, compiled_lora, transfers, compiled, tandem)
    sources = "".join(inspect.getsource(module) for module in (*formulas, *loops))
    fingerprint = int(hashlib.sha256(sources.encode()).hexdigest()[:12], 16)
    simulate, in_tandem = compiled.simulate, tandem.tandem

    # both close over the fingerprint, which numba makes a part of the key of its cache
    @numba.njit(cache=True)
    def run_events(requests, options, system, uplinks, downlinks, serving, log):  # type: ignore[no-untyped-def]
        return fingerprint, simulate(requests, options, system, uplinks, downlinks, serving, log)

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
    with interrupts_held_back():
        return _run(plan, workload)


def _run(plan: Plan, workload: Workload) -> RequestLog:
    rows = plan.rows(workload)
    serving = plan.serving
    run_events, run_tandem = _loops()
    if serving.plain and plan.order == "arrival" and not plan.wakes and not plan.counts_bits and _one_entry(plan):
        log = RequestLog.empty(rows, plan)
        if run_tandem(*_arguments(plan, workload, log)):
            return log
    log = RequestLog.empty(rows, plan)
    _, sent = run_events(*_arguments(plan, workload, log))
    return log if plan.lora is None else replace(log, frames=frames.FrameLog(sent))


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
        _medium(plan, workload.size),
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
        log.uplink_sent_bits if plan.counts_bits else unused,
        log.uplink_lost_bits if plan.counts_bits else unused,
        log.uplink_missing_bits if plan.counts_bits else unused,
        log.downlink_sent_bits if plan.counts_bits else unused,
        log.downlink_lost_bits if plan.counts_bits else unused,
        log.downlink_missing_bits if plan.counts_bits else unused,
        log.airtime_left_s if plan.cell_of is not None else unused,
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


def _medium(plan: Plan, requests: int) -> tuple[Any, ...]:
    """Cells, losses and LoRa; empty ones where there are none."""
    cell_of = np.full(plan.group_of.size, -1, dtype=np.int32) if plan.cell_of is None else plan.cell_of
    return (
        cell_of,
        cells.make_cells(cell_of),
        plan.cell_of is not None,
        _losses(plan.uplink_losses, plan.group_of.size),
        _losses(plan.downlink_losses, plan.group_of.size),
        plan.counts_bits,
        plan.tolerates_loss[plan.group_of],
        compiled_lora.make_talk(no_lora() if plan.lora is None else plan.lora, 0 if plan.lora is None else requests),
        plan.lora is not None,
    )


def _losses(plan: LossPlan | None, devices: int) -> tuple[np.ndarray, ...]:
    """Losses of one direction, the running counts laid end to end."""
    if plan is None:
        nobody = np.full(devices, -1, dtype=np.int32)
        return (
            np.ones(devices),
            np.ones(devices, dtype=bool),
            np.zeros(1, dtype=np.int64),
            nobody.astype(np.int64),
            nobody,
        )
    first = np.cumsum([0, *(counts.size for counts in plan.delivered)])
    return plan.frame_bits, plan.retransmit, first, np.concatenate(plan.delivered), plan.delivered_of
