"""One table of a run or of a sweep: for the terminal, for a paper (LaTeX with booktabs), and as CSV.

For people every column has one unit, and means stand with the half-width of their 95 % interval where there is one; the
CSV holds SI units and every digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from simulator import units
from simulator.arrays import Row
from simulator.inference.metrics import COUNT, PRINTED, Metric
from simulator.inference.reservations import is_bound, remark
from simulator.reports.run import with_interval
from simulator.studies.axes import AxisView, evenly
from simulator.studies.csvtext import to_csv
from simulator.studies.result import Result
from simulator.studies.sweeps.data import SweepData

#: rows that a terminal shows
_SHOWN = 40
#: values of a column that differ by more than this each show with their own unit
_WORLDS_APART = 1e4
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclass(frozen=True)
class Column:
    """One column: its heading, the columns of the CSV that it shows, its text in a row, whether it is one of words."""

    title: str
    keys: tuple[str, ...]
    text: Callable[[Row], str]
    is_words: bool = False


@dataclass(frozen=True)
class Table:
    """Rows, and how to show them."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]

    def csv(self) -> str:
        """All rows, in SI units."""
        keys = [key for column in self.columns for key in column.keys]
        return to_csv(self.rows, keys).decode()

    def latex(self) -> str:
        """All rows as a ``tabular`` that needs the package booktabs."""
        kinds = "".join("l" if column.is_words else "r" for column in self.columns)
        heading = " & ".join(_latex(column.title) for column in self.columns)
        lines = [" & ".join(_latex(column.text(row)) for column in self.columns) for row in self.rows]
        body = "\n".join(f"{line} \\\\" for line in lines)
        note = (
            "% needs \\usepackage{booktabs}; after \\pm: half-width of the 95 % interval, at least so wide after \\geq"
        )
        head = f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{heading} \\\\\n\\midrule"
        return f"{note}\n{head}\n{body}\n\\bottomrule\n\\end{{tabular}}\n"

    def rich(self) -> tuple[RichTable, int]:
        """For a terminal, of many rows those of some points at even distances; and how many rows it shows."""
        view = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in self.columns:
            view.add_column(Text(column.title), justify="left" if column.is_words else "right")
        points: dict[Any, list[Row]] = {}
        for row in self.rows:
            points.setdefault(row.get("point"), []).append(row)
        kept = evenly(list(points.values()), max(2, _SHOWN * len(points) // len(self.rows)))
        shown = [row for rows in kept for row in rows]
        for row in shown:
            view.add_row(*(Text(column.text(row)) for column in self.columns))
        return view, len(shown)


def of_result(result: Result) -> Table:
    """The summary of a run."""
    return _table(result.summary_rows, ())


def of_sweep(data: SweepData) -> Table:
    """The points of a sweep, those that are there."""
    return _table(data.rows, data.axes)


def _table(rows: Sequence[Row], axes: Sequence[AxisView]) -> Table:
    columns = [Column(axis.words, (axis.path,), _value_on(axis), is_words=not axis.is_numeric) for axis in axes]
    if "group" in rows[0]:
        columns.append(Column("Group", ("group",), lambda row: str(row["group"]), is_words=True))
    columns.append(Column("Policy", ("policy",), lambda row: str(row["policy"]), is_words=True))
    for metric in PRINTED:
        values = [row[metric.name] for row in rows]
        if metric.unit == COUNT:
            columns += [_count(metric)] if any(values) else []
        elif not all(map(math.isnan, values)):
            columns.append(_quantity(rows, metric) if metric.is_quantity else _share(metric))
    if any(remark(row) for row in rows):
        columns.append(Column("Not compared", ("condition",), remark, is_words=True))
    return Table(tuple(columns), rows)


def _value_on(axis: AxisView) -> Callable[[Row], str]:
    return lambda row: axis.text(row[axis.path])


def _count(metric: Metric) -> Column:
    return Column(metric.title, (metric.name,), lambda row: str(row[metric.name]))


def _quantity(rows: Sequence[Row], metric: Metric) -> Column:
    """A column with one unit, that of its smallest value so that none shows as 0.00, unless they are worlds apart."""
    title, dimension, key, interval = metric.title, metric.unit, metric.name, metric.interval
    values = [row[key] for row in rows if row[key] > 0 and math.isfinite(row[key])]
    least, most = min(values, default=1.0), max(values, default=1.0)
    is_shared = most <= _WORLDS_APART * least

    def text(row: Row) -> str:
        unit = _unit(least if is_shared or math.isnan(row[key]) else row[key], dimension)
        factor = units.UNITS[dimension][unit]
        half_width = row[interval] / factor if interval else math.nan
        number = with_interval(row[key] / factor, half_width, is_bound(row, interval))
        return number if is_shared or math.isnan(row[key]) else f"{number} {unit}"

    shown = f"{title} ({_unit(least, dimension)})" if is_shared else title
    return Column(shown, metric.columns, text)


def _share(metric: Metric) -> Column:
    key = metric.name
    return Column(f"{metric.title} (%)", (key,), lambda row: "-" if math.isnan(row[key]) else f"{100 * row[key]:.1f}")


def _unit(value: float, dimension: str) -> str:
    return units.human(value, dimension).rsplit(" ", 1)[1]


def _latex(text: str) -> str:
    escaped = "".join(_LATEX.get(sign, sign) for sign in text)
    return escaped.replace("±", r"$\pm$").replace("≥", r"$\geq$").replace("µ", r"\textmu{}")
