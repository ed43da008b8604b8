"""YAML as plain values with the place of every entry, and what of YAML is refused."""

from __future__ import annotations

import math

import pytest

from simulator.errors import Problem, ScenarioError
from simulator.scenario.locate import MAX_ENTRIES, read

TEXT = """\
name: a
link:
  uplink: {rate: 5 Mbit/s}
policies:
  - kind: local
  - {kind: edge,
     encoding: jpeg}
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("name",), 1, 7),
        (("link",), 3, 3),
        (("link", "uplink", "rate"), 3, 18),
        (("policies", 0, "kind"), 5, 11),
        (("policies", 1), 6, 5),
        (("policies", 1, "encoding"), 7, 16),
    ],
)
def test_every_value_knows_its_line_and_column(path: tuple[str | int, ...], line: int, column: int) -> None:
    """Counted from 1, at the first character of the value."""
    place = read(TEXT, "a.yaml").place(path)
    assert (place.file, place.line, place.column) == ("a.yaml", line, column)


def test_what_is_missing_is_placed_at_the_nearest_entry_around_it() -> None:
    """A path that was never written leads to its innermost written part."""
    place = read(TEXT, "a.yaml").place(("policies", 1, "thresholds", 0))
    assert (place.line, place.column) == (6, 5)


def test_an_unknown_field_is_placed_at_its_name() -> None:
    """The mistake is the key, not the value."""
    problem = read(TEXT, "a.yaml").located(Problem('unknown field "uplink"', path=("link", "uplink")))
    assert (problem.line, problem.column) == (3, 3)


def test_plain_values_follow_yaml_1_2() -> None:
    """`yes` is a word, `012` is twelve, dates and clock times are text; quotes keep everything text."""
    text = 'a: yes\nb: 012\nc: 2001-01-01\nd: 1:30\ne: ~\nf: TRUE\ng: 0x1F\nh: 1_000\ni: "5"\nj: 1e3\nk: 10 /s\n'
    assert read(text, "").data == {
        "a": "yes",
        "b": 12,
        "c": "2001-01-01",
        "d": "1:30",
        "e": None,
        "f": True,
        "g": 31,
        "h": 1000,
        "i": "5",
        "j": 1000.0,
        "k": "10 /s",
    }


def test_infinities_and_nan_arrive_as_such() -> None:
    """They are refused later, where the field that holds them is known."""
    data = read("a: .nan\nb: .inf\nc: -.INF\nd: 1e999\n", "").data
    assert math.isnan(data["a"])
    assert (data["b"], data["c"], data["d"]) == (math.inf, -math.inf, math.inf)


def test_an_alias_repeats_a_value() -> None:
    """Ordinary use of anchors is allowed."""
    assert read("a: &x {r: 1}\nb: *x\n", "").data == {"a": {"r": 1}, "b": {"r": 1}}


def test_aliases_may_unfold_up_to_the_limit_and_no_further() -> None:
    """The limit counts entries after unfolding."""
    values = 1000
    line = "a: &a [" + ",".join("x" * values) + "]\n"
    few = MAX_ENTRIES // values - 2
    read(line + "b: [" + ",".join(["*a"] * few) + "]\n", "")
    with pytest.raises(ScenarioError, match="unfolds to more than"):
        read(line + "b: [" + ",".join(["*a"] * (few + 3)) + "]\n", "")


def test_all_duplicate_fields_are_reported_at_once() -> None:
    """Each with the line of the first."""
    with pytest.raises(ScenarioError) as caught:
        read("a: 1\nb: 2\na: 3\nb: 4\n", "f")
    assert [(p.line, p.hint) for p in caught.value.problems] == [
        (3, "it stands in line 1 already"),
        (4, "it stands in line 2 already"),
    ]


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!x", "!!binary", "!!set", "!!int", "!!float", "!"])
def test_every_tag_is_refused(tag: str) -> None:
    """Even the standard ones: plain values need none."""
    with pytest.raises(ScenarioError, match="is not allowed"):
        read(f"a: {tag} x\n", "f")


@pytest.mark.parametrize(
    "text", ["a: [", "a: {b", 'a: "', "a: 'x' y", "@a: 1", "a: b: c", "\ta: 1", "a: *x", "a: \x07"]
)
def test_what_is_no_yaml_is_refused(text: str) -> None:
    """One kind of error whatever the grammar trips over."""
    with pytest.raises(ScenarioError, match="is not readable as YAML"):
        read(text, "f")


def test_a_number_of_thousands_of_digits_stays_text() -> None:
    """Reading it as an integer would fail; the field that holds it then refuses the text."""
    assert read("a: " + "9" * 5000, "").data == {"a": "9" * 5000}
