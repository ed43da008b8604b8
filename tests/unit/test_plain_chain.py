"""Mean times of transfers over generators with stalls: periodic and renewal processes by hand, built-in ones drawn."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.links.fit import Origin, fitted_below, rate_statistics
from simulator.links.generator import MarkovGenerator, RateState, Stall, load_markov
from simulator.links.markov import generate
from simulator.links.mean_transfer import MarkovTransfer, RecordedTransfer
from simulator.links.plain_chain import plain_chain
from simulator.physics.link import Channel

pytestmark = pytest.mark.engine_free

ORIGIN = Origin("made", "made for a test", "this file", "none")
DRAWS, STEPS = 24, 131_072


def stalling(lengths: list[int], shares: list[float], exits: tuple[float, float] = (0.0, 1.0)) -> MarkovGenerator:
    """One step of a second at 1 Mbit/s, then nothing for one of some lengths; shares of time are left to the chain."""
    rates = np.array([1e6, 0.0, 0.0] * 4)
    spec = fitted_below([rates], 1.0, 10e3, ORIGIN, rate_statistics([rates], 1.0))
    states = [
        RateState.model_construct(share=0.5, lowest=rate, mean=rate, highest=rate, stall=stall)
        for rate, stall in ((0.0, 0), (1e6, None))
    ]
    stall = Stall(lengths=lengths, shares=shares, exits=list(exits))
    return spec.model_copy(
        update={"step": 1.0, "states": states, "transitions": [[1.0, 0.0], [1.0, 0.0]], "stalls": [stall]}
    )


def test_a_stall_of_one_length_is_a_periodic_outage() -> None:
    """1 s at 1 Mbit/s and 3 s of nothing: the means over that recording, but for the width of a cell of the lattice."""
    recorded = RecordedTransfer(Channel(np.array([0.0, 1.0, 4.0]), np.array([1e6, 0.0])))
    bits = np.array([1e3, 2e5, 7e5, 3.3e6, 2e7])
    chain = plain_chain(stalling([3], [1.0]))
    assert chain.share == pytest.approx([1 / 4] * 4)
    assert MarkovTransfer(chain)(bits) == pytest.approx(recorded(bits), rel=0.015)


def test_the_rest_of_a_stall_is_that_of_a_renewal_process() -> None:
    """Stalls of 2 or 6 s: out for 4 / 5 of the time, rest E[L2] / 2 E[L] = 20 / 8 s, so that a bit waits for 2 s."""
    transfer = MarkovTransfer(plain_chain(stalling([2, 6], [0.5, 0.5])))
    assert float(transfer(np.array([1.0]))[0]) == pytest.approx(2.0, rel=1e-3)


def test_a_stall_may_follow_another() -> None:
    """Of 2 s, with another after half of them: E[L] = 4, E[L2] = 4 E[N2] = 24, so that a bit waits for 24 / 10 s."""
    transfer = MarkovTransfer(plain_chain(stalling([2], [1.0], exits=(0.5, 0.5))))
    assert float(transfer(np.array([1.0]))[0]) == pytest.approx(2.4, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lte-downlink-driving", "5g-mmwave-uplink-walking"])
def test_predictions_over_built_in_generators_are_means_over_draws(name: str) -> None:
    """Within 4 standard errors of 24 draws of 131 072 steps, for messages of 5 to 600 kB."""
    spec, bits = load_markov(name, None), 8.0 * np.array([5e3, 45e3, 150e3, 600e3])
    draws = [generate(spec, np.random.SeedSequence(seed), STEPS * spec.step) for seed in range(DRAWS)]
    means = np.array([RecordedTransfer(draw)(bits) for draw in draws])
    error = means.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    assert (np.abs(MarkovTransfer(plain_chain(spec))(bits) - means.mean(axis=0)) < 4 * error).all()
