"""A link of one rate for ever: ``uplink: {rate: "5.85 Mbit/s"}``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from simulator.links.base import LinkKind
from simulator.physics.link import Channel
from simulator.scenario.quantities import BitRate


class ConstantLink(LinkKind):
    """One direction of a link with a constant rate."""

    kind: Literal["constant"] = Field("constant", description="A rate that never changes.")
    rate: BitRate = Field(description='Rate of this direction, such as "5.85 Mbit/s".')

    def channel(self, base: Path | None) -> Channel:  # noqa: ARG002
        """The channel of this direction; ``base`` (folder of relative references) is not needed."""
        return Channel.constant(self.rate)
