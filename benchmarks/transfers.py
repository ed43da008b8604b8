"""``make bench``: a million transfers over a 10-minute trace, through `physics.link.transfer_s` alone, on one core.

The trace is a realisation of a shipped generator, one rate a second; transfers start at random and carry 1 kB to 10 MB,
each as often on a logarithmic scale. The best of a few rounds counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simulator.links.generator import load_markov
from simulator.links.markov import generate
from simulator.physics import link

ROUNDS = 5
TRANSFERS = 1_000_000
GENERATOR = "5g-downlink-driving"
LENGTH_S = 600.0

Floats = NDArray[np.float64]


def compiled() -> Callable[[Floats, Floats, Floats, Floats, Floats], Floats]:
    """A loop over transfers, compiled together with the function of `physics`."""
    import numba
    from numba.extending import register_jitable

    for function in (link.segment_at, link.segment_reaching, link.transfer_s):
        register_jitable(function)
    transfer_s = link.transfer_s

    @numba.njit
    def durations_s(starts_s, bits, edges_s, rates_bps, cumulative_bits):  # type: ignore[no-untyped-def]
        found = np.empty(starts_s.size)
        for k in range(starts_s.size):
            found[k] = transfer_s(starts_s[k], bits[k], edges_s, rates_bps, cumulative_bits)
        return found

    return durations_s


def main() -> None:
    """Measure and print."""
    channel = generate(load_markov(GENERATOR), np.random.SeedSequence(1), LENGTH_S)
    generator = np.random.Generator(np.random.PCG64(2))
    starts_s = generator.uniform(0, LENGTH_S, TRANSFERS)
    bits = 8 * 10 ** generator.uniform(3, 7, TRANSFERS)
    durations_s = compiled()
    arguments = (starts_s, bits, channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    durations_s(*arguments)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        found = durations_s(*arguments)
        seconds.append(time.perf_counter() - started)
    print(
        f"{TRANSFERS} transfers over {channel.rates_bps.size} rates: {min(seconds):.2f} s on one core, "
        f"{min(seconds) / TRANSFERS * 1e9:.0f} ns each; they take {np.median(found) * 1e3:.0f} ms in the median"
    )


if __name__ == "__main__":
    main()
