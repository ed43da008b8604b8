"""What every link kind is: one direction of a link that yields a channel.

Most kinds know their channel once the scenario is read. A random kind is drawn anew for each device and replication,
before the run, from a stream of its own; `channel` then gives what the planner may assume, its mean. A recording is
what it is, but a replication may begin anywhere in it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.links.losses import Losses
from simulator.physics.link import Channel


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

    def draw(self, base: Path | None, seeds: np.random.SeedSequence) -> Channel:  # noqa: ARG002
        """The channel of one device in one replication."""
        return self.channel(base)
