"""Device, uplink, edge, backhaul, cloud, and back over both links; backhaul and cloud are shared by all devices."""

from __future__ import annotations

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    backhaul_up, backhaul_down = simpy.Resource(env), simpy.Resource(env)
    cloud = simpy.Resource(env, setting.cloud_workers)
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
        with backhaul_up.request() as turn:
            yield turn
            up_start = env.now
            yield env.timeout(setting.backhaul_s)
        up_end = env.now
        yield env.timeout(setting.backhaul_propagation_s)
        with cloud.request() as turn:
            yield turn
            cloud_start = env.now
            yield env.timeout(setting.cloud_s)
        cloud_end = env.now
        with backhaul_down.request() as turn:
            yield turn
            down_start = env.now
            yield env.timeout(setting.backhaul_down_s)
        down_end = env.now
        yield env.timeout(setting.backhaul_propagation_s)
        with device.downlink.request() as turn:
            yield turn
            downlink_start = env.now
            yield env.timeout(setting.downlink_s)
        there = (device_start, device_end, uplink_start, uplink_end, edge_start, edge_end, up_start, up_end)
        back = (cloud_start, cloud_end, down_start, down_end, downlink_start, env.now)
        log.append((device.number, arrival, *there, *back, env.now + setting.propagation_s))

    simulate(env, arrivals_s, request)
    return log
