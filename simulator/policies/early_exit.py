"""Leave at the first exit that is sure enough, as in BranchyNet (Teerapittayanon et al., ICPR 2016).

The exits are those of the model's profile; which of them a sample takes follows from its recorded scores. Heads of
exits that are reached cost their time even when the sample goes on.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from simulator.policies.base import Encoding, Intent, Policy
from simulator.policies.codecs import CodecSpec
from simulator.policies.cuts import Cuts, words


class EarlyExitPolicy(Policy):
    """Evaluate the exits in order; what lies after the cut runs on the edge server."""

    kind: Literal["early_exit"] = Field(description="Leave at the first exit that is sure enough.")
    thresholds: tuple[FiniteFloat, ...] = Field(
        min_length=1,
        description="One for each early exit: leave when the entropy is at most, or the confidence at least, this.",
    )
    at: Cuts = Field(
        ("output",),
        json_schema_extra={"default": "output"},
        description="Cut after which the server runs the rest; `output` keeps all on the device; the head of an exit "
        "that reads the input keeps that head; a list of two cuts over three tiers.",
    )
    codec: CodecSpec | None = Field(
        None, description="How the features that cross are encoded, such as int8; as the sender holds them if left out."
    )
    encoding: Encoding | None = Field(
        None,
        description="How the input is encoded when the cut lies before the first layer, such as jpeg; the tensor that "
        "the model reads if left out.",
    )

    def default_label(self) -> str:
        """``early exit`` or ``early exit at layer2``."""
        label = "early exit" if self.at == ("output",) else f"early exit at {words(self.at)}"
        return label if self.codec is None else f"{label} as {self.codec.label}"

    def intent(self) -> Intent:
        """The cut and the thresholds."""
        return Intent(cut=self.at, encoding=self.encoding, thresholds=self.thresholds, codec=self.codec)
