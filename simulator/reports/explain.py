"""What the planner knows before a run: the candidate partitions, their predicted cost, and what each policy takes.

Predictions are means over when a request can meet its link, and leave queues out; with early exits they are means over
the samples of the record. The run itself may show that queues turn the order around.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.errors import ScenarioError
from simulator.inference.foreseen import warnings
from simulator.inference.saturation import loads_of
from simulator.plan.choice import Choice
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.selecting import limits
from simulator.plan.system import Group, System
from simulator.policies.objectives import Objective, words
from simulator.scenario.load import LoadedScenario
from simulator.studies.cut_costs import beaten
from simulator.units import human

#: options over three tiers that are shown beside those that are taken, for there are as many as pairs of cuts
_MOST_PAIRS = 15


def explain(loaded: LoadedScenario) -> RenderableType:
    """Tables of candidate partitions and a sentence for each policy, for every group of a scenario.

    Raises
    ------
    ScenarioError
        For everything that is wrong with the scenario.
    """
    system, plans = prepare(loaded)
    try:
        loads = loads_of(system, plans)
    except ScenarioError as error:
        raise ScenarioError(loaded.located(error.problems)) from error
    parts: list[RenderableType] = []
    for g, group in enumerate(system.groups):
        parts.append(Text(_headline(group, system), style="bold"))
        parts += [_table(title, members, g) for title, members in _kinds(plans, g)]
        parts += [Text(_sentence(plan, g)) for plan in plans]
    parts += [Text(f"Warning: {warning}", style="yellow") for warning in warnings(system, plans, loads)]
    return Lines(*parts)


def _headline(group: Group, system: System) -> str:
    what = f"{len(group.devices)} x {group.card.name} running {group.profile.name}, server {system.server.name}"
    beyond = ""
    if system.cloud is not None:
        up, down = (human(one.mean_rate_bps, "bit rate") for one in (system.cloud.uplink, system.cloud.downlink))
        far = human(system.cloud.propagation_s, "time")
        beyond = f"; cloud {system.cloud.card.name} behind {up} up and {down} down on average, {far} one way"
    return f"{what}; {_link(group, system.base)}, {human(group.propagation_s, 'time')} one way{beyond}"


def _link(group: Group, base: Path | None) -> str:
    """The link in a few words: its mean rates, or what LoRaWAN makes of the distance."""
    if group.lora is None:
        up, down = (human(channel.mean_rate_bps, "bit rate") for channel in (group.uplink, group.downlink))
        shared = "" if group.cell is None else f", shared in cell {group.cell}"
        return f"uplink {up} and downlink {down} on average{_losses(group, base)}{shared}"
    rules = group.lora.parameters()
    rate = rules.settled_rate(rules.received_dbm)
    heard = rules.received_dbm >= rules.sensitivity_dbm[rate]
    level = f"{rules.received_dbm:.0f} dBm at the gateway, which needs {rules.sensitivity_dbm[rate]:g} dBm"
    settled = " once the network has settled it" if rules.adaptive else ""
    share = float(rules.duty_cycle.min())
    return (
        f"LoRaWAN {group.lora.region} at SF{rules.spreading_factor[rate]}{settled}, "
        f"{level}{'' if heard else ': out of range'}; "
        f"{f'duty cycle {100 * share:g} %' if share < 1 else 'no duty cycle'}"
    )


def _losses(group: Group, base: Path | None) -> str:
    """What is lost on the way, and whether it is sent again."""
    said: dict[str, list[str]] = {}
    for way, kind in (("uplink", group.uplink_kind), ("downlink", group.downlink_kind)):
        if kind.losses is not None:
            share = 100 * kind.losses.chain(base).loss_share
            end = "sent again" if kind.losses.retransmit else "lost for good"
            said.setdefault(f"{share:.2g} % of the frames {end}", []).append(way)
    return "".join(f", {what}" if len(ways) == 2 else f", {ways[0]}: {what}" for what, ways in said.items())


def _kinds(plans: list[Plan], g: int) -> Iterator[tuple[str, list[Plan]]]:
    """Plans that share one table of candidates, because they evaluate the exits and use the tiers alike."""
    kinds: dict[tuple[str, ...], list[Plan]] = {}
    for plan in plans:
        choice = plan.choices[g]
        thresholds = choice.intent.thresholds
        values = () if thresholds is None else (f"{value:g}" for value in thresholds)
        title = "candidates" if thresholds is None else "with early exits at " + " / ".join(values)
        if choice.intent.model is not None:
            title = f"{title}, {choice.profile.name}"
        if choice.intent.graph:
            title = f"{title}, cuts that are no prefix too"
        if choice.intent.codec is not None:
            title = f"{title}, features as {choice.intent.codec.label}"
        # a pair has an encoding of its own, a single cut that sends the input has a row for each
        pairs = (f"{title} over three tiers", choice.encoding) if _has_pairs(choice) else (title,)
        kinds.setdefault(pairs, []).append(plan)
    for (title, *_), members in kinds.items():
        yield title, members


def _has_pairs(choice: Choice) -> bool:
    return bool(choice.table.on_cloud.any())


def _table(title: str, plans: list[Plan], g: int) -> Table:
    """The options worth a look."""
    view = Table(title=title, title_justify="left", title_style="italic", pad_edge=False, box=None, show_edge=False)
    has_pairs = _has_pairs(plans[0].choices[g])
    times = (name for name in plans[0].choices[g].prediction.stages_s if name != "device")
    beyond = ("backhaul_up", "cloud", "backhaul_down")
    shown = [name.replace("_", " ") for name in times if has_pairs or name not in beyond]
    for heading in ("cut after", "device", "bytes up", *shown, "propagation", "latency", "energy", "taken by"):
        view.add_column(heading, justify="left" if heading in ("cut after", "taken by") else "right", no_wrap=True)
    view.caption = (_add_pairs if has_pairs else _add_cuts)(view, plans, g)
    view.caption_justify = "left"
    return view


def _add_cuts(view: Table, plans: list[Plan], g: int) -> str:
    """Every cut worth a look, those that send the input once for each of its encodings; and what is left out."""
    for encoding in dict.fromkeys(plan.choices[g].encoding for plan in plans):
        mine = [plan for plan in plans if plan.choices[g].encoding == encoding]
        for c, cut in enumerate(mine[0].choices[g].table.cuts):
            takers = _takers(mine, g, c)
            # without its exit, the cut behind a head that reads the input is the one before it
            if cut.layers == 0 and (takers or c == 0 or len(mine[0].choices[g].table.exits) > 1):
                name = f"input as {encoding}" if c == 0 else f"{cut.name}, input as {encoding}"
                _add_row(view, mine[0].choices[g], c, name, takers)
    choice = plans[0].choices[g]
    lost = beaten(choice)
    for c, cut in enumerate(choice.table.cuts):
        takers = _takers(plans, g, c)
        if cut.layers and (takers or not lost[c]):
            _add_row(view, choice, c, cut.name, takers)
    return (
        f"{int(lost.sum())} cuts are left out: another needs no more device time, no more compute time in all, "
        "and sends no more bytes"
    )


def _add_pairs(view: Table, plans: list[Plan], g: int) -> str:
    """The pairs of cuts that are taken, and the quickest of the others; and what is left out."""
    choice = plans[0].choices[g]
    fits = np.array([not reason for reason in choice.table.misfit])
    latency_s = np.where(fits, choice.prediction.latency_s @ choice.shares, np.inf)
    takers = {plan.choices[g].cut for plan in plans}
    rows = sorted({*takers, *np.argsort(latency_s, kind="stable")[:_MOST_PAIRS].tolist()})
    for c in rows:
        name = choice.table.names[c]
        sent = f", input as {choice.encoding}" if choice.table.cuts[c].layers == 0 else ""
        _add_row(view, choice, c, f"{name}{sent}", _takers(plans, g, c))
    left_out = f"{fits.size - len(rows):,} others are left out"
    return f"{left_out}: beside those that are taken, the {_MOST_PAIRS} of the least predicted latency are shown"


def _takers(plans: list[Plan], g: int, cut: int) -> str:
    return ", ".join(plan.policy for plan in plans if plan.choices[g].cut == cut)


def _add_row(view: Table, choice: Choice, c: int, name: str, takers: str) -> None:
    table, prediction, shares = choice.table, choice.prediction, choice.shares
    stages = [values for stage, values in prediction.stages_s.items() if stage != "device"]
    if not _has_pairs(choice):  # nothing lies beyond the edge
        stages = [prediction.stages_s[stage] for stage in ("uplink", "edge", "downlink")]
    times = (*stages, prediction.propagation_s, prediction.latency_s)
    view.add_row(
        name,
        human(float(table.device_s[c] @ shares), "time"),
        human(float(table.bytes_up[c] @ shares), "size"),
        *(human(float(values[c] @ shares), "time") for values in times),
        human(float(prediction.energy_j[c] @ shares), "energy"),
        takers if not table.misfit[c] else "does not fit",
        style="bold" if takers else None,
    )


def _noun(choice: Choice) -> str:
    return "pairs of cuts" if _has_pairs(choice) else "cuts"


def _sentence(plan: Plan, g: int) -> str:
    choice = plan.choices[g]
    intent = choice.intent
    cut = choice.table.names[choice.cut]
    if plan.decides_anew:
        least = human(float(choice.latency_s[choice.cut]), "time")
        return f"{plan.policy}: decides anew for each request; the least predicted latency is {least} at {cut}."
    if choice.alternatives:
        model = "" if intent.model is None else f" of {choice.profile.name}"
        among = f"the least predicted {words(choice.compared_by)} of {len(choice.alternatives)} options"
        return f"{plan.policy}: takes {cut}{model}, {among}: {_predicted(choice, choice.compared_by, choice.cut)}."
    predicted = _predicted(choice, intent.objective, choice.cut)
    what = "time of the slowest stage" if intent.objective == "throughput" else words(intent.objective)
    if intent.cut is not None:
        return f"{plan.policy}: takes {cut} because it is told to; predicted {what} {predicted}."
    scores = choice.scores
    fits = np.array([not reason for reason in choice.table.misfit])
    for limit in limits(intent.within, choice.latency_s, choice.energy_j, choice.accuracy, choice.sends_input):
        fits &= limit.kept
    others = np.flatnonzero(fits & (np.arange(fits.size) != choice.cut))
    that_fit = "that fits" if intent.within is None else "that fits and keeps to its limits"
    if not others.size:
        return f"{plan.policy}: takes {cut}, the only one {that_fit}; predicted {what} {predicted}."
    second = others[scores[others].argmin()]
    margin = scores[second] / scores[choice.cut] - 1
    among = f"{int(fits.sum())} {_noun(choice)} {that_fit.replace('fits', 'fit').replace('keeps', 'keep')}"
    return (
        f"{plan.policy}: takes {cut}, the least predicted {what} of {among}: "
        f"{predicted}; next is {choice.table.names[second]} (+{margin:.1%})."
    )


#: how a predicted score is shown; weighted sums are numbers
_DIMENSIONS = {"latency": "time", "energy": "energy", "throughput": "time"}


def _predicted(choice: Choice, objective: Objective, option: int) -> str:
    """A score in its unit."""
    value = float(choice.scored(objective)[option])
    dimension = _DIMENSIONS.get(objective) if isinstance(objective, str) else None
    if dimension is not None:
        return human(value, dimension)
    return f"{value:.3g} J s" if objective == "energy_delay" else f"{value:.3g}"
