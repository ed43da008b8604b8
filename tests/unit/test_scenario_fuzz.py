"""Whatever is written into a scenario, it loads or is refused in words: nothing else escapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.errors import OffloadSimError, Problem, ScenarioError
from simulator.scenario.load import load_scenario
from simulator.scenario.locate import read
from simulator.scenario.override import override

pytestmark = pytest.mark.engine_free

DOCUMENT: dict[str, Any] = {
    "name": "fuzz",
    "description": "text",
    "seed": 1,
    "model": "resnet50",
    "device": "raspberry-pi-4",
    "server": "t4-tensorrt",
    "link": {
        "uplink": {"rate": "5 Mbit/s"},
        "downlink": {"kind": "trace", "trace": "lte-downlink-speedtest"},
        "propagation": "1 ms",
    },
    "workload": {"arrivals": "periodic", "rate": "1 /s", "jitter": "1 ms", "requests": 3, "deadline": "1 s"},
    "fleet": [{"name": "a", "count": 2}, {"name": "b", "count": 1, "model": "vgg16"}],
    "policies": [
        {"kind": "local"},
        {"kind": "edge", "encoding": "jpeg", "name": "mine"},
        {"kind": "split", "best": "energy"},
        {"kind": "early_exit", "thresholds": [0.1], "at": "layer2"},
    ],
    "statistics": {"replications": 2, "warmup": "1 s", "batches": 5},
    "horizon": "10 s",
    "result_size": "4 kB",
}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["1 s", "-1 s", "nan s", "1e999 bit/s", "local", "input", "../x", "10" * 400, "~", "1 Mbit/s"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "rate", "name", "x"]), inner),
    max_leaves=6,
)


def refusal(attempt: Callable[[], object]) -> tuple[Problem, ...]:
    """Problems of a refused attempt; none when it was accepted. Any other exception escapes and fails the test."""
    try:
        attempt()
    except OffloadSimError as error:
        return error.problems or (Problem("an error without a problem"),)
    return ()


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Path of every entry of a document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


PLACES = sorted(places(DOCUMENT), key=str)


def test_the_document_itself_loads() -> None:
    """Otherwise the tests below would prove nothing."""
    assert load_scenario(DOCUMENT).scenario.name == "fuzz"


@given(place=st.sampled_from(PLACES), value=VALUES)
def test_any_value_at_any_place_loads_or_is_refused_there(place: tuple[str | int, ...], value: Any) -> None:
    """Every problem has a message of bounded length and a path inside the document."""
    document = deepcopy(DOCUMENT)
    here = document
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    for problem in refusal(lambda: load_scenario(document)):
        assert 0 < len(problem.message) < 400
        assert problem.path


@given(place=st.sampled_from(PLACES))
def test_leaving_anything_out_loads_or_is_missed_at_its_own_part(place: tuple[str | int, ...]) -> None:
    """The problem stands at the part that lost a field, or at a group that inherited it."""
    document = deepcopy(DOCUMENT)
    here = document
    for key in place[:-1]:
        here = here[key]
    del here[place[-1]]
    for problem in refusal(lambda: load_scenario(document)):
        assert problem.path[: len(place) - 1] == place[:-1]


@given(text=st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#%@,? \n\t~<0.\x00\u2028é"), max_size=60))
@example(text="a: &a [*a]")
@example(text="? {a: 1}\n: b")
@example(text="&a : *a")
@example(text="a: *b")
@example(text="<<: 1")
def test_any_text_is_read_or_refused(text: str) -> None:
    """Plain values with their places, or problems with theirs."""
    problems = refusal(lambda: read(text, "f"))
    assert all(problem.file == "f" for problem in problems)
    if not problems:
        assert isinstance(read(text, "f").data, dict | list | str | int | float | bool | None)


@given(option=st.text(alphabet=st.sampled_from("links.uprate0123=[]{}:!&* \n"), max_size=30))
def test_any_option_is_applied_or_refused(option: str) -> None:
    """The same for ``--set``, which is named as the place."""
    document = read("link: {uplink: {rate: 1 bit/s}}\nlist: [1, 2]\n", "f")
    assert all(problem.file.startswith("--set") for problem in refusal(lambda: override(document, option)))


@pytest.mark.parametrize("place", [place for place in PLACES if place[-1] not in ("kind", "fleet")], ids=str)
def test_a_mapping_where_a_value_belongs_is_refused_or_harmless(place: tuple[str | int, ...]) -> None:
    """An empty mapping never becomes a value."""
    document = deepcopy(DOCUMENT)
    here = document
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = {}
    if place == ("statistics",):
        assert load_scenario(document).scenario.statistics.replications == 1
        return
    with pytest.raises(ScenarioError):
        load_scenario(document)
