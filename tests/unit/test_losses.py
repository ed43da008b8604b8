"""Losses of frames: the arithmetic of retransmission against sending frame by frame, the chain against mathematics."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import scenario

import simulator
from simulator.links.gilbert_elliott import LossChain, delivered_counts, draw_losses
from simulator.physics.losses import attempts_until, delivered_among, send
from simulator.plan.channels import with_drawn_channels
from simulator.plan.medium import LossPlan
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

#: what becomes of each transmission; at least one of them gets through
fates = st.lists(st.booleans(), min_size=1, max_size=9).filter(any)


def counted(fate: list[bool]) -> np.ndarray:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(fate)))


@given(fate=fates, start=st.integers(0, 8), frames=st.integers(1, 60))
def test_attempts_are_those_of_a_sender_who_tries_again(fate: list[bool], start: int, frames: int) -> None:
    """Twin: try until so many frames have got through."""
    start %= len(fate)
    tries = through = 0
    while through < frames:
        through += fate[(start + tries) % len(fate)]
        tries += 1
    assert attempts_until(start, frames, counted(fate)) == tries


@given(fate=fates, start=st.integers(0, 8), frames=st.integers(0, 60))
def test_delivered_frames_are_those_that_one_counts(fate: list[bool], start: int, frames: int) -> None:
    start %= len(fate)
    through = sum(fate[(start + k) % len(fate)] for k in range(frames))
    assert delivered_among(start, frames, counted(fate)) == through


@given(
    fate=fates,
    start=st.integers(0, 8),
    bits=st.integers(0, 4000),
    frame_bits=st.sampled_from([1, 7, 8, 100, 1000, 5000]),
    retransmit=st.booleans(),
)
def test_a_message_is_sent_frame_by_frame(
    fate: list[bool], start: int, bits: int, frame_bits: int, retransmit: bool
) -> None:
    """Twin: cut the message into frames and send each until it gets through, or once."""
    start %= len(fate)
    sent = lost = 0
    position, left = start, bits
    while left > 0:
        frame = min(left, frame_bits)
        through = fate[position]
        position = (position + 1) % len(fate)
        sent += frame
        lost += 0 if through else frame
        left -= frame if through or not retransmit else 0
    assert send(start, float(bits), float(frame_bits), retransmit, counted(fate)) == (sent, lost, position)
    assert sent - lost == bits or not retransmit


def test_a_chain_without_bursts_waits_for_a_frame_as_a_geometric_number_does() -> None:
    """1 / (1 - p) tries."""
    assert LossChain(0.0, 1.0, 0.25, 0.25).worst_tries == pytest.approx(4 / 3)
    assert LossChain(0.3, 0.2, 0.25, 0.25).worst_tries == pytest.approx(4 / 3)


def test_a_chain_that_loses_everything_in_its_bad_state_waits_for_its_end() -> None:
    """From bad: 1 / 0.01 steps until it is good again, and the frame there."""
    assert LossChain(0.2, 0.01, 0.0, 1.0).worst_tries == pytest.approx(101)


@given(st.tuples(*[st.floats(0.05, 0.95)] * 4))
def test_the_worst_wait_is_that_of_a_walk_through_the_states(chances: tuple[float, float, float, float]) -> None:
    """Twin: probabilities of both states while nothing has got through, step by step."""
    chain = LossChain(*chances)
    waits = []
    for start in ([1.0, 0.0], [0.0, 1.0]):
        good, bad = start
        total = 0.0
        while good + bad > 1e-12:
            total += good + bad
            good, bad = good * chain.loss_good, bad * chain.loss_bad
            good, bad = (
                good * (1 - chain.good_to_bad) + bad * chain.bad_to_good,
                good * chain.good_to_bad + bad * (1 - chain.bad_to_good),
            )
        waits.append(total)
    assert chain.worst_tries == pytest.approx(max(waits), rel=1e-9)


def test_a_chain_that_never_lets_through_has_no_wait() -> None:
    """Loss 1 in both states; and in the only one that occurs."""
    assert LossChain(0.1, 0.1, 1.0, 1.0).worst_tries == math.inf
    assert LossChain(0.0, 0.1, 1.0, 1.0).worst_tries == math.inf


@pytest.mark.parametrize(
    ("chances", "slowness"),
    [
        ((0.0, 1.0, 0.2, 0.2), 0.0),
        ((0.1, 0.3, 0.04, 0.8), 0.6),
        ((0.002, 0.02, 0.0, 1.0), 0.978),
        ((0.5, 0.9, 0, 1), 0),
    ],
)
def test_the_long_run_share_is_that_of_the_stationary_chain(
    chances: tuple[float, float, float, float], slowness: float
) -> None:
    """(1 - b) loss_good + b loss_bad with b = g / (g + h), within 4 standard errors.

    Losses k frames apart are correlated at most like the states, (1 - g - h)^k, so the variance of the mean is at most
    p (1 - p) (1 + c) / (1 - c) / n with c = |1 - g - h|, given as ``slowness`` rounded up.
    """
    chain, frames = LossChain(*chances), 400_000
    g, h, good, bad = chances
    expected = (h * good + g * bad) / (g + h)
    assert chain.loss_share == pytest.approx(expected)
    error = math.sqrt(expected * (1 - expected) * (1 + slowness) / (1 - slowness) / frames)
    assert draw_losses(chain, np.random.SeedSequence(5), frames).mean() == pytest.approx(expected, abs=4 * error)


def test_bursts_have_the_mean_length_of_the_bad_state() -> None:
    """All are lost when bad, none when good: bursts last 1 / 0.05 frames, gaps 1 / 0.01; both are geometric."""
    lost = draw_losses(LossChain(0.01, 0.05, 0.0, 1.0), np.random.SeedSequence(6), 1_000_000)
    borders = np.flatnonzero(np.diff(lost)) + 1
    lengths = np.diff(borders)
    first_is_lost = int(not lost[borders[0]])
    for stays, leaves in ((lengths[first_is_lost::2], 0.05), (lengths[1 - first_is_lost :: 2], 0.01)):
        error = math.sqrt(1 - leaves) / leaves / math.sqrt(stays.size)
        assert stays.mean() == pytest.approx(1 / leaves, abs=4 * error)
        assert stays.std() == pytest.approx(math.sqrt(1 - leaves) / leaves, rel=0.05)


def test_the_chain_is_stationary_from_its_first_frame() -> None:
    """First and fiftieth frame of 4000 draws are lost with probability 1 / 6."""
    chain = LossChain(0.01, 0.05, 0.0, 1.0)
    lost = np.array([draw_losses(chain, np.random.SeedSequence(seed), 50) for seed in range(4000)])
    for frame in (0, 49):
        assert lost[:, frame].mean() == pytest.approx(1 / 6, abs=4 * math.sqrt(5 / 36 / 4000))


def test_a_chain_that_is_never_bad_loses_like_its_good_state() -> None:
    lost = draw_losses(LossChain(0.0, 0.5, 0.1, 1.0), np.random.SeedSequence(7), 100_000)
    assert lost.mean() == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 100_000))


def test_at_least_one_transmission_gets_through() -> None:
    """Also where the first draws are all lost."""
    for seed in range(20):
        counts = delivered_counts(LossChain(0.0, 1.0, 0.99, 0.99), np.random.SeedSequence(seed), 2)
        assert counts[-1] >= 1
        assert set(np.diff(counts)) <= {0, 1}


def with_losses(losses: Any, **changes: Any) -> dict[str, Any]:
    link = {"uplink": {"rate": "10 Mbit/s", "losses": losses}, "downlink": {"rate": "20 Mbit/s"}}
    both = [{"kind": "local"}, {"kind": "edge", "encoding": "jpeg"}]
    return scenario("mobilenet_v2", "raspberry-pi-4", "t4-tensorrt", link=link, policies=both) | changes


@pytest.mark.parametrize(
    ("losses", "place", "words"),
    [
        ({"share": 1}, ["share"], "1 must be less than 1"),
        ({"share": -0.1}, ["share"], "-0.1 must be 0.0 or more"),
        ({"share": math.nan}, ["share"], "nan must be less than 1"),
        ({"share": "5 %"}, ["share"], '"5 %" is not a number'),
        ({"share": 0.1, "good_to_bad": 0.1, "bad_to_good": 0.1}, ["good_to_bad"], "exclude each other"),
        ({"share": 0.1, "generator": "wifi-office"}, ["generator"], "exclude each other"),
        ({"generator": "no-such"}, ["generator"], 'no built-in generator is called "no-such"'),
        ({"good_to_bad": 0.1}, [], "a chain needs both ways"),
        ({"loss_bad": 0.5}, [], "a chain needs both ways"),
        ({"good_to_bad": 0.0, "bad_to_good": 0.0}, ["bad_to_good"], "more than 0"),
        ({"good_to_bad": 0.1, "bad_to_good": 0.1, "loss_good": 1}, ["loss_good"], "less than 1"),
        ({}, [], "losses without an amount"),
        ({"share": 0.1, "frame": "0 B"}, ["frame"], "must be more than zero"),
        ({"share": 0.1, "frame": "0.01 B"}, ["frame"], "at least one byte"),
        ({"share": 0.1, "frame": "-5 B"}, ["frame"], "must be more than zero"),
        ({"share": 0.1, "resend": True}, ["resend"], "unknown field"),
        (0.1, [], "is not a mapping"),
    ],
)
def test_what_cannot_be_lost_is_refused(losses: Any, place: list[str], words: str) -> None:
    problems = simulator.check(with_losses(losses))
    assert [list(problem.path) for problem in problems] == [["link", "uplink", "losses", *place]]
    assert words in problems[0].message


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ({"share": 1 - 1e-12}, "1e+12 frames on average"),
        ({"good_to_bad": 1e-12, "bad_to_good": 1e-12}, "1e+12 frames on average"),
        ({"generator": "dead.yaml"}, "no frame ever gets through"),
    ],
)
def test_a_link_on_which_hardly_a_frame_gets_through_is_dead(tmp_path: Path, losses: Any, words: str) -> None:
    """Refused before anything is drawn, which would not end."""
    fitted = "{frames: 9, lost: 1, burst_mean: 9, burst_longest: 9, lags: [], autocorrelation: []}"
    (tmp_path / "dead.yaml").write_text(
        "{name: dead, title: dead, source: tests, licence: none, estimated: by hand, kind: gilbert-elliott, "
        f"good_to_bad: 0, bad_to_good: 1, loss_good: 1, loss_bad: 1, fitted_to: {fitted}}}"
    )
    if "generator" in losses:
        losses = {"generator": str(tmp_path / losses["generator"])}
    problems = simulator.check(with_losses(losses))
    assert [problem.path for problem in problems] == [("link", "uplink")]
    assert words in problems[0].message
    assert problems[0].hint


def drawn(replication: int = 0, **changes: Any) -> LossPlan:
    system, plans = prepare(load_scenario(with_losses({"good_to_bad": 0.1, "bad_to_good": 0.3}, count=2) | changes))
    uplink = [plan.links["uplink"].losses for plan in with_drawn_channels(plans, system, replication)]
    assert uplink[0] is uplink[1]
    assert uplink[0] is not None
    return uplink[0]


def test_devices_replications_and_seeds_have_losses_of_their_own_and_policies_the_same() -> None:
    everything = [*drawn().delivered, *drawn(replication=1).delivered, *drawn(seed=2).delivered]
    for k, one in enumerate(everything):
        assert not any(np.array_equal(one, other) for other in everything[:k])
    assert [np.array_equal(one, again) for one, again in zip(drawn().delivered, drawn().delivered, strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("requests", "losses", "least"),
    [(2000, {"share": 0.5}, 2000 * 30 * 2), (50_000, {"share": 0.0, "frame": "1 MB"}, 50_000)],
)
def test_enough_is_drawn_for_a_run(requests: int, losses: Any, least: int) -> None:
    """As many as the messages need in the mean: 44.77 kB in 30 frames, each twice; or one frame for each."""
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": requests}
    plan = drawn(**with_losses(losses, workload=workload))
    assert all(counts.size > least for counts in plan.delivered)


def test_a_huge_fleet_draws_no_more_than_memory_holds() -> None:
    """100 000 devices: 2^26 transmissions in all."""
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 2}
    plan = drawn(**with_losses({"share": 0.1}, workload=workload, count=100_000))
    assert sum(counts.size for counts in plan.delivered[:100]) * 1000 < 1.1 * 2**26
