"""What the offered load says before a run: which policies have no steady state, and where small errors would decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from simulator.plan.load import StationLoad, arrival_rates, is_known, offered_loads
from simulator.plan.plan import Plan
from simulator.plan.system import System

#: offered load from which an error of a card or a rate by a tenth may tip a station over
NEARLY_FULL = 0.9
#: how the reason of a policy without a steady state begins
NO_STEADY_STATE = "no steady state"
#: by policy and group (``""`` where there is only one): all stations on the way, busiest first
Loads = Mapping[tuple[str, str], tuple[StationLoad, ...]]
_PLACES = {
    "device": "its device",
    "uplink": "its uplink",
    "downlink": "its downlink",
    "edge": "the edge server",
    "backhaul_up": "the link to the cloud",
    "cloud": "the cloud server",
    "backhaul_down": "the link from the cloud",
}


def loads_of(system: System, plans: Sequence[Plan]) -> Loads:
    """Offered loads of every policy and group; nothing for a policy that decides anew for each request.

    Raises
    ------
    ScenarioError
        When an arrival file cannot be used.
    """
    rates = arrival_rates(system)
    several = len(system.groups) > 1
    return {
        (plan.policy, group.name if several else ""): loads
        for plan in plans
        if is_known(plan)
        for group, loads in zip(system.groups, offered_loads(system, plan, rates), strict=True)
    }


def overload(loads: Sequence[StationLoad]) -> str:
    """Why there is no steady state; empty where there is one."""
    falling_behind = [station for station in loads if station.load >= 1 and not station.limited]
    if not falling_behind:
        return ""
    worst = falling_behind[0]
    asked = f"{_place(worst)} is offered {_shown(worst.load)} times what it can do"
    return f"{NO_STEADY_STATE}: {asked}, so that latency grows with the run"


def overloaded(loads: Loads) -> list[str]:
    """A sentence for each cause of overload, naming the policies and groups that it meets."""
    return _sentences({who: reason for who, stations in loads.items() if (reason := overload(stations))})


def nearly_full(loads: Loads) -> list[str]:
    """A sentence for each station that is not overloaded, but so full that small errors decide."""
    found = {}
    for who, stations in loads.items():
        full = [station for station in stations if station.load >= NEARLY_FULL and not station.limited]
        if full and not overload(stations):
            asked = f"{_place(full[0])} is offered {_shown(full[0].load)} of what it can do"
            errors = "small errors of a card or of a rate decide between a short queue and one that grows for ever"
            found[who] = f"{asked}: {errors}"
    return _sentences(found)


def _sentences(found: Mapping[tuple[str, str], str]) -> list[str]:
    """Each text once, behind the names of all that it holds for."""
    said: dict[str, dict[str, None]] = {}
    for (policy, group), text in found.items():
        said.setdefault(text, {})[f"{policy} (group {group})" if group else policy] = None
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]


def _place(station: StationLoad) -> str:
    return _PLACES.get(station.station, station.station)


def _shown(load: float) -> str:
    """Two decimals, and never 1.00 for what is below 1."""
    return f"{load:.2f}" if load >= 1 else f"{math.floor(100 * load) / 100:.2f}"
