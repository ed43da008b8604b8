"""A link whose rate is drawn from a fitted generator: ``uplink: {generator: lte-uplink-driving}``.

The realisation is drawn once, before the run, from its own random stream: a long piecewise constant channel that
starts again when it ends. In each state the rate is uniform below and above its mean, in the shares that keep the mean.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.errors import Problem, TraceError
from simulator.links.base import LinkKind
from simulator.links.generator import MarkovGenerator, load_markov
from simulator.links.stalls import start, walk
from simulator.physics.link import Channel
from simulator.scenario.quantities import PositiveDuration
from simulator.scenario.references import Reference

Floats = NDArray[np.float64]

#: steps of one realisation beyond which memory, not realism, is the limit
MAX_STEPS = 5_000_000
_HOUR_S = 3600.0

GeneratorReference = Annotated[str, Reference("generator")]


class MarkovLink(LinkKind):
    """One direction of a link whose rate follows a fitted Markov chain."""

    kind: Literal["markov"] = Field("markov", description="A rate drawn from a fitted generator.")
    generator: GeneratorReference = Field(description="Name of a built-in generator, or a file of `trace fit`.")
    length: PositiveDuration = Field(
        _HOUR_S, json_schema_extra={"default": "1 h"}, description="Time that is drawn; the rate repeats after it."
    )

    is_random: ClassVar[bool] = True

    def channel(self, base: Path | None) -> Channel:
        """A constant rate, the mean of the generator: what the planner assumes."""
        spec = load_markov(self.generator, base)
        _refuse_too_long(spec, self.length / spec.step, self.length)
        return Channel.constant(spec.mean_rate_bps)

    def draw(self, base: Path | None, seeds: np.random.SeedSequence) -> Channel:
        """One realisation, for one device in one replication."""
        return generate(load_markov(self.generator, base), seeds, self.length)


def generate(spec: MarkovGenerator, seeds: np.random.SeedSequence, duration_s: float) -> Channel:
    """Draw one realisation of a Markov-modulated rate.

    Parameters
    ----------
    spec : MarkovGenerator
    seeds : SeedSequence
        The same sequence gives the same channel.
    duration_s : float
        Length of the realisation, rounded up to whole steps; drawn longer where all of it would be an outage.

    Raises
    ------
    TraceError
        If it would take more than `MAX_STEPS` steps, or the chain never leaves its outage.
    """
    count = max(2, math.ceil(duration_s / spec.step))
    generator = np.random.Generator(np.random.PCG64(seeds))
    position = start(spec, generator.random())
    rates = np.empty(0)
    while not rates.any():
        _refuse_too_long(spec, rates.size + count, duration_s)
        path, position = walk(spec, position, generator.random(count))
        rates = np.concatenate((rates, _rates(spec, path, generator.random(count))))
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
    width = highest - lowest
    # this share below the mean makes the mean of both halves the mean of the state
    below = np.divide(highest - mean, width, out=np.ones_like(width), where=width > 0)
    lower = lowest + (mean - lowest) * np.divide(uniforms, below, out=np.ones_like(width), where=below > 0)
    above = 1 - below
    upper = mean + (highest - mean) * np.divide(uniforms - below, above, out=np.zeros_like(width), where=above > 0)
    rates: Floats = np.where(uniforms < below, lower, upper)
    return rates
