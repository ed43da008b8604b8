"""Figures as the studies see them: names, and who draws them. The drawing itself is given from above (`figures`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.errors import did_you_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """The figures of one kind of study.

    Attributes
    ----------
    of : str
        What the figures are of, for messages: ``run``, ``sweep`` or ``optimisation``.
    names : tuple of str
        Names of the figures.
    own_files : tuple of str
        Every file that may be written, with its suffix: what was written by an earlier run can be told by its name.
    figure : callable
        ``figure(study, name, **look)`` is the figure of a name.
    files : callable
        ``files(study, format)`` yields name and content of every file that the figures of a study need.
    """

    of: str
    names: tuple[str, ...]
    own_files: tuple[str, ...]
    figure: Callable[..., Figure]
    files: Callable[[Any, str], Iterator[tuple[str, bytes]]]

    def methods(self, study: Any) -> FigureMethods:
        """The figures of a study as methods."""
        return FigureMethods(partial(self.figure, study), self.names, self.of)


class FigureMethods:
    """The figures of one study: ``latency_cdf()`` and so on, with completion of names and a hint for a wrong one.

    Parameters
    ----------
    draw : callable
        Draws the figure of a name; further arguments are those of `simulator.figures.runs.figure`.
    names : sequence of str
    of : str
        What the figures are of, for messages.
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


def _no_figure(*_: Any, **__: Any) -> Figure:
    raise LookupError("there are no figures here")


def _no_files(*_: Any) -> Iterator[tuple[str, bytes]]:
    return iter(())


#: of a study whose caller wants no figures
NO_FIGURES = Drawing("study without figures", (), (), _no_figure, _no_files)
