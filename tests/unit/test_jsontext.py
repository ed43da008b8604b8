"""JSON as bad will writes it is refused in words, at its place where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from worlds import chain

from simulator.errors import ProfileError
from simulator.jsontext import JsonError, read_json
from simulator.profiling.model import load_profile


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "thousands of digits"),
        (r'"\ud800"', "half of a character"),
        (r'{"a\udfff": 1}', "half of a character"),
        ("{", "Expecting"),
    ],
)
def test_what_cannot_be_held_is_refused(text: str, words: str) -> None:
    """One kind of error whatever Python's reader does."""
    with pytest.raises(JsonError, match=words):
        read_json(text)


def test_whole_characters_and_backslashes_pass() -> None:
    """A pair of surrogates is one character."""
    assert read_json(r'["\ud83d\ude00", "\\ud800", 1e3]') == ["\U0001f600", "\\ud800", 1000.0]


@pytest.mark.parametrize("value", [[], {}, 10**400, -(10**400), 1e308, "\x1b[31m", "a\nb", None, True, [[]]])
@pytest.mark.parametrize("key", ["input_dtype", "input_shape", "macs", "name", "encodings", "top1", "graph", "exits"])
def test_a_hostile_value_in_a_profile_is_refused(tmp_path: Path, key: str, value: object) -> None:
    """Named with its place in the document; nothing else escapes."""
    path = Path(chain(tmp_path, {"head": 2000, "tail": 4}))
    document = json.loads(path.read_text())
    if document[key] == value or (key, value) in (("top1", None), ("encodings", {})):
        pytest.skip("that is no damage")
    document[key] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError) as raised:
        load_profile(path)
    assert all(0 < len(problem.message) < 400 for problem in raised.value.problems)
