"""Figure energy_parts: what the mean energy per request is spent on, stacked: compute, radio, idle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.figures.stacked import Part, draw_stacked, mean_parts
from simulator.inference.selection import Selection

if TYPE_CHECKING:
    from simulator.studies.result import Result

_PARTS = (
    Part("energy_compute_j", "compute", style.BLUE),
    Part("energy_radio_j", "radio", style.ORANGE, "/////"),
    Part("energy_idle_j", "idle", style.LIGHT_GREY),
)
_COLUMNS = {part.column: (part.column,) for part in _PARTS}


def tables(result: Result) -> dict[str, DataTable]:
    """Mean joules of each part per policy and group; their sum is the mean energy per request."""
    return {"energy_parts": mean_parts(result, _COLUMNS, Selection.floats, "energy_ci95_j")}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table."""
    return draw_stacked(data["energy_parts"], _PARTS, "Mean device energy per request", "energy", canvas)
