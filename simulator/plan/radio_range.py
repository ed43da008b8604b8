"""Which links of a system are faster or slower than what their radio card was fitted to."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.links.fitted_rates import outside
from simulator.plan.plan import Plan
from simulator.plan.system import Group, System


def outside_fit(system: System, plans: Sequence[Plan]) -> list[str]:
    """One sentence for each radio and link that is sent over, however many groups, policies and requests do so."""
    senders = (group for g, group in enumerate(system.groups) if any(_sends(plan, g) for plan in plans))
    return list(dict.fromkeys(filter(None, (_sentence(group, system) for group in senders))))


def _sends(plan: Plan, g: int) -> bool:
    choice = plan.choices[g]
    return plan.decides_anew or bool(choice.table.offloaded[choice.cut].any())


def _sentence(group: Group, system: System) -> str:
    radio = group.cellular
    if radio is None or radio.fitted_rates is None:
        return ""
    rates = {"uplink": (group.uplink.mean_rate_bps, group.uplink_kind.high_rate_bps(system.base))}
    if group.result_bytes != 0:
        rates["downlink"] = (group.downlink.mean_rate_bps, group.downlink_kind.high_rate_bps(system.base))
    return outside(radio.name, radio.fitted_rates, rates)
