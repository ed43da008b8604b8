"""Figure cut_stages: the predicted latency of a lone request at each cut that is worth a look, stacked by stage.

After Kang et al., "Neurosurgeon", ASPLOS 2017, figure 4. Each bar stands for the place where the device's part ends;
the policies that take it stand behind its total. Fleets show the groups one below the other, as far as a page has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.figures import style
from simulator.figures.canvas import Canvas
from simulator.figures.files import DataTable
from simulator.figures.stacked import Part, draw_stacked, plain_rows

if TYPE_CHECKING:
    from simulator.studies.result import Result

NAME = "cut_stages"
#: bars of one figure, and letters of the policies behind a bar
_MOST, _LETTERS = 40, 26
_PARTS = (
    Part("device_s", "device", style.BLUE),
    Part("uplink_s", "uplink", style.ORANGE),
    Part("edge_s", "edge", style.GREEN),
    Part("backhaul_up_s", "to the cloud", style.BROWN),
    Part("cloud_s", "cloud", style.VERMILLION),
    Part("backhaul_down_s", "from the cloud", style.GREY),
    Part("downlink_s", "downlink", style.PURPLE),
    Part("propagation_s", "propagation", style.LIGHT_GREY, "/////"),
)


def tables(result: Result) -> dict[str, DataTable]:
    """The stages of each cut."""
    return {NAME: DataTable(CURVE_COLUMNS[NAME], result.curves[NAME].to_pylist())}


def draw(data: dict[str, DataTable], canvas: Canvas) -> Figure:
    """The figure, from its table."""
    rows = data[NAME].rows[:_MOST]
    several = len({row["group"] for row in rows}) > 1
    bars = ((row["cut"], row["group"] if several else "", row, _short(row["taken_by"])) for row in rows)
    return draw_stacked(plain_rows(bars, _PARTS), _PARTS, "Predicted latency by place of the cut", "time", canvas)


def _short(names: str) -> str:
    return names if len(names) <= _LETTERS else f"{names[: _LETTERS - 1]}…"
