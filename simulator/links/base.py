"""What every link kind is: one direction of a link that yields a channel.

Most kinds know their channel once the scenario is read. A random kind is drawn anew for each device and replication,
before the run, from a stream of its own; `channel` then gives its mean rate. A recording is what it is, but a
replication may begin anywhere in it. How long a transfer takes in the mean is more than a rate can say, and has a door
of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.links.losses import Losses
from simulator.links.mean_transfer import MeanTransfer, over_channel
from simulator.physics.link import Channel

#: draws the channel of a device from its stream, at least until an instant: what is drawn until then is the beginning
#: of what is drawn until any later one, to the last bit, and repeats where the whole channel does
Draw = Callable[[np.random.SeedSequence, float], Channel]
#: stream of what is drawn for predictions, which no run has a part in
PLANNER = 0x91A7


class LinkKind(BaseModel):
    """Base of the kinds that a scenario can name for one direction of a link."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    losses: Losses | None = Field(None, description="Frames that are lost; none if left out.")

    @property
    def is_random(self) -> bool:
        """Whether `draw` gives something else than `channel`."""
        return False

    @property
    def begins_anywhere(self) -> bool:
        """Whether a replication begins at an instant of the channel's period that is drawn."""
        return False

    def channel(self, base: Path | None) -> Channel:  # noqa: ARG002
        """The channel, or what may be assumed of it; ``base`` is the folder of relative references."""
        raise TypeError(f"{type(self).__name__} must say its channel")

    def high_rate_bps(self, base: Path | None) -> float:
        """The rate that this direction exceeds a tenth of the time."""
        return self.channel(base).exceeded_rate_bps(0.1)

    @property
    def drawn_s(self) -> float:
        """Time of a drawn channel after which it repeats, as far as it changes at all."""
        return 0.0

    def drawer(self, base: Path | None) -> Draw:
        """What draws channels from the streams of devices; files are read once, here."""
        channel = self.channel(base)
        return lambda seeds, until_s: channel  # noqa: ARG005

    def draw(self, base: Path | None, seeds: np.random.SeedSequence) -> Channel:
        """The whole channel of one device in one replication."""
        return self.drawer(base)(seeds, math.inf)

    def mean_transfer(self, channel: Channel, base: Path | None) -> MeanTransfer:
        """Mean time of a transfer that meets this direction at a random instant, losses left out.

        Parameters
        ----------
        channel : Channel
            What `channel` gave.
        base : Path or None
            Folder of relative references.
        """
        return over_channel(self.draw(base, np.random.SeedSequence(PLANNER)) if self.is_random else channel)
