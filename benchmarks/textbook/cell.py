"""As `plain`, with one cell for all devices: whoever transfers, up or down, gets an equal part of its airtime."""

from __future__ import annotations

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


class Cell:
    """Processor sharing: a process sleeps until the next transfer ends, and is interrupted when somebody comes."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.left_s: dict[simpy.Event, float] = {}
        self.since_s = 0.0
        self.process = env.process(self.run())

    def transfer(self, airtime_s: float) -> simpy.Event:
        """An event that happens when so much airtime has been given."""
        self.advance()
        over = self.env.event()
        self.left_s[over] = airtime_s
        self.process.interrupt()
        return over

    def advance(self) -> None:
        """Give everybody the part that is due since somebody last came or went."""
        if self.left_s:
            part_s = (self.env.now - self.since_s) / len(self.left_s)
            for over in self.left_s:
                self.left_s[over] -= part_s
        self.since_s = self.env.now

    def run(self) -> simpy.events.ProcessGenerator:
        """Let transfers end."""
        while True:
            try:
                if not self.left_s:
                    yield self.env.event()
                first = min(self.left_s, key=self.left_s.__getitem__)
                yield self.env.timeout(max(self.left_s[first], 0.0) * len(self.left_s))
                self.advance()
                del self.left_s[first]
                first.succeed()
            except simpy.Interrupt:
                continue


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    server = simpy.Resource(env, setting.workers)
    cell = Cell(env)
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
            yield cell.transfer(setting.uplink_s)
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
            yield cell.transfer(setting.downlink_s)
        visits = (device_start, device_end, uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))

    simulate(env, arrivals_s, request)
    return log
