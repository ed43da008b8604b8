"""Radio cards: what a radio draws while it sends, receives and idles.

Model of Huang et al., MobiSys 2012, section 4.3: ``P = alpha_u * rate_up + alpha_d * rate_down + beta`` while data
flows. The states of cellular radios (promotion, tail) are not part of a card yet.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from simulator import paths
from simulator.devices.sourced import Sourced, read_card
from simulator.scenario.quantities import EnergyPerBit, Power


class Radio(BaseModel):
    """Power model of one radio."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the card.")
    title: str = Field(description="What it is, for people.")
    uplink_energy_per_bit: Sourced[EnergyPerBit] = Field(description="alpha_u: energy for each bit sent.")
    downlink_energy_per_bit: Sourced[EnergyPerBit] = Field(description="alpha_d: energy for each bit received.")
    active_power: Sourced[Power] = Field(description="beta: power while sending or receiving, beside the bits.")
    idle_power: Sourced[Power] = Field(description="Power while nothing is sent or received.")


def load_radio(reference: str, base: Path | None = None) -> Radio:
    """Read a radio card by name or path.

    Raises
    ------
    CardError
        Listing what is wrong with the card.
    """
    return read_card(Radio, paths.find("radio", reference, base))
