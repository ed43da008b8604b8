"""Figures as files: the formats that they are written in, and what is written beside each.

pyplot is never imported: figures have no global state and need no display. The same figure gives the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, ResultError, did_you_mean
from simulator.staging import StagedFiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: file formats, vector formats first
FORMATS = ("svg", "pdf", "png")


#: resolution of png files
_DOTS_PER_INCH = 200


@dataclass(frozen=True)
class DataTable:
    """Rows that a figure shows, in the form of its CSV."""

    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]


def require_format(file_format: str) -> None:
    """Refuse what no figure can be written as."""
    if file_format not in FORMATS:
        hint = did_you_mean(file_format, FORMATS) or "known: " + ", ".join(FORMATS)
        raise ResultError(Problem(f'"{file_format}" is not a format of figures', hint))


def write_figures(directory: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write figures and the tables beside them; the paths of the figures."""
    with StagedFiles(directory) as staged:
        for name, content in files:
            staged.write_bytes(name, content)
        names = staged.names
        staged.commit()
    return [directory / name for name in names if not name.endswith(".csv")]


def figure_content(drawn: Figure, file_format: str) -> bytes:
    """A figure as the bytes of its file.

    Raises
    ------
    ResultError
        If its size leaves no room for what it shows.
    """
    from simulator.figures.style import saving

    # without dates and random identifiers, so that the same data give the same bytes
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[file_format]
    content = io.BytesIO()
    with saving(drawn), warnings.catch_warnings():
        warnings.filterwarnings("error", message="constrained_layout not applied")
        try:
            drawn.savefig(content, format=file_format, dpi=_DOTS_PER_INCH, metadata=metadata)
        except UserWarning as warning:
            width, height = drawn.get_size_inches()
            shown = f"{width:g} x {height:g} inches are too small for this figure"
            raise ResultError(Problem(shown, "give it more, or a smaller font")) from warning
    return content.getvalue()
