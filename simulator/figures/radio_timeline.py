"""Figure radio_timeline: state and power of the radio over time, one panel per policy; the area is the energy.

Policies under which the radio does exactly the same share a panel; those under which it rests are named in a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simulator import units
from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.accounts.timeline import REST
from simulator.arrays import Row
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable

if TYPE_CHECKING:
    from simulator.studies.result import Result


#: state -> colour and hatch, in the order of the legend: hatched where the radio is awake and no bit crosses
LOOKS: dict[str, tuple[str, str]] = {
    "idle": (style.LIGHT_GREY, ""),
    "sleep": (style.LIGHT_GREY, ""),
    "promotion": (style.VERMILLION, "xxxxx"),
    "send": (style.BLUE, ""),
    "transmit": (style.BLUE, ""),
    "send+receive": (style.BROWN, ""),
    "receive": (style.SKY, ""),
    "tail 1": (style.ORANGE, "/////"),
    # no dots: each is a path of its own in a vector file
    "tail 2": (style.PURPLE, "\\\\\\\\\\"),
    "tail 3": (style.GREEN, "-----"),
}
#: stages of a tail beyond the third
_LATER = (style.GREY, "|||||")
_OUTLINE = 0.5
#: width of the line of a resting radio, whose power is next to nothing
_RESTING = 1.6
_MOST_ROWS = 8
#: letters on a line, by the number of columns
_LETTERS = {1: 85, 2: 38, 3: 22}


@dataclass(frozen=True)
class _Panel:
    """What one panel shows: policies of a group under which the radio does the same."""

    group: str
    policies: tuple[str, ...]
    rows: Sequence[Row]

    @property
    def rests(self) -> bool:
        """Whether the radio does nothing."""
        return all(row["state"] in REST for row in self.rows)


def tables(result: Result) -> dict[str, DataTable]:
    """The segments of every policy."""
    name = "radio_timeline"
    return {name: DataTable(CURVE_COLUMNS[name], result.curves[name].to_pylist())}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table: a column of panels for each group in which a radio is used."""
    rows = data["radio_timeline"].rows
    groups = list(dict.fromkeys(row["group"] for row in rows))
    panels = {group: _panels([row for row in rows if row["group"] == group], group) for group in groups}
    notes = [note for group in groups for note in _notes(panels[group], f"{group}: " if len(groups) > 1 else "")]
    columns = [drawn[:_MOST_ROWS] for group in groups if (drawn := [p for p in panels[group] if not p.rests])]
    titles = [[_title(panel, len(columns), len(groups) > 1) for panel in column] for column in columns]
    count = max(map(len, columns))
    lines = max(sum(title.count("\n") for title in column) for column in titles)
    states = sorted({row["state"] for column in columns for panel in column for row in panel.rows}, key=_place)
    with canvas.drawing():
        height = 0.75 + 0.13 * (len(notes) + lines) + {1: 1.5, 2: 1.2}.get(count, 1.0) * count
        figure, grid = canvas.panels(count, len(columns), (style.PAGE_IN, height), sharex="col", sharey="col")
        for cells, column, names in zip(grid.T, columns, titles, strict=True):
            # at the bottom, so that the time axes of all groups are in line
            empty = count - len(column)
            for axes in cells[:empty]:
                axes.set_visible(False)
            _draw_column(cells[empty:], column, names)
        if notes and canvas.is_own:
            figure.suptitle("\n".join(notes), x=0.01, ha="left", fontsize=style.points(7))
        handles = [Patch(linewidth=_OUTLINE, **_looks(state)) for state in states]
        canvas.legend(figure, grid[-1, 0], handles, states, 8 if canvas.is_own else 1)
    return figure


def _panels(rows: Sequence[Row], group: str) -> list[_Panel]:
    """Panels of one group, in the order of their first policies."""
    policies: dict[str, list[Row]] = {}
    for row in rows:
        policies.setdefault(row["policy"], []).append(row)
    same: dict[tuple[Any, ...], list[str]] = {}
    for policy, own in policies.items():
        same.setdefault(tuple((row["end_s"], row["state"], row["power_w"]) for row in own), []).append(policy)
    return [_Panel(group, tuple(names), policies[names[0]]) for names in same.values()]


def _draw_column(column: Sequence[Axes], panels: Sequence[_Panel], titles: Sequence[str]) -> None:
    """Panels of one group over one time axis."""
    begin, stop = panels[0].rows[0]["start_s"], max(panel.rows[-1]["end_s"] for panel in panels)
    x_factor, x_unit = _time_scale(stop - begin)
    highest = max(row["power_w"] for panel in panels for row in panel.rows)
    y_factor, y_unit = style.scale_of(highest, "power")
    highest *= y_factor
    for axes, panel, title in zip(column, panels, titles, strict=True):
        edges = x_factor * np.array([begin, *(row["end_s"] for row in panel.rows)])
        states = np.array([row["state"] for row in panel.rows])
        power = y_factor * np.array([row["power_w"] for row in panel.rows])
        for state in sorted(set(states.tolist()), key=_place, reverse=True):
            heights = np.where(states == state, power, np.nan)
            axes.stairs(heights, edges, fill=True, linewidth=_OUTLINE, **_looks(state))
            if state in REST:
                color = LOOKS[state][0]
                axes.stairs(heights, edges, baseline=None, color=color, linewidth=_RESTING, clip_on=False, zorder=9)
        energy = sum(row["power_w"] * (row["end_s"] - row["start_s"]) for row in panel.rows)
        # a position of its own spares matplotlib the search for one
        axes.set_title(title, loc="left", y=1.0, pad=3, parse_math=False)
        axes.set_title(f"energy {units.human(energy, 'energy')}", loc="right", y=1.0, pad=3, fontsize=style.points(7))
        axes.set_ylabel(f"Power ({y_unit})")
    column[-1].set_xlabel(f"Time ({x_unit})")
    for axes in column:
        axes.set_xlim(begin * x_factor, stop * x_factor)
        axes.set_ylim(0, highest * 1.05)
        style.few_ticks(axes.yaxis, 4)


def _notes(panels: Sequence[_Panel], group: str) -> list[str]:
    """Lines of text about the policies of a group that have no panel."""
    resting = [name for panel in panels if panel.rests for name in panel.policies]
    left_out = [name for panel in [p for p in panels if not p.rests][_MOST_ROWS:] for name in panel.policies]
    said = (f"{group}the radio rests all this time under ", resting), (f"{group}not drawn: ", left_out)
    texts = [(start if group else start.capitalize()) + _listed(names) for start, names in said if names]
    return [line for text in texts for line in textwrap.wrap(text, _LETTERS[1] + 15)]


def _title(panel: _Panel, columns: int, is_fleet: bool) -> str:
    names = _listed(panel.policies)
    return textwrap.fill(f"{panel.group}: {names}" if is_fleet else names, _LETTERS[columns])


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _place(state: str) -> tuple[int, str]:
    """Place of a state in the legend."""
    return (list(LOOKS).index(state) if state in LOOKS else len(LOOKS), state)


def _looks(state: str) -> dict[str, Any]:
    color, hatch = LOOKS.get(state, _LATER)
    return {"facecolor": "white" if hatch else color, "edgecolor": color, "hatch": hatch}


def _time_scale(length_s: float) -> tuple[float, str]:
    """Factor and unit of the time axis; minutes and hours for what lasts so long."""
    if length_s > 3 * 3600:
        return 1 / 3600, "h"
    return (1 / 60, "min") if length_s > 180 else style.scale_of(length_s, "time")
