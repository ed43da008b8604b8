"""Options ``--set path=value``: what they change, and where a mistake in them is reported."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.errors import ScenarioError
from simulator.scenario.locate import Document, read
from simulator.scenario.override import override

DOCUMENT = read("link:\n  uplink: {rate: 5 Mbit/s}\npolicies:\n  - {kind: local}\n  - {kind: split, at: a}\n", "a.yaml")


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ("link.uplink.rate=2 Mbit/s", ("link", "uplink", "rate"), "2 Mbit/s"),
        ("seed=3", ("seed",), 3),
        ("policies.1.at=layer2", ("policies", 1, "at"), "layer2"),
        ("policies.0={kind: edge, encoding: jpeg}", ("policies", 0), {"kind": "edge", "encoding": "jpeg"}),
        ("policies.0.thresholds=[0.3, 0.6]", ("policies", 0, "thresholds"), [0.3, 0.6]),
        ("statistics.warmup=2 s", ("statistics", "warmup"), "2 s"),
        ('name="3"', ("name",), "3"),
        ("horizon=", ("horizon",), None),
        ("description=a=b", ("description",), "a=b"),
    ],
)
def test_an_option_replaces_one_entry(option: str, path: tuple[str | int, ...], value: Any) -> None:
    """Values are read as in the file; mappings on the way are made; nothing else changes."""
    changed = override(DOCUMENT, option)
    here: Any = changed.data
    for part in path:
        here = here[part]
    assert here == value
    assert changed.place(path).file == f"--set {option}"
    assert changed.place(path).line == 0
    assert changed.place(("link",)).file == "a.yaml"


def test_the_document_itself_stays_as_it_was() -> None:
    """Overrides make copies."""
    before = read("link:\n  uplink: {rate: 5 Mbit/s}\n", "a.yaml")
    override(before, "link.uplink.rate=1 bit/s")
    assert before.data == {"link": {"uplink": {"rate": "5 Mbit/s"}}}
    assert before.place(("link", "uplink", "rate")).file == "a.yaml"


def test_what_lay_below_a_replaced_entry_has_no_place_any_more() -> None:
    """A mistake below it belongs to the option, not to the old line."""
    changed = override(DOCUMENT, "link={downlink: {}}")
    assert changed.place(("link", "uplink", "rate")).file.startswith("--set")


def test_later_options_win() -> None:
    """Applied in order."""
    changed: Document = override(override(DOCUMENT, "seed=1"), "seed=2")
    assert changed.data["seed"] == 2


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("seed", "is not path=value", "link.uplink.rate"),
        ("=3", "is not path=value", "link.uplink.rate"),
        ("link..rate=3", "is not path=value", "link.uplink.rate"),
        ("policies.2.at=x", 'policies has no entry "2"', "numbered from 0 to 1"),
        ("policies.first.at=x", 'policies has no entry "first"', "numbered from 0 to 1"),
        ("policies.-1.at=x", 'policies has no entry "-1"', "numbered from 0 to 1"),
        ("link.uplink.rate.unit=x", 'link.uplink.rate is "5 Mbit/s", which has no "unit" in it', ""),
        ("seed=[1", "is not readable as YAML", ""),
        ("seed=!!python/name:os.system x", "the tag !!python/name:os.system is not allowed", ""),
    ],
)
def test_an_option_that_leads_nowhere_is_refused(option: str, message: str, hint: str) -> None:
    """The message names the option itself as its place."""
    with pytest.raises(ScenarioError) as caught:
        override(DOCUMENT, option)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert problem.file == f"--set {option}"
