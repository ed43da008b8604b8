"""As `plain`, with a radio that sleeps once its tail is over; both directions of a device share it."""

from __future__ import annotations

import math

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


class Radio:
    """Stays awake for a tail after each transfer; woken from sleep, it needs a promotion before bits flow."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.busy_until_s = -math.inf
        self.awake_from_s = -math.inf

    def take(self, now_s: float, transfer_s: float) -> float:
        """Time that a transfer takes which begins now, the promotion included."""
        if now_s < self.busy_until_s:  # the other direction transfers, or waits for the same promotion
            delay = max(self.awake_from_s - now_s, 0.0)
        else:
            delay = 0.0 if now_s < self.busy_until_s + self.setting.tail_s else self.setting.promotion_s
        self.awake_from_s = now_s + delay
        self.busy_until_s = max(self.busy_until_s, now_s + delay + transfer_s)
        return delay + transfer_s


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    radios = [Radio(setting) for _ in arrivals_s]
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
            yield env.timeout(radios[device.number].take(env.now, setting.uplink_s))
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
            yield env.timeout(radios[device.number].take(env.now, setting.downlink_s))
        visits = (device_start, device_end, uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))

    simulate(env, arrivals_s, request)
    return log
