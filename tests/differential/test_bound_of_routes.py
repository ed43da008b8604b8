"""No run beats what its requests take alone: over any route, and in whole scenarios of three tiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from test_routes_agree import routed
from test_tiers_agree import drawn

from simulator.accounts.energy import attribute
from simulator.engines import reference
from simulator.engines.log import COMPLETED
from simulator.plan.alone import alone_s, least_alone
from simulator.plan.alone_energy import least_energy_alone
from simulator.plan.channels import with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.plan.routes import NO_ROW
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import Workload, draw

#: engines are named where they matter
pytestmark = pytest.mark.engine_free


@settings(max_examples=500)
@given(routed())
def test_no_run_over_any_route_beats_it(case: tuple[Plan, Workload]) -> None:
    """The row of each request, or the one that takes over where it turns back, whichever takes less alone."""
    plan, workload = case
    log = reference.run(plan, workload)
    done = log.status == COMPLETED
    row = plan.rows(workload)
    bound = alone_s(plan, workload, row)
    for k, of in enumerate(row.tolist()):
        legs = plan.routes.legs[plan.routes.first[of] : plan.routes.first[of + 1]]
        for other in legs["full_row"][legs["full_row"] != NO_ROW].tolist():
            bound[k] = min(bound[k], alone_s(plan, workload, np.array([other]), np.array([k]))[0])
    assert ((log.finish_s - workload.arrival_s)[done] >= bound[done] - 1e-9).all()


@settings(max_examples=200)
@given(routed(plain=True))
def test_the_least_over_routes_is_never_beaten(case: tuple[Plan, Workload]) -> None:
    """Over all options of a plan, whichever of them a request takes."""
    plan, workload = case
    least = least_alone(plan, workload, np.arange(plan.options), np.zeros(workload.size, dtype=np.int64)).latency_s
    log = reference.run(plan, workload)
    done = log.status == COMPLETED
    assert ((log.finish_s - workload.arrival_s)[done] >= least[done] - 1e-9).all()


@pytest.mark.parametrize("number", range(60))
def test_no_policy_of_a_scenario_of_three_tiers_beats_it(number: int, tmp_path: Path) -> None:
    """Latency and charged energy of each completed request, against the least over all pairs with its own way out."""
    system, plans = prepare(load_scenario(drawn(tmp_path, number)))
    workload = draw(sources(system), number, 0)
    for plan in with_drawn_channels(plans, system, 0, 1e4):
        (choice,) = plan.choices
        ways = len(choice.table.exits)
        way = np.full(workload.size, ways - 1) if choice.taken is None else choice.taken[workload.sample]
        options = np.arange(0, plan.options, ways)
        log = reference.run(plan, workload)
        done = log.status == COMPLETED
        latency_s, total_j = log.finish_s - workload.arrival_s, attribute(system, plan, workload, log).total_j
        assert (latency_s[done] >= least_alone(plan, workload, options, way).latency_s[done] - 1e-9).all()
        energy = least_energy_alone(system, plan, workload, options, way)
        assert (total_j[done] >= energy.caused_j[done] - 1e-9).all()
