"""The cut whose slowest stage is fastest, against enumeration, and what is known where the search is given up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs_by_chance import closed_sets, random_model
from test_graph_cut import cost_of, grown, layer_costs, random_costs

from simulator import paths
from simulator.profiling import bottleneck_cut as searched
from simulator.profiling.bottleneck_cut import bottleneck_cut
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.model import ModelProfile, load_profile

pytestmark = pytest.mark.engine_free


def slowest_of(model: ModelProfile, costs: CutCosts, inside: frozenset[int]) -> float:
    """The largest of the stages, each the whole cost where nothing else costs anything."""
    free, none = np.zeros(len(model.graph)), {"per_byte": 0.0, "per_byte_back": 0.0, "leaving": 0.0}
    parts = (
        replace(costs, there=free, **none),
        replace(costs, here=free, **none),
        replace(costs, here=free, there=free, **none | {"per_byte": costs.per_byte}),
        replace(costs, here=free, there=free, **none | {"per_byte_back": costs.per_byte_back}),
    )
    return max(cost_of(model, part, inside) for part in parts)


@pytest.mark.parametrize("seed", range(300))
def test_the_slowest_stage_is_that_of_enumeration(seed):
    """On random graphs the value is the least over all closed sets, and the search knows that it is."""
    generator = np.random.default_rng(seed)
    model = random_model(generator, 11 if seed % 20 == 0 else 9)
    costs = random_costs(generator, model)
    values = {inside: slowest_of(model, costs, inside) for inside in closed_sets(model)}
    found = bottleneck_cut(model, costs)
    assert (found.value, found.is_exact) == (min(values.values()), True)
    assert values[frozenset(found.found.cut.before)] == found.value
    assert max(found.found.here, found.found.crossing, found.found.there, found.found.back) == found.value


@pytest.mark.parametrize("name", ["resnet8", "squeezenet1_0", "googlenet"])
def test_on_shipped_models_it_is_that_of_enumeration(name):
    """All closed sets of the whole model."""
    model = load_profile(name)
    costs = layer_costs(model, np.random.default_rng(1), 2e7)
    least = min(slowest_of(model, costs, inside) for inside in grown(model))
    assert bottleneck_cut(model, costs).value == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("name", paths.names("model"))
def test_the_search_ends_on_every_shipped_model(name):
    """It is exact, and no cut point is better."""
    model = load_profile(name)
    costs = layer_costs(model, np.random.default_rng(0), 1e8)
    trunk, cuts = list(model.trunk), [cut for cut in model.cut_points if cut.layers or not cut.heads]
    layers = np.array([cut.layers for cut in cuts])
    here, there = (np.concatenate(([0.0], np.cumsum(side[trunk]))) for side in (costs.here, costs.there))
    sent = np.where(layers > 0, [float(cut.bytes) for cut in cuts], costs.input_bytes) * costs.per_byte
    best = float(np.max([here[layers], sent, there[-1] - there[layers]], axis=0).min())
    found = bottleneck_cut(model, costs)
    assert found.is_exact
    assert found.value <= best * (1 + 1e-12)


@pytest.mark.parametrize("steps", [0, 1, 3, 10])
def test_a_search_that_is_given_up_says_what_no_cut_is_below(monkeypatch, steps):
    """Its bound is at most the optimum, its cut at least, over random graphs; not all are known to be best."""
    monkeypatch.setattr(searched, "STEPS", steps)
    known = []
    for seed in range(150):
        generator = np.random.default_rng(seed)
        model = random_model(generator)
        costs = random_costs(generator, model)
        best = min(slowest_of(model, costs, inside) for inside in closed_sets(model))
        found = bottleneck_cut(model, costs)
        assert found.least <= best <= found.value
        assert not found.is_exact or found.value == best
        known.append(found.is_exact)
    assert not all(known)
