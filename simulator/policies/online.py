"""Policies written in Python that decide anew for each request, from what the device can see when it arrives.

A third party subclasses `OnlinePolicy`, gives it a ``kind``, and names it in the entry point group
``offload_sim.policies``. Such policies run on the reference engine only; the built-in ones are data for every engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from simulator.policies.base import Encoding, Intent, Policy


@dataclass(frozen=True)
class Observation:
    """What is known when a request arrives; completions of the same instant have already happened.

    Attributes
    ----------
    now_s : float
        Instant of the arrival.
    device : int
        Number of the device.
    uplink_rate_bps : float
        Rate of its uplink at this instant.
    waiting_device, waiting_uplink, waiting_edge : int
        Requests that wait at its processor, at its uplink and at the edge server; those in service do not count, nor
        those that can start, or join a batch that an idle worker gathers, at this instant.
    """

    now_s: float
    device: int
    uplink_rate_bps: float
    waiting_device: int
    waiting_uplink: int
    waiting_edge: int


class OnlinePolicy(Policy):
    """Base of policies that decide for each request."""

    encoding: Encoding | None = Field(
        None,
        description="How the input is encoded when nothing runs on the device, such as jpeg; the tensor that the model "
        "reads if left out.",
    )

    def default_label(self) -> str:
        """The kind."""
        return str(getattr(self, "kind", type(self).__name__))

    def decide(self, seen: Observation) -> str:  # noqa: ARG002
        """Name of the cut that this request takes: ``input``, ``output``, a layer or a module."""
        raise TypeError(f"{type(self).__name__} must say how it decides")

    def intent(self) -> Intent:
        """All cuts are open; predictions show the one with the least latency."""
        return Intent(cut=None, encoding=self.encoding)
