"""Tables and texts of rich on a stream: no part of them is read as markup, and nothing in them steers the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from simulator.printable import printable

#: columns of a table in a file or a pipe, which is as wide as it needs to be
_WIDE = 200


class PlainConsole(Console):
    """A console that takes every text as it is, and escapes what would steer the terminal."""

    @classmethod
    def on(cls, stream: TextIO) -> Self:
        """The console of a stream."""
        width = None if stream.isatty() else _WIDE
        return cls(file=stream, width=width, markup=False, emoji=False, highlight=False)

    def show(self, view: RenderableType) -> None:
        """Print a view; a text is never broken into lines."""
        self.print(view, soft_wrap=isinstance(view, Text))

    def render_str(self, text: str, **options: Any) -> Text:
        """A plain text, as tables measure and draw it."""
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Parts of a view as they are drawn."""
        if isinstance(renderable, Text) and printable(renderable.plain) != renderable.plain:
            renderable = Text(printable(renderable.plain), style=renderable.style)
        return super().render(renderable, options)
