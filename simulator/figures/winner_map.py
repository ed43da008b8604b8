"""Figure map: who wins where over a plane, one colour and one mark for each policy.

A point of the plane is a field around its values, logarithmic where the axis is. Full colour: ahead by a tenth of the
winner's mean or more; lighter: by less. Hatched: the best policy cannot be told from another. Grey and cross-hatched:
no policy can be compared, as where none has a steady state. Solid lines part policies; dotted ones part the cuts that
one policy takes, whose names stand in their areas.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from simulator.arrays import Floats
from simulator.figures import style
from simulator.figures.axis_scales import axis_label, axis_scale, tick_names
from simulator.figures.canvas import Canvas
from simulator.inference.saturation import NO_STEADY_STATE
from simulator.studies.axes import AxisView

if TYPE_CHECKING:
    from simulator.studies.map import WinnerMap

_Mask = NDArray[np.bool_]

#: margin, as a share of the winner's mean, from which its colour is full; share of white in the lighter one
_CLEAR, _LIGHT = 0.1, 0.5
#: values of an axis that all have a tick
_EACH = 6
#: share of the points from which an area gets a mark or the name of a cut
_MARKED, _NAMED = 0.01, 0.04
_NOBODY, _MISSING = "", None
_HATCH = "/////"
_INK = "#222222"
_UNABLE: dict[str, Any] = {"facecolor": style.LIGHT_GREY, "edgecolor": "#909090", "hatch": "xxxx"}


class _Plane(NamedTuple):
    """The points as arrays of shape (values of y, values of x); the winner of a missing point is None."""

    winner: NDArray[np.object_]
    partition: NDArray[np.object_]
    is_certain: _Mask
    is_clear: _Mask
    x_edges: Floats
    y_edges: Floats


def draw(found: WinnerMap, canvas: Canvas) -> Figure:
    """The figure."""
    plane = _plane(found)
    winners = [policy for policy in found.policies if (plane.winner == policy).any()]
    nobody = plane.winner == _NOBODY
    doubtful = ~plane.is_certain & ~nobody & (plane.winner != _MISSING)
    with canvas.drawing():
        handles, labels = _legend(found, plane, winners, doubtful, nobody)
        columns = 2 if max(map(len, labels)) <= 30 else 1
        height = 2.6 + 0.15 * style.legend_rows(labels, columns)
        figure, panels = canvas.panels(1, 1, (style.COLUMN_IN, height))
        axes = panels[0, 0]
        for policy in winners:
            colour, mine = _colour(found, policy), plane.winner == policy
            _fill(axes, plane, mine & plane.is_clear, facecolor=colour, edgecolor=colour)
            _fill(axes, plane, mine & ~plane.is_clear, facecolor=_lighter(colour), edgecolor=_lighter(colour))
        _fill(axes, plane, nobody, linewidth=0, **_UNABLE)
        _fill(axes, plane, doubtful, facecolor="none", edgecolor=_INK, hatch=_HATCH, linewidth=0)
        winner, taken = plane.winner, plane.partition
        upright, level = winner[:, 1:] != winner[:, :-1], winner[1:] != winner[:-1]
        _borders(axes, plane, upright, level, linewidths=0.9, colors="black")
        upright, level = (taken[:, 1:] != taken[:, :-1]) & ~upright, (taken[1:] != taken[:-1]) & ~level
        _borders(axes, plane, upright, level, linewidths=0.6, linestyles=[(0, (1, 1.5))], colors=_INK)
        for policy in winners:
            _mark(axes, plane, plane.winner == policy, **_marker(found, policy))
        for policy in winners:
            for cut in _named_cuts(found, policy):
                _name(axes, plane, (plane.winner == policy) & (plane.partition == cut), cut)
        _dress(axes, "x", found.x, plane.x_edges)
        _dress(axes, "y", found.y, plane.y_edges)
        if len(found.rows) < found.points and canvas.is_own:
            note = f"{len(found.rows)} of {found.points} points"
            figure.suptitle(note, x=0.01, ha="left", fontsize=style.points(7))
        canvas.legend(figure, axes, handles, labels, columns)
    return figure


def _plane(found: WinnerMap) -> _Plane:
    shape = (len(found.y.cells), len(found.x.cells))
    winner, partition = np.full(shape, _MISSING, dtype=object), np.full(shape, "", dtype=object)
    is_certain, is_clear = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    x_places = {cell: place for place, cell in enumerate(found.x.cells)}
    y_places = {cell: place for place, cell in enumerate(found.y.cells)}
    for row in found.rows:
        at = y_places[row[found.y.path]], x_places[row[found.x.path]]
        winner[at], partition[at], is_certain[at] = row["winner"], row["partition"], row["is_certain"]
        # without a margin there is nobody near
        is_clear[at] = math.isnan(row["margin"]) or not row["margin"] < _CLEAR * row["mean"]
    return _Plane(winner, partition, is_certain, is_clear, _edges(found.x), _edges(found.y))


def _edges(axis: AxisView) -> Floats:
    """Borders of the fields along an axis: half-way to the neighbours, by ratio where the axis is logarithmic."""
    if not axis.is_numeric or len(axis.cells) < 2:
        return np.arange(len(axis.cells) + 1, dtype=np.float64) - 0.5
    values = np.array(axis.cells, dtype=np.float64) * axis_scale(axis)[0]
    places: Floats = np.log(values) if axis.is_logarithmic else values
    middles = (places[1:] + places[:-1]) / 2
    edges = np.concatenate(([2 * places[0] - middles[0]], middles, [2 * places[-1] - middles[-1]]))
    return np.asarray(np.exp(edges) if axis.is_logarithmic else edges, dtype=np.float64)


def _fill(axes: Axes, plane: _Plane, mask: _Mask, **looks: Any) -> None:
    """One shape of all fields of a mask; its thin edge hides the gaps that viewers leave between fields."""
    corners: list[tuple[float, float]] = []
    for row, line in enumerate(mask):
        low, high = plane.y_edges[row], plane.y_edges[row + 1]
        for first, last in _runs(line):
            left, right = plane.x_edges[first], plane.x_edges[last]
            corners += [(left, low), (right, low), (right, high), (left, high), (left, low)]
    if corners:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
        axes.add_patch(PathPatch(Path(corners, codes), **{"linewidth": 0.3, "zorder": 1, **looks}))


def _runs(line: _Mask) -> Iterator[tuple[int, int]]:
    """First and last border of each stretch of fields that are true."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], line, [False])).astype(np.int8)))
    yield from zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True)


