"""Arrivals, samples and run-to-run factors: all randomness of a run, drawn before it.

Every stream is a named `numpy.random.SeedSequence` child of (seed, replication, group, device), so that all policies
of a scenario see the same requests, and adding a device changes nobody else's arrivals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simulator import paths
from simulator.arrays import Floats
from simulator.devices.variability import Variability
from simulator.errors import Problem, ScenarioError
from simulator.scenario.schema import Workload as WorkloadSpec
from simulator.textfile import filled_lines, read_text

#: latest recorded arrival: three years; beyond, doubles do not resolve microseconds in sums of thousands of them
LATEST_S = 1e8


@dataclass(frozen=True)
class Source:
    """One group of equal devices, as far as drawing its requests needs it.

    Attributes
    ----------
    spec : WorkloadSpec
        Arrival process of each device of the group.
    devices : range
        Numbers of its devices.
    samples : int
        Size of its sample record; 0 when there is none.
    device_variability, edge_variability, cloud_variability : Variability or None
        Run-to-run variation of the compute time on each tier.
    base : Path or None
        Folder of relative references.
    horizon_s : float
        End of the observation; who would arrive later is no request of this run.
    has_cloud : bool
        Whether there is a third tier.
    """

    spec: WorkloadSpec
    devices: range
    samples: int
    device_variability: Variability | None
    edge_variability: Variability | None
    base: Path | None
    horizon_s: float = math.inf
    cloud_variability: Variability | None = None
    has_cloud: bool = False


@dataclass(frozen=True, eq=False)
class Workload:
    """Requests in order of request number: by arrival, then by device.

    Attributes
    ----------
    arrival_s : array of float, shape (requests,)
    device : array of int32, shape (requests,)
    sample : array of int64, shape (requests,)
        Row of the sample record; a running number of the device where there is none.
    device_factor, edge_factor : array of float, shape (requests,)
        Factors of mean 1 on the compute times.
    cloud_factor : array of float, shape (requests,), or None
        The same for the cloud; None without a cloud.
    """

    arrival_s: Floats
    device: NDArray[np.int32]
    sample: NDArray[np.int64]
    device_factor: Floats
    edge_factor: Floats
    cloud_factor: Floats | None = None

    @property
    def factors(self) -> tuple[Floats, Floats, Floats]:
        """Factors by their `draw` (`simulator.plan.stages`); those of the edge stand in where there is no cloud."""
        return (
            self.device_factor,
            self.edge_factor,
            self.edge_factor if self.cloud_factor is None else self.cloud_factor,
        )

    @property
    def size(self) -> int:
        """Number of requests."""
        return int(self.arrival_s.size)


def stream(seed: int, replication: int, name: str, device: int) -> np.random.Generator:
    """The random generator of one purpose of one device in one replication."""
    return np.random.Generator(np.random.PCG64(seeds(seed, replication, name, device)))


def seeds(seed: int, replication: int, name: str, device: int) -> np.random.SeedSequence:
    """The named stream of one purpose of one device in one replication."""
    return np.random.SeedSequence([seed, replication, crc32(name.encode()), device])


def draw(sources: list[Source], seed: int, replication: int) -> Workload:
    """Draw all requests of one replication.

    Raises
    ------
    ScenarioError
        When no request arrives at all, or an arrival file cannot be used.
    """
    arrivals, devices, samples, on_device, on_edge, on_cloud = [], [], [], [], [], []
    for source in sources:
        recorded = recorded_arrivals_s(source) if source.spec.arrivals == "recorded" else None
        for device in source.devices:
            if recorded is None:
                times = _arrivals(source.spec, partial(stream, seed, replication, device=device))
            else:
                times = recorded.get(device - source.devices.start, recorded.get(-1, np.empty(0)))
            times = times[: np.searchsorted(times, source.horizon_s, side="right")]
            count = times.size
            arrivals.append(times)
            devices.append(np.full(count, device, dtype=np.int32))
            generator = stream(seed, replication, "samples", device)
            samples.append(generator.integers(source.samples, size=count) if source.samples else np.arange(count))
            on_device.append(
                factors(source.device_variability, count, stream(seed, replication, "device time", device))
            )
            on_edge.append(factors(source.edge_variability, count, stream(seed, replication, "edge time", device)))
            if source.has_cloud:
                drawn = stream(seed, replication, "cloud time", device)
                on_cloud.append(factors(source.cloud_variability, count, drawn))
    arrival_s = np.concatenate(arrivals)
    if arrival_s.size == 0:
        raise ScenarioError(Problem("no request arrives", "lengthen the duration or the horizon", path=("workload",)))
    device_of = np.concatenate(devices)
    order = np.lexsort((device_of, arrival_s))
    return Workload(
        arrival_s=arrival_s[order],
        device=device_of[order],
        sample=np.concatenate(samples).astype(np.int64)[order],
        device_factor=np.concatenate(on_device)[order],
        edge_factor=np.concatenate(on_edge)[order],
        cloud_factor=np.concatenate(on_cloud)[order] if on_cloud else None,
    )


def _arrivals(spec: WorkloadSpec, generator_of: Callable[[str], np.random.Generator]) -> Floats:
    assert spec.rate is not None  # the schema asks for it unless the arrivals are recorded
    generator = generator_of("arrivals")
    if spec.arrivals == "periodic":
        count = spec.requests if spec.requests is not None else math.ceil((spec.duration or 0.0) * spec.rate)
        phase = generator_of("phase").random() / spec.rate if spec.phase is None else spec.phase
        times = phase + np.arange(count) / spec.rate
        if spec.jitter > 0:
            times = np.sort(times + generator.uniform(0.0, spec.jitter, count), kind="stable")  # nearly in order
        return times if spec.duration is None else times[times < spec.duration]
    if spec.requests is not None:
        return np.cumsum(generator.exponential(1 / spec.rate, spec.requests))
    duration = spec.duration or 0.0
    times = np.cumsum(generator.exponential(1 / spec.rate, _likely_enough(duration * spec.rate)))
    while times[-1] < duration:
        more = generator.exponential(1 / spec.rate, _likely_enough((duration - times[-1]) * spec.rate))
        times = np.concatenate((times, times[-1] + np.cumsum(more)))
    return times[times < duration]


def _likely_enough(mean: float) -> int:
    return int(mean + 6 * math.sqrt(mean)) + 16


def factors(variability: Variability | None, count: int, generator: np.random.Generator) -> Floats:
    """Factors of mean 1 as a card says them, shape (count,); 1 where it says nothing."""
    return np.ones(count) if variability is None else variability.draw(count, generator)


def recorded_gaps_s(source: Source) -> Floats:
    """Times from one recorded arrival of a device to its next, those of all devices of a group; shape (gaps,).

    Raises
    ------
    ScenarioError
        When the arrival file cannot be used.
    """
    return np.concatenate([np.empty(0), *(np.diff(times) for times in recorded_arrivals_s(source).values())])


def recorded_arrivals_s(source: Source) -> dict[int, Floats]:
    """Recorded arrival times by device of the group; -1 stands for every device.

    Raises
    ------
    ScenarioError
        When the arrival file cannot be used.
    """
    spec = source.spec
    assert spec.file is not None  # the schema asks for it when arrivals are recorded
    path = Path(spec.file)
    if not path.is_absolute() and source.base is not None and (source.base / path).is_file():
        path = source.base / path
    if path.is_file():
        paths.require_size("arrivals", path)
    rows = [(number, line.split(",")) for number, line in filled_lines(read_text(path, ScenarioError))]
    header = [name.strip() for name in rows[0][1]] if rows else []
    if header not in (["arrival_s"], ["arrival_s", "device"]):
        raise ScenarioError(Problem("header is not arrival_s or arrival_s,device", file=str(path), line=1, column=1))
    times: dict[int, list[float]] = {}
    problems = []
    for number, fields in rows[1:]:
        try:
            time = float(fields[0])
            device = int(fields[1]) if len(header) == 2 else -1
            ok = (
                math.isfinite(time)
                and 0 <= time <= LATEST_S
                and device >= -1
                and (device == -1) == (len(header) == 1)
                and len(fields) == len(header)
            )
        except (ValueError, IndexError):
            ok = False
        if not ok or device >= len(source.devices):
            problems.append(
                Problem(
                    f'"{",".join(fields)[:60]}" is no arrival',
                    f"a time from 0 to {LATEST_S:g} s, counted from the start of the observation and not since 1970; "
                    f"devices count from 0 to {len(source.devices) - 1}",
                    file=str(path),
                    line=number,
                    column=1,
                )
            )
        elif spec.duration is None or time < spec.duration:
            times.setdefault(device, []).append(time)
    if problems:
        raise ScenarioError(problems[:5])
    limit = spec.requests
    return {device: np.sort(np.array(values))[:limit] for device, values in times.items()}
