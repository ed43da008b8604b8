"""Send the encoded input to the cloud, which runs the whole model; the edge forwards it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.policies.base import Encoding, Intent, Policy


class CloudPolicy(Policy):
    """Every layer runs in the cloud; the device sends its encoded input, the edge forwards it and the answer."""

    kind: Literal["cloud"] = Field(description="Send the encoded input on to the cloud, run the whole model there.")
    encoding: Encoding = Field(description="How the input is encoded, such as jpeg: one of the model's encodings.")

    def default_label(self) -> str:
        """``cloud jpeg`` and the like."""
        return f"cloud {self.encoding}"

    def intent(self) -> Intent:
        """Both cuts before the first layer."""
        return Intent(cut=("input", "input"), encoding=self.encoding)
