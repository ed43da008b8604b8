"""Figure layer_times: time of each layer on the device and on the edge server, and the bytes that cross behind it.

After Kang et al., "Neurosurgeon", ASPLOS 2017, figure 5: where a line of small size meets much time still to come, a
split pays. Layers stand in the order of execution; dotted lines show where policies end the part of the device. With
many layers bars grow thin, and the names below are those of the modules that they belong to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.arrays import Row
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.studies.axes import evenly

if TYPE_CHECKING:
    from simulator.studies.result import Result

NAME = "layer_times"
#: layers that are named one by one; modules that are told apart by ticks; groups beside each other
_NAMED, _MODULES, _MOST_GROUPS = 16, 24, 2
#: share of the layers that one module may hold before those inside it are named instead; letters of a name
_MOST, _LETTERS = 0.6, 20
#: policies whose end is marked
_MOST_ENDS = 6
#: share of the width of a page between two names, and what a letter of a level name takes of it
_ROOM, _LETTER = 0.03, 0.013


def tables(result: Result) -> dict[str, DataTable]:
    """Times and sizes of each layer."""
    return {NAME: DataTable(CURVE_COLUMNS[NAME], result.curves[NAME].to_pylist())}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table: sizes above, times of both tiers below, one column for each group."""
    rows = data[NAME].rows
    by_group = {group: list(own) for group, own in groupby(rows, key=lambda row: row["group"])}
    groups = evenly(list(by_group), _MOST_GROUPS)
    ends = list(dict.fromkeys(row["taken_by"] for group in groups for row in by_group[group] if row["taken_by"]))
    handles: list[Any] = [
        Line2D([], [], color=style.BROWN, linewidth=1.3),
        Patch(facecolor=style.BLUE),
        Patch(facecolor=style.GREEN),
    ]
    labels = ["size at the cut", "device", "edge server"]
    for number, taken_by in enumerate(ends[:_MOST_ENDS]):
        handles.append(Line2D([], [], **_end_looks(number), marker=style.MARKERS[number], markersize=4))
        labels.append(style.short(f"end of {taken_by}", 30))
    with canvas.drawing():
        columns = 3 if max(map(len, labels)) <= 30 else 2
        height = 3.7 + 0.16 * style.legend_rows(labels, columns)
        figure, panels = canvas.panels(3, len(groups), (style.PAGE_IN, height), sharex="col")
        for cells, group in zip(panels.T, groups, strict=True):
            _draw_group(cells, by_group[group], ends[:_MOST_ENDS])
            _name_layers(cells[-1], [row["layer"] for row in by_group[group][1:]], len(groups))
            if len(by_group) > 1:
                cells[0].set_title(group, loc="left", parse_math=False)
        if len(groups) < len(by_group) and canvas.is_own:
            note = f"{len(groups)} of {len(by_group)} groups; the table beside the figure has them all"
            figure.suptitle(note, x=0.01, ha="left", fontsize=style.points(7))
        canvas.legend(figure, panels[0, 0], handles, labels, columns if canvas.is_own else 1)
    return figure


