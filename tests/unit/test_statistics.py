"""Means, intervals, paired differences and percentiles against hand-worked cases and known distributions.

Coverage is tested with fixed seeds over many experiments: the share of intervals that contain the true mean must lie
within 4 standard errors of the share that theory gives (false-alarm rate 6e-5 per test over all seeds).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.inference.batch_means import student_t
from simulator.inference.statistics import (
    CONSTANT,
    COPIES,
    CORRELATED,
    NO_VARIATION,
    estimate_difference,
    estimate_mean,
    is_separated,
    make_blocks,
    percentiles,
)

#: two-sided 95 % quantiles of Student's t, from printed tables
T_TABLE = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 19: 2.093, 30: 2.042}


def one_replication(requests: int) -> np.ndarray:
    """Replication numbers of a run without replications."""
    return np.zeros(requests, np.int64)


@pytest.mark.parametrize(("degrees", "quantile"), T_TABLE.items())
def test_student_t_agrees_with_printed_tables(degrees: int, quantile: float) -> None:
    """The 97.5 % quantiles are those of every textbook's appendix."""
    assert student_t(0.975, degrees) == pytest.approx(quantile, abs=5e-4)


def test_interval_of_replications_by_hand() -> None:
    """Means 1, 2, 6 of three replications: mean 3, variance 7, half-width 4.303 sqrt(7/3)."""
    values = np.array([0.0, 2.0, 1.0, 3.0, 5.0, 7.0])
    blocks = make_blocks(np.array([0, 0, 1, 1, 2, 2]), batches=20)
    estimate = estimate_mean(values, blocks)
    assert estimate.source == "3 replications"
    assert estimate.mean == pytest.approx(3.0)
    assert estimate.half_width == pytest.approx(4.30265 * math.sqrt(7 / 3), rel=1e-5)


def test_interval_of_unequal_replications_is_that_of_a_ratio() -> None:
    """Sums 2, 6, 16 over 2, 3, 4 requests: Cochran's ratio estimator, worked by hand.

    Ratio 24/9; residuals 2 - 2R, 6 - 3R, 16 - 4R = -10/3, -2, 16/3; their squares sum to 392/9; the mean count is 3,
    so the standard error is sqrt(392/9 / (3 * 2)) / 3.
    """
    values = np.array([1.0, 1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0])
    blocks = make_blocks(np.repeat([0, 1, 2], [2, 3, 4]), batches=20)
    estimate = estimate_mean(values, blocks)
    assert estimate.mean == pytest.approx(24 / 9)
    assert estimate.half_width == pytest.approx(4.30265 * math.sqrt(392 / 9 / 6) / 3, rel=1e-5)


def test_one_replication_is_cut_into_batches_of_consecutive_requests() -> None:
    """Sizes differ by at most one and the order is kept."""
    blocks = make_blocks(one_replication(47), batches=4)
    assert blocks.starts.tolist() == [0, 12, 24, 36]
    assert estimate_mean(np.arange(47.0) % 5, blocks).source == "4 batch means"
    several = make_blocks(np.repeat([3, 5, 9], [2, 30, 31]), batches=9)
    assert several.starts.tolist() == [0, 1, 2, 12, 22, 32, 43, 53]
    assert several.replication.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]


def test_too_few_requests_give_no_interval_and_the_reason() -> None:
    """199 requests cannot make 20 batches of 10, 200 can."""
    values = np.arange(199.0) % 7
    estimate = estimate_mean(values, make_blocks(one_replication(199), batches=20))
    assert estimate.mean == pytest.approx(values.mean())
    assert math.isnan(estimate.half_width)
    assert "199 requests" in estimate.caution
    assert "replications" in estimate.caution
    assert not make_blocks(one_replication(200), batches=20).reason


def test_one_batch_gives_no_interval() -> None:
    """A single batch has no variance, however many requests it holds."""
    estimate = estimate_mean(np.ones(1000), make_blocks(one_replication(1000), batches=1))
    assert math.isnan(estimate.half_width)
    assert "2 or more" in estimate.caution


def test_no_value_gives_no_mean() -> None:
    """A policy that completes nothing has neither mean nor interval."""
    estimate = estimate_mean(np.full(400, math.nan), make_blocks(one_replication(400), batches=20))
    assert math.isnan(estimate.mean)
    assert math.isnan(estimate.half_width)


