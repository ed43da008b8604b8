"""A table of any separator as cells: separator and decimal mark are found by content, and a header if there is one."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.links.importers.source import Source

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")
#: blanks stand for any white space
_BLANKS = " "
_SEPARATORS = (";", "\t", "|", ",", _BLANKS)
#: lines that the separator is chosen by
_LOOKED_AT = 20
#: longest line that can be the row of a table
_LONGEST = 100_000


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Attributes
    ----------
    separator : str
    header : list of str
        Names of the columns; empty if the first row holds numbers.
    rows : list of list of str
        Rows below the header, without the white space around cells.
    lines : list of int
        Line number of each row.
    """

    separator: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    @property
    def width(self) -> int:
        """Number of columns: cells of the longest row."""
        return max(map(len, (self.header, *self.rows)))

    def names(self) -> list[str]:
        """What each column is called: its name, or its number from 1."""
        return self.header + [str(number) for number in range(len(self.header) + 1, self.width + 1)]

    def column(self, place: int, rows: int) -> list[str]:
        """Cells of a column in the first rows, without rows that are too short, with a decimal point."""
        return [plain(row[place], self.separator) for row in self.rows[:rows] if len(row) > place]

    def place(self, column: str) -> int | None:
        """Place of a column that is given by name or by number; None if there is none."""
        if column in self.header:
            return self.header.index(column)
        if column.isascii() and column.isdigit() and 1 <= int(column[:9]) <= self.width:
            return int(column[:9]) - 1
        return None


def plain(cell: str, separator: str) -> str:
    """A cell with a decimal point in place of a decimal comma, which only other separators leave room for."""
    return cell.replace(",", ".") if separator != "," and _DECIMAL_COMMA.fullmatch(cell) else cell


def is_number(cell: str, separator: str) -> bool:
    """Whether a cell is a number."""
    return _NUMBER.fullmatch(plain(cell, separator)) is not None


def read_cells(source: Source, separator: str | None = None) -> Cells | None:
    """The table in a file, None if its lines have no separator in common; lines that start with # are left out."""
    lines = [(number, line) for number, line in source.lines if not line.lstrip().startswith("#")]
    if any(len(line) > _LONGEST for _, line in lines):
        return None
    separator = separator or _separator([line for _, line in lines[:_LOOKED_AT]])
    if separator is None or not lines:
        return None
    rows = _split([line for _, line in lines], separator)
    numbers = [number for number, _ in lines]
    is_header = not any(is_number(cell, separator) for cell in rows[0])
    header = rows[0] if is_header else []
    return Cells(separator, header, rows[1:] if is_header else rows, numbers[1:] if is_header else numbers)


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == _BLANKS:
        return [line.split() for line in lines]
    try:
        # line by line: a quote that is never closed must not swallow the rest
        return [[cell.strip() for cell in next(csv.reader([line], delimiter=separator))] for line in lines]
    except csv.Error:
        return [[cell.strip() for cell in line.split(separator)] for line in lines]


def _separator(lines: Sequence[str]) -> str | None:
    """The separator that gives most lines the same number of cells, and of several the one with the most numbers."""
    best, most = None, -1.0
    if not lines:
        return None
    for separator in _SEPARATORS:
        rows = _split(lines, separator)
        # white space also stands inside the names of a header
        counted = rows[1:] if separator == _BLANKS and len(rows) > 1 else rows
        width, count = Counter(map(len, counted)).most_common(1)[0]
        if width == 1 or count <= len(counted) / 2:
            continue
        share = sum(is_number(cell, separator) for cell in rows[-1]) / len(rows[-1])
        if share > most:
            best, most = separator, share
    return best
