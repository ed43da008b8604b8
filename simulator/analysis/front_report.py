"""What an optimisation prints: the front as a table, how it was found, and where it was written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.analysis.optimise import Front
from simulator.analysis.pareto import OBJECTIVES
from simulator.units import human

#: alternatives that the table shows
_SHOWN = 20


def render(found: Front) -> RenderableType:
    """The report of a front, for ``rich.console.Console.print``."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    axes = [axis.path for axis in found.sweep.grid.axes]
    table.add_column("policy", overflow="fold")
    for name in (*axes, *OBJECTIVES):
        table.add_column(name, justify="right")
    step = max(1, math.ceil(len(found.rows) / _SHOWN))
    for row in found.rows[::step]:
        table.add_row(row["policy"], *(_cell(row[name]) for name in axes), *_objectives(row))
    return Group(table, Text(_sentences(found, step)))


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _objectives(row: Mapping[str, Any]) -> list[str]:
    cells = []
    for objective in OBJECTIVES.values():
        value = row[objective.column]
        share = "-" if math.isnan(value) else f"{100 * value:.1f} %"
        cells.append(human(value, objective.dimension) if objective.dimension else share)
    return cells


def _sentences(found: Front, step: int) -> str:
    size = found.sweep.grid.size
    how = f"all {size} points" if found.exhaustive else f"{found.sweep.points} of {size} points, chosen by NSGA-II"
    lines = [f"{len(found.rows)} of {len(found.alternatives)} alternatives are on the front, from {how}."]
    if step > 1:
        lines.append(f"The table shows one in {step}.")
    if any(row["completed_ratio"] < 1 for row in found.rows):
        lines.append("Caution: some on the front did not complete every request; see the column completed_ratio.")
    if found.sweep.failed:
        failure = found.sweep.failed[0]
        lines.append(
            f"Caution: {len(found.sweep.failed)} points failed, such as {failure.point}: {failure.problems[0]}"
        )
    lines.append(f"Written to {found.directory}/: front.csv, front.parquet, figures/front.svg, points/")
    return "\n".join(lines)
