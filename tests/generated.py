"""Generated plans and workloads that provoke what engines get wrong: ties, zero lengths, outages, full queues, batches.

Times are multiples of 1/8 s and rates are powers of two, so that equal instants are the normal case and sums are
exact; a part of the cases uses arbitrary floats instead. LoRa devices have levels around what a gateway hears and
around capture, few channels, messages of no to many frames, and servers that meet either receive window or neither.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.links.lora import LoraLink
from simulator.physics.link import Channel
from simulator.physics.lora import uplink_airtime_s
from simulator.plan.deciding import Basis, make_rule
from simulator.plan.lora import LoraPlan, lay_out
from simulator.plan.medium import LinkPlan, LossPlan
from simulator.plan.plan import Plan
from simulator.plan.routes import NO_ROW, make_routes
from simulator.plan.rules import SERVERS_S
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.plan.visits import through_tiers
from simulator.workload import Workload

MAX_DEVICES = 4
MAX_REQUESTS = 40


@st.composite
def channels(draw: Any) -> Channel:
    """A constant rate, or a trace of a few segments with outages."""
    if draw(st.booleans()):
        return Channel.constant(draw(st.sampled_from([1.0, 8.0, 64.0])))
    rates = draw(st.lists(st.sampled_from([0.0, 0.0, 1.0, 8.0, 64.0]), min_size=2, max_size=5).filter(any))
    lengths = draw(st.lists(st.sampled_from([0.125, 0.5, 2.0]), min_size=len(rates), max_size=len(rates)))
    return Channel(np.concatenate((np.zeros(1), np.cumsum(lengths))), np.array(rates))


@st.composite
def servings(draw: Any) -> ServingPlan:
    """Workers, batches, limits and what happens to those who find no room."""
    max_batch = draw(st.sampled_from([1, 1, 2, 3, 5]))
    growth = draw(st.sampled_from([0.0, 0.25, 1.0]))
    return ServingPlan(
        workers=draw(st.sampled_from([1, 1, 2, 3])),
        max_batch=max_batch,
        max_wait_s=draw(st.sampled_from([0.0, 0.125, 0.5, 2.0])) if max_batch > 1 else 0.0,
        queue_limit=draw(st.sampled_from([0, 1, 2, 4, UNLIMITED, UNLIMITED])),
        fallback=draw(st.booleans()),
        batch_factor=np.array([0.0, *(1.0 + growth * k for k in range(max_batch))]),
    )


def radios(generator: np.random.Generator, groups: int) -> dict[str, tuple[np.ndarray, ...]]:
    """States of the radios: most cases have none, so that the shorter way of the fast engine is met as well."""
    if generator.random() < 0.6:
        return {"tail_ends_s": (np.empty(0),) * groups, "wake_delays_s": (np.zeros(1),) * groups}
    stages = generator.integers(0, 3, groups)
    ends = tuple(np.cumsum(generator.integers(1, 5, k) / 8) for k in stages)
    return {"tail_ends_s": ends, "wake_delays_s": tuple(generator.integers(0, 3, k + 1) / 8 for k in stages)}


def losses(generator: np.random.Generator, devices: int, share: float) -> LossPlan | None:
    """Losses of some devices in a share of the cases; messages have up to 32 bits, frames 4, 8 or 100."""
    if generator.random() >= share:
        return None
    tables = generator.integers(1, devices + 1)
    lost = [generator.random(generator.integers(1, 9)) < generator.choice([0.0, 0.3, 0.7]) for _ in range(tables)]
    counts = tuple(np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(~np.append(run, False)))) for run in lost)
    return LossPlan(
        frame_bits=generator.choice([4.0, 8.0, 100.0], devices),
        retransmit=generator.random(devices) < 0.5,
        delivered=counts,
        delivered_of=generator.integers(-1, tables, devices).astype(np.int32),
    )


def with_cells(plan: Plan, generator: np.random.Generator, share: float) -> Plan:
    """The plan, in a share of the cases with devices that share cells, over links of constant rates."""
    if generator.random() >= share:
        return plan

    def constant(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
        return tuple(Channel.constant(float(channel.rates_bps.max())) for channel in channels)

    cell_of = generator.integers(-1, 2, plan.group_of.size).astype(np.int32)
    links = {name: replace(link, channels=constant(link.channels)) for name, link in plan.links.items()}
    return replace(plan, links=links, cell_of=cell_of)


def plan_of(
    *,
    device_s: Any,
    bits_up: Any,
    edge_s: Any,
    bits_down: Any,
    fallback_s: Any,
    on_device: Any,
    offloaded: Any,
    propagation_s: Any,
    tolerates_loss: Any,
    serving: ServingPlan,
    links: dict[str, LinkPlan],
    chosen_row: Any,
    **others: Any,
) -> Plan:
    """A plan from what each option costs on a device, an uplink, an edge server and a downlink."""
    group = np.searchsorted(chosen_row, np.arange(device_s.size), side="right") - 1
    visits = through_tiers(
        device_s=device_s,
        bits_up=bits_up,
        edge_s=edge_s,
        bits_down=bits_down,
        on_device=on_device,
        offloaded=offloaded,
        propagation_s=propagation_s[group],
        tolerates_loss=tolerates_loss[group],
        rest_s=fallback_s if serving.fallback else None,
    )
    stages, routes = make_routes(visits)
    return Plan(
        stages=stages,
        routes=routes,
        propagation_s=propagation_s,
        tolerates_loss=tolerates_loss,
        servers={"edge": serving},
        links=links,
        chosen_row=chosen_row,
        **others,
    )


def remade(plan: Plan, **changes: Any) -> Plan:
    """The plan with other costs, or another server."""
    same = {field.name: getattr(plan, field.name) for field in fields(Plan)}
    for name in ("stages", "routes", "servers"):
        del same[name]
    costs = {
        "device_s": plan.work("device"),
        "bits_up": plan.work("uplink"),
        "edge_s": plan.work("edge"),
        "bits_down": plan.work("downlink"),
        "fallback_s": rest_s(plan),
        "on_device": plan.visits("device"),
        "offloaded": plan.visits("uplink"),
        "serving": plan.servers["edge"],
    }
    return plan_of(**same | costs | changes)


def rest_s(plan: Plan) -> np.ndarray:
    """Work of the row that takes over from each option; 0 where none does."""
    rest, legs = np.zeros(plan.options), plan.routes.legs
    for row in range(plan.options):
        for leg in legs[plan.routes.first[row] : plan.routes.first[row + 1]]:
            if leg["full_row"] != NO_ROW:
                rest[row] = legs[plan.routes.first[leg["full_row"]]]["work"]
    return rest


def drawn_links(draw: Any, generator: np.random.Generator, devices: int, lossy: float) -> dict[str, LinkPlan]:
    """Channels that devices may share the draw of, and losses."""
    count = draw(st.integers(1, devices))
    return {
        name: LinkPlan(
            tuple(draw(channels()) for _ in range(count)),
            generator.integers(0, count, devices).astype(np.int32),
            losses(generator, devices, lossy),
        )
        for name in ("uplink", "downlink")
    }


def with_drawn_rule(plan: Plan, generator: np.random.Generator, cuts: int, ways: int) -> Plan:
    """The plan with a rule over some of the cuts of each group, of which any may be the one that it begins with.

    In some cases options are nearly the same but for the server, so that news of it decide.
    """
    bases = []
    for first, taken in zip(plan.chosen_row.tolist(), plan.taken, strict=True):
        some = np.flatnonzero(generator.random(cuts) < 0.8)
        rows = first + ways * (some if some.size else np.arange(cuts))
        alone = np.eye(ways)[ways - 1]
        shares = alone if taken is None else np.bincount(taken, minlength=ways) / taken.size
        rates_bps = {name: float(generator.choice([1.0, 8.0, 64.0])) for name in plan.links}
        bases.append(Basis(rows.astype(np.int32), shares, rates_bps))
    begins = np.array([generator.choice(basis.rows) for basis in bases], dtype=np.int32)
    rule = make_rule(plan, bases)
    if generator.random() < 0.6:
        constant_s, each_s = (
            generator.integers(0, 4, rule.row.size) / 8,
            generator.integers(0, 17, rule.each_s.shape) / 8,
        )
        weights = rule.weights * generator.choice([0.0, 0.0, 1.0], SERVERS_S + 1)
        weights[:, SERVERS_S:] = rule.weights[:, SERVERS_S:]
        rule = replace(rule, constant_s=constant_s, each_s=each_s, weights=weights)
    return replace(plan, rule=rule, chosen_row=begins)


@st.composite
def cases(draw: Any, lossy: float = 0.2, shared: float = 0.2, ruled: float = 0.0) -> tuple[Plan, Workload]:
    """A plan with one or two groups and a workload for it; shares of the cases with losses, with cells, with a rule."""
    exact = draw(st.integers(0, 3)) > 0
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))

    def times(size: int, most: int) -> np.ndarray:
        """Seconds: some zero, multiples of 1/8 or arbitrary."""
        eighths = generator.integers(0, most + 1, size) * (generator.random(size) < 0.8)
        return eighths / 8 if exact else eighths * generator.random(size) / 8

    groups = draw(st.integers(1, 2))
    ways = draw(st.integers(1, 3))
    devices = draw(st.integers(groups, MAX_DEVICES))
    is_ruled = ruled > 0 and generator.random() < ruled
    cuts = int(generator.integers(2, 4)) if is_ruled else 1
    rows = groups * cuts * ways
    on_device = np.repeat(generator.random(groups * cuts) < 0.6, ways)
    offloaded = (generator.random(rows) < 0.8) | ~on_device
    count = draw(st.integers(1, MAX_REQUESTS))
    arrival = np.sort(times(count, draw(st.sampled_from([4, 20, 80]))))
    device = generator.integers(0, devices, count).astype(np.int32)
    order = np.lexsort((device, arrival))
    samples = 6
    group_of = np.sort(np.concatenate((np.arange(groups), generator.integers(0, groups, devices - groups))))
    plan = plan_of(
        policy="generated",
        choices=(),
        device_s=times(rows, 8) * on_device,
        bits_up=np.where(offloaded, generator.integers(0, 9, rows) * 4.0, 0.0),
        edge_s=times(rows, 8) * offloaded,
        bits_down=np.where(offloaded, generator.integers(0, 3, rows) * 4.0, 0.0),
        on_device=on_device,
        offloaded=offloaded,
        fallback_s=times(rows, 8) * offloaded,
        partition=tuple(f"cut{row}" for row in range(rows)),
        exit=tuple(f"exit{row}" for row in range(rows)),
        chosen_row=np.arange(groups, dtype=np.int32) * cuts * ways,
        final=np.full(groups, ways - 1, dtype=np.int32),
        taken=tuple(generator.integers(0, ways, samples) if generator.random() < 0.5 else None for _ in range(groups)),
        group_of=group_of.astype(np.int32),
        links=drawn_links(draw, generator, devices, lossy),
        propagation_s=times(groups, 2),
        **radios(generator, groups),
        deadline_s=np.where(generator.random(groups) < 0.7, times(groups, 20), np.inf),
        priority=generator.integers(0, 2, groups).astype(float),
        order=draw(st.sampled_from(["arrival", "arrival", "deadline", "priority"])),
        serving=draw(servings()),
        horizon_s=draw(st.sampled_from([np.inf, np.inf, 1.0, 3.0, 8.0])),
        tolerates_loss=generator.random(groups) < 0.5,
    )
    plan = with_cells(plan, generator, shared)
    if is_ruled:
        plan = with_drawn_rule(plan, generator, cuts, ways)
    workload = Workload(
        arrival_s=arrival[order],
        device=device[order],
        sample=generator.integers(0, samples, count),
        device_factor=np.ones(count) if exact else generator.exponential(1.0, count),
        edge_factor=np.ones(count) if exact else generator.exponential(1.0, count),
    )
    return plan, workload


def lone_plan(groups: int) -> Plan:
    """One device for each group; an instant uplink, one worker that takes 1/8 s."""
    channel = Channel.constant(1.0)
    index = np.arange(groups, dtype=np.int32)
    return plan_of(
        policy="edge",
        choices=(),
        device_s=np.zeros(groups),
        bits_up=np.zeros(groups),
        edge_s=np.full(groups, 0.125),
        bits_down=np.zeros(groups),
        on_device=np.zeros(groups, dtype=bool),
        offloaded=np.ones(groups, dtype=bool),
        fallback_s=np.zeros(groups),
        partition=("input",) * groups,
        exit=("final",) * groups,
        chosen_row=index,
        final=np.zeros(groups, dtype=np.int32),
        taken=(None,) * groups,
        group_of=index,
        links={name: LinkPlan((channel,) * groups, index) for name in ("uplink", "downlink")},
        propagation_s=np.zeros(groups),
        tail_ends_s=(np.empty(0),) * groups,
        wake_delays_s=(np.zeros(1),) * groups,
        deadline_s=np.full(groups, np.inf),
        priority=np.zeros(groups),
        order="arrival",
        serving=ServingPlan(1, 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0])),
        horizon_s=np.inf,
        tolerates_loss=np.zeros(groups, dtype=bool),
    )


#: bytes of messages and answers, seconds at the server that meet a receive window or miss it, levels at the gateway
MESSAGES = [0.0, 0.5, 1.0, 11.0, 20.25, 51.0, 52.0, 115.0, 243.0, 500.0]
ANSWERS = [0.0, 1.0, 60.0, 600.0]
EDGE_TIMES_S = [0.0, 0.125, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 30.0]
LEVELS_DBM = [-110.0, -127.5, -129.9, -130.0, -134.0, -140.5, -142.5, -143.0]
DIFFERENCES_DB = [0.0, 3.0, 5.999, 6.0, 6.001, 12.0]


@st.composite
def lora_links(draw: Any) -> LoraLink:
    """Either region, any way to choose the data rate; distance does not matter, levels are generated."""
    region, factors, plans = draw(st.sampled_from([("EU868", (7, 8, 12), (3, 8)), ("US915", (7, 8, 10), (8, 64))]))
    return LoraLink.model_validate(
        {
            "region": region,
            "distance": "1 km",
            "spreading_factor": draw(st.sampled_from([*factors, "range", "adr", "adr"])),
            "channels": draw(st.sampled_from(plans)),
            "duty_cycle": draw(st.sampled_from([None, 0.01, 0.1, 1.0])),
            "confirmed": draw(st.booleans()),
        }
    )


@st.composite
def lora_cases(draw: Any) -> tuple[Plan, Workload]:
    """A generated case in which one of the groups, or each of them, has LoRa."""
    plan, workload = draw(cases(lossy=0.1, shared=0.1))
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))
    groups, devices, rows = plan.propagation_s.size, plan.group_of.size, plan.work("uplink").size
    links = [draw(lora_links()), *(draw(lora_links()) if draw(st.booleans()) else None for _ in range(groups - 1))]
    group_of = plan.group_of.astype(np.int64)
    received = generator.choice(LEVELS_DBM) + generator.choice(DIFFERENCES_DB, devices)
    rules = [None if link is None else link.parameters() for link in links]
    first_rate = [0 if rules[g] is None else rules[g].first_rate(received[d]) for d, g in enumerate(group_of.tolist())]
    # the fewer numbers are drawn, the more often devices take the same channel
    draws = generator.integers(0, generator.choice([1, 2, 1 << 62]), (devices, 64))
    lora = lay_out(links, group_of, received, np.array(first_rate), draws)
    plan = remade(
        plan,
        bits_up=8 * np.where(plan.visits("uplink"), generator.choice(MESSAGES, rows), 0.0),
        bits_down=8 * np.where(plan.visits("uplink"), generator.choice(ANSWERS, rows), 0.0),
        edge_s=np.where(plan.visits("uplink"), generator.choice(EDGE_TIMES_S, rows), 0.0),
        propagation_s=generator.choice([0.0, 0.0, 0.125, 0.3, 0.5], groups),
        horizon_s=draw(st.sampled_from([np.inf, np.inf, 2.0, 10.0, 100.0, 5000.0])),
        cell_of=None if plan.cell_of is None else np.where(lora.uses, -1, plan.cell_of).astype(np.int32),
        lora=lora,
    )
    return plan, _touching(plan, lora, workload, draw(st.sampled_from([1.0, 8.0, 100.0])), generator)


def _touching(
    plan: Plan, lora: LoraPlan, workload: Workload, slower: float, generator: np.random.Generator
) -> Workload:
    """The workload with more time between requests, of which some arrive when the first frame of another one ends."""
    arrival = workload.arrival_s * slower
    rows = plan.rows(workload)
    for k in np.flatnonzero(generator.random(arrival.size) < 0.3).tolist():
        other = int(generator.integers(arrival.size))
        device = workload.device[other]
        group, rate = lora.group_of[device], lora.first_rate[device]
        if lora.uses[device]:
            size = min(int(np.ceil(plan.work("uplink")[rows[other]] / 8)), int(lora.most_bytes[group, rate]))
            factor, bandwidth_hz = int(lora.spreading_factor[group, rate]), float(lora.bandwidth_hz[group, rate])
            arrival[k] = arrival[other] + uplink_airtime_s(size, factor, bandwidth_hz)
    order = np.lexsort((workload.device, arrival))
    return Workload(
        arrival_s=arrival[order],
        device=workload.device[order],
        sample=workload.sample[order],
        device_factor=workload.device_factor[order],
        edge_factor=workload.edge_factor[order],
    )
