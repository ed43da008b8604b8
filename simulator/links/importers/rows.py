"""What importers of rows share: cells to numbers, refusal of impossible rates, intervals, the sender's first burst."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats
from simulator.errors import TraceError
from simulator.links.importers.model import Finding, RateSeries
from simulator.links.importers.source import Source

#: how many wrong rows one message lists
_SHOWN = 5
#: beyond any radio link: a higher value means that the unit is wrong
HIGHEST_BPS = 100e9
#: more intervals than any measurement has; beyond, a time is wrong
_MOST_INTERVALS = 10_000_000
#: a sample this many times the 99th percentile is pointed out
_OUTLIER = 2.0
#: rows at the start of a sender's log that can be the filling of its socket buffer
_BUFFER_ROWS = 3


@dataclass(frozen=True)
class Table:
    """A CSV with a header: its columns, and the line of each row."""

    source: Source
    columns: dict[str, list[str]]
    lines: list[int]

    def numbers(self, column: str) -> Floats:
        """A column as numbers."""
        return numbers(self.columns[column], self.lines, self.source)


def table(source: Source, wanted: Sequence[str]) -> Table:
    """Some columns of a CSV with a header.

    Raises
    ------
    TraceError
        If a column is missing or a row has another number of cells than the header.
    """
    reader = csv.reader(io.StringIO(source.text), skipinitialspace=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = [name.strip() for name in row]
                continue
            if len(row) != len(header):
                source.fail(
                    f"row has {len(row)} cells, the header {len(header)}", "is the file cut short?", reader.line_num
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        source.fail(f"is no CSV: {error}", "", reader.line_num)
    missing = [name for name in wanted if name not in header]
    if missing:
        source.fail(f"has no column {' or '.join(missing)}", f"columns: {', '.join(header[:30])}", 1)
    if not rows:
        source.fail("has a header but no rows", "a trace has at least one measured row", 1)
    places = {name: header.index(name) for name in wanted}
    return Table(source, {name: [row[place] for row in rows] for name, place in places.items()}, lines)


def numbers(cells: Sequence[str], lines: Sequence[int], source: Source) -> Floats:
    """Cells as finite numbers, shape (len(cells),).

    Raises
    ------
    TraceError
        Listing the first cells that are no finite numbers, each with its line.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([_number(cell) for cell in cells])
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise TraceError(
            source.problem(f'"{cells[k].strip()[:60]}" is not a finite number', "", lines[k]) for k in wrong[:_SHOWN]
        )
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def check_rates(rates_bps: Floats, lines: Sequence[int], source: Source) -> None:
    """Refuse rates that no link can have.

    Raises
    ------
    TraceError
        Listing the first rates below 0 or above `HIGHEST_BPS`, each with its line.
    """
    wrong = np.flatnonzero((rates_bps < 0) | (rates_bps > HIGHEST_BPS))
    if wrong.size:
        raise TraceError(
            source.problem(
                f"rate {rates_bps[k] / 1e6:g} Mbit/s is negative", "an outage is written as rate 0", lines[k]
            )
            if rates_bps[k] < 0
            else source.problem(
                f"rate {rates_bps[k] / 1e6:g} Mbit/s is beyond any radio link", "check the unit of the column", lines[k]
            )
            for k in wrong[:_SHOWN]
        )


def check_span(intervals: float, source: Source, line: int) -> None:
    """Refuse a time so far from the others that the file would be filled with outages.

    Raises
    ------
    TraceError
    """
    if intervals > _MOST_INTERVALS:
        source.fail(f"spans {intervals:.3g} intervals", f"at most {_MOST_INTERVALS} can be; is a time wrong?", line)


def advancing(times_s: Floats, lines: Sequence[int], source: Source) -> tuple[np.ndarray, list[Finding]]:
    """Mask of the rows whose time comes after the row before; repeated times are dropped.

    Raises
    ------
    TraceError
        Where time goes backwards.
    """
    steps = np.diff(times_s)
    back = np.flatnonzero(steps < 0)
    if back.size:
        raise TraceError(
            source.problem(
                f"time {times_s[k + 1]:.10g} s comes before {times_s[k]:.10g} s of the row above",
                "time must not go back",
                lines[k + 1],
            )
            for k in back[:_SHOWN]
        )
    keep = np.concatenate(([True], steps > 0))
    repeated = int((~keep).sum())
    return keep, [Finding("dropped", repeated, "rows: repeat the time of the row before")] if repeated else []


def sender_buffer(rates_bps: Floats) -> tuple[int, list[Finding]]:
    """How many of the first rows of a sender's log are the filling of its socket buffer, not the link.

    The first rows, three at most, that exceed the 99th percentile of all rows after them.
    """
    if rates_bps.size <= 2 * _BUFFER_ROWS:
        return 0, []
    limit = float(np.percentile(rates_bps[_BUFFER_ROWS:], 99))
    count = 0
    while count < _BUFFER_ROWS and rates_bps[count] > limit:
        count += 1
    if not count:
        return 0, []
    shown = ", ".join(f"{rate / 1e6:.4g}" for rate in rates_bps[:count])
    what = (
        f"rows: filling of the socket buffer of the sender ({shown} Mbit/s; 99 % of the later rows are below "
        f"{limit / 1e6:.4g})"
    )
    return count, [Finding("dropped", count, what)]


def held(times_s: Floats, rates_bps: Floats) -> RateSeries:
    """Rates that hold until the next row, the last one for the median step."""
    last = float(np.median(np.diff(times_s))) if times_s.size > 1 else 1.0
    ends = np.append(times_s[1:], times_s[-1] + last)
    return RateSeries(times_s - times_s[0], ends - times_s[0], rates_bps)


def regular(rates_bps: Floats, step_s: float) -> RateSeries:
    """Rates of equal intervals."""
    edges = np.arange(rates_bps.size + 1, dtype=np.float64) * step_s
    return RateSeries(edges[:-1], edges[1:], rates_bps)


def laid_end_to_end(runs: Sequence[RateSeries]) -> RateSeries:
    """Separate measurements as one series, each starting where the one before ended."""
    offsets = np.concatenate(([0.0], np.cumsum([run.duration_s for run in runs])))[:-1]
    sizes = np.concatenate(([0], np.cumsum([run.rates_bps.size for run in runs])))[:-1]
    return RateSeries(
        np.concatenate([run.times_s + offset for run, offset in zip(runs, offsets, strict=True)]),
        np.concatenate([run.ends_s + offset for run, offset in zip(runs, offsets, strict=True)]),
        np.concatenate([run.rates_bps for run in runs]),
        tuple(int(size) for size in sizes),
    )


def outliers(series: RateSeries) -> list[Finding]:
    """Samples far above nearly all others, pointed out and kept: they may be real."""
    limit = _OUTLIER * float(np.percentile(series.rates_bps, 99))
    high = np.flatnonzero(series.rates_bps > limit)
    if not high.size or limit == 0 or series.rates_bps.size < 20:
        return []
    top = int(high[np.argmax(series.rates_bps[high])])
    what = (
        f"samples above twice the 99th percentile, the highest {series.rates_bps[top] / 1e6:.4g} Mbit/s at "
        f"{series.times_s[top]:.4g} s"
    )
    if high[0] == 0:
        what += "; the first sample is among them, perhaps the socket buffer of a sender"
    return [Finding("kept", int(high.size), what)]
