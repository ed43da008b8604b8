"""Several switches between device and server, against every assignment; which cuts make a model a chain."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from graphs_by_chance import random_model
from profiles_by_hand import residual_block

from simulator import paths
from simulator.physics.switching import DEVICE, SERVER, Segment, SwitchCosts, cheapest_switches, weighted
from simulator.profiling.chain import chain_cuts, stage_sums
from simulator.profiling.model import load_profile
from simulator.profiling.partition import is_alias

pytestmark = pytest.mark.engine_free


def random_costs(generator: np.random.Generator, stages: int) -> SwitchCosts:
    """Costs in eighths, so that ties are frequent; some switches are not possible."""
    device, server = generator.integers(0, 30, (2, stages)) / 8
    up, down = generator.integers(0, 20, (2, stages + 1)) / 8
    up[generator.random(stages + 1) < 0.1] = np.inf
    return SwitchCosts(device, server, up, down)


def cost_of(costs: SwitchCosts, on_server: tuple[bool, ...]) -> float:
    """Of an assignment, from the device and back to it."""
    total = 0.0
    for stage, (before, now) in enumerate(pairwise((False, *on_server, False))):
        total += costs.up[stage] if now and not before else costs.down[stage] if before and not now else 0.0
        if stage < len(on_server):
            total += costs.server[stage] if now else costs.device[stage]
    return total


def tiers_of(segments: tuple[Segment, ...]) -> tuple[bool, ...]:
    return tuple(segment.tier == SERVER for segment in segments for _ in range(segment.first, segment.last + 1))


@pytest.mark.parametrize("seed", range(200))
def test_the_cheapest_switches_are_those_of_enumeration(seed):
    """All 2^n assignments of chains of up to nine stages; of equal ones the first in order, the device before."""
    generator = np.random.default_rng(seed)
    costs = random_costs(generator, int(generator.integers(1, 10)))
    ways = list(product((False, True), repeat=costs.device.size))
    values = [cost_of(costs, way) for way in ways]
    found = cheapest_switches(costs)
    assert found.cost == min(values)
    assert tiers_of(found.segments) == ways[values.index(min(values))]
    assert all(a.last + 1 == b.first and a.tier != b.tier for a, b in pairwise(found.segments))


@pytest.mark.parametrize("seed", range(100))
def test_a_weighted_sum_of_latency_and_energy_is_that_of_enumeration(seed):
    """Weights of zero as well: what either forbids stays forbidden."""
    generator = np.random.default_rng(seed)
    stages = int(generator.integers(1, 8))
    latency, energy = random_costs(generator, stages), random_costs(generator, stages)
    weights = generator.integers(0, 4, 2) / 2
    parts = list(zip(weights.tolist(), (latency, energy), strict=True))
    values = []
    for way in product((False, True), repeat=stages):
        each = [cost_of(costs, way) for costs in (latency, energy)]
        finite = np.isfinite(each).all()
        values.append(sum(weight * cost for weight, cost in zip(weights, each, strict=True)) if finite else np.inf)
    assert cheapest_switches(weighted(parts)).cost == min(values)


def test_a_request_comes_back_and_goes_up_again():
    """Hand-worked: the server is fast at the first and third stage; 1 + 2 + 1 and four switches of half a second."""
    costs = SwitchCosts(np.array([9.0, 2, 9]), np.array([1.0, 9, 1]), np.full(4, 0.5), np.full(4, 0.5))
    found = cheapest_switches(costs)
    assert found.segments == (Segment(SERVER, 0, 0), Segment(DEVICE, 1, 1), Segment(SERVER, 2, 2))
    assert found.cost == 6.0


def test_with_one_switch_up_it_is_the_best_split():
    """Where nothing comes down before the end, the shortest path is the best of all prefixes on the device."""
    generator = np.random.default_rng(3)
    costs = random_costs(generator, 40)
    costs.down[1:-1] = np.inf
    before, behind = (np.concatenate(([0.0], np.cumsum(side))) for side in (costs.device, costs.server))
    split = before[:-1] + costs.up[:-1] + behind[-1] - behind[:-1] + costs.down[-1]
    assert cheapest_switches(costs).cost == min(split.min(), before[-1])


def test_a_residual_block_is_one_stage():
    """Inside of it two tensors are alive; before and behind it one."""
    model = residual_block()
    assert [cut.name for cut in chain_cuts(model)] == ["input", "stem", "block.add", "output"]
    assert stage_sums(model, np.arange(6.0)).tolist() == [0, 1 + 2 + 3 + 4, 5]


@pytest.mark.parametrize("seed", range(100))
def test_what_follows_a_chain_cut_needs_one_tensor(seed):
    """Random graphs: all that is read behind it from before are one tensor and views of it."""
    model = random_model(np.random.default_rng(seed))
    for cut in chain_cuts(model)[1:-1]:
        before, rest = set(model.trunk[: cut.layers]), model.trunk[cut.layers :]
        read = {source for index in rest for source in model.graph[index].inputs if source not in rest}
        owners = set()
        for tensor in read:
            while tensor in before and is_alias(model.graph[tensor].kind, model.graph[tensor].inputs):
                tensor = model.graph[tensor].inputs[0]
            owners.add(tensor)
        assert len(owners) == 1


@pytest.mark.parametrize("name", paths.names("model"))
def test_the_stages_of_a_shipped_model_hold_all_of_it(name):
    model = load_profile(name)
    macs = stage_sums(model, np.array([float(layer.macs) for layer in model.graph]))
    assert macs.sum() == model.macs
    assert macs.size == len(chain_cuts(model)) - 1
