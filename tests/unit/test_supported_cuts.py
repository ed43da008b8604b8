"""Cuts that are best for some weights of two costs, against the hull of all closed sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs_by_chance import closed_sets, random_model
from test_graph_cut import cost_of, grown, layer_costs, random_costs

from simulator.profiling.closed_sets import ClosedSets
from simulator.profiling.cut_costs import CutCosts
from simulator.profiling.graph_cut import cheapest_cut
from simulator.profiling.model import ModelProfile, load_profile
from simulator.profiling.supported_cuts import supported_cuts

pytestmark = pytest.mark.engine_free


def two_costs(generator: np.random.Generator, model: ModelProfile) -> tuple[CutCosts, CutCosts]:
    """Two costs in eighths that agree in what crosses."""
    first = random_costs(generator, model)
    same = {name: getattr(first, name) for name in ("input_bytes", "element_bytes", "keeps_input")}
    return first, replace(random_costs(generator, model), **same)


@pytest.mark.parametrize("seed", range(150))
def test_they_are_the_corners_of_the_hull(seed):
    """Every weighting of the closed sets of a random graph has its least among them, and each is its own."""
    generator = np.random.default_rng(seed)
    model = random_model(generator, 7)
    costs = two_costs(generator, model)
    points = np.array([[cost_of(model, one, inside) for one in costs] for inside in closed_sets(model)])
    points = points[np.isfinite(points).all(axis=1)]
    found = supported_cuts(model, *costs)
    corners = np.array([[one.first, one.second] for one in found])
    for one in found:
        assert [one.first, one.second] == [cost_of(model, cost, frozenset(one.cut.before)) for cost in costs]
    for angle in np.linspace(0, np.pi / 2, 61):
        weights = np.array([np.cos(angle), np.sin(angle)])
        assert (corners @ weights).min() == pytest.approx((points @ weights).min(), rel=1e-9)
    assert (np.diff(corners[:, 0]) > 0).all()
    assert (np.diff(corners[:, 1]) < 0).all()


@pytest.mark.parametrize("seed", range(150))
def test_the_least_product_is_among_them(seed):
    """The energy-delay product over all closed sets of random graphs."""
    generator = np.random.default_rng(seed)
    model = random_model(generator, 7)
    costs = two_costs(generator, model)
    products = [np.prod([cost_of(model, one, inside) for one in costs]) for inside in closed_sets(model)]
    least = min(product for product in products if np.isfinite(product))
    assert min(one.first * one.second for one in supported_cuts(model, *costs)) == least


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "yolov8n", "densenet201"])
def test_the_best_cut_of_every_link_is_among_them(name):
    """Found once for work against bytes, they hold the min-cut at any rate."""
    model = load_profile(name)
    sets = ClosedSets(model)
    costs = layer_costs(model, np.random.default_rng(2), 1e6)
    work = replace(costs, per_byte=0.0)
    free = np.zeros(len(model.graph))
    found = supported_cuts(model, work, replace(work, here=free, there=free, per_byte=1.0), sets)
    for rate_bps in 10.0 ** np.arange(5, 10, 0.5):
        best = cheapest_cut(model, replace(costs, per_byte=8 / rate_bps), sets).value
        assert min(one.first + one.second * 8 / rate_bps for one in found) == pytest.approx(best, rel=1e-9)


def test_a_transfer_with_a_fixed_part_has_its_best_cut_among_them():
    """Work plus a time that is concave in the bytes, over all closed sets of a shipped model."""
    model = load_profile("squeezenet1_1")
    costs = replace(layer_costs(model, np.random.default_rng(4), 1e6), per_byte=0.0)
    free = np.zeros(len(model.graph))
    size = replace(costs, here=free, there=free, per_byte=1.0)

    def total(work_s: float, sent: float) -> float:
        return work_s + (0.02 + 8 * sent / 1e7 + 1e-5 * sent**0.5) * (sent > 0)

    least = min(total(cost_of(model, costs, inside), cost_of(model, size, inside)) for inside in grown(model))
    found = supported_cuts(model, costs, size)
    assert min(total(one.first, one.second) for one in found) == pytest.approx(least, rel=1e-12)
