"""Mean times of transfers that begin at a random instant, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from simulator.links.markov_rate import MarkovRate
from simulator.links.mean_transfer import InStep, MarkovTransfer, RecordedTransfer, over_channel
from simulator.physics import two_states
from simulator.physics.link import Channel, transfer_s

pytestmark = pytest.mark.engine_free


@st.composite
def recordings(draw: st.DrawFn) -> Channel:
    """Up to seven segments, from a hundredth of a second to a hundred, with outages."""
    rates = draw(st.lists(st.sampled_from([0.0, 0.0, 1e3, 5e4, 1e6]), min_size=2, max_size=7).filter(any))
    lengths = draw(st.lists(st.sampled_from([0.01, 0.3, 2.0, 100.0]), min_size=len(rates), max_size=len(rates)))
    return Channel(np.concatenate((np.zeros(1), np.cumsum(lengths))), np.array(rates))


def looked_up(channel: Channel, begins_s: np.ndarray, bits: float) -> np.ndarray:
    """`transfer_s` of the engines, one beginning after the other."""
    arrays = channel.edges_s, channel.rates_bps, channel.cumulative_bits
    return np.array([transfer_s(begin_s, bits, *arrays) for begin_s in begins_s.tolist()])


@given(channel=recordings(), bits=st.floats(1.0, 1e9))
def test_a_recording_is_averaged_over_all_beginnings(channel: Channel, bits: float) -> None:
    """2000 beginnings miss the integral by a step around each of the jumps, of which there are two for a segment."""
    period_s, count = float(channel.edges_s[-1]), 2000
    begins_s = (np.arange(count) + 0.5) * period_s / count
    times_s = looked_up(channel, begins_s, bits)
    recorded = RecordedTransfer(channel)
    assert recorded.transfer_s(begins_s, bits) == pytest.approx(times_s, rel=1e-9, abs=1e-9 * period_s)
    most_s = 2 * channel.rates_bps.size * period_s / count
    assert recorded.mean_s(bits) == pytest.approx(times_s.mean(), rel=1e-9, abs=most_s)


def test_a_recording_of_one_outage_in_closed_form() -> None:
    """1 Mbit/s for 8 s, nothing for 2 s, 3 Mbit: 3 s on the air, and 2 s of outage for beginnings in the last 3 s.

    Those in the outage wait for 1 s of it in the mean: (8 x 3 + 3 x 2 + 2 x (1 + 3)) / 10.
    """
    recorded = RecordedTransfer(Channel(np.array([0.0, 8.0, 10.0]), np.array([1e6, 0.0])))
    assert recorded.mean_s(3e6) == pytest.approx((8 * 3 + 3 * 2 + 2 * (1 + 3)) / 10, rel=1e-12)
    # a whole lap more is 8 Mbit in 10 s
    assert recorded.mean_s(3e6 + 5 * 8e6) == pytest.approx(3.8 + 50, rel=1e-12)
    # a whole lap takes 10 s, but who begins in the outage is done before the next one
    assert recorded.mean_s(8e6) == pytest.approx((8 * 10 + 2 * (1 + 8)) / 10, rel=1e-12)


@given(channel=recordings())
def test_between_the_points_of_the_grid_the_mean_is_close_and_grows(channel: Channel) -> None:
    """The exact mean of a message of within 1.1 %, and never less for more bits; no bits take no time."""
    bits = np.geomspace(10.0, 1e8, 60)
    recorded = RecordedTransfer(channel)
    means_s = recorded(bits)
    least_s, most_s = ([recorded.mean_s(each) for each in (bits * factor).tolist()] for factor in (0.989, 1.011))
    assert (means_s >= np.array(least_s) * (1 - 1e-9)).all()
    assert (means_s <= np.array(most_s) * (1 + 1e-9)).all()
    assert (np.diff(means_s) >= -1e-9 * means_s[1:]).all()
    assert recorded(np.zeros(2)).tolist() == [0.0, 0.0]


def test_an_answer_does_not_meet_the_outage_that_its_message_sat_out() -> None:
    """1 Mbit/s and 2 s of outage every 10 s both ways; 1 bit up and 1 bit down at once: the answer never waits.

    Half a second later it waits where the message ended in the last half second before the outage: half of them did,
    0.5 / 10 of all, for the whole outage but what is left of the pause, 1.75 s in the mean.
    """
    recorded = RecordedTransfer(Channel(np.array([0.0, 8.0, 10.0]), np.array([1e6, 0.0])))
    both = InStep(recorded, recorded)
    assert both.mean_s(1.0, 0.0, 1.0) == pytest.approx(0.0, abs=3e-3)
    assert both.mean_s(1.0, 0.5, 1.0) == pytest.approx(0.5 / 10 * 1.75, abs=3e-3)
    assert recorded.mean_s(1.0) == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("slow_bps", [0.0, 1e4, 4e5, 1e6])
def test_two_states_solve_their_equations(slow_bps: float) -> None:
    """Against a numerical solution of the forward equations of the link's state, by how much is carried."""
    fast_bps, mean_fast_s, mean_slow_s = 1e6, 0.5, 0.2
    share = mean_slow_s / (mean_fast_s + mean_slow_s)

    def derivatives(_: float, mean_s: np.ndarray) -> list[float]:
        fast, slow = mean_s
        return [
            (1 + (slow - fast) / mean_fast_s) / fast_bps,
            (1 + (fast - slow) / mean_slow_s) / slow_bps if slow_bps else (1 + (slow - fast) / mean_fast_s) / fast_bps,
        ]

    start = [0.0, 0.0 if slow_bps else mean_slow_s]
    bits = np.array([10.0, 1e4, 3e5, 4e6])
    solved = solve_ivp(derivatives, (0.0, bits[-1]), start, t_eval=bits, method="LSODA", rtol=1e-10, atol=1e-14)
    expected = (1 - share) * solved.y[0] + share * solved.y[1]
    found = two_states.mean_transfer_s(bits, fast_bps, slow_bps, mean_fast_s, mean_slow_s)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_chain_of_one_state_in_closed_form() -> None:
    """Rates uniform between 1 and 3 Mbit/s for 1 s each, and messages that end in the next step at the latest.

    With m the mean of 1 / rate and q that of its square: b m + b^2 (m^2 - q) / 2.
    """
    one = np.ones((1, 1))
    chain = MarkovRate(1.0, np.ones(1), one, one, one * 1e6, one * 3e6)
    bits = np.array([1e3, 1e5, 9e5])
    m, q = np.log(3) / 2e6, (1 / 1e6 - 1 / 3e6) / 2e6
    assert MarkovTransfer(chain)(bits) == pytest.approx(bits * m + bits**2 * (m**2 - q) / 2, rel=1e-3)


