"""LoRa radio cards: what a radio draws while it sends at each level, listens and sleeps.

The rate does not matter to a LoRa radio, its output level does: powers are a table over the levels that were measured,
and nothing is interpolated. Left out: standby between frame and receive windows, and the time to wake up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.devices.sourced import Sourced
from simulator.errors import CardError, Problem
from simulator.scenario.quantities import PositiveVoltage, Power, SignalLevel
from simulator.units import exact


class LoraRadio(BaseModel):
    """Power model of one LoRa radio."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lora"] = Field(description="Tells these cards from those of other radios.")
    name: str = Field(description="Name of the card.")
    title: str = Field(description="What it is, for people.")
    supply: Sourced[PositiveVoltage] | None = Field(
        None, description="Voltage that the currents behind the powers hold at; none where power itself was measured."
    )
    transmit_power: Mapping[SignalLevel, Sourced[Power]] = Field(
        min_length=1, description="Output level -> power that the radio draws while it sends."
    )
    receive_power: Sourced[Power] = Field(description="Power while it listens or receives.")
    sleep_power: Sourced[Power] = Field(description="Power between frames.")

    def transmit_w(self, level_dbm: float) -> float:
        """Power while sending at a level of the table.

        Raises
        ------
        CardError
            Naming the levels that the table has.
        """
        if level_dbm not in self.transmit_power:
            known = ", ".join(exact(level, "signal level") for level in sorted(self.transmit_power))
            message = f"the radio {self.name} has no power for {exact(level_dbm, 'signal level')}"
            raise CardError(Problem(message, f"its levels: {known}", ("transmit_power",)))
        return self.transmit_power[level_dbm].value
