"""The same system as a textbook writes it in SimPy: one process for each request, one resource for each station.

Ten devices with an uplink each share a server with four workers. Nothing is recorded but the latency. This is the
yardstick of `make bench`, not a part of the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simpy


@dataclass(frozen=True)
class Setting:
    """Devices, requests of each, and the times of the three stations."""

    devices: int = 10
    requests: int = 10_000
    rate_per_s: float = 30.0
    device_s: float = 0.010
    uplink_s: float = 0.016
    workers: int = 4
    edge_s: float = 0.010


def run(setting: Setting, seed: int) -> list[float]:
    """Latencies of all requests in seconds."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    generator = np.random.default_rng(seed)
    latencies: list[float] = []

    def request(processor: simpy.Resource, uplink: simpy.Resource) -> simpy.events.ProcessGenerator:
        arrival = env.now
        with processor.request() as turn:
            yield turn
            yield env.timeout(setting.device_s)
        with uplink.request() as turn:
            yield turn
            yield env.timeout(setting.uplink_s)
        with server.request() as turn:
            yield turn
            yield env.timeout(setting.edge_s)
        latencies.append(env.now - arrival)

    def source() -> simpy.events.ProcessGenerator:
        processor, uplink = simpy.Resource(env), simpy.Resource(env)
        for gap in generator.exponential(1 / setting.rate_per_s, setting.requests):
            yield env.timeout(gap)
            env.process(request(processor, uplink))

    for _ in range(setting.devices):
        env.process(source())
    env.run()
    return latencies