def test_missing_values_are_left_out() -> None:
    """Dropped requests change the mean of a batch only by being absent."""
    random = np.random.default_rng(2)
    values = random.normal(5.0, 1.0, 400)
    values[::4] = math.nan
    estimate = estimate_mean(values, make_blocks(one_replication(400), batches=20))
    per_batch = [np.nanmean(part) for part in values.reshape(20, 20)]  # 15 values in each batch
    assert estimate.mean == pytest.approx(np.nanmean(values))
    least = student_t(0.975, 19) * np.std(per_batch, ddof=1) / math.sqrt(20)
    assert least <= estimate.half_width < 1.6 * least  # what skewness and correlation by chance add


@pytest.mark.parametrize("value", [0.1, 1 / 3, 123456.789])
@pytest.mark.parametrize("replications", [1, 4])
def test_constant_values_have_no_interval(value: float, replications: int) -> None:
    """What does not vary says nothing of how it varies: no interval of width 0, and the reason; rounding is none."""
    replication = np.repeat(np.arange(replications), 1003)
    values = np.full(len(replication), value) * (1 + 1e-13 * (np.arange(len(replication)) % 7))
    estimate = estimate_mean(values, make_blocks(replication, batches=20))
    assert math.isnan(estimate.half_width)
    assert (estimate.caution, estimate.is_constant) == (CONSTANT, True)


def test_replications_that_are_copies_have_no_interval() -> None:
    """Requests differ, replications do not: there is one independent value, however often it is repeated."""
    values = np.tile(np.random.default_rng(1).normal(5.0, 1.0, 300), 4)
    estimate = estimate_mean(values, make_blocks(np.repeat(np.arange(4), 300), batches=20))
    assert math.isnan(estimate.half_width)
    assert (estimate.caution, estimate.is_constant) == (COPIES, False)
    assert not is_separated(estimate, 5.0)


def test_equal_batches_of_unequal_requests_have_no_interval() -> None:
    """Every third request is late: batches of 30 cannot see how that would vary."""
    values = np.tile([1.0, 1.0, 2.0], 200)
    estimate = estimate_mean(values, make_blocks(one_replication(600), batches=20))
    assert math.isnan(estimate.half_width)
    assert (estimate.caution, estimate.is_constant) == (NO_VARIATION, False)


def test_a_difference_that_is_the_same_for_every_request_is_clear_without_an_interval() -> None:
    """Two constant policies, or two that differ by a constant: nothing that was simulated speaks against it."""
    noise = np.random.default_rng(1).normal(5.0, 1.0, 400)
    difference = estimate_difference(noise + 1.0, noise, make_blocks(one_replication(400), batches=20))
    assert math.isnan(difference.half_width)
    assert is_separated(difference, 5.0)


def test_a_lower_bound_separates_only_what_is_far_outside() -> None:
    """The same difference, with an interval that is known to be too narrow."""
    values = np.random.default_rng(1).normal(0.0, 1.0, 400)
    values += 0.2 - values.mean()  # the half-width is about 0.1
    blocks = make_blocks(one_replication(400), batches=20)
    trusted = estimate_difference(values, np.zeros(400), blocks)
    bound = estimate_difference(values, np.zeros(400), blocks, "too short")
    assert (bound.half_width, bound.is_at_least, trusted.is_at_least) == (trusted.half_width, True, False)
    assert is_separated(trusted, 1.0)
    assert not is_separated(bound, 1.0)
    assert is_separated(estimate_difference(values + 1.0, np.zeros(400), blocks, "too short"), 1.0)


def test_batches_are_joined_until_they_are_uncorrelated() -> None:
    """Levels that last for two batches of 20 are independent in 10; levels that last for six stay correlated."""
    noise = np.random.default_rng(2).normal(0.0, 0.1, 2000)
    short = np.repeat([1.0, 1, -1, -1, 1, 1, -1, -1, 1, -1], 200) + noise
    joined = estimate_mean(short, make_blocks(one_replication(2000), batches=20))
    assert (joined.source, joined.caution) == ("10 batch means", "")
    long = np.repeat([1.0, 1, 1, -1, -1, -1, 1, 1, -1, -1], 200) + noise
    correlated = estimate_mean(long, make_blocks(one_replication(2000), batches=20))
    assert (correlated.source, correlated.caution) == ("10 batch means", CORRELATED)


