"""What a radio does over time: segments worked out by hand, and the window of them that a figure shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from worlds import card, chain, radio, scenario, trace

import simulator
from simulator.accounts.radio_timeline import rounded_up
from simulator.accounts.timeline import Segments, radio_segments
from simulator.engines.media.frames import COLUMNS, DEVICE, END_S, FIRST_S, START_S, FrameLog
from simulator.links.lora import LoraLink
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import load_radio
from simulator.scenario.load import load_scenario
from simulator.studies.run import run_scenario

#: of profiles/radios/lte-aro.yaml: promotion 260 ms at 1.21 W; tail 100 ms at 1.2 W, 20 ms at 1.122 W, 10 s at 1.091 W;
#: 438.39 mW for each Mbit/s sent and 51.97 for each received, beside 1.2 W; idle 20 mW
PROMOTION, SEND_8_MBPS, RECEIVE_2_MBPS = 1.21, 1.2 + 8 * 0.43839, 1.2 + 2 * 0.05197
TAILS = ((0.1, "tail 1", 1.2), (0.12, "tail 2", 1.122), (10.12, "tail 3", 1.091))


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """0.8 Mbit are sent at 8 Mbit/s, the server takes 940 ms, 0.1 Mbit come back at 2 Mbit/s; seen for 12 s."""
    model = chain(folder, {"layer": 12500}, input_bytes=400_000)
    device = card(folder, "device", "device", {"layer": "100 ms"})
    server = card(folder, "server", "server", {"layer": "940 ms"})
    link = {"uplink": {"rate": "8 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}, "radio": "lte-aro"}
    values = {
        "link": link,
        "workload": {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1},
        "policies": [{"kind": "edge", "encoding": "uint8"}],
        "horizon": "12 s",
    }
    return scenario(model, device, server, **(values | changes))


def rows_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of the figure."""
    return simulator.run(document).curves["radio_timeline"].to_pylist()


def expect(rows: Sequence[dict[str, Any]], expected: Sequence[tuple[float, str, float]]) -> None:
    """Compare with (end, state, power), each starting where the one before ends."""
    assert [row["state"] for row in rows] == [state for _, state, _ in expected]
    assert [row["end_s"] for row in rows] == pytest.approx([end for end, _, _ in expected], abs=1e-9)
    assert [row["power_w"] for row in rows] == pytest.approx([power for _, _, power in expected], rel=1e-12)
    assert [row["start_s"] for row in rows] == [rows[0]["start_s"], *(row["end_s"] for row in rows[:-1])]


def test_one_lte_upload_wakes_sends_and_passes_through_the_tail(tmp_path: Path) -> None:
    """Promotion to 0.26 s, sent at 0.36 s, answer from 1.3 to 1.35 s out of the third stage, idle 10.12 s later."""
    expected = [(0.26, "promotion", PROMOTION), (0.36, "send", SEND_8_MBPS)]
    expected += [(0.36 + end, state, power) for end, state, power in TAILS[:2]]
    expected += [(1.3, "tail 3", 1.091), (1.35, "receive", RECEIVE_2_MBPS)]
    expected += [(1.35 + end, state, power) for end, state, power in TAILS]
    # the last tail ends at 11.47 s; a window of that length is rounded up to 12 s, which is the horizon too
    expect(rows_of(world(tmp_path)), [*expected, (12.0, "idle", 0.02)])


def test_power_follows_the_rate_while_sending(tmp_path: Path) -> None:
    """8 Mbit/s until 0.3 s carry 0.32 Mbit; nothing flows until 0.4 s; 4 Mbit/s carry the rest until 0.52 s."""
    file = trace(tmp_path, [(0.0, 8e6), (0.3, 0.0), (0.4, 4e6), (30.0, 4e6)])
    link = {"uplink": {"trace": file, "start": "0 s"}, "downlink": {"rate": "2 Mbit/s"}, "radio": "lte-aro"}
    sending = [(0.3, "send", SEND_8_MBPS), (0.4, "send", 1.2), (0.52, "send", 1.2 + 4 * 0.43839)]
    rows = rows_of(world(tmp_path, link=link))
    expect(rows[:5], [(0.26, "promotion", PROMOTION), *sending, (0.62, "tail 1", 1.2)])


