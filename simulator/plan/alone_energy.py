"""The least energy that requests cost their devices, whatever else happens: the bound of `physics.bound`.

From what requests take alone (`plan.alone`) and the cards of their devices and radios. A LoRa radio's frames are left
out, so that its bound is that of the processor and of the sleeping radio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Flags, Floats, Ints
from simulator.links.radio import Radio
from simulator.physics.bound import above_idle_j, caused_j
from simulator.plan.alone import BLOCK, Alone, alone
from simulator.plan.plan import Plan
from simulator.plan.system import Group, System
from simulator.workload import Workload


@dataclass(frozen=True, eq=False)
class LeastEnergy:
    """The least of each request over its options; arrays of shape (requests,), infinite for one without options.

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
    system: System, plan: Plan, workload: Workload, options: Ints, allowed: Flags | None = None
) -> LeastEnergy:
    """The least energy over the options of each request.

    Parameters
    ----------
    system : System
    plan : Plan
    workload : Workload
    options : array of int, shape (options, requests)
        Row that each request takes on each option, with its own way out.
    allowed : array of bool, shape (options, requests), optional
        Which options each request has; all if left out.
    """
    group = plan.group_of[workload.device]
    powers = np.array([_powers(member) for member in system.groups])[group].T
    above, caused = np.full((2, workload.size), np.inf)
    for first in range(0, options.shape[0], BLOCK):
        rows = options[first : first + BLOCK]
        place, request = np.nonzero(
            np.ones(rows.shape, dtype=bool) if allowed is None else allowed[first : first + BLOCK]
        )
        found = alone(plan, workload, rows[place, request], request)
        added, charged = _energies(found, powers[:, request])
        np.minimum.at(above, request, added)
        np.minimum.at(caused, request, charged)
    return LeastEnergy(above, caused)


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


def _energies(found: Alone, powers: Floats) -> tuple[Floats, Floats]:
    active_w, idle, radio_active_w, radio_idle_w, up, down = powers
    bits = found.bits_up, found.bits_down
    return (
        above_idle_j(found.device_s, found.air_up_s, *bits, active_w, idle, radio_active_w, radio_idle_w, up, down),
        caused_j(found.device_s, found.air_up_s, found.air_down_s, *bits, active_w, radio_active_w, up, down),
    )