def test_a_skewed_mean_takes_the_longer_side_of_its_interval() -> None:
    """Johnson's expansion, worked by hand for 20 blocks of which one is 1 and the others 0.

    Deviations 0.95 and nineteen times -0.05: their skewness is (0.95^3 - 19 x 0.05^3) / 20 over (0.0475)^1.5, 4.129,
    times sqrt(20 x 19) / 18 = 4.472; beta is 4.472 / (6 sqrt(20)) = 1/6; the longer side is
    (1 - cbrt(1 - (2.093 + 1/6))) x 3 = 6.239 standard errors of 0.05.
    """
    values = np.zeros(200)
    values[70:80] = 1.0
    estimate = estimate_mean(values, make_blocks(one_replication(200), batches=20))
    assert estimate.half_width == pytest.approx(6.239 * 0.05, rel=1e-3)


def coverage(hits: int, experiments: int, expected: float = 0.95) -> float:
    """Deviation of a share of hits from what is expected, in standard errors."""
    return (hits / experiments - expected) / math.sqrt(expected * (1 - expected) / experiments)


@pytest.mark.parametrize("replications", [2, 5, 20])
def test_intervals_of_normal_replications_cover_in_95_of_100(replications: int) -> None:
    """For normal means Student's interval is exact; its longer side, where there are 10 blocks, covers 97.5 at most."""
    random = np.random.default_rng(11 + replications)
    blocks = make_blocks(np.repeat(np.arange(replications), 3), batches=20)
    experiments, hits = 3000, 0
    for values in random.normal(7.0, 2.0, (experiments, replications * 3)):
        estimate = estimate_mean(values, blocks)
        hits += abs(estimate.mean - 7.0) <= estimate.half_width
    assert coverage(hits, experiments) > -4
    assert coverage(hits, experiments, 0.95 if replications * 3 < 10 else 0.975) < 4


def test_batch_means_of_an_autoregressive_process_cover_in_95_of_100() -> None:
    """AR(1) with correlation 0.7: batches of 200 are nearly independent, single values would cover in 59 of 100.

    The naive interval is too short by sqrt((1 - 0.7) / (1 + 0.7)) = 0.42, so it covers 2 Phi(0.42 * 1.96) - 1 = 0.59.
    """
    random = np.random.default_rng(5)
    experiments, length, phi = 1500, 4000, 0.7
    noise = random.normal(0.0, 1.0, (length, experiments))
    series = np.empty_like(noise)
    series[0] = noise[0] / math.sqrt(1 - phi**2)
    for step in range(1, length):
        series[step] = phi * series[step - 1] + noise[step]
    blocks = make_blocks(one_replication(length), batches=20)
    hits, naive = 0, 0
    for values in series.T:
        estimate = estimate_mean(values, blocks)
        hits += abs(estimate.mean) <= estimate.half_width
        naive += abs(estimate.mean) <= 1.96 * values.std() / math.sqrt(length)
    assert coverage(hits, experiments) > -4
    assert coverage(hits, experiments, 0.975) < 4
    assert abs(coverage(naive, experiments, 0.588)) < 4


def test_batch_means_of_a_queue_cover_in_about_95_of_100() -> None:
    """Waiting times of M/M/1 at utilisation 0.5 (mean 1 with service mean 1): between 92 and 98 of 100.

    Batches of 1000 requests keep a lag-1 correlation of about 0.01 and are skewed, which costs about one point.
    """
    random = np.random.default_rng(17)
    experiments, warmup, length = 400, 500, 20_000
    waiting = np.zeros(experiments)
    kept = np.empty((length, experiments))
    for step in range(warmup + length):
        waiting = np.maximum(0.0, waiting + random.exponential(1.0, experiments) - random.exponential(2.0, experiments))
        if step >= warmup:
            kept[step - warmup] = waiting
    blocks = make_blocks(one_replication(length), batches=20)
    estimates = [estimate_mean(np.ascontiguousarray(values), blocks) for values in kept.T]
    hits = sum(abs(estimate.mean - 1.0) <= estimate.half_width for estimate in estimates)
    assert 0.92 * experiments <= hits <= 0.98 * experiments


