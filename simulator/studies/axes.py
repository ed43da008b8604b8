"""The axes of a sweep as people read them: names for labels, values with their units, and how they are spaced."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from simulator.scenario.axis_values import dimension_of
from simulator.scenario.grid import Cell, Grid
from simulator.units import UNITS, human

T = TypeVar("T")

#: path -> words for a label; other paths stand as they are
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "link.uplink": "Uplink",
        "link.downlink": "Downlink",
        "link.uplink.rate": "Uplink rate",
        "link.downlink.rate": "Downlink rate",
        "link.uplink.trace": "Uplink trace",
        "link.uplink.generator": "Uplink generator",
        "link.uplink.distance": "Distance",
        "link.uplink.losses.share": "Share of frames lost",
        "link.propagation": "Propagation delay, one way",
        "link.radio": "Radio",
        "workload.rate": "Request rate",
        "workload.deadline": "Deadline",
        "count": "Devices",
        "model": "Model",
        "device": "Device",
        "server": "Server",
        "seed": "Seed",
        "serving.max_batch": "Largest batch",
        "serving.max_wait": "Longest wait for a batch",
        "serving.background_load": "Background load of the server",
    }
)


@dataclass(frozen=True)
class AxisView:
    """One axis.

    Attributes
    ----------
    path : str
        Its column in the data set.
    cells : tuple
        Its values as they stand in that column, in the order in which they were given.
    dimension : str
        A key of `simulator.units.UNITS`; empty for names and plain numbers.
    """

    path: str
    cells: tuple[Cell, ...]
    dimension: str

    @property
    def words(self) -> str:
        """Its name for people."""
        return _WORDS.get(self.path, self.path)

    @property
    def is_numeric(self) -> bool:
        """Whether its values have a place on a line of numbers."""
        return all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in self.cells)

    @property
    def is_logarithmic(self) -> bool:
        """Whether its values are closer to equal ratios than to equal steps."""
        if not self.is_numeric or len(self.cells) < 3:
            return False
        values = np.sort(np.array(self.cells, dtype=np.float64))
        if values[0] <= 0:
            return False
        return _unevenness(np.log(values)) < _unevenness(values)

    def text(self, cell: Any) -> str:
        """A value with its unit."""
        if cell is None:
            return "none"
        if isinstance(cell, float) and self.dimension:
            unit = human(cell, self.dimension).rsplit(" ", 1)[1]
            return f"{cell / UNITS[self.dimension][unit]:.4g} {unit}"
        if isinstance(cell, str) and cell.startswith("{"):
            return _fields(cell)
        return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def of_grid(grid: Grid) -> tuple[AxisView, ...]:
    """The axes of a grid, in its order."""
    pairs = zip(grid.axes, grid.cells, strict=True)
    return tuple(AxisView(axis.path, cells, dimension_of(axis.values)) for axis, cells in pairs)


def of_column(path: str, values: Sequence[Any], column: Sequence[Any]) -> AxisView:
    """An axis from the values that a sweep was given and the column that it has written.

    Only values that occur in the column are kept. Numbers are put in ascending order, other values stay in that in
    which they were given.
    """
    present = dict.fromkeys(column)
    if all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present):
        return AxisView(path, tuple(sorted(present)), dimension_of(values))
    given = [value if isinstance(value, str | bool) or value is None else json.dumps(value) for value in values]
    places = {cell: place for place, cell in enumerate(given)}
    cells = sorted(present, key=lambda cell: (places.get(cell, len(places)), isinstance(cell, float) and cell))
    return AxisView(path, tuple(cells), dimension_of(values))


def _fields(text: str) -> str:
    """Fields that were given together, as in a file: ``rate: 1 Mbit/s``."""
    try:
        fields = json.loads(text)
    except ValueError:
        return text
    return ", ".join(f"{key}: {value}" for key, value in fields.items())


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Of more items than there is room for, some at even distances, first and last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(k * (len(items) - 1) / (most - 1))] for k in range(most)]


def _unevenness(values: Any) -> float:
    """Standard deviation of the steps over their mean."""
    steps = np.diff(values)
    mean = float(steps.mean())
    return float(steps.std()) / mean if mean else math.inf
