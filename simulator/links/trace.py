"""A link whose rate follows a recorded or generated trace: ``uplink: {trace: lte-uplink-driving}``.

A trace file is a CSV with the header ``time_s,rate_bps`` (lines that start with ``#`` are comments). A row's rate
holds from its time until the time of the next row; the last row holds as long as the one before it. Time counts from
the first row, and the trace starts again when it ends.
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
from simulator.scenario.references import TraceReference
from simulator.units import SENSIBLE

_COLUMNS = ("time_s", "rate_bps")
_SHOWN = 5
#: a trace that stays below this holds another unit: only LoRaWAN is as slow, and its airtime is no rate
_SLOWEST_BPS = 1e3


class TraceLink(LinkKind):
    """One direction of a link whose rate follows a trace."""

    kind: Literal["trace"] = Field("trace", description="A rate that follows a trace, over and over.")
    trace: TraceReference = Field(description="Name of a built-in trace, or a CSV with the columns time_s,rate_bps.")

    def channel(self, base: Path | None) -> Channel:
        """The channel that this trace describes; ``base`` is the folder of relative references."""
        return read_trace(paths.find("trace", self.trace, base))


def read_trace(path: Path) -> Channel:
    """Read a two-column trace.

    Raises
    ------
    TraceError
        For a file that is no trace, time that does not advance, negative or non-finite rates, and a link that is
        dead for ever; all problems at once, the first few of each row kind.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise TraceError(
            Problem("is not a text file", "a trace is a CSV with the header time_s,rate_bps", file=str(path))
        ) from error
    except OSError as error:
        raise TraceError(Problem(f"cannot be read: {error.strerror}", file=str(path))) from error
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
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
    edges = [time - start for time in times] + [times[-1] - start + (times[-1] - times[-2])]
    return Channel(np.array(edges), np.array(rates))


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
