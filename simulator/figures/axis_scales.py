"""How the values of a sweep's axis are written along an axis of a figure."""

from __future__ import annotations

import numpy as np

from simulator.figures import style
from simulator.studies.axes import AxisView


def axis_scale(axis: AxisView) -> tuple[float, str]:
    """Factor from SI units, and unit, in which the numbers of an axis are easy to read."""
    if not axis.dimension:
        return 1.0, ""
    values = [abs(float(cell)) for cell in axis.cells if cell]
    middle = float(np.exp(np.log(values).mean())) if values and axis.is_logarithmic else max(values, default=1.0)
    return style.scale_of(middle, axis.dimension)


def axis_label(axis: AxisView) -> str:
    """Name of an axis, with its unit."""
    unit = axis_scale(axis)[1] if axis.is_numeric else ""
    return f"{axis.words} ({unit})" if unit else axis.words


def tick_names(axis: AxisView) -> list[str]:
    """Names below the places of an axis; empty for numbers."""
    return [] if axis.is_numeric else [style.short(axis.text(cell), 18) for cell in axis.cells]
