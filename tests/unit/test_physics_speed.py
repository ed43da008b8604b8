"""The physics compiled: as fast as asked, and the same numbers as interpreted."""

from __future__ import annotations

import time

import numpy as np
import pytest

from simulator.links.generator import load_markov
from simulator.links.markov import generate
from simulator.physics import link

pytestmark = pytest.mark.engine_free


@pytest.mark.slow
def test_a_million_transfers_over_ten_minutes() -> None:
    """Under 1 s on one core; a quiet machine takes a tenth of that."""
    import numba
    from numba.extending import register_jitable

    for function in (link.segment_at, link.segment_reaching, link.transfer_s):
        register_jitable(function)
    transfer_s = link.transfer_s

    @numba.njit
    def durations_s(starts_s, bits, edges_s, rates_bps, cumulative_bits):
        found = np.empty(starts_s.size)
        for k in range(starts_s.size):
            found[k] = transfer_s(starts_s[k], bits[k], edges_s, rates_bps, cumulative_bits)
        return found

    channel = generate(load_markov("5g-downlink-driving"), np.random.SeedSequence(1), 600.0)
    assert channel.rates_bps.size == 600
    generator = np.random.Generator(np.random.PCG64(2))
    starts_s, bits = generator.uniform(0, 600.0, 1_000_000), 8 * 10 ** generator.uniform(3, 7, 1_000_000)
    arrays = (channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    durations_s(starts_s[:1], bits[:1], *arrays)
    started = time.perf_counter()
    found = durations_s(starts_s, bits, *arrays)
    assert time.perf_counter() - started < 1.0
    lists = tuple(array.tolist() for array in arrays)
    interpreted = [
        transfer_s(start, amount, *lists) for start, amount in zip(starts_s[:1000], bits[:1000], strict=True)
    ]
    assert found[:1000].tolist() == interpreted
