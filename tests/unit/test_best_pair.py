"""Two cuts over three tiers, chosen together from the table of all pairs: against loops from layer times and bytes."""

from __future__ import annotations

import time
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from simulator.physics.objectives import OBJECTIVES, Limit, scores, select
from simulator.plan.candidates import Candidates, candidates, option_name
from simulator.plan.prediction import Prediction, predict
from simulator.plan.prepare import prepare
from simulator.plan.system import System
from simulator.scenario.load import load_scenario

pytestmark = pytest.mark.engine_free

#: bit/s of the device's link and of the one behind it, and one-way seconds of each
RATES_BPS, DELAYS_S = (10e6, 400e6), (0.02, 0.04)


def world(model: str) -> System:
    """A Raspberry Pi, a K40 as edge server, a T4 in the cloud; no radio, answers of no bytes."""
    near, far = (
        {"uplink": {"rate": f"{rate / 1e6} Mbit/s"}, "downlink": {"rate": f"{rate / 1e6} Mbit/s"}, "propagation": delay}
        for rate, delay in zip(RATES_BPS, ("20 ms", "40 ms"), strict=True)
    )
    document: dict[str, Any] = {
        "name": "pairs",
        "model": model,
        "device": "raspberry-pi-4",
        "server": "k40",
        "cloud": {"server": "t4-triton", "link": far},
        "link": near,
        "workload": {"arrivals": "poisson", "rate": "0.1 /s", "requests": 1},
        "result_size": "0 B",
        "policies": [{"kind": "local"}],
    }
    return prepare(load_scenario(document))[0]


def table_of(system: System) -> tuple[Candidates, Prediction]:
    assert system.cloud is not None
    group = system.groups[0]
    encoding = group.profile.input_dtype
    table = candidates(group, (system.server, system.cloud.card), (1.0, 1.0), encoding, False, over_cloud=True)
    return table, predict(table, group)


def stages_by_hand(system: System) -> dict[str, tuple[float, ...]]:
    """Device, uplink, edge, backhaul, cloud and propagation of every pair of cuts, by its name."""
    assert system.cloud is not None
    profile, cards = system.groups[0].profile, (system.groups[0].card, system.server, system.cloud.card)
    until = [list(accumulate(card.layer_times_s(profile)[list(profile.trunk)].tolist(), initial=0.0)) for card in cards]
    cuts = profile.cut_points
    found = {}
    for a, first in enumerate(cuts):
        for second in cuts[a:]:
            sizes = [cut.bytes * card.element_bytes / 4 for cut, card in ((first, cards[0]), (second, cards[1]))]
            if first.layers == 0:
                sizes[0] = float(profile.sent_input_bytes)
            if first is second:
                sizes[1] = sizes[0]
            leaves, goes_on = first is not cuts[-1], second is not cuts[-1]
            name = option_name((first.name, second.name)) if goes_on else first.name
            found[name] = (
                until[0][first.layers],
                8 * sizes[0] / RATES_BPS[0] * leaves,
                until[1][second.layers] - until[1][first.layers],
                8 * sizes[1] / RATES_BPS[1] * goes_on,
                until[2][-1] - until[2][second.layers],
                2 * DELAYS_S[0] * leaves + 2 * DELAYS_S[1] * goes_on,
            )
    return found


def scores_by_hand(system: System, objective: str, deadline_s: float, most_j: float) -> dict[str, float]:
    """The score of every pair within a deadline and a limit on energy."""
    card, found = system.groups[0].card, {}
    for name, (*stages, travel_s) in stages_by_hand(system).items():
        latency_s = sum(stages) + travel_s
        energy_j = card.active_w * stages[0] + card.idle_w * (latency_s - stages[0])
        if latency_s <= deadline_s and energy_j <= most_j:
            found[name] = {
                "latency": latency_s,
                "energy": energy_j,
                "energy_delay": latency_s * energy_j,
                "throughput": max(stages),
            }[objective]
    return found


@pytest.mark.parametrize("model", ["resnet8", "squeezenet1_1", "resnet18"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_best_pair_is_that_of_enumeration(model: str, objective: str) -> None:
    """For every objective: without a constraint, and within a deadline or an energy that the best one misses."""
    system = world(model)
    table, prediction = table_of(system)
    latency_s, energy_j = prediction.latency_s[:, 0], prediction.energy_j[:, 0]
    score = scores(objective, latency_s, energy_j, [stage[:, 0] for stage in prediction.stages_s.values()])
    can_run = np.array([not reason for reason in table.misfit])
    assert can_run.all()
    free = select(score, can_run).option
    by_hand = scores_by_hand(system, objective, np.inf, np.inf)
    assert score[free] == pytest.approx(min(by_hand.values()), rel=1e-12)
    assert by_hand[table.names[free]] == pytest.approx(min(by_hand.values()), rel=1e-12)
    name, values = ("energy", energy_j) if objective == "latency" else ("deadline", latency_s)
    limit = Limit(name, values, (values[free] + values.min()) / 2)
    tight = select(score, can_run, [limit]).option
    most = {"deadline_s": np.inf, "most_j": np.inf} | {"deadline_s" if name == "deadline" else "most_j": limit.most}
    by_hand = scores_by_hand(system, objective, **most)
    assert by_hand[table.names[tight]] == pytest.approx(min(by_hand.values()), rel=1e-12)
    assert score[tight] == pytest.approx(min(by_hand.values()), rel=1e-12)


def test_the_best_pair_of_resnet152_takes_less_than_200_ms() -> None:
    """All 33 930 pairs tabulated, predicted and compared: the least of some, because other work slows the machine."""
    system = world("resnet152")
    assert system.groups[0].profile.cut_points
    taken = []
    for _ in range(5):
        begin = time.process_time()
        table, prediction = table_of(system)
        option = select(prediction.latency_s[:, 0], np.array([not reason for reason in table.misfit])).option
        taken.append(time.process_time() - begin)
    by_hand = scores_by_hand(system, "latency", np.inf, np.inf)
    assert len(table.names) == len(by_hand) == 33930
    assert by_hand[table.names[option]] == pytest.approx(min(by_hand.values()), rel=1e-12)
    assert min(taken) < 0.2
