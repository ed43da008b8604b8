"""Summary rows and paired differences of small hand-made requests tables."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from requests_by_hand import generated, request, table_of

from simulator.inference.comparison import ALL_GROUPS, difference_rows
from simulator.inference.metrics import KEYED, METRICS, SUMMARY_COLUMNS, RunFacts
from simulator.inference.pareto import OBJECTIVES
from simulator.inference.statistics import CONSTANT, CORRELATED, SHARED_IDLE
from simulator.inference.summary import summarise

ROOT = Path(__file__).parents[2]

#: what scripts that read summary.csv rely on
CONTRACT = (
    "policy requests completed dropped censored deadline_miss_ratio latency_mean_s latency_ci95_s "
    "latency_ci95_is_at_least latency_p50_s latency_p95_s latency_p99_s energy_mean_j energy_ci95_j "
    "energy_ci95_is_at_least bytes_up_mean accuracy throughput_rps utilisation_device utilisation_uplink "
    "utilisation_edge offered_load busiest_station condition"
)


def test_the_table_of_metrics_keeps_the_contract() -> None:
    """Columns and their order, and the names of objectives and of figures of a sweep; each column is explained."""
    assert " ".join(SUMMARY_COLUMNS) == CONTRACT
    assert list(OBJECTIVES) == ["latency", "energy", "accuracy"]
    assert set(KEYED) == {"latency", "energy", "deadline_misses", "accuracy"}
    assert [metric.name for metric in METRICS if not metric.of.__doc__] == []


def test_the_page_of_columns_is_that_of_the_table() -> None:
    """docs/metrics.md is what docs/metrics.py writes."""
    spec = importlib.util.spec_from_file_location("metrics_page", ROOT / "docs" / "metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page()


def test_columns_are_those_of_summary_csv() -> None:
    """One row per policy in table order, columns in the order of the contract; a group column only with groups."""
    plain = summarise(generated({"local": 1.0, "edge": 0.5}, 10), {}).rows
    assert [row["policy"] for row in plain] == ["local", "edge"]
    assert all(tuple(row) == SUMMARY_COLUMNS for row in plain)
    grouped = summarise(generated({"local": 1.0, "edge": 0.5}, 10, groups=["near", "far"]), {}).rows
    assert [(row["policy"], row["group"]) for row in grouped] == [
        ("local", "near"),
        ("local", "far"),
        ("edge", "near"),
        ("edge", "far"),
    ]
    assert all(tuple(row) == ("policy", "group", *SUMMARY_COLUMNS[1:]) for row in grouped)


def test_latency_counts_completed_requests_energy_counts_all() -> None:
    """A dropped request has no latency but has spent its energy."""
    rows = [
        request("local", 0, 0.0, 1.0, energy_j=2.0),
        request("local", 1, 1.0, 3.0, energy_j=4.0),
        request("local", 2, 2.0, None, energy_j=9.0),
    ]
    (row,) = summarise(table_of(rows), {}).rows
    assert (row["requests"], row["completed"], row["dropped"], row["censored"]) == (3, 2, 1, 0)
    assert row["latency_mean_s"] == pytest.approx(2.0)
    assert row["latency_p50_s"] == pytest.approx(2.0)
    assert row["latency_p95_s"] == pytest.approx(2.9)
    assert row["latency_p99_s"] == pytest.approx(2.98)
    assert row["energy_mean_j"] == pytest.approx(5.0)
    assert math.isnan(row["latency_ci95_s"])


def test_requests_before_the_end_of_the_warm_up_are_left_out() -> None:
    """A request that arrives exactly at the end of the warm-up counts."""
    rows = [request("local", k, float(k), latency) for k, latency in enumerate([100.0, 100.0, 1.0, 3.0])]
    (row,) = summarise(table_of(rows), {}, warmup_s=2.0).rows
    assert row["requests"] == 2
    assert row["latency_mean_s"] == pytest.approx(2.0)


def test_deadline_misses_are_late_dropped_and_censored_requests() -> None:
    """Of five requests with a deadline one is in time; the one without a deadline does not count."""
    rows = [
        request("edge", 0, 0.0, 0.5, deadline_s=1.0, deadline_met=True),
        request("edge", 1, 1.0, 1.5, deadline_s=1.0, deadline_met=False),
        request("edge", 2, 2.0, None, deadline_s=1.0, deadline_met=False),
        request("edge", 3, 3.0, None, deadline_s=1.0, deadline_met=False, status="censored", reason=None),
        request("edge", 4, 4.0, None, deadline_s=1.0, deadline_met=None, status="censored", reason=None),
        request("edge", 5, 5.0, 9.0),
    ]
    (row,) = summarise(table_of(rows), {}).rows
    assert row["deadline_miss_ratio"] == pytest.approx(4 / 5)
    assert (row["dropped"], row["censored"]) == (1, 2)


def test_without_deadlines_there_is_no_miss_ratio() -> None:
    """Missing is not zero."""
    (row,) = summarise(table_of([request("edge", 0, 0.0, 0.5)]), {}).rows
    assert math.isnan(row["deadline_miss_ratio"])


def test_accuracy_comes_from_the_samples_else_from_the_published_top_1() -> None:
    """Known answers of completed requests count; without any the published number stands."""
    rows = [
        request("exit", 0, 0.0, 1.0, correct=True),
        request("exit", 1, 1.0, 1.0, correct=True),
        request("exit", 2, 2.0, 1.0, correct=False),
        request("exit", 3, 3.0, None, correct=False),
        *(request("local", k, float(k), 1.0) for k in range(4)),
        *(request("dead", k, float(k), None) for k in range(4)),
    ]
    facts = {(policy, ""): RunFacts(top1=0.76) for policy in ("exit", "local", "dead")}
    accuracy = {row["policy"]: row["accuracy"] for row in summarise(table_of(rows), facts).rows}
    assert accuracy["exit"] == pytest.approx(2 / 3)
    assert accuracy["local"] == pytest.approx(0.76)
    assert math.isnan(accuracy["dead"])
    unknown = summarise(table_of(rows), {}).rows[1]
    assert math.isnan(unknown["accuracy"])


def test_throughput_is_completions_over_observed_time() -> None:
    """Observed time ends with the last completion, or with the horizon, and adds up over replications."""
    rows = [request("edge", k, float(k), 1.0) for k in range(4)]
    assert summarise(table_of(rows), {}).rows[0]["throughput_rps"] == pytest.approx(4 / 4.0)
    assert summarise(table_of(rows), {}, horizon_s=10.0).rows[0]["throughput_rps"] == pytest.approx(4 / 10.0)
    assert summarise(table_of(rows), {}, warmup_s=2.0).rows[0]["throughput_rps"] == pytest.approx(2 / 2.0)
    again = [request("edge", k, float(k), 3.0, replication=1) for k in range(4)]
    assert summarise(table_of(rows + again), {}).rows[0]["throughput_rps"] == pytest.approx(8 / (4.0 + 6.0))


def test_order_of_rows_does_not_matter() -> None:
    """Batches follow arrivals, not the order in which an engine wrote its rows."""
    table = generated({"local": 1.0, "edge": 0.5}, 400, replications=1)
    shuffled = table.take(np.random.default_rng(7).permutation(table.num_rows))
    expected = {row["policy"]: row for row in summarise(table, {}).rows}
    for row in summarise(shuffled, {}).rows:
        assert row["latency_ci95_s"] == pytest.approx(expected[row["policy"]]["latency_ci95_s"], rel=1e-9)
    assert difference_rows(shuffled)[0]["difference_ci95"] == pytest.approx(
        difference_rows(table)[0]["difference_ci95"], rel=1e-9
    )


def test_utilisation_is_passed_on() -> None:
    """The table does not hold it, so what the caller gives is what the row shows."""
    facts = {("local", ""): RunFacts({"device": 0.5, "uplink": 0.25, "edge": 0.125})}
    (row,) = summarise(table_of([request("local", 0, 0.0, 1.0)]), facts).rows
    assert (row["utilisation_device"], row["utilisation_uplink"], row["utilisation_edge"]) == (0.5, 0.25, 0.125)


def test_a_caution_is_said_once_with_its_policies() -> None:
    """Slowly drifting latencies of one policy are named, steady ones are not."""
    rows = [request("steady", k, float(k), 1.0) for k in range(400)]
    rows += [request("drifting", k, float(k), 1.0 + k / 400) for k in range(400)]
    found = summarise(table_of(rows), {})
    assert [row["latency_ci95_is_at_least"] for row in found.rows] == [False, True]
    assert found.cautions == (
        f"steady: no interval for mean latency and mean energy: {CONSTANT}",
        f"drifting: {CORRELATED}",
        f"drifting: no interval for mean energy: {CONSTANT}",
    )


def test_a_run_known_to_be_too_short_makes_every_interval_a_lower_bound() -> None:
    """Its caution comes with the facts of a policy and is said once."""
    table = generated({"local": 1.0, "edge": 0.5}, 400, replications=3)
    found = summarise(table, {("edge", ""): RunFacts(short="too short")})
    assert [row["latency_ci95_is_at_least"] for row in found.rows] == [False, True]
    assert [row["energy_ci95_is_at_least"] for row in found.rows] == [False, True]
    assert found.cautions == ("edge: too short",)
    differences = difference_rows(table, short={("local", ""): "too short"})
    assert all(row["caution"] == "too short" for row in differences)


def test_idle_energy_of_one_replication_has_no_interval() -> None:
    """It is shared equally, so batches see what requests cause and nothing else; replications see all of it."""
    once = generated({"local": 1.0, "edge": 0.5}, 400)
    found = summarise(once, {})
    assert all(math.isnan(row["energy_ci95_j"]) and row["latency_ci95_s"] > 0 for row in found.rows)
    assert found.cautions == (f"no interval for mean energy: {SHARED_IDLE}",)
    (difference,) = [row for row in difference_rows(once) if row["metric"] == "energy_mean_j"]
    assert math.isnan(difference["difference_ci95"])
    assert (difference["separated"], difference["interval_from"]) == (False, "no interval")
    again = generated({"local": 1.0, "edge": 0.5}, 400, replications=3)
    assert all(row["energy_ci95_j"] > 0 for row in summarise(again, {}).rows)


def test_requests_after_the_first_device_has_run_out_are_left_out() -> None:
    """Per replication: a request at the very end of the window counts; observed time ends there too."""
    rows = [request("local", k, float(k), 1.0 if k < 3 else 100.0) for k in range(5)]
    rows += [request("local", k, float(k), 2.0, replication=1) for k in range(5)]
    (row,) = summarise(table_of(rows), {}, warmup_s=1.0, until_s=(2.0, math.inf)).rows
    assert row["requests"] == 2 + 4
    assert row["latency_mean_s"] == pytest.approx((2 * 1.0 + 4 * 2.0) / 6)
    assert row["throughput_rps"] == pytest.approx(6 / ((2.0 - 1.0) + (6.0 - 1.0)))


def test_differences_are_taken_from_the_best_policy() -> None:
    """Means 3, 1, 2: the best is named, the runner-up comes first, differences are positive."""
    rows = [
        request(policy, k, float(k), mean + 0.01 * (k % 3), energy_j=mean)
        for policy, mean in (("c", 3.0), ("a", 1.0), ("b", 2.0))
        for k in range(300)
    ]
    found = [row for row in difference_rows(table_of(rows)) if row["metric"] == "latency_mean_s"]
    assert [(row["best"], row["policy"]) for row in found] == [("a", "b"), ("a", "c")]
    assert [row["difference"] for row in found] == pytest.approx([1.0, 2.0])
    assert all(math.isnan(row["difference_ci95"]) for row in found)  # it is the same for every request
    assert all(row["separated"] and row["group"] == ALL_GROUPS for row in found)


def test_differences_are_given_for_all_requests_and_for_each_group() -> None:
    """With groups each metric has one row over all of them and one per group."""
    found = difference_rows(generated({"local": 1.0, "edge": 0.5}, 800, groups=["near", "far"]))
    assert [(row["metric"], row["group"]) for row in found] == [
        (metric, group) for group in (ALL_GROUPS, "near", "far") for metric in ("latency_mean_s", "energy_mean_j")
    ]


def test_policies_with_different_requests_are_a_defect() -> None:
    """A pairing of requests that are not the same ones must not pass silently."""
    rows = [request("local", k, float(k), 1.0) for k in range(3)] + [request("edge", 0, 0.5, 1.0)]
    with pytest.raises(ValueError, match="same requests"):
        difference_rows(table_of(rows))