def test_correlated_batches_are_noticed_and_independent_ones_rarely() -> None:
    """Batches shorter than the memory of the process raise a caution; white noise does in 1 of 100 (4 sigma)."""
    random = np.random.default_rng(23)
    blocks = make_blocks(one_replication(400), batches=20)
    drift = np.cumsum(random.normal(0.0, 1.0, 400))
    assert estimate_mean(drift, blocks).caution == CORRELATED
    experiments = 3000
    alarms = sum(bool(estimate_mean(values, blocks).caution) for values in random.normal(0.0, 1.0, (experiments, 400)))
    assert abs(coverage(alarms, experiments, 0.01)) < 4


def test_paired_difference_by_hand() -> None:
    """Differences 1, 2, 3 of three replications: mean 2, half-width 4.303 / sqrt(3), whatever both share."""
    shared = np.array([100.0, -50.0, 7.0])
    blocks = make_blocks(np.arange(3), batches=20)
    difference = estimate_difference(shared + np.array([1.0, 2.0, 3.0]), shared, blocks)
    assert difference.mean == pytest.approx(2.0)
    assert difference.half_width == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)


def test_common_random_numbers_separate_what_single_intervals_do_not() -> None:
    """A difference of 0.1 under shared noise of 1 is clear when paired, lost in the intervals of the means."""
    random = np.random.default_rng(3)
    shared = random.normal(5.0, 1.0, 2000)
    other = shared + 0.1 + random.normal(0.0, 0.05, 2000)
    blocks = make_blocks(one_replication(2000), batches=20)
    difference = estimate_difference(other, shared, blocks)
    first, second = estimate_mean(other, blocks), estimate_mean(shared, blocks)
    assert is_separated(difference, 5.0)
    assert first.half_width + second.half_width > 0.1 - 0.05


def test_equal_policies_are_called_different_in_at_most_5_of_100() -> None:
    """The paired interval of two policies that differ by noise only keeps its promise (4 sigma), and is not endless."""
    random = np.random.default_rng(29)
    blocks = make_blocks(one_replication(400), batches=20)
    experiments, alarms = 3000, 0
    for _ in range(experiments):
        shared = random.normal(5.0, 1.0, 400)
        one, other = shared + random.normal(0.0, 0.3, 400), shared + random.normal(0.0, 0.3, 400)
        alarms += is_separated(estimate_difference(one, other, blocks), 5.0)
    assert coverage(alarms, experiments, 0.05) < 4
    assert alarms >= 0.02 * experiments


def test_one_of_three_equal_policies_wins_in_at_most_5_of_100() -> None:
    """Picking the best after the fact does not make winners: all its differences must be separated (4 sigma)."""
    random = np.random.default_rng(31)
    blocks = make_blocks(np.arange(10), batches=20)
    experiments, winners = 3000, 0
    for values in random.normal(5.0, 1.0, (experiments, 3, 10)):
        best = int(values.mean(axis=1).argmin())
        others = [policy for policy in range(3) if policy != best]
        winners += all(is_separated(estimate_difference(values[o], values[best], blocks), 5.0) for o in others)
    assert winners > 0
    assert coverage(winners, experiments, 0.05) < 4


def test_rounding_does_not_separate_equal_policies() -> None:
    """Two ways of adding the same numbers differ in the last bit and in nothing else."""
    values = np.full(400, 0.1 + 0.2)
    baseline = np.full(400, 0.3)
    difference = estimate_difference(values, baseline, make_blocks(one_replication(400), batches=20))
    assert difference.mean != 0.0
    assert not is_separated(difference, 0.3)


def test_percentiles_interpolate_between_order_statistics() -> None:
    """Of 10, 20, 30, 40 the median is 25 and the 95th percentile 38.5; missing values do not count."""
    values = np.array([40.0, math.nan, 10.0, 30.0, 20.0])
    assert percentiles(values, (0, 50, 95, 100)) == pytest.approx([10.0, 25.0, 38.5, 40.0])
    assert all(math.isnan(value) for value in percentiles(np.array([math.nan]), (50, 95)))
