"""The command that reads a table by named columns, filled in for a file: what every refusal of a file ends with.

Columns and units are guessed by the names of the header and the size of the numbers; the user sees the guess and
corrects it, so that nothing is read by it silently.
"""

from __future__ import annotations

import datetime
import re
import shlex
from collections.abc import Sequence

import numpy as np

from simulator.links.importers.cells import Cells, is_number, read_cells
from simulator.links.importers.named_columns import DATE
from simulator.links.importers.source import Source

_TIME = re.compile(r"time|stamp|date|\bsec|second|^_?start$|^t$|^ts$|elapsed|^ms$", re.IGNORECASE)
_RATE = re.compile(r"rate|throughput|tput|bandwidth|bps|bits?\b|bit/s|capacity|goodput|[345]g|lte|nr\b", re.IGNORECASE)
#: generations of mobile networks in the names of columns
_GENERATION = re.compile(r"(?<![0-9A-Za-z])(?:[2-6]g|lte|nr)(?![0-9])", re.IGNORECASE)
_TIME_UNITS = (
    (re.compile(r"(?:\b|_)(?:ms|msec|millis\w*)(?:\b|_|$)|millisec", re.IGNORECASE), "ms"),
    (re.compile(r"(?:\b|_)(?:us|usec|micros\w*)(?:\b|_|$)", re.IGNORECASE), "us"),
    (re.compile(r"(?:\b|_)(?:ns|nanos\w*)(?:\b|_|$)", re.IGNORECASE), "ns"),
    (re.compile(r"(?:\b|_)(?:min|minutes?)(?:\b|_|$)", re.IGNORECASE), "min"),
)
_RATE_UNITS = (
    (re.compile(r"gbps|gbit", re.IGNORECASE), "Gbit/s"),
    (re.compile(r"mbps|mbit|mb/s", re.IGNORECASE), "Mbit/s"),
    (re.compile(r"kbps|kbit|kb/s", re.IGNORECASE), "kbit/s"),
    (re.compile(r"bytes?|B/s"), "B/s"),
    (re.compile(r"(?:\b|_)bps|bits?(?:_?per_?s|/s)", re.IGNORECASE), "bit/s"),
)
#: stamps since 1970 between 1998 and 2065: from which value, in which unit
_EPOCHS = ((9e17, "ns"), (9e14, "us"), (9e11, "ms"), (0.0, "s"))
#: rates that are mostly above these are hardly in the next larger unit
_LARGE = ((1e6, "bit/s"), (2e3, "kbit/s"), (0.0, "Mbit/s"))
_SAMPLE = 200
_MOST_COMMANDS = 4


def commands(source: Source) -> list[str]:
    """One command for each column that may hold the rate; a pattern of one for a file that is no table."""
    cells = read_cells(source)
    file = shlex.quote(source.file)
    if cells is None or not cells.rows:
        return [f"offload-sim trace import {file} --time COLUMN:s --rate COLUMN:Mbit/s"]
    time, rates = columns(cells)
    names = cells.names()
    written = []
    choices: list[int | None] = [*rates[:_MOST_COMMANDS]]
    for rate in choices or [None]:
        parts = []
        for option, place, unit in (("time", time, time_unit), ("rate", rate, rate_unit)):
            told = "COLUMN:s" if place is None and option == "time" else "COLUMN:Mbit/s"
            if place is not None:
                told = f"{names[place]}:{unit(cells, place)}"
            parts.append(f"--{option} {shlex.quote(told)}")
        written.append(f"offload-sim trace import {file} {' '.join(parts)}")
    return written


def columns(cells: Cells) -> tuple[int | None, list[int]]:
    """Place of the column that holds the time, and of those that may hold a rate, the likeliest first."""
    sampled = [cells.column(place, _SAMPLE) for place in range(cells.width)]
    numeric = [
        place for place, column in enumerate(sampled) if any(is_number(cell, cells.separator) for cell in column)
    ]
    dates = [place for place, column in enumerate(sampled) if any(map(_is_date, column[:1]))]
    named = [place for place, name in enumerate(cells.header) if _TIME.search(name) and not _RATE.search(name)]
    times = [place for place in named if place in numeric or place in dates] or dates or numeric
    time = times[0] if times else None
    rest = [place for place in numeric if place != time]
    likely = [place for place in rest if cells.header and _RATE.search(cells.names()[place])]
    return time, likely or ([] if cells.header and len(rest) > 1 else rest)


def several_rates(source: Source) -> list[str]:
    """Names of the columns of a table that has a time and the rates of several links side by side; else none."""
    cells = read_cells(source)
    if cells is None or not cells.rows:
        return []
    time, rates = columns(cells)
    if time is None:
        return []
    if cells.header:
        links = [place for place in rates if _GENERATION.search(cells.names()[place])]
        return [cells.names()[place] for place in links] if len(links) > 1 else []
    return [cells.names()[place] for place in rates] if cells.width == 3 and len(rates) == 2 else []


def time_unit(cells: Cells, place: int) -> str:
    """The likeliest unit of a column of times."""
    if any(map(_is_date, cells.column(place, 1))):
        return DATE
    return _by_name(cells, place, _TIME_UNITS) or _by_size(cells, place, _EPOCHS)


def rate_unit(cells: Cells, place: int) -> str:
    """The likeliest unit of a column of rates."""
    return _by_name(cells, place, _RATE_UNITS) or _by_size(cells, place, _LARGE)


def _by_name(cells: Cells, place: int, units: Sequence[tuple[re.Pattern[str], str]]) -> str:
    name = cells.names()[place]
    return next((unit for pattern, unit in units if pattern.search(name)), "")


def _by_size(cells: Cells, place: int, units: Sequence[tuple[float, str]]) -> str:
    sizes = [abs(float(cell)) for cell in cells.column(place, _SAMPLE) if is_number(cell, cells.separator)]
    middle = float(np.median(sizes)) if sizes else 0.0
    return next(unit for least, unit in units if middle >= least)


def _is_date(cell: str) -> bool:
    try:
        datetime.datetime.fromisoformat(cell)
    except ValueError:
        return False
    # 20240501 is a date too, but rather a number
    return not cell.isdigit()
