"""Where in a recording a run begins: anywhere, the same for all who meet it, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario, trace

import simulator
from simulator.errors import TraceError
from simulator.links.trace import read_trace
from simulator.physics.link import Channel, bits_sent, transfer_s
from simulator.plan.channels import start_share, with_drawn_channels
from simulator.plan.plan import Plan
from simulator.plan.prepare import prepare
from simulator.reports.run import sentences
from simulator.scenario.load import load_scenario

FAST, SLOW, HALF_S = 5e6, 1e5, 120.0
BOTH = [{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}]
FLEET = [{"name": "one", "count": 2}, {"name": "two", "count": 1}]


@st.composite
def recordings(draw: Any) -> Channel:
    """Up to eight intervals of whole numbers of seconds, some of them outages."""
    widths = draw(st.lists(st.integers(1, 9), min_size=2, max_size=8))
    rates = draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, 1000.0]), min_size=len(widths), max_size=len(widths)))
    rates[0] = 3.0
    return Channel(np.cumsum([0, *widths]).astype(float), np.array(rates))


def arrays(channel: Channel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return channel.edges_s, channel.rates_bps, channel.cumulative_bits


@given(recordings(), st.floats(0, 1, exclude_max=True), st.floats(0, 100), st.floats(0, 1000))
def test_a_transfer_takes_as_long_as_that_much_later_in_the_recording(
    channel: Channel, share: float, start_s: float, bits: float
) -> None:
    """Time 0 of the turned channel is the start in the other; both have the same period and mean."""
    begin_s = share * float(channel.edges_s[-1])
    turned = channel.starting_at(begin_s)
    assert (turned.edges_s[0], turned.edges_s[-1]) == (0.0, channel.edges_s[-1])
    assert (np.diff(turned.edges_s) > 0).all()
    assert turned.mean_rate_bps == pytest.approx(channel.mean_rate_bps, rel=1e-12)
    duration_s = transfer_s(start_s, bits, *arrays(turned))
    sent = bits_sent(begin_s + start_s, duration_s, *arrays(channel))
    # rounding of times of up to 200 s at the highest rate
    assert sent == pytest.approx(bits, rel=1e-9, abs=1e-9)
    if sent < bits:  # an outage begins just there: the rest would wait for its end
        return
    assert duration_s <= transfer_s(begin_s + start_s, bits + 1e-9, *arrays(channel)) + 1e-9


def world(folder: Path, **changes: Any) -> dict[str, Any]:
    """Uplink and downlink of a drive, of which the second half is slow."""
    model = chain(folder, {"whole": 4}, input_bytes=400_000)
    device = card(folder, "device", "device", {"whole": "1 s"})
    server = card(folder, "server", "server", {"whole": "10 ms"})
    path = trace(folder, [(0.0, FAST), (HALF_S, SLOW)])
    link = {"uplink": {"trace": path}, "downlink": {"trace": path}}
    workload = {"arrivals": "poisson", "rate": "6 /min", "duration": "2 min"}
    return scenario(model, device, server, link=link, workload=workload, policies=BOTH, fleet=FLEET) | changes


def drawn(document: dict[str, Any], replication: int = 0) -> list[Plan]:
    system, plans = prepare(load_scenario(document))
    return with_drawn_channels(plans, system, replication)


def slow_from_s(channel: Channel) -> float:
    """Instant within a period at which the slow half begins; 0 where it has begun before."""
    return float(channel.edges_s[np.flatnonzero(channel.rates_bps == SLOW)[0]])


def test_policies_devices_of_a_group_and_both_directions_begin_together(tmp_path: Path) -> None:
    """Two groups, two replications and two seeds begin at instants of their own."""
    starts = []
    for changes, replication in (({}, 0), ({}, 1), ({"seed": 2}, 0)):
        one, other = drawn(world(tmp_path, **changes), replication)
        up_link, down_link = one.links["uplink"], one.links["downlink"]
        assert up_link.channels is other.links["uplink"].channels
        assert up_link.channel_of.tolist() == down_link.channel_of.tolist() == [0, 0, 1]
        for up, down in zip(up_link.channels, down_link.channels, strict=True):
            assert up.edges_s.tolist() == down.edges_s.tolist()
            starts.append(up.edges_s[1])
    assert len(set(starts)) == 6


def test_recordings_of_unlike_length_begin_at_the_same_share(tmp_path: Path) -> None:
    document = world(tmp_path)
    document["link"]["downlink"] = {"trace": trace(tmp_path, [(0.0, FAST), (HALF_S / 10, SLOW)], "short")}
    (plan, _) = drawn(document)
    for up, down in zip(plan.links["uplink"].channels, plan.links["downlink"].channels, strict=True):
        assert down.edges_s * 10 == pytest.approx(up.edges_s)


def test_starts_are_uniform_over_the_recording(tmp_path: Path) -> None:
    """1000 replications; Kolmogorov-Smirnov at 1.95 / sqrt(n), which a right draw exceeds once in 1000 seeds."""
    system, _ = prepare(load_scenario(world(tmp_path)))
    found = np.sort([start_share(system, replication, 0) for replication in range(1000)])
    assert np.abs(found - (np.arange(1000) + 0.5) / 1000).max() < 1.95 / np.sqrt(1000)


@pytest.mark.parametrize("start_s", [0.0, 100.0, 130.0])
def test_a_start_that_is_given_is_that_of_all_replications(tmp_path: Path, start_s: float) -> None:
    document = world(tmp_path)
    document["link"]["uplink"]["start"] = f"{start_s} s"
    for replication in range(2):
        for channel in drawn(document, replication)[0].links["uplink"].channels:
            assert slow_from_s(channel) == max(HALF_S - start_s, 0.0)
            assert channel.rate_at_bps(0.0) == (FAST if start_s < HALF_S else SLOW)


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_both_engines_begin_where_the_replication_does(tmp_path: Path, engine: str) -> None:
    """Each transfer takes what integrating the drawn channel by hand gives."""
    document = world(tmp_path, statistics={"replications": 3}, policies=BOTH[1:])
    rows = simulator.run(document, engine=engine).requests
    for replication in range(3):
        (plan,) = drawn(document, replication)
        mine = rows[rows["replication"] == replication]
        for _, row in mine.iterrows():
            channel = plan.links["uplink"].channel(row["device"])
            sent = bits_sent(row["arrival_s"] + row["uplink_wait_s"], row["uplink_service_s"], *arrays(channel))
            assert sent == pytest.approx(800_000, rel=1e-9)


def test_short_runs_of_a_recording_add_up_to_all_of_it(tmp_path: Path) -> None:
    """Two requests, a minute apart, of a drive of 4 min: 0.16 s in its fast half, 8 s in its slow one.

    Each meets every instant of the drive with the same probability, so that the mean is that over a period, within 4
    standard errors from 300 replications; one of them sees one half, the other half, or some of both.
    """
    document = world(tmp_path, policies=BOTH[1:], statistics={"replications": 300})
    del document["fleet"]
    document["workload"] = {"arrivals": "periodic", "rate": "1 /min", "requests": 2}
    rows = simulator.run(document).requests
    means = rows.groupby("replication")["uplink_service_s"].mean()
    assert abs(means.mean() - transfer_mean_s(800_000)) < 4 * means.std() / np.sqrt(len(means))
    assert means.min() < 0.2
    assert means.max() > 7.9


def transfer_mean_s(bits: float) -> float:
    """Mean duration of a lone transfer over the instants of a period, by a sum over 48 000 of them."""
    channel = Channel(np.array([0.0, HALF_S, 2 * HALF_S]), np.array([FAST, SLOW]))
    starts = (np.arange(48_000) + 0.5) / 48_000 * 2 * HALF_S
    return float(np.mean([transfer_s(start, bits, *arrays(channel)) for start in starts.tolist()]))


@pytest.mark.parametrize(
    ("replications", "start", "said"),
    [
        (1, None, "The one replication saw 25 % of the recording {} (240 s): use replications, which begin"),
        (3, None, None),
        (3, "0 s", "Every replication saw 25 % of the recording {} (240 s), from 0 s on: without a start each"),
        (1, "30 s", "The one replication saw 25 % of the recording {} (240 s), from 30 s on: without a start"),
    ],
)
def test_one_stretch_of_a_recording_is_not_taken_for_all_of_it(
    tmp_path: Path, replications: int, start: str | None, said: str | None
) -> None:
    """Two requests a minute apart see a quarter of 4 min; replications see other quarters unless the start is fixed."""
    document = world(tmp_path, statistics={"replications": replications})
    del document["fleet"]
    document["workload"] = {"arrivals": "periodic", "rate": "1 /min", "requests": 2}
    given = document["link"]["uplink"] | ({} if start is None else {"start": start})
    document["link"] = {"uplink": given, "downlink": given}
    found = [sentence for sentence in sentences(simulator.run(document)) if "of the recording" in sentence]
    if said is None:
        assert not found
    else:
        assert len(found) == 1
        assert found[0].startswith(said.format(given["trace"]))


def test_a_long_run_sees_all_of_a_recording(tmp_path: Path) -> None:
    """Of each group its own."""
    document = world(tmp_path)
    document["workload"] = {"arrivals": "periodic", "rate": "1 /min", "requests": 5}
    path = document["link"]["uplink"]["trace"]
    found = [sentence for sentence in sentences(simulator.run(document)) if "of the recording" in sentence]
    assert found == [f"The one replication, group {name}, saw all of the recording {path}." for name in ("one", "two")]


@pytest.mark.parametrize(
    ("rows", "start", "message"),
    [
        ([(0.0, FAST), (HALF_S, SLOW)], "4 min", "240 s is beyond the end of the trace"),
        ([(0.0, FAST)], "1 s", "a trace of one row has the same rate at all times"),
    ],
)
def test_a_start_that_the_recording_does_not_have_is_refused(
    tmp_path: Path, rows: list[tuple[float, float]], start: str, message: str
) -> None:
    document = world(tmp_path)
    document["link"]["uplink"] = {"trace": trace(tmp_path, rows, "other"), "start": start}
    problems = simulator.check(document)
    assert [problem.path for problem in problems] == [("link", "uplink")]
    assert message in problems[0].message
    assert problems[0].hint


def test_a_row_that_the_rounding_of_the_time_swallows_is_refused(tmp_path: Path) -> None:
    """The only row with a rate would be lost wherever a run does not begin with it."""
    path = Path(trace(tmp_path, [(0.0, 1e12), (1e-13, 0.0), (1000.0, 0.0)]))
    with pytest.raises(TraceError, match=r"trace\.csv:2:1: a row of 0\.000100 ns in a trace of 33\.3 min is too short"):
        read_trace(path)
