"""What a map prints: how much of the plane each policy wins, what it takes there, and where nobody may be named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulator.arrays import Row
from simulator.reports.tables import Column
from simulator.reports.tables import Table as Plain
from simulator.studies.axes import AxisView
from simulator.studies.map import TABLE, WinnerMap
from simulator.units import human

#: cuts of one policy that the table names
_CUTS = 3


def render(found: WinnerMap) -> RenderableType:
    """The report of a map, for ``rich.console.Console.print``."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("policy", overflow="fold")
    for title in ("wins\n% of plane", "ahead, but not\nfor certain %", "median\nmargin"):
        table.add_column(title, justify="right")
    table.add_column("takes", overflow="fold")
    shares = found.shares
    for policy in found.policies:
        certain, doubtful = shares.get((policy, True), 0.0), shares.get((policy, False), 0.0)
        cells = (_percent(certain), _percent(doubtful), _margin(found, policy), _cuts(found, policy))
        table.add_row(Text(policy), *map(Text, cells))
    lines = [*sentences(found), *(f"Caution: {caution}" for caution in found.cautions)]
    lines.append(f"Written to {found.directory}/: {TABLE}, figures/map.svg, plane/")
    return Group(table, Text("\n".join(lines)))


def sentences(found: WinnerMap) -> list[str]:
    """Who wins on how much of the plane, and why nobody is named on the rest."""
    about = f"Mean {found.metric.key} over {len(found.rows)} points of {_range(found.x)} and {_range(found.y)}"
    shares = found.shares
    won = sorted((share, policy) for (policy, is_certain), share in shares.items() if is_certain)[::-1]
    said = [f"{policy} {'' if k else 'wins '}at {_percent(share)} %" for k, (share, policy) in enumerate(won)]
    lines = [f"{about}: {', '.join(said) or 'nowhere is there a winner'}."]
    doubtful = sum(share for (policy, is_certain), share in shares.items() if policy and not is_certain)
    nobody = shares.get(("", False), 0.0)
    if doubtful:
        lines.append(
            f"At {_percent(doubtful)} % nobody is named (hatched): the best policy there is mostly "
            f"{_usual([row for row in found.rows if row['winner'] and not row['is_certain']])}."
        )
    if nobody:
        usual = _usual([row for row in found.rows if not row["winner"]])
        lines.append(f"At {_percent(nobody)} % no policy can be compared (grey, cross-hatched), mostly {usual}.")
    if len(found.rows) < found.points:
        lines.append(f"Caution: only {len(found.rows)} of {found.points} points are there.")
    return lines


def of_map(found: WinnerMap) -> Plain:
    """Every point, for LaTeX or as CSV."""
    dimension = found.metric.unit

    def quantity(key: str) -> Column:
        title = key.replace("_", " ").capitalize()
        return Column(title, (key,), lambda row: "-" if math.isnan(row[key]) else human(row[key], dimension))

    def words(key: str) -> Column:
        return Column(key.replace("_", " ").capitalize(), (key,), lambda row: str(row[key]), is_words=True)

    def place(axis: AxisView) -> Column:
        return Column(axis.words, (axis.path,), lambda row: axis.text(row[axis.path]), is_words=not axis.is_numeric)

    quantities = [quantity(key) for key in ("mean", "margin", "half_width")]
    texts = [words(key) for key in ("winner", "equal", "partition")]
    return Plain(
        (place(found.x), place(found.y), *texts, *quantities, words("is_certain"), words("reason")), found.rows
    )


def _percent(share: float) -> str:
    return "0" if share == 0 else "<1" if share < 0.005 else f"{100 * share:.0f}"


def _margin(found: WinnerMap, policy: str) -> str:
    """The median of what it is ahead by where it wins for certain."""
    margins = [
        row["margin"]
        for row in found.rows
        if row["winner"] == policy and row["is_certain"] and not math.isnan(row["margin"])
    ]
    return human(median(margins), found.metric.unit) if margins else "-"


def _cuts(found: WinnerMap, policy: str) -> str:
    cuts = found.partitions(policy)
    more = f" and {len(cuts) - _CUTS} more" if len(cuts) > _CUTS else ""
    return ", ".join(cuts[:_CUTS]) + more or "-"


def _usual(rows: Sequence[Row]) -> str:
    """The most frequent of the reasons."""
    reasons: list[str] = [row["reason"] for row in rows]
    return max(dict.fromkeys(reasons), key=reasons.count)


def _range(axis: AxisView) -> str:
    if axis.is_numeric:
        return f"{axis.words} {axis.text(axis.cells[0])} to {axis.text(axis.cells[-1])}"
    return f"{axis.words} {', '.join(map(axis.text, axis.cells))}"
