"""Device processor, uplink, edge server, downlink, each with its queue; links of a constant rate."""

from __future__ import annotations

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    log: list[Row] = []

    def request(device: Device) -> simpy.events.ProcessGenerator:
        arrival = env.now
        with device.processor.request() as turn:
            yield turn
            device_start = env.now
            yield env.timeout(setting.device_s)
        device_end = env.now
        with device.uplink.request() as turn:
            yield turn
            uplink_start = env.now
            yield env.timeout(setting.uplink_s)
        uplink_end = env.now
        yield env.timeout(setting.propagation_s)
        with server.request() as turn:
            yield turn
            edge_start = env.now
            yield env.timeout(setting.edge_s)
        edge_end = env.now
        with device.downlink.request() as turn:
            yield turn
            downlink_start = env.now
            yield env.timeout(setting.downlink_s)
        visits = (device_start, device_end, uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))

    simulate(env, arrivals_s, request)
    return log
