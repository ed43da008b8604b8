"""Text files are read alike, whatever they are for: what is wrong is said with its place and nothing else raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import CardError, TraceError
from simulator.textfile import filled_lines, read_text

pytestmark = pytest.mark.engine_free


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a\nb\n", "a\nb\n"), (b"\xef\xbb\xbfa\n", "a\n"), (b"a\r\nb\rc", "a\nb\nc"), (b"", "")],
)
def test_a_mark_and_ends_of_lines_are_no_matter(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_text(tmp_path / "file", TraceError) == text


def test_what_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    """And in the kind of error that the caller asks for."""
    (tmp_path / "file").write_bytes(b"one\ntwo\n\xff")
    with pytest.raises(CardError, match=r"file:3:1: is not UTF-8 text \(byte 0xff\)"):
        read_text(tmp_path / "file", CardError)
    with pytest.raises(TraceError, match="cannot be read: No such file"):
        read_text(tmp_path / "nothing", TraceError)


def test_a_file_may_be_as_large_as_allowed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 2000)
    assert len(read_text(tmp_path / "file", TraceError, 2000)) == 2000
    with pytest.raises(TraceError, match=r"is larger than 1 kB(.|\n)*shorter"):
        read_text(tmp_path / "file", TraceError, 1999, "give a shorter one")


def test_comments_and_empty_lines_keep_their_numbers() -> None:
    assert filled_lines("# a\n\nb\n  \nc") == [(3, "b"), (5, "c")]
