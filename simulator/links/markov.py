"""A link whose rate is drawn from a fitted generator: ``uplink: {generator: lte-uplink-driving-2022}``.

The realisation is drawn before the run, from its own random stream: a piecewise constant channel of some length that
starts again when it ends, of which no more is drawn than a run needs. In each state the rate is uniform below and above
its mean, in the shares that keep the mean.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.arrays import Floats
from simulator.errors import Problem, TraceError
from simulator.links.base import Draw, LinkKind
from simulator.links.generator import MarkovGenerator, load_markov
from simulator.links.mean_transfer import MarkovTransfer, MeanTransfer
from simulator.links.plain_chain import plain_chain, share_below
from simulator.links.stalls import start, walk
from simulator.physics.link import Channel
from simulator.scenario.quantities import PositiveDuration
from simulator.scenario.references import Reference

#: steps of one realisation beyond which memory, not realism, is the limit
MAX_STEPS = 5_000_000
_HOUR_S = 3600.0

GeneratorReference = Annotated[str, Reference("generator")]


class MarkovLink(LinkKind):
    """One direction of a link whose rate follows a fitted Markov chain."""

    kind: Literal["markov"] = Field("markov", description="A rate drawn from a fitted generator.")
    generator: GeneratorReference = Field(description="Name of a built-in generator, or a file of `trace fit`.")
    length: PositiveDuration = Field(
        _HOUR_S,
        json_schema_extra={"default": "1 h"},
        description="Time after which the rate repeats; a run draws what it needs of it.",
    )

    is_random: ClassVar[bool] = True

    def channel(self, base: Path | None) -> Channel:
        """A constant rate, the mean of the generator."""
        spec = load_markov(self.generator, base)
        _refuse_too_long(spec, self.length / spec.step, self.length)
        return Channel.constant(spec.mean_rate_bps)

    def high_rate_bps(self, base: Path | None) -> float:
        """The rate that the measurement behind the generator exceeds a tenth of the time."""
        return load_markov(self.generator, base).fitted_to.p90

    @property
    def drawn_s(self) -> float:
        """The length, after which the rate repeats."""
        return self.length

    def drawer(self, base: Path | None) -> Draw:
        """Draws realisations for devices, each from a stream of its own."""
        spec = load_markov(self.generator, base)
        return lambda seeds, until_s: generate(spec, seeds, self.length, until_s)

    def mean_transfer(self, channel: Channel, base: Path | None) -> MeanTransfer:  # noqa: ARG002
        """Of an endless process; the seam at which a realisation starts again is left out."""
        return MarkovTransfer(plain_chain(load_markov(self.generator, base)))


def generate(
    spec: MarkovGenerator, seeds: np.random.SeedSequence, duration_s: float, until_s: float = math.inf
) -> Channel:
    """Draw one realisation of a Markov-modulated rate, or its beginning.

    Parameters
    ----------
    spec : MarkovGenerator
    seeds : SeedSequence
        The same sequence gives the same channel.
    duration_s : float
        Length of the realisation, rounded up to whole steps; drawn longer where all of it would be an outage.
    until_s : float
        No more than this is needed of it, rounded up to whole steps, and until there is a rate.

    Raises
    ------
    TraceError
        If it would take more than `MAX_STEPS` steps, or the chain never leaves its outage.
    """
    whole = max(2, math.ceil(duration_s / spec.step))
    # one step more, lest rounding leave it a little short
    count = whole if until_s >= duration_s else min(whole, max(2, math.ceil(until_s / spec.step) + 1))
    generator = np.random.Generator(np.random.PCG64(seeds))
    position = start(spec, generator.random())
    rates = np.empty(0)
    while not rates.any():
        _refuse_too_long(spec, rates.size + count, duration_s)
        # two draws for each step in turn, so that a longer realisation begins like a shorter one
        for_state, for_rate = generator.random((count, 2)).T
        path, position = walk(spec, position, np.ascontiguousarray(for_state))
        rates = np.concatenate((rates, _rates(spec, path, for_rate)))
        count = min(rates.size, whole - rates.size) if rates.size < whole else whole
    edges = np.arange(rates.size + 1, dtype=np.float64) * spec.step
    return Channel(edges, rates)


def _refuse_too_long(spec: MarkovGenerator, steps: float, duration_s: float) -> None:
    if steps > MAX_STEPS:
        what = f"{spec.name}: {duration_s:g} s at a step of {spec.step:g} s"
        raise TraceError(Problem(f"{what} are too many steps, or all of them an outage", "draw a shorter length"))


def _rates(spec: MarkovGenerator, path: NDArray[np.int64], uniforms: Floats) -> Floats:
    """Rate of each step, by its state."""
    lowest, mean, highest = (
        np.array([getattr(state, name) for state in spec.states])[path] for name in ("lowest", "mean", "highest")
    )
    below = share_below(lowest, mean, highest)
    lower = lowest + (mean - lowest) * np.divide(uniforms, below, out=np.ones_like(mean), where=below > 0)
    above = 1 - below
    upper = mean + (highest - mean) * np.divide(uniforms - below, above, out=np.zeros_like(mean), where=above > 0)
    rates: Floats = np.where(uniforms < below, lower, upper)
    return rates
