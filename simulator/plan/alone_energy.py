"""The least energy that requests cost their devices, whatever else happens: the bound of `physics.bound`.

From the work and the bits of each option, and the cards of devices and radios. A LoRa radio's frames are left
out, so that its bound is that of the processor and of the sleeping radio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.links.radio import Radio
from simulator.physics.bound import above_idle_j, caused_j
from simulator.physics.decide import unbeaten
from simulator.plan.alone import best_rate_bps
from simulator.plan.plan import Plan
from simulator.plan.stages import DEVICE, DOWNLINK, UPLINK, Stage
from simulator.plan.system import Group, System
from simulator.workload import Workload


@dataclass(frozen=True, eq=False)
class LeastEnergy:
    """The least of each request over its options; arrays of shape (n,).

    Attributes
    ----------
    above_j : array
        What it adds to its device's idle energy: for means over all requests of a run that completes them all.
    caused_j : array
        What it is charged at least, without a share of the idle energy: for the mean over any of the requests.
    """

    above_j: Floats
    caused_j: Floats


def least_energy_alone(
    system: System, plan: Plan, workload: Workload, options: Ints, way: Ints, requests: Ints | None = None
) -> LeastEnergy:
    """The least energy of each of some requests, over options that all of them have.

    Parameters
    ----------
    system : System
    plan, workload, options, way, requests
        As in `simulator.plan.alone.least_alone`.
    """
    asked = np.arange(workload.size) if requests is None else requests
    device = workload.device[asked]
    powers = np.array([_powers(group) for group in system.groups])[plan.group_of[device]].T
    active_w, processor_idle_w, radio_active_w, radio_idle_w, up_j, down_j = powers
    spent, up_bps, down_bps = _spent(plan), *(_best_bps(system, plan, link)[device] for link in (UPLINK, DOWNLINK))
    above, caused = np.full((2, asked.size), np.inf)
    # what takes no less of anything costs no less
    places = unbeaten(spent[options[:, None] + np.unique(way)].reshape(options.size, -1))
    for row in options[places].tolist():
        work_s, up, down = spent[row + way].T
        work_s, up_s, down_s = work_s * workload.device_factor[asked], up / up_bps, down / down_bps
        added = above_idle_j(
            work_s, up_s, up, down, active_w, processor_idle_w, radio_active_w, radio_idle_w, up_j, down_j
        )
        charged = caused_j(work_s, up_s, down_s, up, down, active_w, radio_active_w, up_j, down_j)
        above, caused = np.minimum(above, added), np.minimum(caused, charged)
    return LeastEnergy(above, caused)


def _best_bps(system: System, plan: Plan, link: Stage) -> Floats:
    """The best rate that a link ever has; infinite where it is drawn, lest it hang on how much of it was."""
    kinds = [group.uplink_kind if link is UPLINK else group.downlink_kind for group in system.groups]
    is_drawn = np.array([kind.is_random for kind in kinds])[plan.group_of]
    return np.where(is_drawn, np.inf, best_rate_bps(plan, link))


def _spent(plan: Plan) -> Floats:
    """Seconds on the device, and bits over its link either way, of each row; shape (rows, 3)."""
    spent = np.zeros((plan.routes.rows, 3))
    columns = {DEVICE.name: 0, UPLINK.name: 1, DOWNLINK.name: 2}
    for place, stage in enumerate(plan.stages):
        if stage.station in columns:
            spent[:, columns[stage.station]] += plan.routes.table(place)[1]
    return spent


def idle_w(system: System, workload: Workload) -> Floats:
    """Power of the devices that have a request while nothing happens, with the least power of their radios' states."""
    of_groups = np.array([powers[1] + powers[3] for powers in map(_powers, system.groups)])
    sizes = [len(group.devices) for group in system.groups]
    return np.asarray(np.repeat(of_groups, sizes)[np.unique(workload.device)])


def _powers(group: Group) -> tuple[float, float, float, float, float, float]:
    """Processor active and idle, radio active and at least, joules for each bit up and down."""
    processor = group.card.active_w, group.card.idle_w
    radio = group.radio
    if isinstance(radio, Radio):
        active_w = radio.active_power.value
        least_w = min(active_w, radio.idle_power.value, *radio.tail_powers_w.tolist(), *radio.wake_powers_w.tolist())
        return (*processor, active_w, least_w, radio.uplink_energy_per_bit.value, radio.downlink_energy_per_bit.value)
    asleep_w = 0.0 if radio is None else radio.sleep_power.value
    return (*processor, asleep_w, asleep_w, 0.0, 0.0)
