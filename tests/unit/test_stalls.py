"""Stalls: where they are in a measurement, how a chain walks through them, and how long transfers take meanwhile."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import CardError
from simulator.links import stalls
from simulator.links.fit import Origin, fitted_below, rate_statistics
from simulator.links.fit_stalls import find_stalls, kinds, maximal, outage_lengths
from simulator.links.generator import MarkovGenerator, load_markov
from simulator.links.lone_transfers import transfer_statistics, transfer_times_s
from simulator.links.markov import generate
from simulator.links.stalls import Position, start, walk
from simulator.physics.link import Channel, transfer_s
from simulator.studies.measurements import generator_yaml

pytestmark = pytest.mark.engine_free

ORIGIN = Origin("made", "made for a test", "this file", "none")
#: 40 steps of rate, 3 of none, 40 of rate, 30 of none, over and over
RATES = np.concatenate([np.full(40, 5e6), np.zeros(3), np.full(40, 8e6), np.zeros(30)] * 6)


def fitted(rates: np.ndarray = RATES, below_bps: float = 10e3) -> MarkovGenerator:
    """A generator with the stalls of some rates."""
    return fitted_below([rates], 1.0, below_bps, ORIGIN, rate_statistics([rates], 1.0))


def brute(scores: list[float]) -> list[tuple[int, int]]:
    """Maximal scoring subsequences by their definition: the best of all, then those left and right of it."""
    sums = [(sum(scores[a:b]), a - b, a, b) for a, b in itertools.combinations(range(len(scores) + 1), 2)]
    best = max(sums, default=(0, 0, 0, 0))
    if best[0] <= 0:
        return []
    # of equal sums the shortest counts: nothing of score 0 belongs to it
    _, _, first, end = max(entry for entry in sums if entry[0] == best[0])
    right = [(a + end, b + end) for a, b in brute(scores[end:])]
    return [*brute(scores[:first]), (first, end), *right]


@given(st.lists(st.integers(-5, 5).filter(bool), max_size=14))
def test_stalls_are_the_maximal_scoring_subsequences(scores: list[int]) -> None:
    """As their definition finds them in turn, on whole numbers without 0; where two tie, total scores agree."""
    found, expected = maximal([float(score) for score in scores]), brute([float(score) for score in scores])
    assert sum(sum(scores[a:b]) for a, b in found) == sum(sum(scores[a:b]) for a, b in expected)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(found))
    inside = {k for a, b in found for k in range(a, b)}
    assert all(k in inside for k, score in enumerate(scores) if score > 0)


def test_a_flicker_does_not_end_an_outage() -> None:
    """Ten steps of nothing with 50 kbit/s in their middle are one stall below 10 kbit/s; 200 kbit/s part them."""
    rates = np.array([5e6, *[0.0] * 10, 50e3, *[0.0] * 10, 5e6, *[0.0] * 10, 200e3, *[0.0] * 10])
    stretches = find_stalls(rates, 10e3)
    assert stretches.firsts.tolist() == [1, 23, 34]
    assert stretches.lengths.tolist() == [21, 10, 10]


def test_a_stall_goes_on_across_the_end_of_the_ring() -> None:
    """Two steps at the end and three at the start are one of five."""
    stretches = find_stalls(np.array([0.0, 0.0, 0.0, 5e6, 6e6, 0.0, 0.0]), 10e3)
    assert (stretches.firsts.tolist(), stretches.lengths.tolist()) == ([5], [5])
    assert sorted(stretches.members(7).tolist()) == [0, 1, 2, 5, 6]
    assert outage_lengths(np.array([0.0, 0.0, 0.0, 5e6, 6e6, 0.0, 0.0]), 10e3).tolist() == [5]


def test_long_and_short_stalls_are_kinds_of_their_own() -> None:
    """3 and 30 steps lie between different powers of 3."""
    assert [set(kind.lengths.tolist()) for kind in kinds(find_stalls(RATES, 10e3))] == [{3}, {30}]


def test_drawn_outages_are_as_long_as_measured() -> None:
    """Only 3 and 30 steps, half of each (standard error below 0.02): a chain would draw every length."""
    drawn = generate(fitted(), np.random.SeedSequence(1), 300_000.0)
    lengths = outage_lengths(drawn.rates_bps, 10e3)[1:-1]
    assert set(lengths.tolist()) == {3, 30}
    assert np.mean(lengths == 3) == pytest.approx(0.5, abs=0.08)
    assert np.mean(drawn.rates_bps < 10e3) == pytest.approx(33 / 113, abs=0.03)


def test_a_stall_lasts_for_each_of_its_lengths_as_often_as_its_share_says() -> None:
    """2, 5 and 9 steps, of which a quarter, a quarter and half; 20 000 stalls (standard error 0.0035)."""
    spec = fitted()
    stall = spec.stalls[0].model_copy(update={"lengths": [2, 5, 9], "shares": [0.25, 0.25, 0.5]})
    spec = spec.model_copy(update={"stalls": [stall] * len(spec.stalls)})
    drawn = generate(spec, np.random.SeedSequence(5), 1_000_000.0)
    lengths = outage_lengths(drawn.rates_bps, 10e3)[1:-1]
    assert lengths.size > 20_000
    assert [np.mean(lengths == length) for length in (2, 5, 9)] == pytest.approx([0.25, 0.25, 0.5], abs=0.014)


def test_walks_start_in_the_shares_of_time_and_anywhere_in_a_stall() -> None:
    """Of 50 000 starts 33/113 are in a stall (standard error 0.002), and those in the long one are uniform over it."""
    spec = fitted()
    uniforms = np.random.Generator(np.random.PCG64(2)).random(50_000)
    positions = [start(spec, uniform) for uniform in uniforms.tolist()]
    in_stall = [each for each in positions if spec.states[each.state].stall is not None]
    assert len(in_stall) / len(positions) == pytest.approx(33 / 113, abs=0.01)
    left = np.array([each.left for each in in_stall if spec.stalls[spec.states[each.state].stall or 0].lengths == [30]])
    assert np.bincount(left, minlength=30) / left.size == pytest.approx(np.full(30, 1 / 30), abs=0.01)
    assert all(each.left == 0 for each in positions if spec.states[each.state].stall is None)


def test_a_walk_goes_on_where_another_ended() -> None:
    """Two walks of 500 steps are one of 1000, a stall in between included."""
    spec = fitted()
    uniforms = np.random.Generator(np.random.PCG64(3)).random(1000)
    whole, end = walk(spec, Position(0, 0), uniforms)
    for cut in range(0, 1000, 37):
        first, between = walk(spec, Position(0, 0), uniforms[:cut])
        second, last = walk(spec, between, uniforms[cut:])
        assert np.array_equal(np.concatenate((first, second)), whole)
        assert last == end


def test_long_walks_are_compiled_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step."""
    spec = fitted()
    uniforms = np.random.Generator(np.random.PCG64(4)).random(20_000)
    plain = walk(spec, Position(0, 0), uniforms)
    monkeypatch.setattr(stalls, "_LONG", 1)
    compiled = walk(spec, Position(0, 0), uniforms)
    assert np.array_equal(plain[0], compiled[0])
    assert plain[1] == compiled[1]


