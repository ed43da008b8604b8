"""Energy of the devices, from the instants of a run: power times time in each state, and each request's part of it.

Per device: the processor draws ``active_w`` while it computes and ``idle_w`` otherwise; the radio follows its states
(`radio_energy`). What a request causes is charged to it; the idle energy of a device is shared equally among the
device's requests, so that the parts add up to the whole for every device that had a request. Server and network energy
are left out: the battery is the device's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.accounts.radio_energy import charge
from simulator.arrays import Floats
from simulator.engines.log import DROPPED, RequestLog
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK
from simulator.plan.system import System
from simulator.workload import Workload


@dataclass(frozen=True, eq=False)
class Energy:
    """Energy that each request is charged, in joules, shape (requests,)."""

    compute_j: Floats
    radio_j: Floats
    idle_j: Floats

    @property
    def total_j(self) -> Floats:
        """Sum of the parts."""
        return self.compute_j + self.radio_j + self.idle_j


def end_of_run_s(plan: Plan, workload: Workload, log: RequestLog) -> float:
    """The horizon, or the last instant at which something happened when there is none."""
    if np.isfinite(plan.horizon_s):
        return plan.horizon_s
    return float(np.nanmax(np.concatenate((log.finish_s, workload.arrival_s[-1:], _ends_of_dropped(log)))))


def _ends_of_dropped(log: RequestLog) -> Floats:
    """Last instants of requests that nobody answered."""
    dropped = log.status == DROPPED
    if not dropped.any():
        return np.empty(0)
    return np.concatenate([log.end_s[stage.name][dropped] for stage in log.stages if stage.kind == LINK])


def busy_s(start_s: Floats, end_s: Floats, run_end_s: float, since_s: float = 0.0, until_s: float = np.inf) -> Floats:
    """Time between two instants that each request held a station; what is unfinished holds it to the end of the run."""
    ended = np.where(np.isnan(end_s), run_end_s, end_s)
    return np.where(np.isnan(start_s), 0.0, np.clip(ended, since_s, until_s) - np.clip(start_s, since_s, until_s))


def attribute(system: System, plan: Plan, workload: Workload, log: RequestLog) -> Energy:
    """Charge every request with its part of its device's energy.

    Parameters
    ----------
    system, plan, workload, log
        One policy over one workload.

    Returns
    -------
    Energy
    """
    run_end = end_of_run_s(plan, workload, log)
    devices = plan.group_of.size
    group = plan.group_of[workload.device]
    requests_of = np.bincount(workload.device, minlength=devices)
    computing = busy_s(log.start_s["device"], log.end_s["device"], run_end) + busy_s(
        log.start_s["fallback"], log.end_s["fallback"], run_end
    )
    active_w = np.array([member.card.active_w for member in system.groups])[group]
    idle_w = np.array([member.card.idle_w for member in system.groups])[plan.group_of]
    radio = charge(system, plan, workload, log, run_end)
    idle_of = idle_w * (run_end - np.bincount(workload.device, computing, devices)) + radio.idle_j
    return Energy(
        compute_j=active_w * computing,
        radio_j=radio.caused_j,
        idle_j=(idle_of / np.maximum(requests_of, 1))[workload.device],
    )