def test_a_chain_of_one_rate_is_a_constant_link() -> None:
    """However its steps fall."""
    one = np.ones((1, 1))
    bits = np.geomspace(1.0, 1e9, 40)
    found = MarkovTransfer(MarkovRate(0.1, np.ones(1), one, one, one * 2e6, one * 2e6))(bits)
    assert found == pytest.approx(over_channel(Channel.constant(2e6))(bits), rel=1e-9)


def test_a_chain_of_short_steps_is_a_link_of_two_states() -> None:
    """Stays of 0.5 s and 0.2 s in steps of 1 ms: geometric stays are exponential ones but for a step."""
    transitions = np.array([[1 - 1 / 500, 1 / 500], [1 / 200, 1 - 1 / 200]])
    rates = np.array([[1e6, 0.0]])
    chain = MarkovRate(1e-3, np.array([5 / 7, 2 / 7]), transitions, np.ones((1, 2)), rates, rates)
    bits = np.array([1e3, 1e5, 1e6])
    expected = two_states.mean_transfer_s(bits, 1e6, 0.0, 0.5, 0.2)
    assert MarkovTransfer(chain)(bits) == pytest.approx(expected, rel=5e-3)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_chain_needs_longer_for_more(seed: int) -> None:
    """Over all doublings, with states that carry nothing."""
    generator = np.random.Generator(np.random.PCG64(seed))
    size = int(generator.integers(1, 6))
    transitions = generator.dirichlet(np.ones(size), size)
    lowest = generator.choice([0.0, 1e3, 1e6], (1, size)) * generator.random((1, size))
    highest = lowest + generator.choice([0.0, 1e5, 1e7], (1, size)) + (np.arange(size) == 0)
    chain = MarkovRate(0.5, np.full(size, 1 / size), transitions, np.ones((1, size)), lowest, highest)
    assert (np.diff(MarkovTransfer(chain)(np.geomspace(1e2, 1e8, 300))) > 0).all()