def _borders(axes: Axes, plane: _Plane, upright: _Mask, level: _Mask, **looks: Any) -> None:
    """Lines between fields and their right neighbours, and between fields and those above them."""
    x, y = plane.x_edges, plane.y_edges
    lines = [[(x[k + 1], y[row]), (x[k + 1], y[row + 1])] for row, k in np.argwhere(upright).tolist()]
    lines += [[(x[k], y[row + 1]), (x[k + 1], y[row + 1])] for row, k in np.argwhere(level).tolist()]
    axes.add_collection(LineCollection(lines, zorder=2, capstyle="projecting", **looks), autolim=False)


def _middle(plane: _Plane, mask: _Mask, share: float) -> tuple[float, float] | None:
    """Where the largest area of a mask has most room; None if all of it is less than a share of the plane."""
    from scipy import ndimage

    areas, count = ndimage.label(mask)
    sizes = np.bincount(areas.ravel())[1:]
    if not count or sizes.max() < share * mask.size:
        return None
    room = ndimage.distance_transform_edt(np.pad(areas == 1 + sizes.argmax(), 1))[1:-1, 1:-1]
    row, column = np.unravel_index(room.argmax(), room.shape)
    x, y = plane.x_edges, plane.y_edges
    return float((x[column] + x[column + 1]) / 2), float((y[row] + y[row + 1]) / 2)


def _mark(axes: Axes, plane: _Plane, mask: _Mask, **looks: Any) -> None:
    place = _middle(plane, mask, _MARKED)
    if place is not None:
        axes.plot(*place, **looks)