@given(st.integers(0, 10**6), st.floats(1.0, 1e8))
def test_times_of_many_transfers_are_those_of_one(seed: int, bits: float) -> None:
    """Over channels with outages and across their end."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rates = np.where(generator.random(6) < 0.4, 0.0, generator.random(6) * 5e6)
    rates[0] = 1e6
    channel = Channel(np.concatenate(([0.0], np.cumsum(generator.random(6) + 0.1))), rates)
    starts = generator.random(20) * 3 * channel.edges_s[-1]
    one_by_one = [
        transfer_s(each, bits, channel.edges_s, channel.rates_bps, channel.cumulative_bits) for each in starts.tolist()
    ]
    assert transfer_times_s(channel, bits, starts) == pytest.approx(one_by_one, rel=1e-6, abs=1e-6)


def test_statistics_of_transfers_over_a_link_that_stops() -> None:
    """Half of the time out: from second u of the 10 out, a transfer of t waits for 10 - u; mean 0.5 x 5 s and a little.

    At 1 Mbit/s 1 kbit takes 1 ms; the 95th percentile is the start after 1 s of 10 (a tenth of the outages is later).
    """
    channel = Channel(np.array([0.0, 10.0, 20.0]), np.array([1e6, 0.0]))
    mean, p95, p99 = transfer_statistics(channel, 1e3, 100_000)
    assert mean == pytest.approx(0.5 * 5.0 + 1e-3, rel=2e-3)
    assert p95 == pytest.approx(9.0, abs=0.01)
    assert p99 == pytest.approx(9.8, abs=0.01)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shares: [1.0]", "shares: [0.5]", "add up to 0.5"),
        ("shares: [1.0]", "shares: [1.0, 0.0]", "2 shares for 1 lengths"),
        ("lengths: [3]", "lengths: [0]", "1 or more"),
        ("lengths: [3]", "lengths: []", "stalls.0.lengths"),
        ("stall: 1", "stall: 7", "is of stall 7"),
        ("exits: [0.0, 0.0, ", "exits: [0.0, ", "exits"),
        ("transitions:\n- [1.0, 0.0, ", "transitions:\n- [0.0, 1.0, ", "leads out of stall 0"),
    ],
)
def test_damaged_stalls_are_refused_with_their_place(old: str, new: str, words: str, tmp_path: Path) -> None:
    """What is wrong, in the file."""
    text = generator_yaml(fitted()).decode()
    assert old in text, text
    path = tmp_path / "made.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CardError) as caught:
        load_markov(str(path))
    assert words in str(caught.value)
    assert f"{path}:" in str(caught.value)
