"""JSON text as plain values, refused in words where Python's reader gives up in its own way."""

from __future__ import annotations

import json
import re
from typing import Any

#: half of a character that needs two, alone: it fits into no file
_HALF = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """Text that is no JSON, or JSON that cannot be held.

    Attributes
    ----------
    line, column : int
        Where, from 1; 0 when unknown.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def read_json(text: str) -> Any:
    """The document in a text.

    Raises
    ------
    JsonError
        For text that is no JSON, nests without end, or holds a number of thousands of digits or half a character.
        NaN and infinities, which Python's reader takes, are left to whoever knows what should be there.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise JsonError(error.msg, error.lineno, error.colno) from error
    except RecursionError as error:
        raise JsonError("nested too deeply") from error
    except ValueError as error:  # Python's limit for digits
        raise JsonError("a number has thousands of digits") from error
    # escapes such as \ud800 are pure ASCII, so a text without backslashes cannot hold one
    if "\\" in text and _HALF.search(json.dumps(document, ensure_ascii=False)):
        raise JsonError("it holds half of a character (a lone surrogate)")
    return document
