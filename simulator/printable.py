"""Text from files, names and arguments made fit for people's eyes: what would steer a terminal shows as its escape.

Escaped are control characters (ECMA-48, "Control functions for coded character sets": C0, DEL, C1), the marks that
reorder text (Unicode Standard Annex 9), the two Unicode line ends, and lone surrogates, which stand for the bytes of a
file name that is not UTF-8. Nothing is left out, so that two names that differ look different.
"""

from __future__ import annotations

import re

#: without line feed and tab, which text of several lines may hold
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE = re.compile(f"[\t\n]|{_UNSEEN.pattern}")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def printable(text: str) -> str:
    r"""A text of several lines without what steers a terminal.

    Examples
    --------
    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    return _UNSEEN.sub(_escape, text)


def one_line(text: str) -> str:
    r"""The same for text that stands in a line: line ends and tabs are escaped too.

    Examples
    --------
    >>> one_line("two\nlines")
    'two\\nlines'
    """
    return _LINE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    sign = match.group()
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return _SHORT.get(sign) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
