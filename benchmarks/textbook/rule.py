"""As `plain`, but each request chooses when it arrives: all on its device, a part of it, or nothing of it.

It takes the option with the least predicted latency. A prediction is the sum of the option's stations, each of the
device's own counted once more for every request that waits there.
"""

from __future__ import annotations

from typing import NamedTuple

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


class Option(NamedTuple):
    """Times of one way to go; 0 on a station that is not visited."""

    device_s: float
    uplink_s: float
    edge_s: float
    downlink_s: float
    propagation_s: float


def options_of(setting: Setting) -> tuple[Option, ...]:
    """Everything at the server, everything on the device, and the option of `plain`."""
    back = (setting.downlink_s, 2 * setting.propagation_s)
    return (
        Option(0.0, setting.input_uplink_s, setting.whole_edge_s, *back),
        Option(setting.device_s, setting.uplink_s, setting.edge_s, *back),
        Option(setting.device_s + setting.rest_s, 0.0, 0.0, 0.0, 0.0),
    )


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    options = options_of(setting)
    log: list[Row] = []

    def request(device: Device) -> simpy.events.ProcessGenerator:
        arrival = env.now
        on_device, on_uplink = 1 + len(device.processor.queue), 1 + len(device.uplink.queue)
        lowest = float("inf")
        for option in options:
            predicted = on_device * option.device_s + on_uplink * option.uplink_s
            predicted += option.edge_s + option.downlink_s + option.propagation_s
            if predicted < lowest:
                lowest, chosen = predicted, option
        visits: tuple[float, ...] = ()
        if chosen.device_s:
            with device.processor.request() as turn:
                yield turn
                device_start = env.now
                yield env.timeout(chosen.device_s)
            visits = (device_start, env.now)
            if not chosen.uplink_s:
                log.append((device.number, arrival, *visits, env.now))
                return
        with device.uplink.request() as turn:
            yield turn
            uplink_start = env.now
            yield env.timeout(chosen.uplink_s)
        uplink_end = env.now
        yield env.timeout(setting.propagation_s)
        with server.request() as turn:
            yield turn
            edge_start = env.now
            yield env.timeout(chosen.edge_s)
        edge_end = env.now
        with device.downlink.request() as turn:
            yield turn
            downlink_start = env.now
            yield env.timeout(chosen.downlink_s)
        visits += (uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))

    simulate(env, arrivals_s, request)
    return log
