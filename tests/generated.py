"""Generated plans and workloads that provoke what engines get wrong: ties, zero lengths, outages, full queues, batches.

Times are multiples of 1/8 s and rates are powers of two, so that equal instants are the normal case and sums are
exact; a part of the cases uses arbitrary floats instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from simulator.physics.link import Channel
from simulator.plan.plan import Plan
from simulator.plan.serving import UNLIMITED, ServingPlan
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
        queue_limit=draw(st.sampled_from([1, 2, 4, UNLIMITED, UNLIMITED])),
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


@st.composite
def cases(draw: Any) -> tuple[Plan, Workload]:
    """A plan with one or two groups, and a workload for it."""
    exact = draw(st.integers(0, 3)) > 0
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))

    def times(size: int, most: int) -> np.ndarray:
        """Seconds: some zero, multiples of 1/8 or arbitrary."""
        eighths = generator.integers(0, most + 1, size) * (generator.random(size) < 0.8)
        return eighths / 8 if exact else eighths * generator.random(size) / 8

    groups = draw(st.integers(1, 2))
    ways = draw(st.integers(1, 3))
    devices = draw(st.integers(groups, MAX_DEVICES))
    rows = groups * ways
    on_device = np.repeat(generator.random(groups) < 0.6, ways)
    offloaded = (generator.random(rows) < 0.8) | ~on_device
    count = draw(st.integers(1, MAX_REQUESTS))
    arrival = np.sort(times(count, draw(st.sampled_from([4, 20, 80]))))
    device = generator.integers(0, devices, count).astype(np.int32)
    order = np.lexsort((device, arrival))
    samples = 6
    group_of = np.sort(np.concatenate((np.arange(groups), generator.integers(0, groups, devices - groups))))
    links = draw(st.integers(1, devices))
    plan = Plan(
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
        chosen_row=np.arange(groups, dtype=np.int32) * ways,
        final=np.full(groups, ways - 1, dtype=np.int32),
        taken=tuple(generator.integers(0, ways, samples) if generator.random() < 0.5 else None for _ in range(groups)),
        group_of=group_of.astype(np.int32),
        uplink=tuple(draw(channels()) for _ in range(links)),
        downlink=tuple(draw(channels()) for _ in range(links)),
        uplink_of=generator.integers(0, links, devices).astype(np.int32),
        downlink_of=generator.integers(0, links, devices).astype(np.int32),
        propagation_s=times(groups, 2),
        **radios(generator, groups),
        deadline_s=np.where(generator.random(groups) < 0.7, times(groups, 20), np.inf),
        priority=generator.integers(0, 2, groups).astype(float),
        order=draw(st.sampled_from(["arrival", "arrival", "deadline", "priority"])),
        serving=draw(servings()),
        horizon_s=draw(st.sampled_from([np.inf, np.inf, 1.0, 3.0, 8.0])),
    )
    workload = Workload(
        arrival_s=arrival[order],
        device=device[order],
        sample=generator.integers(0, samples, count),
        device_factor=np.ones(count) if exact else generator.exponential(1.0, count),
        edge_factor=np.ones(count) if exact else generator.exponential(1.0, count),
    )
    return plan, workload
