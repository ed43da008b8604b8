"""The per-request table: the columns of the contract, computed from the instants of a run.

Waits, services and propagation of a completed request add up to its latency. A stage that a request skips counts 0;
a stage that it did not finish is missing. On a LoRaWAN link the time between frames is partly service and partly
waiting (`simulator.accounts.frame_times`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.frame_times import downlink_service_s, uplink_service_s
from simulator.accounts.outcome import outcome, sent_or_planned
from simulator.arrays import Floats
from simulator.engines.log import COMPLETED, STATUS_NAMES, RequestLog
from simulator.plan.plan import Plan
from simulator.plan.routes import ANSWER_LOST, NO_REASON, REASON_NAMES, TURNED_BACK
from simulator.plan.system import System
from simulator.workload import Workload

if TYPE_CHECKING:
    import pyarrow as pa


COLUMNS = [
    "policy",
    "replication",
    "device",
    "request",
    "sample",
    "status",
    "reason",
    "arrival_s",
    "finish_s",
    "latency_s",
    "deadline_s",
    "deadline_met",
    "partition",
    "exit",
    "device_wait_s",
    "device_service_s",
    "uplink_wait_s",
    "uplink_service_s",
    "edge_wait_s",
    "edge_service_s",
    "downlink_wait_s",
    "downlink_service_s",
    "propagation_s",
    "bytes_up",
    "bytes_down",
    "energy_compute_j",
    "energy_radio_j",
    "energy_idle_j",
    "energy_j",
    "correct",
]


def table(system: System, plan: Plan, workload: Workload, log: RequestLog, replication: int) -> pa.Table:
    """The rows of one policy in one replication.

    Returns
    -------
    pyarrow.Table
        Columns of the contract; ``group`` follows ``device`` when there is more than one group.
    """
    import pyarrow as pa

    group = plan.group_of[workload.device]
    answered = (log.reason == NO_REASON) | (log.reason == ANSWER_LOST)
    judged = outcome(system, plan, workload, log, replication)
    energy = judged.energy

    columns: dict[str, Any] = {
        "policy": _constant(plan.policy, workload.size),
        "replication": np.full(workload.size, replication, dtype=np.int32),
        "device": workload.device,
    }
    if len(system.groups) > 1:
        columns["group"] = _named(group, [member.name for member in system.groups])
    columns |= {
        "request": np.arange(workload.size, dtype=np.int64),
        "sample": workload.sample,
        "status": _named(log.status, list(STATUS_NAMES)),
        "reason": _named(log.reason, list(REASON_NAMES)),
        "arrival_s": workload.arrival_s,
        "finish_s": _missing(log.finish_s),
        "latency_s": _missing(judged.latency_s),
        "deadline_s": _missing(judged.deadline_s),
        "deadline_met": _true(judged.deadline_met),
        "partition": _named(log.row, list(plan.partition)),
        "exit": _named(log.row, list(plan.exit)),
        **_stages(plan, workload, log),
        "bytes_up": judged.bytes_up,
        "bytes_down": np.where(
            answered, sent_or_planned(log.sent_bits["downlink"], plan.work("downlink")[log.row]) / 8, 0.0
        ),
    }
    if plan.links["uplink"].losses is not None or plan.links["downlink"].losses is not None or log.frames is not None:
        columns["bytes_up_lost"] = np.nan_to_num(log.lost_bits["uplink"]) / 8
        columns["bytes_down_lost"] = np.nan_to_num(log.lost_bits["downlink"]) / 8
    if log.frames is not None:
        of, airtime = log.frames.request, log.frames.end_s - log.frames.start_s
        columns["frames"] = np.bincount(of, minlength=workload.size)
        columns["frames_lost"] = np.bincount(of[log.frames.lost], minlength=workload.size)
        columns["airtime_s"] = np.bincount(of, airtime, workload.size).astype(np.float64)  # whole without frames
    columns |= {
        "energy_compute_j": energy.compute_j,
        "energy_radio_j": energy.radio_j,
        "energy_idle_j": energy.idle_j,
        "energy_j": energy.total_j,
        "correct": _true(judged.correct),
    }
    if judged.accuracy_kept is not None:
        columns["accuracy_kept"] = judged.accuracy_kept
    return pa.table(columns)


def _stages(plan: Plan, workload: Workload, log: RequestLog) -> dict[str, Any]:
    """Waiting and service at every station that a request passes, and its propagation."""
    group = plan.group_of[workload.device]
    on_device, offloaded = plan.visits("device")[log.row], plan.visits("uplink")[log.row]
    completed = log.status == COMPLETED
    propagation = plan.propagation_s[group]
    uplink_join = np.where(on_device, log.end_s["device"], workload.arrival_s)
    reach_edge = log.end_s["uplink"] + propagation
    turned_back = log.reason == TURNED_BACK
    served = offloaded & ~turned_back
    first_wait = np.where(on_device, log.start_s["device"] - workload.arrival_s, 0.0)
    first_service = np.where(on_device, log.end_s["device"] - log.start_s["device"], 0.0)
    second_wait = np.where(turned_back, log.start_s["fallback"] - (reach_edge + propagation), 0.0)
    second_service = np.where(turned_back, log.end_s["fallback"] - log.start_s["fallback"], 0.0)
    uplink_service = log.end_s["uplink"] - log.start_s["uplink"]
    uplink_wait = log.start_s["uplink"] - uplink_join
    downlink_service = log.end_s["downlink"] - log.start_s["downlink"]
    downlink_wait = log.start_s["downlink"] - log.end_s["edge"]
    if log.frames is not None and plan.lora is not None:
        framed = plan.lora.uses[workload.device]
        of_message = np.where(np.isnan(log.end_s["uplink"]), np.nan, uplink_service_s(log))
        of_answer = np.where(np.isnan(log.end_s["downlink"]), np.nan, downlink_service_s(log, propagation))
        # rounding must not make a wait of nothing negative
        waited_up = np.maximum(log.end_s["uplink"] - uplink_join - of_message, 0.0)
        waited_down = np.maximum(log.end_s["downlink"] - log.end_s["edge"] - of_answer, 0.0)
        uplink_service = np.where(framed, of_message, uplink_service)
        uplink_wait = np.where(framed, waited_up, uplink_wait)
        downlink_service = np.where(framed, of_answer, downlink_service)
        downlink_wait = np.where(framed, waited_down, downlink_wait)
    return {
        "device_wait_s": _stage(first_wait + second_wait, on_device | turned_back),
        "device_service_s": _stage(first_service + second_service, on_device | turned_back),
        "uplink_wait_s": _stage(uplink_wait, offloaded),
        "uplink_service_s": _stage(uplink_service, offloaded),
        "edge_wait_s": _stage(log.start_s["edge"] - reach_edge, served),
        "edge_service_s": _stage(log.end_s["edge"] - log.start_s["edge"], served),
        "downlink_wait_s": _stage(downlink_wait, served),
        "downlink_service_s": _stage(downlink_service, served),
        "propagation_s": _stage(np.where(completed, propagation + propagation, np.nan), offloaded),
    }


def _missing(values: Floats) -> Any:
    """A column in which NaN is null."""
    import pyarrow as pa

    return pa.array(values, mask=np.isnan(values))


def _true(values: Floats) -> Any:
    """A column of truth values from 1, 0 and NaN."""
    import pyarrow as pa

    return pa.array(values == 1.0, mask=np.isnan(values))


def _stage(values: Floats, present: NDArray[np.bool_]) -> Any:
    return _missing(np.where(present, values, 0.0))


def _named(codes: NDArray[Any], names: list[str]) -> Any:
    """A dictionary-encoded column; equal names share a code."""
    import pyarrow as pa

    distinct = list(dict.fromkeys(names))
    code_of = {name: k for k, name in enumerate(distinct)}
    translate = np.array([code_of[name] for name in names], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(translate[codes]), pa.array(distinct))


def _constant(name: str, size: int) -> Any:
    return _named(np.zeros(size, dtype=np.int32), [name])
