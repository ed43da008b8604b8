"""Axes of a sweep: what a text means, and what is refused before anything runs."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

from simulator.errors import ScenarioError
from simulator.scenario.axis_values import listed, spaced
from simulator.scenario.grid import Grid, read_grid
from simulator.scenario.load import LoadedScenario, load_scenario


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedScenario:
    model = chain(tmp_path, {"head": 2000, "tail": 4})
    device = card(tmp_path, "device", "device", {"head": "10 ms", "tail": "1 s"})
    server = card(tmp_path, "server", "server", {"head": "1 s", "tail": "5 ms"})
    policies = [{"kind": "local"}, {"kind": "split", "at": "head"}]
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 3}
    return load_scenario(scenario(model, device, server, policies=policies, workload=workload))


def grid(loaded: LoadedScenario, *over: str) -> Grid:
    return read_grid(loaded, over, {"base": loaded.base})


def mistakes(loaded: LoadedScenario, *over: str) -> str:
    with pytest.raises(ScenarioError) as raised:
        grid(loaded, *over)
    return str(raised.value)


def test_a_list_is_read_as_yaml() -> None:
    """Numbers are numbers, quoted ones are not; commas inside brackets and quotes do not separate."""
    assert listed('1,2.5, a b ,"3",[1, 2],{rate: 1 Mbit/s}') == (
        1,
        2.5,
        "a b",
        "3",
        [1, 2],
        {"rate": "1 Mbit/s"},
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,5 Mbit/s", ("1 Mbit/s", "5 Mbit/s")),
        ("1 Mbit/s,5", ("1 Mbit/s", "5 Mbit/s")),
        ("0, 2.5,1e3 ms", ("0 ms", "2.5 ms", "1e3 ms")),
        ("1 kbit/s,5 Mbit/s", ("1 kbit/s", "5 Mbit/s")),
        ("1,2", (1, 2)),
        ("a,5 s", ("a", "5 s")),
        ("1,5 apples", (1, "5 apples")),
    ],
)
def test_a_list_shares_the_one_unit_in_it(text: str, values: tuple[Any, ...]) -> None:
    """As the ends of a range do; what is no unit is no unit."""
    assert listed(text) == values


def test_a_number_among_several_units_is_refused() -> None:
    """Nobody can know which one it has."""
    with pytest.raises(ScenarioError, match='"1" has no unit among kbit/s, Mbit/s'):
        listed("1,5 kbit/s,7 Mbit/s")


def test_axes_of_nature_come_first_and_are_named_in_messages(loaded: LoadedScenario) -> None:
    """`--for` turns slowest; a mistake in it is at `--for`."""
    context = {"base": loaded.base}
    found = read_grid(loaded, ["count=1,2"], context, ["link.uplink.rate=1,5 Mbit/s"])
    assert [(axis.path, axis.is_environment) for axis in found.axes] == [("link.uplink.rate", True), ("count", False)]
    with pytest.raises(ScenarioError, match=r"--for link\.uplnk=1"):
        read_grid(loaded, ["count=1,2"], context, ["link.uplnk=1"])
    with pytest.raises(ScenarioError, match="count is given twice"):
        read_grid(loaded, ["count=1,2"], context, ["count=3"])


def test_even_steps_are_the_decimals_one_would_write() -> None:
    """0.1 to 0.5 in five: no 0.30000000000000004."""
    assert spaced("0.1:0.5:5") == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert spaced("0.1 s:0.5 s:5") == ("0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s")


def test_whole_steps_between_whole_ends_are_whole() -> None:
    """So that they fit fields that count."""
    values = spaced("1:64:7:log")
    assert values == (1, 2, 4, 8, 16, 32, 64)
    assert all(type(value) is int for value in values + spaced("10:30:3"))
    assert spaced("1:2:3") == (1, 1.5, 2)


@pytest.mark.parametrize("text", ["1 Mbit/s:50 Mbit/s:20:log", "1:50 Mbit/s:20:log", "1 Mbit/s:50:20:log"])
def test_the_unit_may_stand_at_either_end(text: str) -> None:
    """Equal ratios, both ends exact."""
    rates = [float(str(value).removesuffix(" bit/s")) for value in spaced(text)]
    assert (rates[0], rates[-1], len(rates)) == (1e6, 50e6, 20)
    assert [b / a for a, b in pairwise(rates)] == pytest.approx([50 ** (1 / 19)] * 19, rel=1e-12)


def test_ends_may_have_different_units_of_one_dimension() -> None:
    """500 ms to 2 s."""
    assert spaced("500 ms:2 s:4") == ("0.5 s", "1 s", "1.5 s", "2 s")


@pytest.mark.parametrize("text", ["a,b", "{rate: 1 Mbit/s}", "5 ms", '"1:2:3"'])
def test_what_is_no_range(text: str) -> None:
    """No colon outside brackets and quotes."""
    assert spaced(text) == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1:2", "not a range"),
        ("1:2:3:lin", "not a range"),
        ("1:2:1", "number of values"),
        ("1:2:x", "number of values"),
        ("1:2:1000000", "number of values"),
        ("a:2:3", "end of a range"),
        ("0:2:3:log", "equal ratios"),
        ("-1:2:3:log", "equal ratios"),
        ("1 Mbps:2:3", "not a unit"),
        ("1 s:2 J:3", "not a unit of time"),
    ],
)
def test_broken_ranges_are_refused(text: str, word: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(ScenarioError, match=word):
        spaced(text)


def test_axes_multiply_and_the_last_turns_fastest(loaded: LoadedScenario) -> None:
    """Two times three points; numbers and places are inverse to each other."""
    found = grid(loaded, "link.uplink.rate=1 Mbit/s,2 Mbit/s", "count=1:3:3")
    assert found.size == 6
    assert [found.indices(n) for n in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert [found.number(found.indices(n)) for n in range(6)] == list(range(6))
    assert found.row((1, 2)) == {"link.uplink.rate": 2e6, "count": 3}
    point = found.scenario((1, 2), {"base": loaded.base})
    assert (point.link.uplink.rate, point.count, point.link.downlink.rate) == (2e6, 3, 1e6)


def test_columns_hold_si_numbers_texts_and_json(loaded: LoadedScenario) -> None:
    """A quantity is a float; a mapping is the JSON that says it."""
    found = grid(loaded, "workload.rate=1 /s,30 /min", "policies.1.at=head,input", "link.downlink={rate: 1 Mbit/s}")
    assert found.cells == ((1.0, 0.5), ("head", "input"), ('{"rate": "1 Mbit/s"}',))


def test_a_column_with_a_text_holds_texts_only(loaded: LoadedScenario) -> None:
    """A number among them would have no column to stand in."""
    link = {"uplink": {"region": "EU868", "distance": "1 km"}}
    lora = load_scenario({**loaded.scenario.model_dump(mode="json", exclude_none=True), "link": link})
    assert grid(lora, "link.uplink.spreading_factor=range,12,adr").cells == (("range", "12", "adr"),)


def test_an_entry_that_the_file_leaves_out_can_be_an_axis(loaded: LoadedScenario) -> None:
    """Missing mappings are made on the way."""
    found = grid(loaded, "statistics.warmup=0 s,1 s")
    assert found.scenario((1,), {"base": loaded.base}).statistics.warmup == 1.0


def test_a_point_does_not_change_the_others(loaded: LoadedScenario) -> None:
    """What the points share is left alone."""
    found = grid(loaded, "policies.1.at=head,input")
    before = repr(found.document.data)
    found.data((1,))
    assert repr(found.document.data) == before


def test_axes_from_python(loaded: LoadedScenario) -> None:
    """A mapping from paths to values or ranges, numpy arrays included."""
    import numpy as np

    over: dict[str, Any] = {"count": np.array([1, 2]), "link.uplink.rate": "1:4 Mbit/s:3:log", "seed": 7}
    found = read_grid(loaded, over, {"base": loaded.base})
    assert found.cells == ((1, 2), (1e6, pytest.approx(2e6), 4e6), (7,))


def test_every_mistake_of_every_axis_is_told_at_once(loaded: LoadedScenario) -> None:
    """An unknown axis with the nearest name, and values that break the schema, each at its option."""
    told = mistakes(loaded, "link.uplnk.rate=1 Mbit/s", "count=0,1,x", "workload.rate=1,2")
    assert '--over link.uplnk.rate=1 Mbit/s: link.uplnk: unknown field "uplnk"' in told
    assert "did you mean uplink?" in told
    assert "--over count=0,1,x: count: 0 must be 1 or more" in told
    assert '--over count=0,1,x: count: "x" is not a whole number' in told
    assert "--over workload.rate=1,2: workload.rate: 2 has no unit" in told


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (("count",), "is not path=values"),
        (("=1",), "is not path=values"),
        (("a..b=1",), "is not path=values"),
        (("count=",), "empty value"),
        (("count=1,,2",), "empty value"),
        (("count=1,1",), "the value 1 comes twice"),
        (("workload.rate=1 /s,60 /min",), "comes twice"),
        (("count=1,2", "count=3"), "count is given twice"),
        (("link.uplink.rate=1 Mbit/s", "link={}"), "link overlaps with link.uplink.rate"),
        (("policies.9.at=head",), "has no entry"),
        (("name.x=1",), "has no"),
        ((), "at least one axis"),
        (("seed=1:1000:1000", "count=1:1000:1000", "statistics.batches=2:3:2"), "2,000,000 points"),
    ],
)
def test_axes_that_are_refused(loaded: LoadedScenario, over: tuple[str, ...], words: str) -> None:
    """Each with what is wrong."""
    assert words in mistakes(loaded, *over)


def test_values_that_need_each_other_are_no_mistake(loaded: LoadedScenario) -> None:
    """Poisson arrivals have no jitter; periodic ones may; only the point where they meet is wrong."""
    found = grid(loaded, "workload.arrivals=periodic,poisson", "workload.jitter=0 s,10 ms")
    with pytest.raises(ScenarioError, match="poisson arrivals have no jitter"):
        found.scenario((1, 1), {"base": loaded.base})
    assert math.isclose(found.scenario((0, 1), {"base": loaded.base}).workload.jitter, 0.01)
