"""Rows to CSV text and back: what summary.csv, differences.csv and the CSV beside each figure are made of.

Floats are written so that they read back exactly; a missing value (None or NaN) is an empty cell.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simulator.inference.metrics import COUNT, MEANS, METRICS, TEXT

#: columns that hold text; every other column holds numbers
TEXT_COLUMNS = frozenset(
    {
        "policy",
        "group",
        "best",
        "metric",
        "interval_from",
        "caution",
        "from_policy",
        "to_policy",
        "part",
        "state",
        "condition",
        "remark",
        "layer",
        "cut",
        "taken_by",
        "which",
        *(metric.name for metric in METRICS if metric.unit == TEXT),
    }
)
#: columns that hold whole numbers
INTEGER_COLUMNS = frozenset(metric.name for metric in METRICS if metric.unit == COUNT)
#: columns that hold True or False
BOOLEAN_COLUMNS = frozenset({"separated", *(metric.bound for metric in MEANS.values())})


def to_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """CSV with a header line, UTF-8, lines ended by a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue().encode()


def from_csv(content: bytes) -> list[dict[str, Any]]:
    """Rows of a CSV that `to_csv` wrote.

    Raises
    ------
    ValueError
        If a cell does not hold what its column should.
    """
    reader = csv.DictReader(io.StringIO(content.decode()), strict=True)
    rows = []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} has more or fewer cells than the header")
            rows.append({column: _value(column, cell) for column, cell in row.items()})
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    return rows


def filled(row: Mapping[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """A row with all of these columns: what an older version did not write is unknown (empty, False or NaN)."""
    return {**row, **{column: _unknown(column) for column in columns if column not in row}}


def _unknown(column: str) -> str | bool | float:
    if column in TEXT_COLUMNS:
        return ""
    return False if column in BOOLEAN_COLUMNS else math.nan


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def _value(column: str, cell: str) -> str | int | float | bool:
    if column in TEXT_COLUMNS:
        return cell
    if column in BOOLEAN_COLUMNS:
        return {"True": True, "False": False}[cell]
    if column in INTEGER_COLUMNS:
        return int(cell)
    return float(cell) if cell else math.nan
