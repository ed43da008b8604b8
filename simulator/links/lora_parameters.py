"""What an engine needs to know of a LoRaWAN link, as arrays in SI units (levels in dBm)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.physics.lora import adapted_rate, fastest_rate

#: levels that stand for all levels of devices with shadowing: shares of them are right within 0.1 %
_LEVELS = 512


@dataclass(frozen=True, eq=False)
class LoraParameters:
    """A link of one device to a gateway; r uplink data rates, slowest first, c channels, b sub-bands.

    Attributes
    ----------
    spreading_factor : array of int, shape (r,)
    bandwidth_hz : array of float, shape (r,)
    most_bytes : array of int, shape (r,)
        Most bytes of the application in one frame.
    sensitivity_dbm : array of float, shape (r,)
        Weakest level at which the gateway receives.
    demodulation_dbm : array of float, shape (r,)
        Level from which the network counts the margin of a device (`simulator.physics.lora.demodulation_limit_dbm`).
    rx1_sf, rx1_bandwidth_hz, rx1_most_bytes : array, shape (r,)
        First receive window after an uplink of each data rate.
    window_s : array of float, shape (r,)
        Time that the receiver is on in a first window without an answer.
    rx2_sf : int
    rx2_bandwidth_hz : float
    rx2_most_bytes : int
        Second receive window.
    rx2_window_s : float
        Time that the receiver is on in a second window without an answer.
    band_of : array of int, shape (c,)
        Sub-band of each channel.
    duty_cycle : array of float, shape (b,)
        Largest share of time in each sub-band; 1 where there is no limit.
    transmit_dbm, received_dbm : float
        Level that leaves the device, and the mean level at the gateway.
    shadowing_db : float
        Standard deviation of the level at the gateway between devices.
    fixed : int
        Index of the data rate, -1 where range or the network chooses it.
    adaptive : bool
        Whether the network chooses it (`simulator.physics.lora.adapted_rate`); the device starts at the slowest.
    confirmed : bool
        Whether frames are acknowledged, and sent again when they are not.
    transmissions : int
        How often a frame is sent at most.
    """

    spreading_factor: Ints
    bandwidth_hz: Floats
    most_bytes: Ints
    sensitivity_dbm: Floats
    demodulation_dbm: Floats
    rx1_sf: Ints
    rx1_bandwidth_hz: Floats
    rx1_most_bytes: Ints
    window_s: Floats
    rx2_sf: int
    rx2_bandwidth_hz: float
    rx2_most_bytes: int
    rx2_window_s: float
    band_of: Ints
    duty_cycle: Floats
    transmit_dbm: float
    received_dbm: float
    shadowing_db: float
    fixed: int
    adaptive: bool
    confirmed: bool
    transmissions: int

    def data_rate_for(self, received_dbm: float) -> int:
        """Index of the fastest data rate that the gateway hears at this level; -1 if it hears none."""
        return fastest_rate(received_dbm, self.sensitivity_dbm)

    def first_rate(self, received_dbm: float) -> int:
        """Data rate of a device's first frame; a device that nobody hears sends at the slowest, in vain."""
        if self.fixed >= 0:
            return self.fixed
        return 0 if self.adaptive else max(self.data_rate_for(received_dbm), 0)

    def settled_rate(self, received_dbm: float) -> int:
        """Data rate that a device keeps once the network has nothing more to change."""
        rate = self.first_rate(received_dbm)
        while self.adaptive and (faster := adapted_rate(rate, received_dbm, self.demodulation_dbm)) > rate:
            rate = faster
        return rate

    def heard(self) -> list[tuple[float, LoraParameters]]:
        """Devices that the gateway hears, one for each settled data rate, and their shares of all that it hears.

        Of the normal distribution of levels equally likely ones are looked at. If it hears none of them, this is the
        device at the mean level.
        """
        if self.shadowing_db == 0:
            return [(1.0, self)]
        places = (np.arange(_LEVELS) + 0.5) / _LEVELS
        levels_dbm = [NormalDist(self.received_dbm, self.shadowing_db).inv_cdf(place) for place in places.tolist()]
        of_rate: dict[int, list[float]] = {}
        for level_dbm in levels_dbm:
            rate = self.settled_rate(level_dbm)
            if level_dbm >= self.sensitivity_dbm[rate]:
                of_rate.setdefault(rate, []).append(level_dbm)
        count = sum(map(len, of_rate.values()))
        found = [(len(levels) / count, replace(self, received_dbm=levels[0])) for levels in of_rate.values()]
        return found or [(1.0, self)]

    def draw_received_dbm(self, seeds: np.random.SeedSequence) -> float:
        """Level at the gateway of one device, with its shadowing; the same sequence gives the same level."""
        generator = np.random.Generator(np.random.PCG64(seeds))
        return self.received_dbm + self.shadowing_db * float(generator.standard_normal())
