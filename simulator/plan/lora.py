"""LoRaWAN links as arrays for an engine: the rules of each group, and what is drawn for each of its devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.links.lora import LoraLink
from simulator.links.lora_parameters import LoraParameters
from simulator.links.lora_regions import REGIONS
from simulator.physics.duty import HOUR_S
from simulator.physics.lora import RECEIVE_DELAY1_S, uplink_airtime_s
from simulator.plan.system import System
from simulator.workload import seeds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: draws of each device for its channels, which start again after them
_DRAWS = 1024
#: channels of different regions never meet
_CHANNELS_OF_REGION = 1000


class LoraPlan(NamedTuple):
    """g groups with up to r data rates (slowest first), c channels and b sub-bands; d devices.

    Rows of groups without LoRa hold zeros. It is a named tuple, because compiled code can read that.

    Attributes
    ----------
    uses : array of bool, shape (d,)
        Which devices have a LoRaWAN link.
    received_dbm : array, shape (d,)
        Level of each device at the gateway.
    first_rate : array of int, shape (d,)
        Data rate of each device's first frame.
    draws : array of int, shape (d, k)
        Random numbers from which a device takes its channels.
    group_of : array of int, shape (d,)
    spreading_factor, bandwidth_hz, most_bytes, sensitivity_dbm, demodulation_dbm, window_s : array, shape (g, r)
    answer_factor, answer_bandwidth_hz, answer_most_bytes : array, shape (g, r)
        First receive window after an uplink of each data rate.
    second_factor, second_bandwidth_hz, second_most_bytes, second_window_s : array, shape (g,)
        Second receive window.
    rates, bands, channels, first_channel : array of int, shape (g,)
        How many there are, and the number of the first channel.
    band_of : array of int, shape (g, c)
    duty_cycle : array, shape (g, b)
    adaptive, confirmed : array of bool, shape (g,)
    hour_frames : int
        Frames of a device in a sub-band that must be remembered to keep the hour's airtime.
    """

    uses: Flags
    received_dbm: Floats
    first_rate: Integers
    draws: Integers
    group_of: Integers
    spreading_factor: Integers
    bandwidth_hz: Floats
    most_bytes: Integers
    sensitivity_dbm: Floats
    demodulation_dbm: Floats
    window_s: Floats
    answer_factor: Integers
    answer_bandwidth_hz: Floats
    answer_most_bytes: Integers
    second_factor: Integers
    second_bandwidth_hz: Floats
    second_most_bytes: Integers
    second_window_s: Floats
    rates: Integers
    bands: Integers
    channels: Integers
    first_channel: Integers
    band_of: Integers
    duty_cycle: Floats
    adaptive: Flags
    confirmed: Flags
    hour_frames: int


def make_lora(system: System, replication: int) -> LoraPlan | None:
    """The LoRaWAN links of a system in one replication; None when there are none."""
    links = [group.lora for group in system.groups]
    if all(link is None for link in links):
        return None
    received, first_rate = np.zeros(system.devices), np.zeros(system.devices, dtype=np.int64)
    draws = np.zeros((system.devices, _DRAWS), dtype=np.int64)
    seed = system.scenario.seed
    for group, link in zip(system.groups, links, strict=True):
        if link is None:
            continue
        rules = link.parameters()
        for device in group.devices:
            received[device] = rules.draw_received_dbm(seeds(seed, replication, "uplink", device))
            first_rate[device] = rules.first_rate(received[device])
            stream = np.random.PCG64(seeds(seed, replication, "lora channels", device))
            draws[device] = np.random.Generator(stream).integers(0, 1 << 62, _DRAWS)
    group_of = np.repeat(np.arange(len(links)), [len(group.devices) for group in system.groups])
    return lay_out(links, group_of, received, first_rate, draws)


def lay_out(
    links: Sequence[LoraLink | None], group_of: Integers, received_dbm: Floats, first_rate: Integers, draws: Integers
) -> LoraPlan:
    """Rules of some links, one for each group, and what was drawn for their devices, as a plan."""
    rules = [None if link is None else link.parameters() for link in links]
    regions = [0 if link is None else list(REGIONS).index(link.region) for link in links]
    return LoraPlan(
        uses=np.array([link is not None for link in links])[group_of],
        received_dbm=received_dbm,
        first_rate=first_rate,
        draws=draws,
        group_of=group_of,
        spreading_factor=_table(rules, "spreading_factor"),
        bandwidth_hz=_table(rules, "bandwidth_hz"),
        most_bytes=_table(rules, "most_bytes"),
        sensitivity_dbm=_table(rules, "sensitivity_dbm"),
        demodulation_dbm=_table(rules, "demodulation_dbm"),
        window_s=_table(rules, "window_s"),
        answer_factor=_table(rules, "rx1_sf"),
        answer_bandwidth_hz=_table(rules, "rx1_bandwidth_hz"),
        answer_most_bytes=_table(rules, "rx1_most_bytes"),
        second_factor=_column(rules, "rx2_sf"),
        second_bandwidth_hz=_column(rules, "rx2_bandwidth_hz"),
        second_most_bytes=_column(rules, "rx2_most_bytes"),
        second_window_s=_column(rules, "rx2_window_s"),
        rates=_sizes(rules, "spreading_factor"),
        bands=_sizes(rules, "duty_cycle"),
        channels=_sizes(rules, "band_of"),
        first_channel=np.array(regions) * _CHANNELS_OF_REGION,
        band_of=_table(rules, "band_of"),
        duty_cycle=_table(rules, "duty_cycle"),
        adaptive=_column(rules, "adaptive"),
        confirmed=_column(rules, "confirmed"),
        hour_frames=max(_hour_frames(rule) for rule in rules if rule is not None),
    )


def _sizes(rules: list[LoraParameters | None], name: str) -> Integers:
    return np.array([0 if rule is None else getattr(rule, name).size for rule in rules])


def _table(rules: list[LoraParameters | None], name: str) -> Any:
    """One row for each group, filled up with zeros; of the type that the rules have."""
    rows = [np.zeros(0, dtype=np.int64) if rule is None else getattr(rule, name) for rule in rules]
    kind = np.result_type(*(row.dtype for row in rows if row.size))
    table = np.zeros((len(rows), max(row.size for row in rows)), dtype=kind)
    for k, row in enumerate(rows):
        table[k, : row.size] = row
    return table


def _column(rules: list[LoraParameters | None], name: str) -> Any:
    """One value for each group, 0 where there is none; of the type that the rules have."""
    values = [None if rule is None else getattr(rule, name) for rule in rules]
    known = np.array([value for value in values if value is not None])
    return np.array([0 if value is None else value for value in values], dtype=known.dtype)


def _hour_frames(rule: LoraParameters) -> int:
    """Most frames that one device can send in a sub-band in an hour, and one more."""
    limited = rule.duty_cycle[rule.duty_cycle < 1]
    if limited.size == 0:
        return 1
    shortest = uplink_airtime_s(0, int(rule.spreading_factor[-1]), float(rule.bandwidth_hz[-1]))
    # between two frames lie the off-time and the delay of the first receive window
    return int(HOUR_S / max(shortest / float(limited.max()), shortest + RECEIVE_DELAY1_S)) + 2


def no_lora() -> LoraPlan:
    """A plan without devices, for compiled code that wants one."""
    integers, floats, flags = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool)
    whole, real = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0))
    return LoraPlan(
        uses=flags,
        received_dbm=floats,
        first_rate=integers,
        draws=whole,
        group_of=integers,
        spreading_factor=whole,
        bandwidth_hz=real,
        most_bytes=whole,
        sensitivity_dbm=real,
        demodulation_dbm=real,
        window_s=real,
        answer_factor=whole,
        answer_bandwidth_hz=real,
        answer_most_bytes=whole,
        second_factor=integers,
        second_bandwidth_hz=floats,
        second_most_bytes=integers,
        second_window_s=floats,
        rates=integers,
        bands=integers,
        channels=integers,
        first_channel=integers,
        band_of=whole,
        duty_cycle=real,
        adaptive=flags,
        confirmed=flags,
        hour_frames=1,
    )
