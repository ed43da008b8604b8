"""How figures look: size, fonts, colours and line styles that survive grey print and colour blindness.

Palette: Okabe and Ito, "Color Universal Design" (2008), without its yellow and black (too light for lines; taken by
text). Every colour comes with its own line style and marker, so that no reading depends on colour.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from simulator import units

#: widths of a figure in a two-column paper
COLUMN_IN = 3.5
PAGE_IN = 7.0

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, BROWN, GREY = "#56B4E9", "#E69F00", "#5D3A1A", "#7F7F7F"
LIGHT_GREY = "#C4C4C4"
#: colours of policies, in order
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BROWN, GREY)
#: line styles of policies, in order
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
    (0, (2.5, 2.5)),
    (0, (10, 2, 2, 2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")

#: points of labels, unless another size is asked for
_POINTS = 8.0


def font_sizes(points: float) -> dict[Any, Any]:
    """Settings for labels of this size and ticks and legends in proportion to it."""
    labels = ("font.size", "axes.titlesize", "axes.labelsize", "figure.titlesize")
    small = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    return dict.fromkeys(labels, points) | dict.fromkeys(small, points * 7 / 8)


#: names of policies and files are no formulas, whatever signs they hold
PLAIN_TEXT: dict[Any, Any] = {"text.parse_math": False}
#: how every interval looks, and one that is only a lower bound
ERROR_BAR: dict[str, Any] = {"elinewidth": 0.9, "capsize": 2.0, "capthick": 0.9}
_BOUND_STYLE = (0, (1.0, 1.2))

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    **font_sizes(_POINTS),
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.7,
    "axes.grid": False,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.5,
    "axes.unicode_minus": True,
    **PLAIN_TEXT,
}
#: text stays text in vector files; identifiers in svg files do not change from run to run
_FILES: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "offload-sim", "pdf.fonttype": 42}


class PaperFigure(Figure):
    """A Figure that notebooks show without pyplot; it knows the settings that it was drawn under."""

    settings: Mapping[Any, Any] = MappingProxyType({})

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        with saving(self):
            self.savefig(content, format="png", dpi=150)
        return content.getvalue()


def dot_bounds(bars: LineCollection, bounds: Sequence[bool]) -> None:
    """Dot the bars of those intervals that are only lower bounds; one truth value for each point."""
    bars.set_linestyle([_BOUND_STYLE if bound else "-" for bound in bounds])


@contextmanager
def drawing(settings: Mapping[Any, Any] = MappingProxyType({})) -> Iterator[None]:
    """Settings under which figures are made, some instead of those of `_STYLE`; the user's are untouched outside."""
    # asking for the backend would import pyplot
    defaults: dict[Any, Any] = {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault if key != "backend"}
    with mpl.rc_context({**defaults, **_STYLE, **settings}):
        yield


@contextmanager
def saving(figure: Figure | None = None) -> Iterator[None]:
    """Settings under which figures are written: some labels are made only then."""
    settings = figure.settings if isinstance(figure, PaperFigure) else {}
    with drawing(settings), mpl.rc_context(_FILES), warnings.catch_warnings():
        # a name in letters that the font lacks stays text in svg files, and a gap elsewhere
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def new_figure(width_in: float, height_in: float, settings: Mapping[Any, Any] = MappingProxyType({})) -> Figure:
    """An empty figure whose layout makes room for labels and legends."""
    figure = PaperFigure(figsize=(width_in, height_in), layout="constrained")
    figure.settings = settings
    return figure


def letters() -> float:
    """Size of the letters, as a multiple of the usual one."""
    return float(mpl.rcParams["font.size"]) / _POINTS


def points(usual: float) -> float:
    """Size of a text beside the labels in the font size that holds now, from its usual one."""
    return usual * letters()


def line_looks(number: int) -> dict[str, Any]:
    """Colour, line style and width of the curve of a policy; later curves are thinner, so that equal ones all show."""
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": DASHES[number % len(DASHES)],
        "linewidth": max(1.1, 1.9 - 0.2 * number),
    }


def scale_of(largest: float, dimension: str) -> tuple[float, str]:
    """Factor and unit that make the largest value on an axis easy to read: 0.25 s is (1e3, "ms")."""
    _, unit = units.human(largest, dimension).rsplit(" ", 1)
    return 1 / units.UNITS[dimension][unit], unit.replace("u", "µ") if unit in ("us", "uJ", "uW") else unit


def short(name: str, width: int = 24) -> str:
    """A name on at most two lines; of a longer one the middle is left out, since names often differ at the end."""
    wrapped = textwrap.wrap(name, width)
    if len(wrapped) <= 2:
        return "\n".join(wrapped)
    tail = textwrap.wrap(name[::-1], width - 1)[0][::-1]
    return f"{wrapped[0]}\n…{tail}"


def legend_rows(labels: Sequence[str], columns: int) -> int:
    """Lines of text that a legend needs in height."""
    rows = math.ceil(len(labels) / columns)
    taken = [
        sum(label.count("\n") + 1 for label in labels[start : start + rows]) for start in range(0, len(labels), rows)
    ]
    return max(taken, default=0)


def plain_log_axis(axis: Axis, room: float = 300.0) -> None:
    """Ticks of a logarithmic axis as plain numbers: at 1-2-5 up to this span, beyond it 2 and 5 go without a number.

    An axis with fewer than two powers of ten keeps its 2 and 5: one number alone tells no scale.
    """
    low, high = sorted(axis.get_view_interval())
    powers = math.floor(math.log10(high)) - math.ceil(math.log10(low)) + 1
    is_long = high / low >= room and powers >= 2
    axis.set_major_locator(LogLocator(base=10, subs=(1.0,) if is_long else (1.0, 2.0, 5.0), numticks=12))
    axis.set_minor_locator(LogLocator(base=10, subs=(2.0, 5.0), numticks=12) if is_long else NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}" if value >= 1e5 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def few_ticks(axis: Axis, count: int = 7, *, whole: bool = False) -> None:
    """At most so many intervals on a linear axis, at round numbers, or at whole ones."""
    axis.set_major_locator(MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole))


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """A legend under all axes, outside them, in as many columns as the figure is wide enough for, at most so many."""
    for ncols in range(columns, 0, -1):
        legend = figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=ncols,
            columnspacing=1.4,
            handletextpad=0.6,
            borderpad=0.2,
        )
        if ncols == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def light_grid(axes: Axes, axis: Any) -> None:
    """Thin lines at the major ticks of one axis (``"x"`` or ``"y"``), behind everything."""
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=axis, which="major", color="#D9D9D9", linewidth=0.5)
