"""Losses of frames on one direction of a link: ``losses: {share: 0.05}``, or the chain of Gilbert and Elliott.

A chain of a good and a bad state, with one step per transmission and a loss probability in each (E. N. Gilbert, BSTJ
1960; E. O. Elliott, BSTJ 1963); a share alone loses every transmission with that probability. What becomes of each
transmission is drawn before the run, for each device and replication.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from simulator.errors import Problem
from simulator.links.generator import load_gilbert_elliott
from simulator.links.gilbert_elliott import LossChain
from simulator.scenario.parts import RuledPart
from simulator.scenario.quantities import PositiveSize
from simulator.scenario.references import Reference

Probability = Annotated[float, Field(ge=0, le=1)]
#: of a link that always loses, nothing ever gets through
Share = Annotated[float, Field(ge=0, lt=1)]


def _whole_byte(frame_bytes: float) -> float:
    """Refuse frames of less than a byte, which would be too many to count."""
    if frame_bytes < 1:
        context = {"message": "a frame has at least one byte", "hint": 'write a size like "1500 B"'}
        raise PydanticCustomError("frame", "{message}", context)
    return frame_bytes


_CHAIN = ("good_to_bad", "bad_to_good", "loss_good", "loss_bad")


class Losses(RuledPart):
    """How frames are lost, and whether they are sent again."""

    share: Share | None = Field(None, description="Share of the transmissions that is lost, each on its own.")
    generator: Annotated[str, Reference("generator")] | None = Field(
        None, description="Gilbert-Elliott generator: a file of `trace fit`."
    )
    good_to_bad: Probability | None = Field(None, description="Probability per transmission of going from good to bad.")
    bad_to_good: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Probability per transmission of going back."
    )
    loss_good: Share | None = Field(None, description="Share lost in the good state; 0 if left out.")
    loss_bad: Probability | None = Field(None, description="Share lost in the bad state; 1 if left out.")
    frame: Annotated[PositiveSize, AfterValidator(_whole_byte)] = Field(
        1500.0, json_schema_extra={"default": "1500 B"}, description="Longest frame; 1500 B if left out."
    )
    retransmit: bool = Field(
        True, description="Whether a lost frame is sent again until it gets through; what is lost stays lost otherwise."
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Problem]:
        """One of the three ways to say how much is lost."""
        has = [name for name in ("share", "generator") if given.get(name) is not None]
        chain = [name for name in _CHAIN if given.get(name) is not None]
        ways = [*has, *chain[:1]]
        if len(ways) > 1:
            yield Problem(f"{' and '.join(ways)} exclude each other", "leave all but one way out", (ways[-1],))
        elif not ways:
            yield Problem("losses without an amount", "write a share, like losses: {share: 0.05}")
        elif chain and not {"good_to_bad", "bad_to_good"} <= set(chain):
            yield Problem("a chain needs both ways between its states", "write good_to_bad and bad_to_good")

    def chain(self, base: Path | None) -> LossChain:
        """The chain that these losses follow; ``base`` is the folder of relative references."""
        if self.generator is not None:
            return load_gilbert_elliott(self.generator, base).chain
        if self.share is not None:
            return LossChain(0.0, 1.0, self.share, self.share)
        # the rules ask for both
        assert self.good_to_bad is not None
        assert self.bad_to_good is not None
        return LossChain(
            self.good_to_bad,
            self.bad_to_good,
            0.0 if self.loss_good is None else self.loss_good,
            1.0 if self.loss_bad is None else self.loss_bad,
        )
