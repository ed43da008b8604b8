"""What an optimisation prints: the front of each environment as a table, how it was found, where it was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.arrays import Row
from simulator.inference.pareto import OBJECTIVES
from simulator.studies.axes import AxisView, evenly
from simulator.studies.optimise import Front, by_environment
from simulator.units import human

#: alternatives that a table shows, and tables
_SHOWN, _TABLES = 20, 10
#: where what nature chooses stands in a scenario; of a fleet, below the number of its group
_NATURE = ("link.uplink", "link.downlink", "link.propagation", "workload", "seed", "serving.background_load")


def render(found: Front) -> RenderableType:
    """The report of a front, for ``rich.console.Console.print``."""
    fronts = by_environment(map(dict, found.rows), found.environments)
    shown = evenly(list(fronts), _TABLES)
    tables = {words: _table(fronts[words], found.choices, words) for words in shown}
    cut = any(is_cut for _, is_cut in tables.values())
    return Group(*(table for table, _ in tables.values()), Text(_sentences(found, len(shown), len(fronts), cut)))


def _table(rows: Sequence[Row], choices: Sequence[AxisView], title: str) -> tuple[Table, bool]:
    """A front, alike alternatives in one row; and whether rows were left out."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(title) if title else None)
    table.title_justify = "left"
    table.add_column("policy", overflow="fold")
    for name in (*(axis.path for axis in choices), *OBJECTIVES):
        table.add_column(name, justify="right")
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault((row["policy"], *(row[o.name] for o in OBJECTIVES.values())), []).append(row)
    groups = evenly(list(alike.values()), _SHOWN)
    for group in groups:
        table.add_row(Text(group[0]["policy"]), *(_values(group, axis) for axis in choices), *_objectives(group[0]))
    return table, len(groups) < len(alike)


def _values(rows: Sequence[Row], axis: AxisView) -> Text:
    """The value of an axis, or how many values make no difference."""
    cells = dict.fromkeys(row[axis.path] for row in rows)
    if len(cells) == 1:
        return Text(axis.text(next(iter(cells))))
    return Text("any" if len(cells) == len(axis.cells) else f"{len(cells)} of {len(axis.cells)} values")


def _objectives(row: Row) -> list[str]:
    cells = []
    for objective in OBJECTIVES.values():
        value = row[objective.name]
        share = "-" if math.isnan(value) else f"{100 * value:.1f} %"
        cells.append(human(value, objective.unit) if objective.is_quantity else share)
    return cells


def _sentences(found: Front, shown: int, fronts: int, cut: bool) -> str:
    size = found.sweep.grid.size
    how = f"all {size} points" if found.exhaustive else f"{found.sweep.points} of {size} points, chosen by NSGA-II"
    where = "the front" if fronts <= 1 else f"the fronts of {fronts} environments"
    lines = [f"{len(found.rows)} of {len(found.alternatives)} alternatives are on {where}, from {how}."]
    if shown < fronts:
        lines.append(f"{shown} of {fronts} environments are shown.")
    if cut:
        lines.append(f"Of a long front {_SHOWN} alternatives are shown, evenly chosen.")
    lines += [
        f"Caution: with --over, {axis.path} counts as a choice. If it is given, as by nature or by users, take --for "
        "instead: each of its values then has a front of its own."
        for axis in found.choices
        if _is_nature(axis.path)
    ]
    lines += [f"Caution: {caution}" for caution in found.sweep.cautions]
    if any(row["completed_ratio"] < 1 for row in found.rows):
        lines.append("Caution: some on the front did not complete every request; see the column completed_ratio.")
    if found.sweep.failed:
        failure = found.sweep.failed[0]
        lines.append(
            f"Caution: {len(found.sweep.failed)} points failed, such as {failure.point}: {failure.problems[0]}"
        )
    lines.append(f"Written to {found.directory}/: front.csv, front.parquet, figures/front.svg, points/")
    return "\n".join(lines)


def _is_nature(path: str) -> bool:
    """Whether most people cannot choose what stands there."""
    parts = path.split(".")
    inner = ".".join(parts[2:] if parts[0] == "fleet" else parts)
    return any(inner == place or inner.startswith(f"{place}.") for place in _NATURE)
