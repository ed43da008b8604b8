"""A link that people and vehicles block: ``uplink: {clear: "200 Mbit/s", blocked: ..., mean_clear: ..., ...}``.

An alternating renewal process of two states, clear and blocked, each with a rate of its own. Clear intervals are
exponential, as mobile blockers make them on the line of sight of a millimetre wave (M. Gapeyenko et al., "On the
temporal effects of mobile blockers in urban millimeter-wave cellular scenarios", arXiv 1705.08037, 2017). Blocked ones
have a general distribution there, by the size and speed of the blockers; here they are exponential too, so that their
mean is all they need. Left out: partial blockage, reflected paths, and a change to another base station.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from simulator.links.base import Draw, LinkKind
from simulator.links.mean_transfer import MeanTransfer, TwoStateTransfer
from simulator.physics.link import Channel
from simulator.scenario.quantities import BitRate, PositiveDuration, Quantity

#: intervals of one realisation, and seconds of one cycle, beyond which no run needs the process
_MOST_INTERVALS = 5_000_000
_LONGEST_CYCLE_S = 1e12
_HOUR_S = 3600.0


class BlockageLink(LinkKind):
    """One direction of a link that is blocked and clear in turn, for random times."""

    kind: Literal["blockage"] = Field("blockage", description="A rate that falls while something blocks the path.")
    clear: BitRate = Field(description="Rate while the path is clear.")
    blocked: Annotated[float, Quantity("bit rate")] = Field(description="Rate while the path is blocked; may be 0.")
    mean_clear: PositiveDuration = Field(description="Mean time from the end of one blockage to the next.")
    mean_blocked: PositiveDuration = Field(description="Mean duration of a blockage.")
    length: PositiveDuration = Field(
        _HOUR_S,
        json_schema_extra={"default": "1 h"},
        description="Time after which the rate repeats; a run draws what it needs of it.",
    )

    is_random: ClassVar[bool] = True

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if self.blocked > self.clear:
            raise _mistake(
                "the link is faster while it is blocked than while it is clear", "exchange clear and blocked"
            )
        cycle_s = self.mean_clear + self.mean_blocked
        if cycle_s > _LONGEST_CYCLE_S:
            raise _mistake(f"a blockage every {cycle_s:g} s is none in any run", "give a rate alone: {rate: ...}")
        if 2 * self.length / cycle_s > _MOST_INTERVALS:
            what = f"{self.length:g} s with a blockage every {cycle_s:g} s are too many intervals"
            raise _mistake(what, "draw a shorter length")
        return self

    @property
    def blocked_share(self) -> float:
        """Share of time in blockages."""
        return self.mean_blocked / (self.mean_clear + self.mean_blocked)

    def channel(self, base: Path | None) -> Channel:  # noqa: ARG002
        """A constant rate, the mean over time."""
        return Channel.constant(self.clear + (self.blocked - self.clear) * self.blocked_share)

    def high_rate_bps(self, base: Path | None) -> float:  # noqa: ARG002
        """The rate exceeded a tenth of the time: that of the clear path, unless it is hardly ever clear."""
        return self.clear if self.blocked_share < 0.9 else self.blocked

    def mean_transfer(self, channel: Channel, base: Path | None) -> MeanTransfer:  # noqa: ARG002
        """Exact for an endless process; the seam at which a realisation starts again is left out."""
        return TwoStateTransfer(self.clear, self.blocked, self.mean_clear, self.mean_blocked)

    @property
    def drawn_s(self) -> float:
        """The length, after which the rate repeats."""
        return self.length

    def drawer(self, base: Path | None) -> Draw:  # noqa: ARG002
        """Draws realisations for devices, each from a stream of its own."""
        return self._realisation

    def _realisation(self, seeds: np.random.SeedSequence, until_s: float) -> Channel:
        """One realisation, or its beginning.

        It starts in its stationary distribution and is cut at its length, so that the mean over realisations is that
        over time. Where all of it would be without a rate, it goes on until the end of the first clear interval.
        """
        generator = np.random.Generator(np.random.PCG64(seeds))
        starts_blocked = bool(generator.random() < self.blocked_share)
        length_s = min(until_s, self.length)
        ends = self._ends_s(generator, starts_blocked, length_s)
        if starts_blocked and self.blocked == 0 and ends[0] >= length_s:
            length_s = float(ends[1]) if ends[0] >= self.length else min(float(ends[1]), self.length)
        edges = np.concatenate((np.zeros(1), ends[ends < length_s], [length_s]))
        is_blocked = (np.arange(edges.size - 1) % 2 == 0) == starts_blocked
        lasts = np.diff(edges) > 0  # an interval can be shorter than the rounding of the time at which it starts
        rates = np.where(is_blocked, self.blocked, self.clear)[lasts]
        return Channel(np.concatenate((np.zeros(1), edges[1:][lasts])), rates)

    def _ends_s(self, generator: np.random.Generator, starts_blocked: bool, length_s: float) -> NDArray[np.float64]:
        """Ends of intervals in turn, the last beyond the length; an even number of them."""
        means = (self.mean_blocked, self.mean_clear) if starts_blocked else (self.mean_clear, self.mean_blocked)
        pairs = 1 + math.ceil(length_s / sum(means))
        durations = np.empty(0)
        while durations.sum() < length_s:
            durations = np.concatenate((durations, generator.exponential(np.tile(means, pairs))))
        return np.cumsum(durations)


def _mistake(message: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError("blockage", "{message}", {"message": message, "hint": hint})
