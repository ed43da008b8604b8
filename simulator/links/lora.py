"""A LoRaWAN link, class A: ``uplink: {region: EU868, distance: 1.5 km}``.

Distance and transmit power give the level at the gateway, the level decides which spreading factors are heard. The
answer comes in the receive windows after an uplink frame, so that this kind says both directions. Messages are cut
into frames of the region's payload limit; frames obey its duty cycle.

Path loss: Oulu (Petäjäjärvi et al., ITST 2015), LoRaSim (Bor et al., MSWiM 2016; adwaitnd/lorasim@392d23a5), and the
Hata variant of FLoRa (florasim/flora@247611eb). Left out: fading from frame to frame, antenna gains, joining, class B
and C, and the bytes of commands that a network adds to frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from simulator.errors import Problem
from simulator.links.base import Draw, LinkKind
from simulator.links.lora_parameters import LoraParameters
from simulator.links.lora_regions import REGIONS, SENSITIVITY_DBM, Region
from simulator.links.lora_times import full_airtime_s, long_run, mean_rate
from simulator.physics.duty import HOUR_S
from simulator.physics.link import Channel
from simulator.physics.lora import (
    MOST_TRANSMISSIONS,
    demodulation_limit_dbm,
    path_loss_db,
)
from simulator.scenario.mistakes import nested, shown
from simulator.scenario.quantities import LevelDifference, PositiveLength, SignalLevel
from simulator.units import exact, human


class PathLoss(NamedTuple):
    """Log-distance path loss: its value at a reference distance, and how it grows."""

    at_reference_db: float
    reference_m: float
    exponent: float


PATH_LOSSES: Mapping[str, PathLoss] = MappingProxyType(
    {
        "oulu": PathLoss(128.95, 1000.0, 2.32),
        "lorasim": PathLoss(127.41, 40.0, 2.08),
        "hata": PathLoss(127.5, 1000.0, 3.52),
    }
)

_CHOICES = (7, 8, 9, 10, 11, 12, "range", "adr")


class LoraLink(LinkKind):
    """Both directions of a LoRaWAN link of class A."""

    kind: Literal["lora"] = Field("lora", description="LoRaWAN, class A, to one gateway.")
    region: Literal["EU868", "US915"] = Field(
        description="Rules of the radio band: data rates, payloads, channels, duty cycle."
    )
    distance: PositiveLength = Field(description="From the device to the gateway.")
    spreading_factor: Literal[7, 8, 9, 10, 11, 12, "range", "adr"] = Field(
        "range",
        description="range: the fastest that the gateway hears; adr: the network sets it, from the slowest on.",
    )
    transmit_power: SignalLevel = Field(
        14.0, json_schema_extra={"default": "14 dBm"}, description="Level that leaves the device; 14 dBm if left out."
    )
    path_loss: Literal["oulu", "lorasim", "hata"] = Field(
        "oulu", description="Measured loss over distance: oulu (suburban), lorasim (dense city), hata (model)."
    )
    shadowing: LevelDifference = Field(
        0.0,
        json_schema_extra={"default": "0 dB"},
        description="Standard deviation of the loss, drawn once for each device; 0 if left out.",
    )
    channels: Annotated[int, Field(strict=True)] | None = Field(
        None, description="Channels in use: 3 or 8 in EU868, 8 or 64 in US915; the smaller plan if left out."
    )
    duty_cycle: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Largest share of time that the device sends in a sub-band; that of the region if left out."
    )
    confirmed: bool = Field(
        False, description="Whether frames are acknowledged, and sent again if they are not, 8 times at most."
    )

    @property
    def is_random(self) -> bool:
        """Whether devices differ by their shadowing."""
        return self.shadowing > 0

    @field_validator("spreading_factor", mode="before")
    @classmethod
    def _is_a_choice(cls, value: Any) -> Any:
        if isinstance(value, bool | float) or value not in _CHOICES:
            context = {"message": f"{shown(value)} is not a spreading factor", "hint": "write 7 to 12, range or adr"}
            raise PydanticCustomError("lora", "{message}", context)
        return value

    @model_validator(mode="after")
    def _obeys_the_region(self) -> Self:
        problems = [*self._not_in_region()] or [*self._too_little_airtime()]
        if problems:
            raise nested(*problems)
        return self

    def _not_in_region(self) -> Iterator[Problem]:
        region = self._region
        factor = self.spreading_factor
        if isinstance(factor, int) and factor not in region.spreading_factors:
            allowed = ", ".join(str(known) for known in sorted(region.spreading_factors))
            message = f"{region.name} has no uplink of SF{factor} at 125 kHz"
            yield Problem(message, f"write one of {allowed}, range or adr", ("spreading_factor",))
        plans = " or ".join(str(number) for number in region.plans)
        if self.channels is not None and self.channels not in region.plans:
            yield Problem(f"{region.name} has no plan of {self.channels} channels", f"write {plans}", ("channels",))
        elif self.transmit_power > (most := region.most_power_dbm[self._channels]):
            message = f"{exact(self.transmit_power, 'signal level')} is more than {region.name} allows"
            hint = f"at most {exact(most, 'signal level')} with {self._channels} channels"
            yield Problem(message, hint, ("transmit_power",))
        if self.losses is not None:
            hint = "leave losses out: distance, spreading factor and collisions decide which frames are lost"
            yield Problem("frames of LoRa have no losses of their own", hint, ("losses",))

    def _too_little_airtime(self) -> Iterator[Problem]:
        parameters = self.parameters()
        varies = self.is_random or parameters.adaptive
        rates = range(parameters.most_bytes.size) if varies and parameters.fixed < 0 else [mean_rate(parameters)]
        airtime_s, rate = max((full_airtime_s(parameters, rate), rate) for rate in rates)
        budget_s = HOUR_S * float(parameters.duty_cycle.min())
        if airtime_s > budget_s:
            frame = f"a frame of {parameters.most_bytes[rate]} bytes at SF{parameters.spreading_factor[rate]}"
            message = f"a duty cycle of {self.duty_cycle:g} allows {human(budget_s, 'time')} in an hour, {frame}"
            least = math.ceil(airtime_s / HOUR_S * 1e5) / 1e5
            hint = f"write at least {least:g}"
            yield Problem(f"{message} takes {human(airtime_s, 'time')}", hint, ("duty_cycle",))

    @property
    def _region(self) -> Region:
        return REGIONS[self.region]

    @property
    def _channels(self) -> int:
        return min(self._region.plans) if self.channels is None else self.channels

    def parameters(self) -> LoraParameters:
        """The link as arrays."""
        region = self._region
        rates, answers = region.uplinks, region.answers
        band_of = np.array(region.plans[self._channels])
        allowed = [band.duty_cycle for band in region.bands[: band_of.max() + 1]]
        factor = self.spreading_factor
        return LoraParameters(
            spreading_factor=np.array([rate.spreading_factor for rate in rates]),
            bandwidth_hz=np.array([rate.bandwidth_hz for rate in rates]),
            most_bytes=np.array([rate.most_bytes for rate in rates]),
            sensitivity_dbm=np.array([SENSITIVITY_DBM[rate.spreading_factor] for rate in rates]),
            demodulation_dbm=np.array(
                [demodulation_limit_dbm(rate.spreading_factor, rate.bandwidth_hz) for rate in rates]
            ),
            rx1_sf=np.array([answer.spreading_factor for answer in answers]),
            rx1_bandwidth_hz=np.array([answer.bandwidth_hz for answer in answers]),
            rx1_most_bytes=np.array([answer.most_bytes for answer in answers]),
            window_s=np.array([answer.window_s for answer in answers]),
            rx2_sf=region.second_window.spreading_factor,
            rx2_bandwidth_hz=region.second_window.bandwidth_hz,
            rx2_most_bytes=region.second_window.most_bytes,
            rx2_window_s=region.second_window.window_s,
            band_of=band_of,
            duty_cycle=np.array(allowed if self.duty_cycle is None else [self.duty_cycle] * len(allowed)),
            transmit_dbm=self.transmit_power,
            received_dbm=self.transmit_power - path_loss_db(self.distance, *PATH_LOSSES[self.path_loss]),
            shadowing_db=self.shadowing,
            fixed=region.spreading_factors.index(factor) if isinstance(factor, int) else -1,
            adaptive=factor == "adr",
            confirmed=self.confirmed,
            transmissions=MOST_TRANSMISSIONS if self.confirmed else 1,
        )

    def channel(self, base: Path | None) -> Channel:  # noqa: ARG002
        """A constant rate: what full frames carry in the long run, at the mean level."""
        parameters = self.parameters()
        return long_run(parameters, mean_rate(parameters))

    def drawer(self, base: Path | None) -> Draw:  # noqa: ARG002
        """The same for one device, at the level that it was drawn."""
        parameters = self.parameters()

        def draw(seeds: np.random.SeedSequence, until_s: float) -> Channel:  # noqa: ARG001
            return long_run(parameters, parameters.settled_rate(parameters.draw_received_dbm(seeds)))

        return draw
