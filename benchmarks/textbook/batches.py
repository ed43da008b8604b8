"""As `plain`, with batches at the server: a free worker waits until one is full, or its first request has waited."""

from __future__ import annotations

from dataclasses import dataclass

import simpy

from textbook.devices import Device, Row, simulate
from textbook.setting import Setting


@dataclass
class Job:
    """A request at the server."""

    joined_s: float
    over: simpy.Event


def run(setting: Setting, arrivals_s: list[list[float]]) -> list[Row]:
    """Instants of all requests; ``arrivals_s`` holds the arrivals of each device."""
    env = simpy.Environment()
    workers = simpy.Resource(env, setting.workers)
    queue = simpy.Store(env)
    log: list[Row] = []

    def gather() -> simpy.events.ProcessGenerator:
        while True:
            worker = workers.request()
            yield worker
            batch = [(yield queue.get())]
            enough = env.timeout(max(batch[0].joined_s + setting.max_wait_s - env.now, 0.0))
            while len(batch) < setting.max_batch:
                following = queue.get()
                if not following.triggered:
                    yield following | enough
                if not following.triggered:
                    following.cancel()
                    break
                batch.append(following.value)
            env.process(compute(batch, worker))

    def compute(batch: list[Job], worker: simpy.resources.resource.Request) -> simpy.events.ProcessGenerator:
        start = env.now
        yield env.timeout(setting.batch_fixed_s + setting.batch_item_s * len(batch))
        workers.release(worker)
        for job in batch:
            job.over.succeed(start)

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
        job = Job(env.now, env.event())
        queue.put(job)
        edge_start = yield job.over
        edge_end = env.now
        with device.downlink.request() as turn:
            yield turn
            downlink_start = env.now
            yield env.timeout(setting.downlink_s)
        visits = (device_start, device_end, uplink_start, uplink_end, edge_start, edge_end, downlink_start, env.now)
        log.append((device.number, arrival, *visits, env.now + setting.propagation_s))

    env.process(gather())
    simulate(env, arrivals_s, request)
    return log
