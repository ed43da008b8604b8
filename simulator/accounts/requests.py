"""The per-request table: the columns of the contract, computed from the instants of a run.

Waits, services and propagation of a completed request add up to its latency. A stage that a request skips counts 0;
a stage that it did not finish is missing. On a LoRaWAN link the time between frames is partly service and partly
waiting (`simulator.accounts.frame_times`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.frame_times import downlink_service_s, uplink_service_s
from simulator.accounts.outcome import outcome, sent_or_planned
from simulator.arrays import Flags, Floats
from simulator.engines.log import COMPLETED, STATUS_NAMES, RequestLog
from simulator.plan.plan import Plan
from simulator.plan.routes import ANSWER_LOST, NO_REASON, REASON_NAMES, TURNED_BACK_REASONS
from simulator.plan.stages import FALLBACK, LINK, SERVER
from simulator.plan.system import System
from simulator.workload import Workload

if TYPE_CHECKING:
    import pyarrow as pa


#: columns of every result, in order; a cloud adds those of its stations
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
_PARTS = ("wait", "service")


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
        "partition": _of_options(log.row, plan.partition),
        "exit": _of_options(log.row, plan.exit),
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
    """Waiting and service at every station that a request passes, and its propagation.

    Requests are followed from leg to leg. Who has been turned back misses the rest of its route, and goes on to the
    row that takes over from there.
    """
    turned_back = np.isin(log.reason, TURNED_BACK_REASONS)
    turns = bool(turned_back.any())
    gone = np.zeros(workload.size, dtype=bool)
    taken = np.flatnonzero(np.bincount(log.row, minlength=plan.options))
    travelled_s: Floats | float = 0.0
    offloaded: Flags | bool = False
    reach_s: Floats | float = workload.arrival_s
    parts: dict[str, tuple[Floats | float, Floats | float]] = {stage.station: (0.0, 0.0) for stage in plan.stages}
    framed = _framed(plan, workload, log)
    for k, stage in enumerate(plan.stages):
        legs = plan.routes.at(k)
        if not (turns if stage is FALLBACK else legs.is_met[taken].any()):
            continue
        everyone = bool(legs.is_met[taken].all()) and not (turns and gone.any())
        met = turned_back if stage is FALLBACK else legs.is_met[log.row] & ~gone if not everyone else None
        start_s, end_s = log.start_s[stage.name], log.end_s[stage.name]
        wait_s, service_s = start_s - reach_s, end_s - start_s
        if stage.name in framed:
            uses, served_s = framed[stage.name]
            # rounding must not make a wait of nothing negative
            wait_s = np.where(uses, np.maximum(end_s - reach_s - served_s, 0.0), wait_s)
            service_s = np.where(uses, served_s, service_s)
        served = met
        if turns and stage.kind == SERVER:
            refused = turned_back & np.isnan(start_s) & (True if met is None else met)
            served = ~refused if met is None else met & ~refused
            back_s = legs.back_s[log.row]
            reach_s = np.where(refused, reach_s + back_s, reach_s)
            travelled_s = travelled_s + np.where(refused, back_s, 0.0)
            gone |= refused
        before = parts[stage.station]
        parts[stage.station] = (before[0] + _where(served, wait_s, 0.0), before[1] + _where(served, service_s, 0.0))
        # who takes one of equal rows needs no look at its own
        delays_s = legs.delay_s[taken]
        delay_s = float(delays_s[0]) if (delays_s == delays_s[0]).all() else legs.delay_s[log.row]
        reach_s = _where(served, end_s + delay_s, reach_s)
        travelled_s = travelled_s + _where(served, delay_s, 0.0)
        if stage.kind == LINK:
            offloaded = offloaded | (True if met is None else met)
    travelled_s = np.where(offloaded & (log.status != COMPLETED), np.nan, travelled_s)
    columns = {f"{name}_{what}_s": of for name, both in parts.items() for what, of in zip(_PARTS, both, strict=True)}
    everything = {**columns, "propagation_s": travelled_s}
    return {name: _missing(np.broadcast_to(values, workload.size)) for name, values in everything.items()}


def _where(some: Flags | None, values: Floats | float, otherwise: Floats | float) -> Floats | float:
    """Values of some requests and something else for the others; None stands for all of them."""
    return values if some is None else np.where(some, values, otherwise)


def _framed(plan: Plan, workload: Workload, log: RequestLog) -> dict[str, tuple[NDArray[np.bool_], Floats]]:
    """For links that send frames, who uses them and how long each request is served."""
    if log.frames is None or plan.lora is None:
        return {}
    uses = plan.lora.uses[workload.device]
    propagation_s = plan.propagation_s[plan.group_of[workload.device]]
    return {
        "uplink": (uses, np.where(np.isnan(log.end_s["uplink"]), np.nan, uplink_service_s(log))),
        "downlink": (uses, np.where(np.isnan(log.end_s["downlink"]), np.nan, downlink_service_s(log, propagation_s))),
    }


def _missing(values: Floats) -> Any:
    """A column in which NaN is null."""
    import pyarrow as pa

    missing = np.isnan(values)
    return pa.array(values, mask=missing if missing.any() else None)


def _true(values: Floats) -> Any:
    """A column of truth values from 1, 0 and NaN."""
    import pyarrow as pa

    return pa.array(values == 1.0, mask=np.isnan(values))


def _named(codes: NDArray[Any], names: list[str]) -> Any:
    """A dictionary-encoded column; equal names share a code."""
    import pyarrow as pa

    distinct = list(dict.fromkeys(names))
    code_of = {name: k for k, name in enumerate(distinct)}
    translate = np.array([code_of[name] for name in names], dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(translate[codes]), pa.array(distinct))


def _of_options(row: NDArray[np.int32], names: Sequence[str]) -> Any:
    """A column of names of options; there are many options, and few are taken."""
    taken = np.flatnonzero(np.bincount(row, minlength=len(names)))
    place = np.zeros(len(names), dtype=np.int32)
    place[taken] = np.arange(taken.size)
    return _named(place[row], [names[option] for option in taken.tolist()])


def _constant(name: str, size: int) -> Any:
    return _named(np.zeros(size, dtype=np.int32), [name])
