"""Radio cards: what a radio draws while it sends, receives, wakes, falls asleep and idles.

Power of Huang et al., MobiSys 2012, section 4.3: ``P = alpha_u * rate_up + alpha_d * rate_down + beta`` while data
flows. A cellular card adds its states: the promotion from idle, and tail stages after the last transfer, each with the
promotion that a new transfer needs from there (`simulator.physics.rrc`). Cards of LoRa radios are of another kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator import paths
from simulator.arrays import Floats
from simulator.devices.sourced import Sourced, card_in, document_at
from simulator.errors import CardError, Problem
from simulator.links.fitted_rates import FittedRates
from simulator.links.lora_radio import LoraRadio
from simulator.scenario.mistakes import shown
from simulator.scenario.quantities import Duration, EnergyPerBit, PositiveDuration, Power


class Promotion(BaseModel):
    """What a radio goes through before it can transfer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delay: Sourced[Duration] = Field(description="Time until data can flow.")
    power: Sourced[Power] = Field(description="Power during that time.")


class TailStage(BaseModel):
    """A state that a radio stays in after its last transfer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duration: Sourced[PositiveDuration] = Field(description="Time until the next stage, or until the radio is idle.")
    power: Sourced[Power] = Field(description="Mean power in this stage.")
    promotion: Promotion | None = Field(None, description="From here back to transferring; none is needed if left out.")


class Radio(BaseModel):
    """Power model and states of one radio."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the card.")
    title: str = Field(description="What it is, for people.")
    uplink_energy_per_bit: Sourced[EnergyPerBit] = Field(description="alpha_u: energy for each bit sent.")
    downlink_energy_per_bit: Sourced[EnergyPerBit] = Field(description="alpha_d: energy for each bit received.")
    active_power: Sourced[Power] = Field(description="beta: power while sending or receiving, beside the bits.")
    idle_power: Sourced[Power] = Field(description="Power while the radio is idle.")
    fitted_rates: FittedRates | None = Field(
        None, description="Rates that the powers were fitted to; outside of them a run cautions. Not known if left out."
    )
    promotion: Promotion | None = Field(None, description="From idle to transferring; none is needed if left out.")
    tail: tuple[TailStage, ...] = Field((), description="Stages after the last transfer, in order.", max_length=8)

    @cached_property
    def tail_ends_s(self) -> Floats:
        """End of each tail stage after the last transfer, shape (k,)."""
        return np.cumsum([stage.duration.value for stage in self.tail])

    @cached_property
    def tail_powers_w(self) -> Floats:
        """Power of each tail stage, shape (k,)."""
        return np.array([stage.power.value for stage in self.tail])

    @cached_property
    def wake_delays_s(self) -> Floats:
        """Promotion delay from each tail stage, last from idle, shape (k + 1,)."""
        return np.array([0.0 if p is None else p.delay.value for p in self._promotions])

    @cached_property
    def wake_powers_w(self) -> Floats:
        """Power during the promotion from each tail stage, last from idle, shape (k + 1,)."""
        return np.array([0.0 if p is None else p.power.value for p in self._promotions])

    @property
    def _promotions(self) -> list[Promotion | None]:
        return [*(stage.promotion for stage in self.tail), self.promotion]


def load_radio(reference: str, base: Path | None = None) -> Radio | LoraRadio:
    """Read a radio card by name or path; one that says ``kind: lora`` is a `LoraRadio`.

    Raises
    ------
    CardError
        Listing what is wrong with the card.
    """
    path = paths.find("radio", reference, base)
    document = document_at(path)
    if not isinstance(document.data, Mapping) or "kind" not in document.data:
        return card_in(document, Radio, path)
    if document.data["kind"] != "lora":
        message = f"{shown(document.data['kind'])} is not a kind of radio"
        hint = "write kind: lora, or leave it out for a radio whose power follows its rate"
        raise CardError(document.located(Problem(message, hint, ("kind",))))
    return card_in(document, LoraRadio, path)
