"""A link whose rate follows a recorded or generated trace: ``uplink: {trace: lte-uplink-driving}``.

A trace file is a CSV with the header ``time_s,rate_bps`` (lines that start with ``#`` are comments). A row's rate
holds from its time until the time of the next row; the last row holds as long as the one before it. Time counts from
the first row, and the trace starts again when it ends.

Each replication begins at a random instant of the recording, unless ``start`` fixes it. That instant is one draw for
a replication and a group of devices, the same for all policies and for all points of a sweep. Both directions of a
group begin at the same share of their recordings: each of them is met at every instant with the same probability, and
recordings of one drive, which are equally long, stay in step.
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from simulator import paths
from simulator.errors import Problem, TraceError
from simulator.links.base import LinkKind
from simulator.physics.link import Channel
from simulator.scenario.quantities import Duration
from simulator.scenario.references import TraceReference
from simulator.textfile import filled_lines, read_text
from simulator.units import SENSIBLE, exact, human

_COLUMNS = ("time_s", "rate_bps")
_SHOWN = 5
#: shortest row as a share of the trace: a few times the rounding of its times, to which the start of a run adds
_LEAST_STEP = 1e-15
#: a trace that stays below this holds another unit: only LoRaWAN is as slow, and its airtime is no rate
_SLOWEST_BPS = 1e3


class TraceLink(LinkKind):
    """One direction of a link whose rate follows a trace."""

    kind: Literal["trace"] = Field("trace", description="A rate that follows a trace, over and over.")
    trace: TraceReference = Field(description="Name of a built-in trace, or a CSV with the columns time_s,rate_bps.")

    start: Duration | None = Field(
        None, description="Instant of the recording at which every run begins; drawn for each replication if left out."
    )

    @property
    def begins_anywhere(self) -> bool:
        """Whether the start is left to chance."""
        return self.start is None

    def channel(self, base: Path | None) -> Channel:
        """The channel that this trace describes, from its start on; ``base`` is the folder of relative references."""
        channel = read_trace(paths.find("trace", self.trace, base))
        if not self.start:
            return channel
        if channel.rates_bps.size == 1:
            what = "a trace of one row has the same rate at all times"
            raise TraceError(Problem(what, "leave start out", ("start",)))
        if self.start >= channel.edges_s[-1]:
            lasts = human(float(channel.edges_s[-1]), "time")
            message = f"{exact(self.start, 'time')} is beyond the end of the trace"
            raise TraceError(Problem(message, f"it lasts {lasts}; then it starts again", ("start",)))
        return channel.starting_at(self.start)


def read_trace(path: Path) -> Channel:
    """Read a two-column trace.

    Raises
    ------
    TraceError
        For a file that is no trace, time that does not advance, negative or non-finite rates, and a link that is
        dead for ever; all problems at once, the first few of each row kind.
    """
    rows = filled_lines(read_text(path, TraceError))
    if not rows:
        raise TraceError(Problem("is empty", "a trace is a CSV with the header time_s,rate_bps", file=str(path)))
    number, header = rows[0]
    if tuple(name.strip() for name in header.split(",")) != _COLUMNS:
        raise TraceError(
            Problem(
                f'header is "{header[:60]}"',
                "the header must be: time_s,rate_bps",
                file=str(path),
                line=number,
                column=1,
            )
        )
    times, rates, problems = _parse(rows[1:], str(path))
    if not problems:
        problems = _judge(times, rates, [number for number, _ in rows[1:]], str(path))
    if problems:
        raise TraceError(problems)
    if len(times) == 1:
        return Channel.constant(rates[0])
    start = times[0]
    edges = np.array([time - start for time in times] + [times[-1] - start + (times[-1] - times[-2])])
    short = np.flatnonzero(np.diff(edges) < _LEAST_STEP * edges[-1])
    if short.size:
        step = f"a row of {human(float(np.diff(edges)[short[0]]), 'time')} in a trace of {human(edges[-1], 'time')}"
        hint = "leave the row out: no transfer can tell it from the rounding of the time"
        raise TraceError(
            Problem(f"{step} is too short", hint, file=str(path), line=rows[1 + int(short[0])][0], column=1)
        )
    return Channel(edges, np.array(rates))


def _parse(rows: list[tuple[int, str]], file: str) -> tuple[list[float], list[float], list[Problem]]:
    times: list[float] = []
    rates: list[float] = []
    problems: list[Problem] = []
    for number, line in rows:
        fields = line.split(",")
        try:
            time, rate = (float(field) for field in fields)
        except ValueError:
            problems.append(
                Problem(
                    f'"{line[:60]}" is not two numbers',
                    "a row is: seconds,bits per second",
                    file=file,
                    line=number,
                    column=1,
                )
            )
            if len(problems) == _SHOWN:
                break
            continue
        times.append(time)
        rates.append(rate)
    return times, rates, problems


def _judge(times: list[float], rates: list[float], numbers: list[int], file: str) -> list[Problem]:
    problems = []
    least_bps, most_bps = SENSIBLE["bit rate"]
    if not times:
        return [Problem("has a header but no rows", "give at least one row: seconds,bits per second", file=file)]
    for k, (time, rate) in enumerate(zip(times, rates, strict=True)):
        if not math.isfinite(time) or not math.isfinite(rate):
            problems.append(
                Problem(
                    f"{time!r},{rate!r} is not finite",
                    "an outage is written as rate 0",
                    file=file,
                    line=numbers[k],
                    column=1,
                )
            )
        elif abs(time) > SENSIBLE["time"][1] or (rate > 0 and not least_bps <= rate <= most_bps):
            problems.append(
                Problem(
                    f"{time!r} s, {rate!r} bit/s is out of all proportion",
                    f"rates between {least_bps:g} and {most_bps:g} bit/s, or 0",
                    file=file,
                    line=numbers[k],
                    column=1,
                )
            )
        elif rate < 0:
            problems.append(
                Problem(
                    f"rate {rate!r} bit/s is negative",
                    "an outage is written as rate 0",
                    file=file,
                    line=numbers[k],
                    column=1,
                )
            )
        elif k and time <= times[k - 1]:
            problems.append(
                Problem(
                    f"time {time!r} s does not come after {times[k - 1]!r} s",
                    "times must increase",
                    file=file,
                    line=numbers[k],
                    column=1,
                )
            )
        if len(problems) == _SHOWN:
            break
    if not problems and max(rates) == 0:
        problems.append(
            Problem("the link is dead for ever: every rate is 0", "at least one row needs a rate above 0", file=file)
        )
    elif not problems and max(rates) < _SLOWEST_BPS:
        problems.append(
            Problem(
                f"the highest rate is {max(rates):g} bit/s, slower than any link that a trace describes",
                "the column rate_bps is in bit/s; does it hold Mbit/s? "
                f"Then: offload-sim trace import {shlex.quote(file)} --time time_s:s --rate rate_bps:Mbit/s",
                file=file,
            )
        )
    return problems