def _draw_group(cells: Sequence[Axes], rows: Sequence[Row], ends: Sequence[str]) -> None:
    """Bar k stands at k; the cut behind it lies half a step further, that before all layers at one half."""
    above, middle, below = cells
    places = np.arange(len(rows))
    sizes = np.array([row["cut_bytes"] for row in rows])
    sent = sizes > 0  # behind the output nothing is sent
    usual = math.sqrt(float(sizes[sent].min()) * float(sizes[sent].max())) if sent.any() else 1.0
    factor, unit = style.scale_of(usual, "size")
    few = len(rows) <= _NAMED
    above.step(places[sent] + 0.5, sizes[sent] * factor, where="mid", color=style.BROWN, linewidth=1.1)
    if few:
        above.plot(places[sent] + 0.5, sizes[sent] * factor, "o", markersize=2.5, color=style.BROWN)
    if sent.any() and sizes[sent].max() > 10 * sizes[sent].min():
        above.set_yscale("log")
        style.plain_log_axis(above.yaxis, room=30.0)
    else:
        above.set_ylim(bottom=0)
        style.few_ticks(above.yaxis, 4)
    above.set_ylabel(f"Size ({unit})")
    for axes, column, color, name in (
        (middle, "device_s", style.BLUE, "Device"),
        (below, "edge_s", style.GREEN, "Edge"),
    ):
        times = np.array([row[column] for row in rows])
        factor, unit = style.scale_of(float(times.max()) or 1.0, "time")
        axes.bar(places[1:], times[1:] * factor, width=0.8 if few else 1.0, color=color, linewidth=0)
        style.few_ticks(axes.yaxis, 4)
        axes.set_ylabel(f"{name} ({unit})")
    for axes in cells:
        style.light_grid(axes, "y")
        for place, row in enumerate(rows):
            if row["taken_by"] in ends:
                axes.axvline(place + 0.5, **_end_looks(ends.index(row["taken_by"])))
    # marks at the upper edge tell the lines apart
    for place, row in enumerate(rows):
        if row["taken_by"] in ends:
            number = ends.index(row["taken_by"])
            looks = {"color": _end_looks(number)["color"], "marker": style.MARKERS[number], "clip_on": False}
            above.plot([place + 0.5], [1.0], transform=above.get_xaxis_transform(), markersize=4, zorder=4, **looks)
    below.set_xlim(0.2, len(rows) + 0.1)


def _end_looks(number: int) -> dict[str, Any]:
    colours = (style.VERMILLION, style.PURPLE, style.ORANGE, style.SKY, style.GREY, "black")
    return {"color": colours[number % len(colours)], "linestyle": (0, (1.2, 1.2)), "linewidth": 1.2}


def _name_layers(axes: Axes, names: Sequence[str], across: int) -> None:
    """Names below the bars; of many layers those of their modules, each below the middle of its own.

    So many figures stand beside each other.
    """
    room, letter = _ROOM * across * len(names), _LETTER * across * len(names)
    runs = [(name, number, number) for number, name in enumerate(names)]
    if len(names) > _NAMED:
        runs = next(
            (found for depth in (1, 2, 3) if _largest(found := _runs(names, depth)) <= _MOST * len(names)), runs
        )
        if len(runs) <= _MODULES:
            axes.set_xticks([first + 0.5 for _, first, _ in runs[1:]], minor=True)
            axes.tick_params(axis="x", which="minor", length=5)
            axes.tick_params(axis="x", which="major", length=0)
    shown: list[tuple[str, float]] = []
    # where names would run into each other, the larger modules have theirs
    for name, first, last in sorted(runs, key=lambda run: run[1] - run[2]):
        place = (first + last) / 2 + 1.0
        if all(abs(place - other) >= room for _, other in shown):
            shown.append((name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…", place))
    is_steep = any(
        abs(place - other) < (len(text) + len(word)) / 2 * letter
        for (text, place), (word, other) in combinations(shown, 2)
    )
    turned: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_steep else {}
    axes.set_xticks([place for _, place in shown], [text for text, _ in shown], parse_math=False, **turned)
    axes.set_xlabel("Layers in the order of execution")


def _largest(runs: Sequence[tuple[str, int, int]]) -> int:
    return max(last - first + 1 for _, first, last in runs)


def _runs(names: Sequence[str], depth: int) -> list[tuple[str, int, int]]:
    """Modules of this depth, with the number of their first and last layer."""
    found: list[tuple[str, int, int]] = []
    for number, name in enumerate(names):
        module = ".".join(name.split(".")[:depth])
        if found and found[-1][0] == module:
            found[-1] = (module, found[-1][1], number)
        else:
            found.append((module, number, number))
    return found
