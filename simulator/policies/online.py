"""Policies written in Python that decide anew for each request, from what its device knows when it arrives.

A third party subclasses `OnlinePolicy`, gives it a ``kind``, and names it in the entry point group
``offload_sim.policies``. Such policies run on the reference engine only; the built-in ones are data for every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from simulator.policies.base import Encoding, Intent, Policy


@dataclass(frozen=True)
class ServerNews:
    """What a device last heard of a server.

    Attributes
    ----------
    waiting : int
        Requests that waited when a worker had taken the batch of a request whose answer has come since; 0 before the
        first answer.
    age_s : float
        Time since that batch was taken; infinite before the first answer.
    """

    waiting: int
    age_s: float


@dataclass(frozen=True)
class Observation:
    """What a device knows when its request arrives; completions of the same instant have already happened.

    Attributes
    ----------
    now_s : float
        Instant of the arrival.
    device : int
        Number of the device.
    waiting_device, waiting_uplink : int
        Requests that wait at its processor and at its uplink; those in service do not count, nor one that can start at
        this instant.
    backlog_device_s : float
        Work of all who stand at its processor, as a whole for who is in service; its mean where a sample may leave at
        an exit.
    backlog_uplink_bits : float
        Bits of all messages that stand at its uplink, as a whole for the one that is being sent.
    uplink_rate_bps : float
        Bits of the last message over the time that they took on the uplink, waking of the radio left out; before the
        first one the mean rate of the link.
    uplink_rate_age_s : float
        Time since the end of that transfer; infinite before the first one.
    servers : mapping of str to ServerNews
        What the answers told of each server, by the name of its stage.
    """

    now_s: float
    device: int
    waiting_device: int
    waiting_uplink: int
    backlog_device_s: float
    backlog_uplink_bits: float
    uplink_rate_bps: float
    uplink_rate_age_s: float
    servers: Mapping[str, ServerNews]


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
