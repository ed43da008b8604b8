"""Figure latency_parts: where the mean latency of completed requests goes, stacked along the way of a request.

Waiting is hatched, service is filled, each station has one colour.
"""

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

_WAIT = "/////"
#: along the way of a request
PARTS = (
    Part("device_wait_s", "device, waiting", style.BLUE, _WAIT),
    Part("device_service_s", "device, computing", style.BLUE),
    Part("uplink_wait_s", "uplink, waiting", style.ORANGE, _WAIT),
    Part("uplink_service_s", "uplink, sending", style.ORANGE),
    Part("propagation_s", "propagation", style.LIGHT_GREY),
    Part("edge_wait_s", "edge, waiting", style.GREEN, _WAIT),
    Part("edge_service_s", "edge, computing", style.GREEN),
    Part("backhaul_s", "between edge and cloud", style.BROWN),
    Part("cloud_wait_s", "cloud, waiting", style.VERMILLION, _WAIT),
    Part("cloud_service_s", "cloud, computing", style.VERMILLION),
    Part("downlink_s", "downlink", style.PURPLE),
)
#: parts of several columns
_SUMS = {
    "downlink_s": ("downlink_wait_s", "downlink_service_s"),
    "backhaul_s": (
        "backhaul_up_wait_s",
        "backhaul_up_service_s",
        "backhaul_down_wait_s",
        "backhaul_down_service_s",
    ),
}
#: columns of the requests table that each part adds up
COLUMNS = {part.column: _SUMS.get(part.column, (part.column,)) for part in PARTS}


def tables(result: Result) -> dict[str, DataTable]:
    """Mean seconds of each part per policy and group; their sum is the mean latency."""
    there = set(result.table.column_names)
    columns = {part: names for part, names in COLUMNS.items() if there.issuperset(names)}
    return {"latency_parts": mean_parts(result, columns, Selection.completed, "latency_ci95_s")}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table."""
    table = data["latency_parts"]
    parts = [part for part in PARTS if part.column in table.columns]
    return draw_stacked(table, parts, "Mean end-to-end latency", "time", canvas)
