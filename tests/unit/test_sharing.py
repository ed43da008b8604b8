"""A cell whose airtime is shared: virtual time against tiny steps, cells of a scenario, what cannot be shared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.engines.media.cells import Cells, enter_cell, leave_cell, make_cells, note_airtime_left
from simulator.engines.records import as_objects
from simulator.physics.sharing import next_end_s, virtual_at
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

#: (gap to the one before, airtime) of each transfer
transfers = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), min_size=1, max_size=8)
STEP_S = 1 / 840  # every number up to 8 divides it


def stepped(begin: list[float], airtime_s: list[float], until_s: float = math.inf) -> tuple[list[float], list[float]]:
    """End of each transfer and what it still needs, by handing each step out in equal parts.

    A step may end a transfer early in it, so ends are late by at most a step for each transfer.
    """
    left = [round(airtime / STEP_S) for airtime in airtime_s]
    due = list(left)
    ends, now = [math.inf] * len(left), 0
    while any(due) and now * STEP_S < until_s - STEP_S / 2:
        here = [k for k, start in enumerate(begin) if due[k] and start <= (now + 0.5) * STEP_S]
        now += 1
        for k in here:
            left[k] = left[k] - 1 / len(here)
            if left[k] <= 1e-9:
                due[k], ends[k] = 0, now * STEP_S
    return ends, [max(part, 0.0) * STEP_S for part in left]


def one_cell(airtime_s: list[float]) -> Cells:
    """A cell with one device for each transfer."""
    cells = make_cells(np.zeros(len(airtime_s), dtype=np.int32), len(airtime_s))
    return cells._replace(cells=as_objects(cells.cells), airtime_s=np.array(airtime_s))


def run_cell(begin: list[float], airtime_s: list[float]) -> list[float]:
    """End of each transfer by the cells of the engines, with one device each."""
    cells = one_cell(airtime_s)
    cell = cells.cells[0]
    ends, coming = [math.inf] * len(begin), sorted(range(len(begin)), key=lambda k: (begin[k], k))
    while coming or cell.due_s < math.inf:
        if coming and begin[coming[0]] < cell.due_s:
            k = coming.pop(0)
            enter_cell(cells, 0, begin[k], k)
        else:
            now = float(cell.due_s)
            ends[leave_cell(cells, 0, now)] = now
    return ends


@given(transfers)
def test_ends_are_those_of_airtime_handed_out_in_tiny_steps(given_: list[tuple[int, int]]) -> None:
    """Within a step for each transfer."""
    begin = (np.cumsum([gap for gap, _ in given_]) / 12).tolist()
    airtime = [size / 12 for _, size in given_]
    ends, _ = stepped(begin, airtime)
    assert run_cell(begin, airtime) == pytest.approx(ends, abs=STEP_S * len(given_))


@given(transfers, st.integers(1, 60))
def test_what_is_left_at_the_end_of_a_run_is_what_the_steps_leave(given_: list[tuple[int, int]], twelfths: int) -> None:
    begin = (np.cumsum([gap for gap, _ in given_]) / 12).tolist()
    airtime = [size / 12 for _, size in given_]
    until = twelfths / 12
    ends, left = stepped(begin, airtime, until)
    cells = one_cell(airtime)
    cell = cells.cells[0]
    for k in sorted(range(len(begin)), key=lambda k: (begin[k], k)):
        while cell.due_s <= min(begin[k], until):
            leave_cell(cells, 0, float(cell.due_s))
        if begin[k] < until:
            enter_cell(cells, 0, begin[k], k)
    while cell.due_s <= until:
        leave_cell(cells, 0, float(cell.due_s))
    found = np.zeros(len(begin))
    note_airtime_left(cells, found, until)
    unfinished = [k for k in range(len(begin)) if begin[k] < until and ends[k] == math.inf]
    expected = [left[k] for k in unfinished]
    assert found[unfinished].tolist() == pytest.approx(expected, abs=STEP_S * len(given_))


@given(transfers)
def test_a_cell_is_busy_for_the_airtime_of_all(given_: list[tuple[int, int]]) -> None:
    """Work conservation: from the first beginning on, the cell rests only while nobody has anything to send."""
    begin = (np.cumsum([gap for gap, _ in given_]) / 8).tolist()
    airtime = [size / 8 for _, size in given_]
    busy_until = 0.0
    for start, needs in zip(begin, airtime, strict=True):
        busy_until = max(busy_until, start) + needs
    assert max(run_cell(begin, airtime)) == pytest.approx(busy_until, abs=1e-9)


def test_virtual_time_stands_still_while_nobody_transfers() -> None:
    assert virtual_at(9.0, 2.0, 1.0, 0) == 2.0
    assert virtual_at(9.0, 2.0, 1.0, 4) == 4.0


def test_the_next_end_is_never_before_now() -> None:
    """Two transfers, 0.5 s of airtime left for the first; rounding may have let the clock run a little past it."""
    assert next_end_s(2.5, 2.0, 10.0, 2) == 11.0
    assert next_end_s(2.0, 2.0 + 1e-16, 10.0, 2) == 10.0
    assert next_end_s(1.0, 2.0, 10.0, 2) == 10.0


@pytest.fixture
def world(tmp_path: Path) -> tuple[str, str, str]:
    """One Mbit of input as uint8, 10 kbit of answer; computing takes next to nothing."""
    model = chain(tmp_path, {"whole": 1252}, input_bytes=500_000)
    server = card(tmp_path, "server", "server", {"whole": "0 s"}, workers=50)
    return model, card(tmp_path, "device", "device", {"whole": "1 s"}), server


def sending(world: tuple[str, str, str], arrivals: dict[int, float], folder: Path, **changes: Any) -> dict[str, Any]:
    """Devices of which each sends 1 Mbit at 10 Mbit/s, alone in 0.1 s, once."""
    (folder / "times.csv").write_text("arrival_s,device\n" + "".join(f"{t},{d}\n" for d, t in arrivals.items()))
    link = {"uplink": {"rate": "10 Mbit/s"}, "downlink": {"rate": "10 Mbit/s"}, "cell": "hall"}
    workload = {"arrivals": "recorded", "file": str(folder / "times.csv")}
    edge = [{"kind": "edge", "encoding": "uint8"}]
    document = scenario(*world, link=link, workload=workload, policies=edge, count=len(arrivals), result_size="0 B")
    return document | changes


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_doubling_the_senders_halves_the_rate_of_each_exactly(
    world: tuple[str, str, str], tmp_path: Path, devices: int, engine: str
) -> None:
    rows = simulator.run(sending(world, dict.fromkeys(range(devices), 0.0), tmp_path), engine=engine).requests
    assert (rows["uplink_service_s"] == devices * 0.1).all()


def test_who_comes_later_slows_who_is_there(world: tuple[str, str, str], tmp_path: Path) -> None:
    """A from 0 s, B from 0.04 s: A has 60 ms of airtime left then and gets it in 120 ms; B has 40 ms left then."""
    rows = simulator.run(sending(world, {0: 0.0, 1: 0.04}, tmp_path)).requests
    assert rows["finish_s"].tolist() == pytest.approx([0.16, 0.2], abs=1e-12)


def test_answers_share_the_airtime_with_pictures(world: tuple[str, str, str], tmp_path: Path) -> None:
    """A's answer of 0.1 s of airtime starts at 0.16 s, when B still needs 40 ms, which last until 0.24 s.

    Then B's answer joins, when A has 60 ms left: A ends at 0.36 s, and B's last 40 ms are its own.
    """
    document = sending(world, {0: 0.0, 1: 0.04}, tmp_path, result_size="125 kB")
    rows = simulator.run(document).requests
    assert rows["uplink_service_s"].tolist() == pytest.approx([0.16, 0.2], abs=1e-12)
    assert rows["finish_s"].tolist() == pytest.approx([0.36, 0.4], abs=1e-12)


def groups(*cells: str | None, rates: tuple[str, ...] = ("10 Mbit/s", "10 Mbit/s")) -> list[dict[str, Any]]:
    return [
        {
            "name": f"g{k}",
            "count": 1,
            "link": {"uplink": {"rate": rate}, "downlink": {"rate": rate}} | ({"cell": cell} if cell else {}),
        }
        for k, (cell, rate) in enumerate(zip(cells, rates, strict=True))
    ]


@pytest.mark.parametrize(
    ("cells", "rates", "services"),
    [
        (("hall", "hall"), ("10 Mbit/s", "10 Mbit/s"), [0.2, 0.2]),
        (("hall", "yard"), ("10 Mbit/s", "10 Mbit/s"), [0.1, 0.1]),
        (("hall", None), ("10 Mbit/s", "10 Mbit/s"), [0.1, 0.1]),
        # airtime is shared, not bits: while both send each has half of its own rate
        (("hall", "hall"), ("10 Mbit/s", "5 Mbit/s"), [0.2, 0.3]),
    ],
)
def test_groups_of_a_fleet_share_the_cell_that_they_name(
    world: tuple[str, str, str],
    tmp_path: Path,
    cells: tuple[str | None, ...],
    rates: tuple[str, ...],
    services: list[float],
) -> None:
    document = sending(world, {0: 0.0}, tmp_path, fleet=groups(*cells, rates=rates))
    del document["count"]
    rows = simulator.run(document).requests
    assert rows["uplink_service_s"].tolist() == pytest.approx(services, abs=1e-12)


def test_devices_of_all_groups_have_their_cell(world: tuple[str, str, str], tmp_path: Path) -> None:
    fleet = [*groups("hall", None), {"name": "more", "count": 3}]
    document = sending(world, {0: 0.0}, tmp_path, fleet=fleet)
    del document["count"]
    plan = prepare(load_scenario(document))[1][0]
    assert plan.cell_of is not None
    assert plan.cell_of.tolist() == [0, -1, 0, 0, 0]


@pytest.mark.parametrize(
    "uplink",
    [
        {"trace": "lte-uplink-driving"},
        {"generator": "lte-uplink-driving-2022"},
        {"clear": "9 Mbit/s", "blocked": "1 Mbit/s", "mean_clear": "1 s", "mean_blocked": "1 s"},
    ],
)
@pytest.mark.parametrize("direction", ["uplink", "downlink"])
def test_a_cell_with_a_rate_that_changes_is_refused(
    world: tuple[str, str, str], tmp_path: Path, uplink: dict[str, str], direction: str
) -> None:
    rate = {"rate": "10 Mbit/s"}
    link = {"uplink": rate, "downlink": rate, "cell": "hall"} | {direction: uplink}
    problems = simulator.check(sending(world, {0: 0.0}, tmp_path, link=link))
    assert [(problem.path, problem.message) for problem in problems] == [
        (("link", "cell"), 'cell "hall" has a link whose rate changes')
    ]


def test_the_group_with_the_wrong_link_is_named(world: tuple[str, str, str], tmp_path: Path) -> None:
    fleet = groups("hall", "hall")
    fleet[1]["link"]["uplink"] = {"trace": "lte-uplink-driving"}
    document = sending(world, {0: 0.0}, tmp_path, fleet=fleet)
    del document["count"]
    assert [problem.path for problem in simulator.check(document)] == [("fleet", 1, "link", "cell")]
