"""Target P3: EfficientNet-B0 over three tiers with an early exit (PORTEND, ICPADS 2023), from the shipped scenario."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import simulator
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

#: bytes out of block k; ms on tier 0 of blocks 1..k, and on tiers 1 and 2 of blocks k+1..8
ROWS = [
    (602112, 0, 48.79, 8.79),
    (1605632, 19.68, 47.27, 8.68),
    (802816, 45.32, 45.00, 8.25),
    (301056, 184.65, 27.52, 7.22),
    (125440, 268.24, 23.07, 6.24),
    (62720, 327.60, 17.74, 4.61),
    (87808, 414.34, 11.23, 2.83),
    (37632, 541.41, 3.28, 0.71),
    (0, 580.12, 0, 0),
]
RATES_BPS, DELAYS_S, MTU = (10e6, 400e6), (0.020, 0.040), 1500
PLACES = ["input", *(f"block{k}" for k in range(1, 8)), "output"]


def pipelined_s(size_bytes: int, hops: int) -> float:
    """The paper's formula, over one hop or two."""
    packets = math.ceil(size_bytes / MTU)
    rates = RATES_BPS[:hops]
    return ((packets - 1) * MTU / min(rates) + sum(MTU / rate for rate in rates)) * 8 if packets else 0.0


def latency_s(first: int, second: int) -> float:
    """Blocks up to the first cut on tier 0, up to the second on tier 1, the others on tier 2; the way back counts."""
    size, device, edge, _ = ROWS[first]
    total = device / 1e3
    if first == 8:
        return total
    total += 2 * DELAYS_S[0] + (edge - ROWS[second][2]) / 1e3
    if second == 8:
        return total + pipelined_s(size, 1)
    total += 2 * DELAYS_S[1] + ROWS[second][3] / 1e3
    if first == second:
        return total + pipelined_s(size, 2)
    # what the edge computes with has come as a whole, and what it has computed is a message of its own
    return total + pipelined_s(size, 1) + math.ceil(ROWS[second][0] / MTU) * MTU * 8 / RATES_BPS[1]


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return simulator.run("three-tiers").summary.set_index("policy")


def mean_s(summary: pd.DataFrame, policy: str) -> float:
    return float(summary.loc[policy, "latency_mean_s"])


def test_all_on_the_device(summary: pd.DataFrame) -> None:
    assert mean_s(summary, "local") == pytest.approx(0.5801, abs=5e-5)


def test_all_in_the_cloud_is_slower(summary: pd.DataFrame) -> None:
    """482.43 + 60 + 8.79 + 60 ms: 611.2 ms, a speed-up of 0.949."""
    assert mean_s(summary, "cloud float32") == pytest.approx(0.48243 + 0.060 + 0.00879 + 0.060, abs=1e-5)
    assert mean_s(summary, "local") / mean_s(summary, "cloud float32") == pytest.approx(0.949, abs=5e-4)


def test_cut_after_block_4_without_exits(summary: pd.DataFrame) -> None:
    assert mean_s(summary, "local") / mean_s(summary, "split block4") == pytest.approx(1.343, abs=5e-4)


def test_cut_after_block_4_with_exits(summary: pd.DataFrame) -> None:
    """419.0 ms within 2 %, inside the 95 % interval of 10 000 samples; a speed-up of 1.385 (measured: 1.388)."""
    row = summary.loc["early exit at block4"]
    assert row["requests"] == 10_000
    assert abs(row["latency_mean_s"] - 0.4190) < row["latency_ci95_s"] < 0.02 * 0.4190
    assert mean_s(summary, "local") / row["latency_mean_s"] == pytest.approx(1.385, rel=0.02)


def test_every_pair_of_cuts_takes_what_the_formula_says() -> None:
    """Predicted, for all 45 pairs between the blocks."""
    _, plans = prepare(load_scenario("three-tiers"))
    plan = next(plan for plan in plans if plan.policy == "cloud float32")
    choice = plan.choices[0]
    for first in range(9):
        for second in range(first, 9):
            option = choice.index_of((PLACES[first], PLACES[second]))
            assert choice.prediction.latency_s[option, -1] == pytest.approx(latency_s(first, second), rel=1e-9)


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize(("first", "second"), [(0, 3), (2, 2), (3, 6), (4, 8)])
def test_a_lone_request_takes_what_the_formula_says(first: int, second: int, engine: str) -> None:
    policy = f"policies=[{{kind: split, at: [{PLACES[first]}, {PLACES[second]}]}}]"
    result = simulator.run("three-tiers", overrides=[policy, "workload.requests=3"], engine=engine)
    assert result.requests["latency_s"].to_numpy() == pytest.approx(latency_s(first, second), rel=1e-9)


def test_the_records_have_the_published_counts() -> None:
    """Would exit at block 4 and are right there, of 25 000 images; block 8 alone is right about 18 464."""
    records = prepare(load_scenario("three-tiers"))[0].groups[0].samples
    assert records is not None
    each = 25_000 / records.size
    for threshold, leave, right in [(0.1, 234, 224), (0.3, 1581, 1257), (0.6, 13089, 5390), (1.0, 25000, 7129)]:
        below = records.scores[:, 0] <= threshold
        assert each * below.sum() == pytest.approx(leave, abs=each)
        assert each * records.correct[below, 0].sum() == pytest.approx(right, abs=each)
    assert each * records.correct[:, 1].sum() == pytest.approx(18_464, abs=each)
    assert np.mean(records.scores[:, 0] <= 0.3202) == pytest.approx(0.08)
