"""A table whose columns are named by the user: ``--time COLUMN:unit --rate COLUMN:unit``.

COLUMN is a name of the header, or a number from 1. A row's rate holds until the next row; the last one for the median
step. Rows without a rate (an empty cell, ``-``, ``NA``) are left out and counted.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats
from simulator.errors import Problem, UnitError, did_you_mean
from simulator.links.importers.cells import Cells, plain, read_cells
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import advancing, check_rates, held, numbers
from simulator.links.importers.source import Source
from simulator.units import UNITS, parse

NAME = "named-columns"
#: unit of a column of times that are written out: 2020-02-14T13:21:26, or with a blank
DATE = "date"
_MISSING = ("", "-", "NA", "N/A", "null")


@dataclass(frozen=True)
class Column:
    """What an option says of a column.

    Attributes
    ----------
    name : str
        Name or number; empty if the option gives a unit alone.
    unit : str
    factor : float
        Unit in SI; 1 for dates.
    """

    name: str
    unit: str
    factor: float


@dataclass(frozen=True)
class Told:
    """What the user says of a file.

    Attributes
    ----------
    time, rate : Column or None
    direction : str
    """

    time: Column | None = None
    rate: Column | None = None
    direction: Direction = "unknown"

    @property
    def names_columns(self) -> bool:
        """Whether a column is named, so that the file is read as a table."""
        return any(column is not None and column.name for column in (self.time, self.rate))


def read_column(option: str, text: str) -> Column:
    """The value of ``--time`` or ``--rate``: ``COLUMN:unit``, or a unit alone.

    Raises
    ------
    UnitError
        If the unit is unknown.
    """
    name, _, unit = text.rpartition(":")
    unit = unit.strip()
    if option == "time" and unit == DATE:
        return Column(name, unit, 1.0)
    try:
        if option == "rate" and unit in UNITS["bandwidth"]:
            return Column(name, unit, 8 * parse(f"1 {unit}", "bandwidth"))
        return Column(name, unit, parse(f"1 {unit}", {"time": "time", "rate": "bit rate"}[option]))
    except UnitError as error:
        known = [*UNITS["time"], DATE] if option == "time" else [*UNITS["bit rate"], *UNITS["bandwidth"]]
        why = next((each.hint for each in error.problems), "")
        hint = f"write COLUMN:unit, or a unit alone; units: {', '.join(known)}"
        raise UnitError(
            Problem(f'--{option} "{text}" does not end in a unit', f"{hint}\n    {why}" if why else hint)
        ) from error


def read_named(source: Source, told: Told) -> ImportedTrace:
    """Rates of a table by the columns that the user names.

    Raises
    ------
    TraceError
        If the file is no table, a column is missing, or holds what cannot be.
    """
    for option, column in (("time", told.time), ("rate", told.rate)):
        if column is None or not column.name:
            source.fail(f"--{option} names no column", f"both are needed: --{option} COLUMN:unit")
    assert told.time is not None
    assert told.rate is not None
    cells = read_cells(source)
    if cells is None:
        source.fail("is no table: its lines have no separator in common", "a row has at least a time and a rate")
    places = {column.name: _place(cells, column.name, source) for column in (told.time, told.rate)}
    if not cells.rows:
        source.fail("has a header but no rows", "a trace has at least one measured row", 1)
    short = [k for k, row in enumerate(cells.rows) if len(row) <= max(places.values())]
    if short:
        wide = len(cells.rows[short[0]])
        source.fail(f"row has {wide} cells", f"the table has {cells.width} columns", cells.lines[short[0]])
    present = [k for k, row in enumerate(cells.rows) if row[places[told.rate.name]] not in _MISSING]
    if not present:
        source.fail(f"has no rate in column {told.rate.name}", "every cell of it is empty", cells.lines[0])
    lines = [cells.lines[k] for k in present]
    findings = []
    if len(present) < len(cells.rows):
        findings.append(Finding("dropped", len(cells.rows) - len(present), "rows: without a rate"))
    stamps = [cells.rows[k][places[told.time.name]] for k in present]
    if told.time.unit == DATE:
        times = _dates(stamps, lines, source)
    else:
        times = numbers([plain(cell, cells.separator) for cell in stamps], lines, source) * told.time.factor
    written = [plain(cells.rows[k][places[told.rate.name]], cells.separator) for k in present]
    rates = numbers(written, lines, source) * told.rate.factor
    check_rates(rates, lines, source)
    keep, repeated = advancing(times, lines, source)
    told_by = f"columns {told.time.name} in {told.time.unit} and {told.rate.name} in {told.rate.unit}, as you say"
    findings += [*repeated, Finding("noted", 0, told_by)]
    return ImportedTrace(source.file, NAME, held(times[keep], rates[keep]), told.direction, findings=tuple(findings))


def _place(cells: Cells, name: str, source: Source) -> int:
    place = cells.place(name)
    if place is None:
        known = cells.names()
        near = did_you_mean(name, known) or f"columns: {', '.join(known[:30])}"
        source.fail(f'has no column "{name}"', f"{near}; or by number, 1 to {cells.width}")
    return place


def _dates(stamps: list[str], lines: list[int], source: Source) -> Floats:
    seconds = []
    for stamp, line in zip(stamps, lines, strict=True):
        try:
            moment = datetime.datetime.fromisoformat(stamp)
        except ValueError:
            source.fail(f'"{stamp[:40]}" is not a date', "a date is written 2020-02-14T13:21:26", line)
        seconds.append((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())
    return np.array(seconds)
