"""Energy of the devices, from the instants of a run: power times time in each state, and each request's part of it.

Per device: the processor draws ``active_w`` while it computes and ``idle_w`` otherwise; the radio draws its active
power while it sends or receives, plus an energy for each bit, and its idle power otherwise. What a request causes is
charged to it; the idle energy of a device is shared equally among the device's requests, so that the parts add up to
the whole for every device that had a request. Server and network energy are left out: the battery is the device's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.engines.base import RequestLog
from simulator.physics.link import Channel, bits_sent
from simulator.physics.power import overlap_s
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload

Floats = NDArray[np.float64]


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
    return float(np.nanmax(np.concatenate((log.finish_s, workload.arrival_s[-1:]))))


def busy_s(start_s: Floats, end_s: Floats, run_end_s: float) -> Floats:
    """Time each request held a station; what is unfinished counts up to the end of the run."""
    ended = np.where(np.isnan(end_s), run_end_s, end_s)
    return np.where(np.isnan(start_s), 0.0, ended - start_s)


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
    computing = busy_s(log.device_start_s, log.device_end_s, run_end) + busy_s(
        log.fallback_start_s, log.fallback_end_s, run_end
    )
    sending = busy_s(log.uplink_start_s, log.uplink_end_s, run_end)
    receiving = busy_s(log.downlink_start_s, log.downlink_end_s, run_end)
    shared = _shared_airtime(workload.device, log, sending, receiving)
    on_air = sending + receiving - shared / 2

    cards = [member.card for member in system.groups]
    radios = [member.radio for member in system.groups]
    active_w = np.array([card.active_w for card in cards])[group]
    idle_w = np.array([card.idle_w for card in cards])[plan.group_of]
    beta_w = np.array([radio.active_power.value if radio else 0.0 for radio in radios])[group]
    radio_idle_w = np.array([radio.idle_power.value if radio else 0.0 for radio in radios])[plan.group_of]
    up_j = np.array([radio.uplink_energy_per_bit.value if radio else 0.0 for radio in radios])[group]
    down_j = np.array([radio.downlink_energy_per_bit.value if radio else 0.0 for radio in radios])[group]

    bits_up = _bits(plan.bits_up[log.row], log.uplink_start_s, log.uplink_end_s, sending, plan.uplink, group)
    bits_down = _bits(
        plan.bits_down[log.row], log.downlink_start_s, log.downlink_end_s, receiving, plan.downlink, group
    )
    computing_of = np.bincount(workload.device, computing, devices)
    on_air_of = np.bincount(workload.device, on_air, devices)
    idle_of = idle_w * (run_end - computing_of) + radio_idle_w * (run_end - on_air_of)
    return Energy(
        compute_j=active_w * computing,
        radio_j=beta_w * on_air + up_j * bits_up + down_j * bits_down,
        idle_j=(idle_of / np.maximum(requests_of, 1))[workload.device],
    )


def _bits(
    bits: Floats,
    start_s: Floats,
    end_s: Floats,
    time_s: Floats,
    channels: tuple[Channel, ...],
    group: NDArray[np.int32],
) -> Floats:
    """Bits that really crossed: all of a finished transfer, a part of one that the horizon cut."""
    crossed = np.where(np.isnan(start_s), 0.0, bits)
    for i in np.flatnonzero(~np.isnan(start_s) & np.isnan(end_s)):
        channel = channels[group[i]]
        crossed[i] = bits_sent(start_s[i], time_s[i], channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    return crossed


def _shared_airtime(device: NDArray[np.int32], log: RequestLog, sending: Floats, receiving: Floats) -> Floats:
    """Time for which each request's transfers overlap other transfers of its device, both directions summed."""
    shared = np.zeros(device.size)
    order = np.argsort(device, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(device[order])) + 1):
        up = mine[~np.isnan(log.uplink_start_s[mine])]
        down = mine[~np.isnan(log.downlink_start_s[mine])]
        if not up.size or not down.size:
            continue
        up = up[np.argsort(log.uplink_start_s[up])]
        down = down[np.argsort(log.downlink_start_s[down])]
        up_start, down_start = log.uplink_start_s[up], log.downlink_start_s[down]
        up_end, down_end = up_start + sending[up], down_start + receiving[down]
        shared[up] += overlap_s(up_start, up_end, down_start, down_end)
        shared[down] += overlap_s(down_start, down_end, up_start, up_end)
    return shared
