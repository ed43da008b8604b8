"""Figures as methods: ``result.plot.latency_cdf()``, with completion of their names and a hint for a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.errors import did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureMethods:
    """The figures of one run or sweep.

    Parameters
    ----------
    draw : callable
        Draws the figure of a name; further arguments are those of `simulator.analysis.plots.figure`.
    names : sequence of str
    of : str
        What the figures are of, for messages: ``run`` or ``sweep``.
    """

    def __init__(self, draw: Callable[..., Figure], names: Sequence[str], of: str) -> None:
        self._draw, self._names, self._of = draw, list(names), of

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._names:
            hint = did_you_mean(name, self._names) or "known: " + ", ".join(self._names)
            raise AttributeError(f'no figure of a {self._of} is called "{name}"; {hint}')
        return partial(self._draw, name)

    def __dir__(self) -> list[str]:
        return self._names
