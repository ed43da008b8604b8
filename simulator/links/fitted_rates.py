"""The rates that a radio card was fitted at, and whether a link keeps to them.

A power model ``alpha * rate + beta`` holds where somebody measured it. Beyond the fastest measured rate it is a
straight line into the unknown: 438 mW for each Mbit/s of an LTE phone of 2012 make 22 W at 47 Mbit/s. Looked at are the
mean rate of a link and the rate that it exceeds a tenth of the time; what it does for less time matters little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from simulator.devices.sourced import Sourced
from simulator.scenario.quantities import Quantity
from simulator.units import human

#: how far the faster rates of a changing link may go beyond the fastest one of the fit
_BEYOND = 1.25

Range = tuple[float, float]


def _rises(limits: Range) -> Range:
    if limits[0] >= limits[1]:
        message = "the lowest rate is not below the highest one"
        hint = 'write both, the lower one first: ["1 Mbit/s", "40 Mbit/s"]'
        raise PydanticCustomError("range", "{message}", {"message": message, "hint": hint})
    return limits


Rate = Annotated[float, Quantity("bit rate")]
RateRange = Annotated[tuple[Rate, Rate], AfterValidator(_rises)]


class FittedRates(BaseModel):
    """Lowest and highest rate that the power model of a radio was fitted to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uplink: Sourced[RateRange] = Field(description="Lowest and highest rate while sending.")
    downlink: Sourced[RateRange] = Field(description="Lowest and highest rate while receiving.")


def outside(name: str, fitted: FittedRates, rates: Mapping[str, Range]) -> str:
    """What to say of a radio on a link that it was not fitted for; empty where it was.

    Parameters
    ----------
    name : str
        Name of the radio card.
    fitted : FittedRates
    rates : mapping of str to tuple of float
        For ``uplink`` and ``downlink``, as far as they carry anything: the mean rate, and the rate that is exceeded a
        tenth of the time.
    """
    said = []
    for way, (mean, high) in rates.items():
        lowest, highest = getattr(fitted, way).value
        if lowest <= mean <= highest and high <= _BEYOND * highest:
            continue
        faster = f", more than {human(high, 'bit rate')} a tenth of the time" if high > mean else ""
        limits = f"{human(lowest, 'bit rate')} to {human(highest, 'bit rate')}"
        said.append(f"{way}s of {limits} (here {human(mean, 'bit rate')} on average{faster})")
    if not said:
        return ""
    return (
        f"radio {name} is fitted to {' and to '.join(said)}: its energy is extrapolated; "
        "`offload-sim list radios` shows what each card is fitted to"
    )
