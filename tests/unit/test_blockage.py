"""Links that are clear and blocked in turn: their durations, shares and rates against mathematics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from worlds import card, chain, scenario

import simulator
from simulator.errors import TraceError
from simulator.links.blockage import BlockageLink
from simulator.links.fit_blockage import fit_blockage
from simulator.links.importers.rows import laid_end_to_end, regular
from simulator.physics.link import Channel, transfer_s

GIVEN = {"clear": "200 Mbit/s", "blocked": "20 Mbit/s", "mean_clear": "8 s", "mean_blocked": "2 s"}


def link(**changes: str) -> BlockageLink:
    return BlockageLink.model_validate(GIVEN | changes)


def drawn(seed: int, **changes: str) -> Channel:
    return link(**changes).draw(None, np.random.SeedSequence(seed))


def widths(channel: Channel, rate_bps: float) -> np.ndarray:
    """Durations of the intervals with a rate, without the first and the last, which are cut."""
    return np.diff(channel.edges_s)[1:-1][channel.rates_bps[1:-1] == rate_bps]


def test_durations_are_exponential_with_their_means() -> None:
    """10 000 cycles: an exponential duration deviates by its mean, so 4 standard errors of a mean are 4 %.

    Those of a standard deviation, by the fourth moment 9 of an exponential, are 4 sqrt(8 / 4 / 10 000) = 5.7 %.
    """
    channel = drawn(1, length="1e5 s")
    for rate, mean in ((200e6, 8.0), (20e6, 2.0)):
        found = widths(channel, rate)
        assert found.size == pytest.approx(10_000, rel=4 * 0.0082)
        assert found.mean() == pytest.approx(mean, rel=0.04)
        assert found.std() == pytest.approx(mean, rel=0.057)


def test_the_share_of_blocked_time_is_that_of_the_mean_durations() -> None:
    """2 s of 10 s. Variance of the share over T: 2 a^2 b^2 / (a + b)^3 / T (renewal theory) with a = 8 s, b = 2 s."""
    channel = drawn(2, length="1e5 s")
    share = np.diff(channel.edges_s)[channel.rates_bps == 20e6].sum() / channel.edges_s[-1]
    assert channel.edges_s[-1] == 1e5
    assert share == pytest.approx(0.2, abs=4 * np.sqrt(2 * 8**2 * 2**2 / 10**3 / 1e5))


def test_realisations_are_blocked_at_every_instant_with_the_same_probability() -> None:
    """Stationary from the start: at 0 s, 1 s and 9.9 s, 2000 realisations are blocked with probability 0.2."""
    channels = [drawn(seed, length="10 s") for seed in range(2000)]
    for instant in (0.0, 1.0, 9.9):
        blocked = np.mean([channel.rate_at_bps(instant) == 20e6 for channel in channels])
        assert blocked == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 2000))


def test_the_planner_assumes_the_mean_rate() -> None:
    """8 s of 200 Mbit/s and 2 s of 20 Mbit/s: 164 Mbit/s."""
    assert link().channel(None).rates_bps.tolist() == [pytest.approx(164e6)]
    assert drawn(3, length="1e5 s").mean_rate_bps == pytest.approx(164e6, rel=0.02)


@given(
    st.integers(0, 10_000), st.sampled_from(["0.1 s", "5 s", "100 s"]), st.sampled_from(["1e-15 s", "1 s", "1000 s"])
)
def test_every_realisation_is_a_channel(seed: int, mean_clear: str, mean_blocked: str) -> None:
    """Strictly increasing edges from 0, one rate between two of them, not dead for ever, and long enough.

    Blockages of 1e-15 s are mostly lost in the rounding of the time at which they start.
    """
    channel = drawn(seed, blocked="0 bit/s", mean_clear=mean_clear, mean_blocked=mean_blocked, length="20 s")
    assert channel.edges_s[0] == 0
    assert channel.rates_bps.size == channel.edges_s.size - 1
    assert (np.diff(channel.edges_s) > 0).all()
    assert set(channel.rates_bps) <= {0.0, 200e6}
    assert channel.mean_rate_bps > 0
    assert channel.edges_s[-1] >= 20.0


def test_a_transfer_in_progress_is_delayed_by_exactly_the_blockage() -> None:
    """Bits that need half of the clear interval after a blockage end after it and the time without it."""
    channel = drawn(4, blocked="0 bit/s", length="1000 s")
    first = int(channel.rates_bps[0] == 0)  # the first clear interval
    edges = channel.edges_s
    start_s, blocked_s = edges[first], edges[first + 2] - edges[first + 1]
    without_s = (edges[first + 1] - edges[first]) + (edges[first + 3] - edges[first + 2]) / 2
    found = transfer_s(start_s, 200e6 * without_s, edges, channel.rates_bps, channel.cumulative_bits)
    assert found == pytest.approx(without_s + blocked_s, abs=1e-9)


def test_the_same_stream_draws_the_same() -> None:
    one, again, other = drawn(5), drawn(5), drawn(6)
    assert np.array_equal(one.edges_s, again.edges_s)
    assert not np.array_equal(one.edges_s, other.edges_s)


def test_requests_of_a_run_wait_for_blockages(tmp_path: Path) -> None:
    """8 Mbit at 200 Mbit/s take 40 ms in the clear; whoever takes longer met a blockage."""
    model = chain(tmp_path, {"whole": 4}, input_bytes=4 * 10**6)
    device = card(tmp_path, "device", "device", {"whole": "1 s"})
    server = card(tmp_path, "server", "server", {"whole": "1 ms"})
    document = scenario(
        model,
        device,
        server,
        link={"uplink": GIVEN | {"blocked": "0 bit/s"}, "downlink": {"rate": "1 Gbit/s"}},
        workload={"arrivals": "periodic", "rate": "1 /s", "requests": 300},
        policies=[{"kind": "edge", "encoding": "uint8"}],
    )
    both = [simulator.run(document, engine=engine).requests for engine in ("reference", "fast")]
    assert both[0].equals(both[1])
    service_s = both[0]["uplink_service_s"]
    assert service_s.min() == pytest.approx(0.04, abs=1e-9)
    assert 0 < (service_s > 0.05).sum() < 150


@pytest.mark.parametrize("field", ["mean_clear", "mean_blocked", "length", "clear"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_durations_and_the_clear_rate_are_more_than_zero(field: str, value: str) -> None:
    unit = "Mbit/s" if field == "clear" else "s"
    with pytest.raises(ValidationError, match=field):
        link(**{field: f"{value} {unit}"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blocked": "-1 bit/s"}, "zero or more"),
        ({"blocked": "nan bit/s"}, "is not a bit rate"),
        ({"clear": "0 bit/s", "blocked": "0 bit/s"}, "more than zero"),
        ({"blocked": "1 Gbit/s"}, "faster while it is blocked"),
        ({"length": "1e9 s"}, "too many intervals"),
        ({"mean_clear": "1e12 s", "mean_blocked": "1e12 s"}, "none in any run"),
        ({"mean_clear": "1e-15 s", "mean_blocked": "1e-15 s"}, "too many intervals"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes: dict[str, str], words: str) -> None:
    """Before a run, with its place in the scenario and what would be right."""
    link = {"uplink": GIVEN | changes, "downlink": {"rate": "1 Mbit/s"}}
    problems = simulator.check(scenario("resnet50", "raspberry-pi-4", "t4-tensorrt", link=link))
    assert [problem.path[:2] for problem in problems] == [("link", "uplink")]
    assert words in problems[0].message
    assert problems[0].hint


@pytest.mark.parametrize("field", sorted(GIVEN))
def test_one_field_tells_the_kind(field: str) -> None:
    """The others are then missed by their names."""
    link: dict[str, Any] = {"uplink": {field: GIVEN[field]}, "downlink": {"rate": "1 Mbit/s"}}
    problems = simulator.check(scenario("resnet50", "raspberry-pi-4", "t4-tensorrt", link=link))
    assert {problem.path[-1] for problem in problems} == GIVEN.keys() - {field}


def test_a_series_with_known_blockages() -> None:
    """Two runs with a step of 0.5 s. 5 of 12 steps are blocked; 1 blockage begins and 2 end within a run."""
    runs = [[0.0, 2.0, 9.0, 9.0, 0.0, 0.0, 1.0, 9.0], [9.0, 3.0, 9.0, 9.0]]
    fitted = fit_blockage(laid_end_to_end([regular(np.array(run) * 1e6, 0.5) for run in runs]), 2.5e6)
    assert fitted.blocked == pytest.approx((0 + 2 + 0 + 0 + 1) / 5 * 1e6)
    assert fitted.clear == pytest.approx((9 + 9 + 9 + 9 + 3 + 9 + 9) / 7 * 1e6)
    assert fitted.mean_blocked == pytest.approx(5 * 0.5 / 2)
    assert fitted.mean_clear == pytest.approx(7 * 0.5 / 1)


def test_a_fit_finds_the_link_that_was_measured() -> None:
    """1e5 s at a step of 20 ms hold 1e4 blockages; a hundredth of the shorter mean can hide in the steps."""
    channel, step = drawn(7, length="1e5 s"), 0.02
    carried = np.interp(np.arange(5_000_001) * step, channel.edges_s, channel.cumulative_bits)
    fitted = fit_blockage(regular(np.diff(carried) / step, step), 110e6)
    assert fitted.mean_blocked == pytest.approx(2.0, rel=0.05)
    assert fitted.mean_clear == pytest.approx(8.0, rel=0.05)
    assert (fitted.clear, fitted.blocked) == pytest.approx((200e6, 20e6), rel=0.05)


@pytest.mark.parametrize("rates", [[5.0, 6.0, 7.0], [1.0, 1.0, 7.0], [7.0, 1.0, 1.0]])
def test_without_a_whole_blockage_there_is_nothing_to_fit(rates: list[float]) -> None:
    """Never below 2 Mbit/s, below it only at the start, or only at the end."""
    with pytest.raises(TraceError, match="take a threshold between"):
        fit_blockage(regular(np.array(rates) * 1e6, 1.0), 2e6)