def test_both_directions_pay_the_common_power_once(tmp_path: Path) -> None:
    """Requests at 0 and 1 s: the first answer comes while the second picture is sent, from 1.34 s to 1.39 s."""
    link = {"uplink": {"rate": "2 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}, "radio": str(tmp_path / "radio.yaml")}
    radio(tmp_path, up="200 mW/(Mbit/s)", down="100 mW/(Mbit/s)", active="2 W", idle="0.5 W")
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 2}
    rows = rows_of(world(tmp_path, link=link, workload=workload, horizon="2 s"))
    expected = [(0.4, "send", 2.4), (1.0, "idle", 0.5), (1.34, "send", 2.4), (1.39, "send+receive", 2.6)]
    expect(rows, [*expected, (1.4, "send", 2.4), (1.5, "idle", 0.5)])


def test_the_rest_of_a_transfer_that_the_horizon_cuts_is_not_shown(tmp_path: Path) -> None:
    """At 0.3 s the radio is still sending."""
    rows = rows_of(world(tmp_path, horizon="300 ms"))
    expect(rows, [(0.26, "promotion", PROMOTION), (0.3, "send", SEND_8_MBPS)])


def test_a_device_in_a_shared_cell_sends_at_the_mean_rate_of_each_transfer(tmp_path: Path) -> None:
    """Two devices start at once and have half the airtime each: 0.8 Mbit take 0.2 s, so 4 of the 8 Mbit/s."""
    link = {"uplink": {"rate": "8 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}, "cell": "hall", "radio": "lte-aro"}
    rows = rows_of(world(tmp_path, link=link, count=2, horizon="500 ms"))
    expect(rows[:2], [(0.26, "promotion", PROMOTION), (0.46, "send", 1.2 + 4 * 0.43839)])


def test_the_window_begins_after_the_warm_up(tmp_path: Path) -> None:
    """Warm-up of 1.32 s: what is shown starts in the middle of the answer."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "0.1 /s", "requests": 2}
    rows = rows_of(world(tmp_path, statistics={"warmup": "1.32 s"}, workload=workload))
    assert (rows[0]["start_s"], rows[0]["state"]) == (1.32, "receive")
    # the tail ends 10.15 s later; rounded up to 11 s that is beyond the horizon
    assert rows[-1]["end_s"] == 12.0


def test_the_window_ends_after_a_dozen_transfers_and_their_tail(tmp_path: Path) -> None:
    """A request every 20 s is on the air twice: the sixth, at 100 s, ends the window at 111.47 s, rounded to 2 min."""
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "3 /min", "requests": 30}
    policies = [{"kind": "edge", "encoding": "uint8"}, {"kind": "local"}]
    rows = rows_of(world(tmp_path, workload=workload, policies=policies, horizon="20 min"))
    edge = [row for row in rows if row["policy"] == "edge uint8"]
    # the next transfer begins at 120 s
    assert (edge[0]["start_s"], edge[-1]["end_s"], edge[-1]["state"]) == (0.0, 120.0, "idle")
    assert [row["state"] for row in edge].count("send") == 6
    local = [row for row in rows if row["policy"] == "local"]
    expect(local, [(120.0, "idle", 0.02)])


def test_only_groups_with_a_radio_card_are_shown_by_their_first_device(tmp_path: Path) -> None:
    """At most three of them; the first replication."""
    bare = {"uplink": {"rate": "8 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}}
    slow = bare | {"uplink": {"rate": "4 Mbit/s"}, "radio": "lte-aro"}
    fleet = [
        {"name": "bare", "count": 2, "link": bare},
        {"name": "fast", "count": 2},
        {"name": "slow", "count": 1, "link": slow},
        {"name": "third", "count": 1},
        {"name": "fourth", "count": 1},
    ]
    rows = rows_of(world(tmp_path, fleet=fleet, statistics={"replications": 3}))
    assert list(dict.fromkeys(row["group"] for row in rows)) == ["fast", "slow", "third"]
    sent = {row["group"]: row["power_w"] for row in rows if row["state"] == "send"}
    assert sent == pytest.approx({"fast": SEND_8_MBPS, "slow": 1.2 + 4 * 0.43839, "third": SEND_8_MBPS})
    assert [row["state"] for row in rows].count("send") == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"policies": [{"kind": "local"}]},
        {"link": {"uplink": {"rate": "8 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}}},
    ],
    ids=["nothing is sent", "no radio card"],
)
def test_without_a_radio_in_use_there_is_no_table(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Nor a figure, and asking for it says so."""
    result = simulator.run(world(tmp_path, **changes))
    assert "radio_timeline" not in result.curves
    with pytest.raises(simulator.errors.ResultError, match="no data for the figure"):
        result.plot.radio_timeline()


def test_a_run_without_figures_can_be_drawn_later(tmp_path: Path) -> None:
    """The folder holds the table to the last bit."""
    ran = run_scenario(load_scenario(world(tmp_path)), output_dir=tmp_path / "run", plots=False)
    assert not list(tmp_path.rglob("*.svg"))
    found = simulator.load_result(tmp_path / "run")
    assert found.curves["radio_timeline"].to_pylist() == ran.curves["radio_timeline"].to_pylist()
    (axes,) = found.plot.radio_timeline().axes
    assert axes.get_title(loc="left") == "edge uint8"


def test_a_lora_radio_sleeps_but_for_its_frames_and_what_it_hears_after_them() -> None:
    """Frames of 60 ms at 4 and 10 s at 14 dBm, 0.1 s of listening from 1 s after each; a third frame is cut at 12 s."""
    card_ = load_radio("sx1272")
    assert isinstance(card_, LoraRadio)
    group = SimpleNamespace(radio=card_, lora=LoraLink(region="EU868", distance="1 km"))
    table = np.zeros((4, len(COLUMNS)))
    table[:, DEVICE] = [0, 1, 0, 0]
    table[:, START_S] = [4.0, 5.0, 10.0, 11.98]
    table[:, END_S] = [4.06, 5.5, 10.06, 12.04]
    table[:, FIRST_S] = [0.1, 0.2, 0.1, 0.0]
    segments = radio_segments(
        SimpleNamespace(groups=[group]),
        SimpleNamespace(group_of=np.zeros(2, dtype=int)),
        SimpleNamespace(),
        SimpleNamespace(frames=FrameLog(table)),
        0,
        12.0,
        12.0,
    )
    sleep, transmit, receive = ("sleep", 0.3e-6), ("transmit", 0.132), ("receive", 0.0324)
    expected = [(4.0, sleep), (4.06, transmit), (5.06, sleep), (5.16, receive), (10.0, sleep), (10.06, transmit)]
    expected += [(11.06, sleep), (11.16, receive), (11.98, sleep), (12.0, transmit)]
    assert segments.end_s.tolist() == pytest.approx([end for end, _ in expected])
    assert segments.state.tolist() == [state for _, (state, _) in expected]
    assert segments.power_w.tolist() == pytest.approx([power for _, (_, power) in expected])


def test_thinning_keeps_energy_and_what_can_be_seen() -> None:
    """Steps of 1 s: what lies within one step and one state has its mean power, all else stays to the last bit."""
    start = np.array([0.0, 0.25, 0.5, 1.0, 1.5, 1.75, 3.25])
    end = np.append(start[1:], 3.5)
    state = np.array(["send", "send", "idle", "send", "send", "send", "send"])
    power = np.array([1.0, 3.0, 0.1, 2.0, 4.0, 0.3, 0.7])
    thin = Segments(start, end, state, power).thinned(1.0)
    assert thin.start_s.tolist() == [0.0, 0.5, 1.0, 1.75, 3.25]
    assert thin.end_s.tolist() == [0.5, 1.0, 1.75, 3.25, 3.5]
    assert thin.power_w.tolist() == [2.0, 0.1, pytest.approx(8 / 3), 0.3, 0.7]
    assert thin.energy_j == pytest.approx(float((power * (end - start)).sum()))


def test_a_rate_that_never_stays_is_shown_by_a_few_thousand_rows(tmp_path: Path) -> None:
    """A 100 s upload over a rate that changes every millisecond: its energy stays what it was."""
    rates = np.random.default_rng(5).integers(1, 16, 1000) * 1000.0
    file = trace(tmp_path, [(k / 1000, rate) for k, rate in enumerate(rates.tolist())] + [(1.0, 1000.0)])
    link = {
        "uplink": {"trace": file, "start": "0 s"},
        "downlink": {"rate": "2 Mbit/s"},
        "radio": str(tmp_path / "radio.yaml"),
    }
    radio(tmp_path, up="200 mW/(Mbit/s)", active="2 W", idle="0 W")
    table: pa.Table = simulator.run(world(tmp_path, link=link, horizon="150 s")).curves["radio_timeline"]
    sends = table.to_pandas().query("state == 'send'")
    assert 1000 < len(sends) <= 2000
    duration = sends["end_s"].iloc[-1] - sends["start_s"].iloc[0]
    spent = (sends["power_w"] * (sends["end_s"] - sends["start_s"])).sum()
    assert spent == pytest.approx(2 * duration + 0.2 * 0.8, rel=1e-9)


@pytest.mark.parametrize(
    ("length_s", "rounded_s"),
    [
        (0.0123, 0.015),
        (0.5, 0.5),
        (1.0, 1.0),
        (2.51, 3.0),
        (11.2, 12.0),
        (21.0, 25.0),
        (61.0, 90.0),
        (661.0, 720.0),
        (3601.0, 5400.0),
        (21.5 * 3600, 25 * 3600.0),
    ],
)
def test_lengths_are_rounded_up_to_what_one_would_choose(length_s: float, rounded_s: float) -> None:
    """Halves below ten, then whole ones, from twenty on fives, of the largest unit that fits."""
    assert rounded_up(length_s) == pytest.approx(rounded_s)


def test_a_trace_of_nanoseconds_over_a_long_run_is_drawn_with_mean_rates(tmp_path: Path) -> None:
    """Half a nanosecond on, half off: 2e9 changes in a second of sending are not enumerated; the energy is the same."""
    steps = trace(tmp_path, [(0.0, 16e6), (1e-9, 0.0)], "steps")
    link = {"uplink": {"trace": steps}, "downlink": {"rate": "2 Mbit/s"}, "radio": "lte-aro"}
    fast = [row for row in rows_of(world(tmp_path, link=link)) if row["state"] == "send"]
    plain = [row for row in rows_of(world(tmp_path)) if row["state"] == "send"]
    assert len(fast) == len(plain) == 1
    energy = [row["power_w"] * (row["end_s"] - row["start_s"]) for row in (fast[0], plain[0])]
    assert energy[0] == pytest.approx(energy[1], rel=1e-6)
