"""Decide anew for each request: the cut that is predicted to be the fastest when it arrives.

The prediction is that of Kang et al., Neurosurgeon, ASPLOS 2017, extended by the queues that the device knows of: its
own, and that of the server as its answers tell it (`simulator.plan.deciding`). Exits are not evaluated.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.policies.base import Encoding, Intent, Policy


class AdaptivePolicy(Policy):
    """The cut with the least predicted latency, from what the device knows when a request arrives."""

    kind: Literal["adaptive"] = Field(
        description="For each request take the cut with the least predicted latency, from what the device knows then."
    )
    encoding: Encoding | None = Field(
        None,
        description="How the input is encoded when the cut lies before the first layer, such as jpeg; the tensor that "
        "the model reads if left out.",
    )

    def default_label(self) -> str:
        """``adaptive``."""
        return "adaptive"

    def intent(self) -> Intent:
        """All cuts are open at each arrival."""
        return Intent(cut=None, encoding=self.encoding, rule="fastest_predicted_now")
