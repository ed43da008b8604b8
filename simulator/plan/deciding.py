"""Rules worked out for a plan: which options there are, and what they are predicted to take now.

``fastest_predicted_now`` predicts the latency of each option that can run as the sum of its visits, in the mean over
the ways out of the group's samples, since nobody knows a sample's way out before it has run:

- at its processor and its uplink a request waits until all is done that stands there;
- its own bits go over the uplink at the rate that the device believes in, over other links at their mean rates;
- at a server it waits for those of whom the device has been told, each of whom takes the mean time of the options that
  go there, in the largest batches, over the number of workers; as much of that as the news is old is over, so that old
  news of a queue keep nobody away for ever;
- then its own work, and the delays after each leg.

Left out are what the device does not know (the queues of other links, news that are on their way), the promotions of
its radio, and that an old rate may be wrong: a device that keeps its requests from a slow link learns of no better one.
Frames of LoRaWAN wait for windows and for the duty cycle, which no rate tells: such a link is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, ScenarioError
from simulator.physics.decide import unbeaten
from simulator.plan.plan import Plan
from simulator.plan.rules import PER_BIT_S, PROCESSOR_S, SERVERS_S, TICKS_PER_BIT, TICKS_PER_S, UPLINK_S, Rule
from simulator.plan.stages import LINK, PROCESSOR, SERVER
from simulator.plan.system import System
from simulator.policies.base import Policy
from simulator.policies.online import OnlinePolicy

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Basis:
    """What a group's device assumes.

    Attributes
    ----------
    rows : array of int, shape (options,)
        Row of each option that it may take, with the first way out.
    shares : array, shape (ways out,)
        Share of the samples that takes each.
    rates_bps : mapping of str to float
        Mean rate of each link.
    """

    rows: Ints
    shares: Floats
    rates_bps: Mapping[str, float]

    @property
    def all_rows(self) -> Ints:
        """Rows of all ways out; shape (options, ways out)."""
        return np.add.outer(self.rows, np.arange(self.shares.size, dtype=np.int32))


def with_rule(plan: Plan, system: System, policy: Policy, place: tuple[str | int, ...] = ()) -> Plan:
    """The plan with the rule of a policy that decides anew for each request; the plan itself for any other.

    Raises
    ------
    ScenarioError
        For a rule that cannot predict a group's link.
    """
    is_free = any(choice.intent.rule == "fastest_predicted_now" for choice in plan.choices)
    if not (is_free or isinstance(policy, OnlinePolicy)):
        return plan
    if is_free and any(group.lora is not None for group in system.groups):
        message = "how long a message takes over LoRaWAN follows from its duty cycle and its windows, not from a rate"
        hint = "take local, edge or split, which decide before the run"
        raise ScenarioError(Problem(message, hint, (*place, "kind")))
    bases = []
    for g, group in enumerate(system.groups):
        choice = plan.choices[g]
        ways = len(choice.table.exits)
        first = int(plan.chosen_row[g]) - choice.cut * ways
        cuts = [c for c, reason in enumerate(choice.table.misfit) if not reason] if is_free else [choice.cut]
        gets_through = {"uplink": group.delivered_up, "downlink": group.delivered_down}
        device = group.devices.start
        rates_bps = {
            name: link.channel(device).mean_rate_bps * gets_through.get(name, 1.0) for name, link in plan.links.items()
        }
        bases.append(Basis(first + ways * np.array(cuts, dtype=np.int32), choice.shares, rates_bps))
    return replace(plan, rule=without_beaten(make_rule(plan, bases)))


def without_beaten(rule: Rule) -> Rule:
    """The rule without options that score no less than another one of their group, whatever a device knows.

    What a device knows is never negative, so an option is beaten by one whose constant and weights are no larger; of
    equal ones the first stays.
    """
    scores = np.column_stack((rule.constant_s, rule.weights))
    kept = [unbeaten(scores[a:b]) + a for a, b in pairwise(rule.first.tolist())]
    stays = np.concatenate(kept)
    return replace(
        rule,
        first=np.cumsum([0, *(own.size for own in kept)]).astype(np.int32),
        row=rule.row[stays],
        constant_s=rule.constant_s[stays],
        weights=rule.weights[stays],
    )


def make_rule(plan: Plan, bases: Sequence[Basis]) -> Rule:
    """The rule that takes the least predicted latency now; with one option for each group it is ``fixed``."""
    servers = [stage.name for stage in plan.stages if stage.kind == SERVER and not stage.served_by]
    tables = [plan.routes.table(k) for k in range(len(plan.stages))]
    each_s = np.zeros((len(bases), len(servers)))
    constants, weights = [], []
    for g, basis in enumerate(bases):
        rows = basis.all_rows
        weight = np.zeros((len(rows), SERVERS_S + len(servers)))
        constant_s = plan.routes.delays_s()[rows] @ basis.shares
        work_there_s = np.zeros(len(servers))
        for stage, (visits, work) in zip(plan.stages, tables, strict=True):
            visited, worked = visits[rows] @ basis.shares, work[rows] @ basis.shares
            if stage.kind == PROCESSOR:
                weight[:, PROCESSOR_S] += visited
                constant_s += worked
            elif stage.kind == SERVER:
                k = servers.index(stage.station)
                weight[:, SERVERS_S + k] += visited
                work_there_s[k] += worked.sum()
                constant_s += worked
            elif stage.station == "uplink":
                weight[:, UPLINK_S] += visited
                weight[:, PER_BIT_S] += worked
            else:
                constant_s += worked / basis.rates_bps[stage.station]
        visits_there = weight[:, SERVERS_S:].sum(axis=0)
        mean_s = np.divide(work_there_s, visits_there, out=np.zeros(len(servers)), where=visits_there > 0)
        each_s[g] = mean_s * [_share_of_a_batch(plan, name) for name in servers]
        constants.append(constant_s)
        weights.append(weight)
    return Rule(
        first=np.cumsum([0, *(basis.rows.size for basis in bases)]).astype(np.int32),
        row=np.concatenate([basis.rows for basis in bases]),
        constant_s=np.concatenate(constants),
        weights=np.concatenate(weights),
        each_s=each_s,
        mean_rate_bps=np.array([basis.rates_bps["uplink"] for basis in bases]),
        ticks=_ticks(plan, bases),
    )


def _share_of_a_batch(plan: Plan, server: str) -> float:
    """Time that one request more takes of a server, over its own time, when all workers have full batches."""
    rules = plan.servers[server]
    sizes = np.arange(1, rules.max_batch + 1)
    return float((rules.batch_factor[1:] / sizes).min()) / rules.workers


def _ticks(plan: Plan, bases: Sequence[Basis]) -> NDArray[np.int64]:
    """What each leg adds to the work at its station: a message that is there, or what is expected of a sample.

    That is the mean over the ways out that come to the processor on that leg.
    """
    routes = plan.routes
    row = np.repeat(np.arange(routes.rows), np.diff(routes.first))
    kinds = np.array([stage.kind for stage in plan.stages])[routes.legs["stage"]]
    ticks: Floats = routes.legs["work"] * np.where(kinds == LINK, TICKS_PER_BIT, TICKS_PER_S)
    for k, stage in enumerate(plan.stages):
        if stage.kind != PROCESSOR:
            continue
        visits, work = routes.table(k)
        expected = work.copy()
        for basis in bases:
            for before in range(0, routes.rows, plan.options):
                rows = before + basis.all_rows
                comes, does = visits[rows] @ basis.shares, work[rows] @ basis.shares
                mean = np.divide(does, comes, out=np.zeros(comes.size), where=comes > 0)
                expected[rows] = np.where(comes > 0, mean, work[rows].T).T
        here = routes.legs["stage"] == k
        ticks[here] = expected[row[here]] * TICKS_PER_S
    return np.rint(ticks).astype(np.int64)
