"""Where a figure is drawn: on a page of its own, or into axes of the user's; in which size and font.

On its own page a figure has the look of this program, whatever the settings of matplotlib are. In axes of the user's
the user's settings hold, the legend goes inside the first axes, and title, size and spacing stay the user's business.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font_names

from simulator.errors import Problem, ResultError, did_you_mean
from simulator.figures import style

#: families that every installation of matplotlib has a font for
_GENERIC = ("serif", "sans-serif", "monospace")
#: sides of a figure, in inches, and sizes of letters, in points
_SIDES, _LETTERS = (0.5, 40.0), (2.0, 72.0)


@dataclass(frozen=True)
class Look:
    """What a person may want different from the look of this program.

    Attributes
    ----------
    size : tuple of float or None
        Width and height in inches; None for what the content needs at the width of a column or page.
    font : str or None
        Name of an installed font, or ``serif``, ``sans-serif``, ``monospace``.
    font_size : float or None
        Size of the labels in points; smaller texts keep their proportion to it.

    Raises
    ------
    ResultError
        For a size that no figure has, and a font that is not installed.
    """

    size: tuple[float, float] | None = None
    font: str | None = None
    font_size: float | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.size is not None and not (len(self.size) == 2 and all(_between(side, _SIDES) for side in self.size)):
            hint = f"width and height in inches, each from {_SIDES[0]:g} to {_SIDES[1]:g}, like 3.5 and 2.4"
            problems.append(Problem(f"{self.size} is not the size of a figure", hint))
        if self.font_size is not None and not _between(self.font_size, _LETTERS):
            hint = f"in points, from {_LETTERS[0]:g} to {_LETTERS[1]:g}"
            problems.append(Problem(f"{self.font_size} is not the size of a font", hint))
        if self.font is not None and self.font not in _GENERIC and not _is_installed(self.font):
            hint = did_you_mean(self.font, [*get_font_names(), *_GENERIC]) or "always there: " + ", ".join(_GENERIC)
            problems.append(Problem(f'the font "{self.font}" is not installed', hint))
        if problems:
            raise ResultError(problems)

    @property
    def settings(self) -> dict[Any, Any]:
        """Settings of matplotlib that make it so."""
        changed: dict[Any, Any] = {}
        if self.font is not None:
            changed["font.family"] = [self.font]
        if self.font_size is not None:
            changed |= style.font_sizes(self.font_size)
        return changed


def _between(value: float, bounds: tuple[float, float]) -> bool:
    return math.isfinite(value) and bounds[0] <= value <= bounds[1]


def _is_installed(font: str) -> bool:
    try:
        findfont(font, fallback_to_default=False)
    except ValueError:
        return False
    return True


class Canvas:
    """The place of one figure.

    Parameters
    ----------
    look : Look
    ax : Axes or sequence of Axes, optional
        Draw into these, one for each panel in order of reading, instead of a figure of its own.

    Raises
    ------
    ResultError
        For a size together with axes, which have theirs.
    """

    def __init__(self, look: Look | None = None, ax: Axes | Sequence[Axes] | None = None) -> None:
        self._look = look or Look()
        self._given = None if ax is None else np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if self._given is not None and self._look.size is not None:
            hint = "leave size out, and make the figure that holds the axes that large"
            raise ResultError(Problem("axes and a size exclude each other", hint))

    @property
    def is_own(self) -> bool:
        """Whether the figure is on a page of its own."""
        return self._given is None

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Settings under which the figure is drawn."""
        if self._given is None:
            with style.drawing(self._look.settings):
                yield
        else:
            with mpl.rc_context(self._look.settings | style.PLAIN_TEXT):
                yield

    def panels(self, rows: int, columns: int, size: tuple[float, float], **sharing: Any) -> tuple[Figure, Any]:
        """A grid of axes, to be called while `drawing`.

        Parameters
        ----------
        rows, columns : int
        size : tuple of float
            Width and height of the figure in inches, unless the look has another.
        **sharing
            ``sharex``, ``sharey``, ``width_ratios`` as of ``Figure.subplots``; the user's axes share what they share.

        Returns
        -------
        Figure, array of Axes, shape (rows, columns)

        Raises
        ------
        ResultError
            If there are fewer or more axes of the user's than panels.
        """
        if self._given is None:
            width, height = self._look.size or (size[0], size[1] * max(1.0, style.letters()))
            figure = style.new_figure(width, height, self._look.settings)
            return figure, figure.subplots(rows, columns, squeeze=False, **sharing)
        if len(self._given) != rows * columns:
            hint = f"give ax= {rows * columns} of them, as from figure.subplots({rows}, {columns})"
            raise ResultError(
                Problem(f"this figure has {rows * columns} panels, not the {len(self._given)} axes given", hint)
            )
        return self._given[0].get_figure(), self._given.reshape(rows, columns)

    def legend(self, figure: Figure, axes: Axes, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
        """A legend below all panels of an own figure, or inside the user's axes."""
        if self._given is None:
            style.legend_below(figure, handles, labels, columns)
        else:
            axes.legend(handles, labels, frameon=False)
