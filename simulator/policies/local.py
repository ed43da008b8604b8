"""Run the whole model on the device."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.policies.base import Intent, Policy


class LocalPolicy(Policy):
    """Every layer runs on the device; nothing is sent."""

    kind: Literal["local"] = Field(description="Run the whole model on the device.")

    def default_label(self) -> str:
        """``local``."""
        return "local"

    def intent(self) -> Intent:
        """Cut after the last layer."""
        return Intent(cut=("output",))
