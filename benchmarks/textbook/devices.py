"""Devices that let their requests arrive, the same in all textbook models."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import simpy

#: device of a request, its arrival, start and end of each visit in order, and the instant of its answer
Row = tuple[float, ...]


class Device(NamedTuple):
    """A device with its stations."""

    number: int
    processor: simpy.Resource
    uplink: simpy.Resource
    downlink: simpy.Resource


def simulate(
    env: simpy.Environment,
    arrivals_s: list[list[float]],
    request: Callable[[Device], simpy.events.ProcessGenerator],
) -> None:
    """Start a process at each arrival of each device, and run until nothing is left to happen."""

    def source(device: Device, instants: list[float]) -> simpy.events.ProcessGenerator:
        for instant in instants:
            yield env.timeout(instant - env.now)
            env.process(request(device))

    for number, instants in enumerate(arrivals_s):
        device = Device(number, simpy.Resource(env), simpy.Resource(env), simpy.Resource(env))
        env.process(source(device, instants))
    env.run()
