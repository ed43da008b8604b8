"""Regions of LoRaWAN: data rates, payload limits, channels and duty cycles.

Source: LoRaWAN RP002-1.0.1 Regional Parameters, sections 2.5 (EU863-870) and 2.6 (US902-928); the sub-bands of Europe
and their duty cycles as in Lora-net/LoRaMac-node@dcbcfb32 RegionEU868.c. Uplink data rates are those of 125 kHz; left
out are SF7 at 250 kHz and FSK (EU868 DR6 and DR7), SF8 at 500 kHz (US915 DR4), what repeaters need, and the rule of the
FCC that a channel is used for at most 400 ms in 20 s (a frame alone keeps to it).

A sensitivity is that of a gateway with an SX1301 at 125 kHz (signetlabdei/lorawan@82ea58a9). The time that a receiver
listens in a window without an answer was measured at 125 kHz (GillesC/LoRaEnergySim@f854462c); at 500 kHz it is
estimated as that of the data rate whose symbols are as long, and the shortest one for shorter symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BANDWIDTH_HZ = 125e3

#: spreading factor -> level that a gateway still receives at 125 kHz
SENSITIVITY_DBM: Mapping[int, float] = MappingProxyType(
    {7: -130.0, 8: -132.5, 9: -135.0, 10: -137.5, 11: -140.0, 12: -142.5}
)

#: spreading factor at 125 kHz -> time that the receiver is on in a window without an answer
_LISTENS_S: Mapping[int, float] = MappingProxyType({7: 0.015, 8: 0.021, 9: 0.038, 10: 0.047, 11: 0.090, 12: 0.170})


@dataclass(frozen=True)
class DataRate:
    """One way to send a frame.

    Attributes
    ----------
    name : str
        As in the regional parameters, ``DR5``.
    spreading_factor : int
    bandwidth_hz : float
    most_bytes : int
        Most bytes of the application in one frame (N of the regional parameters, no repeater).
    """

    name: str
    spreading_factor: int
    bandwidth_hz: float
    most_bytes: int

    @property
    def window_s(self) -> float:
        """Time that a receiver is on in a window of this data rate without an answer."""
        octaves = round(self.bandwidth_hz / BANDWIDTH_HZ).bit_length() - 1
        return _LISTENS_S[max(self.spreading_factor - octaves, min(_LISTENS_S))]


@dataclass(frozen=True)
class Band:
    """A sub-band with a duty cycle of its own.

    Attributes
    ----------
    name : str
        Its limits in MHz.
    duty_cycle : float
        Largest share of time that a device may send; 1 where there is no limit.
    """

    name: str
    duty_cycle: float


@dataclass(frozen=True)
class Region:
    """What LoRaWAN allows somewhere.

    Attributes
    ----------
    name : str
    uplinks : tuple of DataRate
        Slowest first.
    answers : tuple of DataRate
        Data rate of the first receive window after each uplink, with an offset of 0.
    second_window : DataRate
        Data rate of the second receive window.
    bands : tuple of Band
    plans : mapping of int to tuple of int
        Number of channels -> band of each channel; the first plan is the one that devices start with.
    most_power_dbm : mapping of int to float
        Number of channels -> highest transmit power.
    """

    name: str
    uplinks: tuple[DataRate, ...]
    answers: tuple[DataRate, ...]
    second_window: DataRate
    bands: tuple[Band, ...]
    plans: Mapping[int, tuple[int, ...]]
    most_power_dbm: Mapping[int, float]

    @property
    def spreading_factors(self) -> tuple[int, ...]:
        """Spreading factors of the uplinks, slowest first."""
        return tuple(rate.spreading_factor for rate in self.uplinks)


_EU868_RATES = tuple(
    DataRate(f"DR{number}", 12 - number, BANDWIDTH_HZ, most_bytes)
    for number, most_bytes in enumerate((51, 51, 51, 115, 242, 242))
)

EU868 = Region(
    name="EU868",
    uplinks=_EU868_RATES,
    answers=_EU868_RATES,
    second_window=_EU868_RATES[0],
    bands=(Band("868.0-868.6", 0.01), Band("865.0-868.0", 0.01)),
    # 868.1, 868.3, 868.5 are in every device; 867.1 to 867.9 are what networks commonly add
    plans=MappingProxyType({3: (0, 0, 0), 8: (0, 0, 0, 1, 1, 1, 1, 1)}),
    most_power_dbm=MappingProxyType({3: 14.0, 8: 14.0}),
)

US915 = Region(
    name="US915",
    uplinks=tuple(
        DataRate(f"DR{number}", 10 - number, BANDWIDTH_HZ, most_bytes)
        for number, most_bytes in enumerate((11, 53, 125, 242))
    ),
    answers=tuple(DataRate(f"DR{10 + number}", 10 - number, 500e3, 242) for number in range(4)),
    second_window=DataRate("DR8", 12, 500e3, 53),
    bands=(Band("902.3-914.9", 1.0),),
    # one sub-band of eight channels, which most networks use, or all of them
    plans=MappingProxyType({8: (0,) * 8, 64: (0,) * 64}),
    # the FCC asks for at least 50 channels to hop over above 21 dBm
    most_power_dbm=MappingProxyType({8: 21.0, 64: 30.0}),
)

REGIONS: Mapping[str, Region] = MappingProxyType({"EU868": EU868, "US915": US915})
