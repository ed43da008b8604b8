"""What the importers of LoRaWAN packet logs share: data rates with their nominal bit rates, frames in order.

The nominal bit rate is the one of the LoRaWAN Regional Parameters (RP002) for a spreading factor and bandwidth. What an
application can send is far less: frame overhead, airtime, duty cycle and losses come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from simulator.links.importers.formats import read_json
from simulator.links.importers.model import Direction, Finding, Frames, ImportedTrace
from simulator.links.importers.source import Source

#: (spreading factor, bandwidth in Hz) -> bit/s; 0 stands for FSK
NOMINAL_BPS: Mapping[tuple[int, int], float] = MappingProxyType(
    {
        (12, 125_000): 250.0,
        (11, 125_000): 440.0,
        (10, 125_000): 980.0,
        (9, 125_000): 1760.0,
        (8, 125_000): 3125.0,
        (7, 125_000): 5470.0,
        (7, 250_000): 11000.0,
        (8, 500_000): 12500.0,
        (0, 0): 50000.0,
    }
)
#: highest counter of a frame (32 bit)
_COUNTERS = 2**32


@dataclass(frozen=True)
class Frame:
    """One frame of a log."""

    time_s: float
    counter: int
    spreading_factor: int
    bandwidth_hz: int
    rssi_dbm: float = math.nan
    snr_db: float = math.nan


def read_json_lines(source: Source, name: str, frame: Callable[[Any], Frame | None], skipped: str) -> ImportedTrace:
    """Frames of a file with one JSON object a line.

    Parameters
    ----------
    source : Source
    name : str
        Name of the format.
    frame : callable
        The frame in an object, None for an object that is no frame; raises KeyError, TypeError, IndexError or
        ValueError for one that is damaged.
    skipped : str
        What the objects without a frame are, for the report.
    """
    frames, lines, others = [], [], 0
    for number, line in source.lines:
        try:
            entry = read_json(line)
        except ValueError as error:
            source.fail(f"is not a JSON object: {error}", "one object a line; is the file cut short?", number)
        try:
            read = frame(entry)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
            source.fail(f"is not a frame of {name}: {type(error).__name__} {error}", "", number)
        if read is None:
            others += 1
        else:
            frames.append(read)
            lines.append(number)
    findings = [Finding("dropped", others, f"lines: {skipped}")] if others else []
    return imported(source, name, frames, lines, findings)


def imported(
    source: Source,
    name: str,
    frames: Sequence[Frame],
    lines: Sequence[int],
    findings: list[Finding],
    direction: Direction = "uplink",
) -> ImportedTrace:
    """Frames in order of time as an imported trace, with what is noticed about their counters.

    Raises
    ------
    TraceError
        If there is no frame, or one has an impossible time, counter or data rate.
    """
    if not frames:
        source.fail("holds no frames", "a packet log has at least one")
    for frame, line in zip(frames, lines, strict=True):
        if not math.isfinite(frame.time_s):
            source.fail(f"time {frame.time_s} is not finite", "", line)
        if not 0 <= frame.counter < _COUNTERS:
            source.fail(f"frame counter {frame.counter} is impossible", "a counter is between 0 and 2^32 - 1", line)
        if (frame.spreading_factor, frame.bandwidth_hz) not in NOMINAL_BPS:
            known = ", ".join(f"SF{sf}BW{hz // 1000}" for sf, hz in NOMINAL_BPS if sf)
            rate = f"SF{frame.spreading_factor}BW{frame.bandwidth_hz / 1e3:g}"
            source.fail(f"{rate} is not a data rate of LoRaWAN", f"known: {known}", line)
    times = np.array([frame.time_s for frame in frames])
    order = np.argsort(times, kind="stable")
    back = int((np.diff(times) < 0).sum())
    if back:
        findings.append(Finding("changed", back, "frames: logged before an earlier one; sorted by time"))
    ordered = [frames[k] for k in order]
    content = Frames(
        times_s=times[order] - times[order[0]],
        counters=np.array([frame.counter for frame in ordered], dtype=np.int64),
        spreading_factor=np.array([frame.spreading_factor for frame in ordered], dtype=np.int64),
        nominal_bps=np.array([NOMINAL_BPS[frame.spreading_factor, frame.bandwidth_hz] for frame in ordered]),
        rssi_dbm=np.array([frame.rssi_dbm for frame in ordered]),
        snr_db=np.array([frame.snr_db for frame in ordered]),
    )
    repeated = int((np.diff(content.counters) == 0).sum())
    if repeated:
        findings.append(
            Finding("kept", repeated, "frames: repeat the counter of the one before; they count once as delivered")
        )
    restarts = len(content.delivered()) - 1
    if restarts:
        findings.append(Finding("kept", restarts, "restarts of the frame counter; losses across them are not counted"))
    return ImportedTrace(source.file, name, content, direction, "LoRaWAN", tuple(findings))
