"""Split the model at a named cut, at two over three tiers, or at the best for an objective.

With ``graph`` the best of all closed sets of layers, as the min-cut of Hu et al., DADS, INFOCOM 2019, finds it.

The best cut is predicted from the profile, the cards and the mean times of transfers, without queues, as in Kang et
al., Neurosurgeon, ASPLOS 2017; it is taken once, before the run.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.errors import Problem
from simulator.policies.base import Encoding, Intent, Policy
from simulator.policies.codecs import CodecSpec
from simulator.policies.cuts import Cuts, words
from simulator.policies.objectives import ObjectiveSpec, Within
from simulator.policies.objectives import words as objective_words
from simulator.scenario.mistakes import nested


class SplitPolicy(Policy):
    """Head on the device, tail on the edge server; with two cuts the middle on the edge, the tail in the cloud."""

    kind: Literal["split"] = Field(description="Run the head on the device and the tail on the server.")
    at: Cuts | None = Field(
        None,
        description="The cut: `input`, `output`, or the layer or module that runs last; two of them over three tiers.",
    )
    best: ObjectiveSpec | None = Field(
        None, description="Take the cut with the least predicted latency, energy, energy_delay or slowest stage."
    )
    graph: bool = Field(
        False,
        strict=True,
        description="Whether cuts that are no prefix of the stored order count too, such as one through a branch.",
    )
    within: Within | None = Field(None, description="What the best cut must keep to; nothing if left out.")
    codec: CodecSpec | None = Field(
        None, description="How the features that cross are encoded, such as int8; as the sender holds them if left out."
    )
    encoding: Encoding | None = Field(
        None,
        description="How the input is encoded when the cut lies before the first layer, such as jpeg; the tensor that "
        "the model reads if left out.",
    )

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if (self.at is None) == (self.best is None):
            raise ValueError("a split needs either `at` (a named cut) or `best` (latency or energy)")
        if self.within is not None and self.best is None:
            raise nested(Problem("a named cut keeps to nothing", "leave within out, or write best", ("within",)))
        if self.graph and self.best is None:
            raise nested(
                Problem("a named cut is one of the stored order", "leave graph out, or write best", ("graph",))
            )
        if self.graph and self.codec is not None:
            hint = "leave one of them out"
            raise nested(Problem("codecs are not worked out for cuts that are no prefix", hint, ("codec",)))
        return self

    def default_label(self) -> str:
        """``split layer2``, ``split layer2 and layer3`` or ``best split (latency)``."""
        label = (
            f"best {'graph ' if self.graph else ''}split ({objective_words(self.best or 'latency')})"
            if self.at is None
            else f"split {words(self.at)}"
        )
        return label if self.codec is None else f"{label} as {self.codec.label}"

    def intent(self) -> Intent:
        """The named cut, or all cuts with an objective."""
        return Intent(
            cut=self.at,
            objective=self.best or "latency",
            within=self.within,
            graph=self.graph,
            encoding=self.encoding,
            codec=self.codec,
        )
