"""What the planner knows before a run: the candidate partitions, their predicted cost, and what each policy takes.

Predictions use the mean rates of the channel and leave queues out; with early exits they are means over the samples
of the record. The run itself may show that queues turn the order around.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.analysis.run import prepare
from simulator.plan.plan import Choice, Plan
from simulator.plan.system import Group, System
from simulator.scenario.load import LoadedScenario
from simulator.units import human

_HEADINGS = (
    "cut after",
    "device",
    "bytes up",
    "uplink",
    "edge",
    "downlink",
    "propagation",
    "latency",
    "energy",
    "taken by",
)


def explain(loaded: LoadedScenario) -> RenderableType:
    """Tables of candidate partitions and a sentence for each policy, for every group of a scenario.

    Raises
    ------
    ScenarioError
        For everything that is wrong with the scenario.
    """
    system, plans = prepare(loaded)
    parts: list[RenderableType] = []
    for g, group in enumerate(system.groups):
        parts.append(Text(_headline(group, system), style="bold"))
        parts += [_table(title, members, g) for title, members in _kinds(system, plans)]
        parts += [Text(_sentence(system, plan, k, g)) for k, plan in enumerate(plans)]
    return Lines(*parts)


def _headline(group: Group, system: System) -> str:
    return (
        f"{len(group.devices)} x {group.card.name} running {group.profile.name}, server {system.server.name}; "
        f"uplink {human(group.uplink.mean_rate_bps, 'bit rate')} and downlink "
        f"{human(group.downlink.mean_rate_bps, 'bit rate')} on average, {human(group.propagation_s, 'time')} one way"
    )


def _kinds(system: System, plans: list[Plan]) -> Iterator[tuple[str, list[Plan]]]:
    """Plans that share one table of candidates: equal input encoding, exits evaluated alike."""
    kinds: dict[tuple[str, tuple[float, ...] | None], list[Plan]] = {}
    for plan, policy in zip(plans, system.scenario.policies, strict=True):
        intent = policy.intent()
        kinds.setdefault((intent.encoding, intent.thresholds), []).append(plan)
    for (encoding, thresholds), members in kinds.items():
        exits = "" if thresholds is None else ", early exits at " + " / ".join(f"{value:g}" for value in thresholds)
        yield f"input sent as {encoding}{exits}", members


def _table(title: str, plans: list[Plan], g: int) -> Table:
    choice = plans[0].choices[g]
    takers: dict[int, list[str]] = {}
    for plan in plans:
        takers.setdefault(plan.choices[g].cut, []).append(plan.policy)
    view = Table(title=title, title_justify="left", title_style="italic", pad_edge=False, box=None, show_edge=False)
    for heading in _HEADINGS:
        view.add_column(heading, justify="left" if heading in ("cut after", "taken by") else "right", no_wrap=True)
    for c, cells in enumerate(_rows(choice)):
        names = ", ".join(takers.get(c, ()))
        if choice.table.misfit[c]:
            names = "does not fit"
        view.add_row(choice.table.cuts[c].name, *cells, names, style="bold" if c in takers else None)
    return view


def _rows(choice: Choice) -> Iterator[list[str]]:
    table, prediction, shares = choice.table, choice.prediction, choice.shares
    times = (table.device_s, prediction.uplink_s, table.edge_s, prediction.downlink_s, prediction.propagation_s)
    device, uplink, edge, downlink, propagation = (prediction.expected(values, shares) for values in times)
    sent = prediction.expected(table.bytes_up, shares)
    latency = prediction.expected(prediction.latency_s, shares)
    energy = prediction.expected(prediction.energy_j, shares)
    for c in range(len(table.cuts)):
        yield [
            human(device[c], "time"),
            human(sent[c], "size"),
            *(human(values[c], "time") for values in (uplink, edge, downlink, propagation, latency)),
            human(energy[c], "energy"),
        ]


def _sentence(system: System, plan: Plan, k: int, g: int) -> str:
    intent = system.scenario.policies[k].intent()
    choice = plan.choices[g]
    cut = choice.table.cuts[choice.cut].name
    dimension = "time" if intent.objective == "latency" else "energy"
    predicted = human(float(choice.scores[choice.cut]), dimension)
    if intent.cut is not None:
        return f"{plan.policy}: takes {cut} because it is told to; predicted {intent.objective} {predicted}."
    fits = np.array([not reason for reason in choice.table.misfit])
    others = np.flatnonzero(fits & (np.arange(fits.size) != choice.cut))
    if not others.size:
        return f"{plan.policy}: takes {cut}, the only cut that fits; predicted {intent.objective} {predicted}."
    second = others[choice.scores[others].argmin()]
    margin = choice.scores[second] / choice.scores[choice.cut] - 1
    return (
        f"{plan.policy}: takes {cut}, the least predicted {intent.objective} of {int(fits.sum())} cuts that fit: "
        f"{predicted}; next is {choice.table.cuts[second].name} (+{margin:.1%})."
    )