def _name(axes: Axes, plane: _Plane, mask: _Mask, name: str) -> None:
    place = _middle(plane, mask, _NAMED)
    if place is not None:
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
        offset: dict[str, Any] = {
            "xytext": (0, 5),
            "textcoords": "offset points",
            "ha": "center",
            "va": "bottom",
            "zorder": 4,
        }
        axes.annotate(style.short(name, 20), place, fontsize=style.points(6), bbox=box, annotation_clip=True, **offset)


def _named_cuts(found: WinnerMap, policy: str) -> list[str]:
    """Cuts of a policy that takes several, or whose name does not tell its cut."""
    cuts = [cut for cut in found.partitions(policy) if cut]
    return cuts if len(cuts) > 1 else []


def _dress(axes: Axes, which: Literal["x", "y"], axis: AxisView, edges: Floats) -> None:
    """Limits, scale, ticks and label of an axis."""
    drawn = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xlim if which == "x" else axes.set_ylim)(edges[0], edges[-1])
    names = tick_names(axis) if axis.is_numeric else [style.short(axis.text(cell), 14) for cell in axis.cells]
    if axis.is_numeric and len(axis.cells) > 1:
        if axis.is_logarithmic:
            (axes.set_xscale if which == "x" else axes.set_yscale)("log")
            style.plain_log_axis(drawn)
        else:
            style.few_ticks(drawn, 6, whole=all(isinstance(cell, int) for cell in axis.cells))
        if len(axis.cells) <= _EACH:  # between them there is nothing
            values = [float(str(cell)) * axis_scale(axis)[0] for cell in axis.cells]
            drawn.set_minor_locator(NullLocator())
            drawn.set_ticks(values, [f"{value:.4g}" for value in values])
    else:
        names = names or [axis.text(cell) for cell in axis.cells]
        is_long = which == "x" and sum(len(name) + 2 for name in names) > 44
        turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
        drawn.set_ticks(range(len(names)), names, parse_math=False, **turned)
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(axis_label(axis))


def _legend(
    found: WinnerMap,
    plane: _Plane,
    winners: Sequence[str],
    doubtful: _Mask,
    nobody: _Mask,
) -> tuple[list[Any], list[str]]:
    """Each policy with its cut where its name does not tell it, and what the other looks mean."""
    handles: list[Any] = []
    labels = []
    for policy in winners:
        mark = Line2D([], [], **_marker(found, policy))
        handles.append((Patch(facecolor=_colour(found, policy), edgecolor="black", linewidth=0.5), mark))
        labels.append(style.short(policy))
    if (~plane.is_clear & (plane.winner != _MISSING) & ~nobody).any():
        handles.append(Patch(facecolor=_lighter(_colour(found, winners[0])), edgecolor="black", linewidth=0.5))
        labels.append(f"lighter: by less than {100 * _CLEAR:.0f} %")
    if doubtful.any():
        handles.append(Patch(facecolor="white", edgecolor=_INK, linewidth=0.5, hatch=_HATCH))
        labels.append("not told from the next best")
    if nobody.any():
        handles.append(Patch(linewidth=0, **_UNABLE))
        reasons = {row["reason"] for row in found.rows if not row["winner"]}
        is_unstable = all(NO_STEADY_STATE in reason for reason in reasons)
        labels.append("nobody has a steady state" if is_unstable else "nobody can be compared")
    return handles, labels


def _colour(found: WinnerMap, policy: str) -> str:
    return style.PALETTE[found.policies.index(policy) % len(style.PALETTE)]


def _lighter(colour: str) -> tuple[float, float, float]:
    red, green, blue = (part + (1 - part) * _LIGHT for part in to_rgb(colour))
    return red, green, blue


def _marker(found: WinnerMap, policy: str) -> dict[str, Any]:
    number = found.policies.index(policy)
    mark = style.MARKERS[number % len(style.MARKERS)]
    edge = {"markeredgecolor": "black", "markeredgewidth": 0.6, "linestyle": "none", "zorder": 5}
    return {"marker": mark, "markersize": 4.5, "color": "white", **edge}
