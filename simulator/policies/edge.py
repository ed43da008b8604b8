"""Send the encoded input to the edge server and run the whole model there."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.policies.base import Encoding, Intent, Policy


class EdgePolicy(Policy):
    """Every layer runs on the edge server; the device sends its encoded input."""

    kind: Literal["edge"] = Field(description="Send the encoded input, run the whole model on the server.")
    encoding: Encoding = Field(description="How the input is encoded, such as jpeg: one of the model's encodings.")

    def default_label(self) -> str:
        """``edge jpeg`` and the like."""
        return f"edge {self.encoding}"

    def intent(self) -> Intent:
        """Cut before the first layer."""
        return Intent(cut=("input",), encoding=self.encoding)
