"""As `plain`, but each request chooses when it arrives: all on its device, a part of it, or nothing of it.

It takes the option with the least predicted latency. A prediction is the sum of the option's stations. At the device's
own it waits until all is done that stands there, who is served counted as a whole. At the server it waits for those of
whom the freshest answer has told, less the time since then. The uplink has one rate, so that what the last transfer
tells of it is always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass
class Known:
    """What a device knows: the work that stands at its processor and its uplink, and how many waited at the server."""

    processor_s: float = 0.0
    uplink_s: float = 0.0
    since_s: float = 0.0
    waiting: int = 0


def options_of(setting: Setting) -> tuple[Option, ...]:
    """Everything at the server, the option of `plain`, and everything on the device."""
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
    at_server = [option.edge_s for option in options if option.edge_s]
    each_s = sum(at_server) / len(at_server) / setting.workers
    knows = [Known() for _ in arrivals_s]
    log: list[Row] = []

    def choose(known: Known) -> Option:
        queue_s = max(known.waiting * each_s - (env.now - known.since_s), 0.0)
        lowest = float("inf")
        for option in options:
            predicted = option.device_s + option.uplink_s + option.edge_s + option.downlink_s + option.propagation_s
            predicted += known.processor_s if option.device_s else 0.0
            predicted += known.uplink_s + queue_s if option.uplink_s else 0.0
            if predicted < lowest:
                lowest, chosen = predicted, option
        return chosen

    def request(device: Device) -> simpy.events.ProcessGenerator:
        arrival, known = env.now, knows[device.number]
        chosen = choose(known)
        visits: tuple[float, ...] = ()
        if chosen.device_s:
            known.processor_s += chosen.device_s
            with device.processor.request() as turn:
                yield turn
                device_start = env.now
                yield env.timeout(chosen.device_s)
            known.processor_s -= chosen.device_s
            visits = (device_start, env.now)
            if not chosen.uplink_s:
                log.append((device.number, arrival, *visits, env.now))
                return
        known.uplink_s += chosen.uplink_s
        with device.uplink.request() as turn:
            yield turn
            uplink_start = env.now
            yield env.timeout(chosen.uplink_s)
        known.uplink_s -= chosen.uplink_s
        uplink_end = env.now
        yield env.timeout(setting.propagation_s)
        with server.request() as turn:
            yield turn
            edge_start, waiting = env.now, len(server.queue)
            yield env.timeout(chosen.edge_s)
        edge_end = env.now
        with device.downlink.request() as turn:
            yield turn
            downlink_start = env.now
            yield env.timeout(chosen.downlink_s)
        visits += (uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))
        yield env.timeout(setting.propagation_s)
        if edge_start > known.since_s:
            known.since_s, known.waiting = edge_start, waiting

    simulate(env, arrivals_s, request)
    return log
