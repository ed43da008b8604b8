"""Importers of ping and LoRaWAN logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit import measurements_by_hand as hand

from simulator.links.importers import import_trace
from simulator.links.importers.model import Frames, ImportedTrace, RoundTrips


def frames_of(folder: Path, content: str) -> tuple[ImportedTrace, Frames]:
    """A packet log imported, and its frames."""
    trace = import_trace(hand.written(folder, content, packed=True))
    assert isinstance(trace.content, Frames)
    return trace, trace.content


def test_missing_sequence_numbers_of_ping_are_lost(tmp_path: Path) -> None:
    """Answers 1, 2 and 4 of 5 pings in 800 ms."""
    trips = import_trace(hand.written(tmp_path, hand.PING)).content
    assert isinstance(trips, RoundTrips)
    assert trips.rtt_s.tolist() == pytest.approx([0.01, 0.02, 0.06])
    assert trips.answered is not None
    assert trips.answered.tolist() == [True, True, False, True, False]
    assert trips.step_s == pytest.approx(0.2)


def test_duplicate_answers_are_dropped(tmp_path: Path) -> None:
    """A duplicate is no second sample."""
    double = "46 bytes from 192.0.2.1: icmp_seq=1 ttl=40 time=99.0 ms (DUP!)\n"
    trace = import_trace(hand.written(tmp_path, hand.PING.replace("\n\n---", f"\n{double}\n---")))
    assert isinstance(trace.content, RoundTrips)
    assert trace.content.rtt_s.size == 3
    assert "dropped 1 answer: marked as duplicates" in map(str, trace.findings)


def test_ping_lists_are_told_from_rates_by_their_digits(tmp_path: Path) -> None:
    """Three significant digits and never 0; runs pooled, in ms."""
    trips = import_trace(hand.written(tmp_path, hand.NUWINS_PING)).content
    assert isinstance(trips, RoundTrips)
    assert trips.rtt_s.tolist() == pytest.approx([0.0312, 0.141, 0.0299, 0.0301])
    assert trips.answered is None


def test_gaps_of_the_frame_counter_are_losses(tmp_path: Path) -> None:
    """Counters 5, 6, 9: two of five frames lost."""
    _, frames = frames_of(tmp_path, hand.helium([5, 6, 9]))
    assert [stretch.tolist() for stretch in frames.delivered()] == [[True, True, False, False, True]]


def test_a_step_back_or_a_gap_over_500_is_a_restart(tmp_path: Path) -> None:
    """Nothing is lost across a restart; 500 is still a gap."""
    trace, frames = frames_of(tmp_path, hand.helium([5, 505, 2, 2, 503]))
    stretches = frames.delivered()
    assert [(stretch.size, int(stretch.sum())) for stretch in stretches] == [(501, 2), (1, 1), (1, 1)]
    assert [str(finding) for finding in trace.findings] == [
        "kept 1 frame: repeat the counter of the one before; they count once as delivered",
        "kept 2 restarts of the frame counter; losses across them are not counted",
    ]


@pytest.mark.parametrize(
    ("spreading", "rate_bps"),
    [
        ("SF7BW125", 5470),
        ("SF8BW125", 3125),
        ("SF9BW125", 1760),
        ("SF10BW125", 980),
        ("SF11BW125", 440),
        ("SF12BW125", 250),
    ],
)
def test_nominal_rates_are_those_of_the_regional_parameters(spreading: str, rate_bps: float, tmp_path: Path) -> None:
    """LoRaWAN Regional Parameters, EU868, DR5 to DR0."""
    _, frames = frames_of(tmp_path, hand.helium([1, 2], spreading))
    assert frames.nominal_bps.tolist() == [rate_bps, rate_bps]
    assert frames.spreading_factor.tolist() == [int(spreading[2:-5])] * 2


@pytest.mark.parametrize(("data_rate", "factor"), [(0, 12), (3, 9), (5, 7), (6, 7)])
def test_chirpstack_data_rate_is_12_minus_sf(data_rate: int, factor: int, tmp_path: Path) -> None:
    """And status messages are no frames."""
    trace, frames = frames_of(tmp_path, hand.chirpstack([1, 2], data_rate))
    assert frames.spreading_factor.tolist() == [factor, factor]
    assert frames.snr_db.tolist() == [-7.2, -7.2]
    assert "dropped 1 line: without rxInfo: status messages, no frames" in map(str, trace.findings)


def test_ttn_counter_zero_is_absent(tmp_path: Path) -> None:
    """Numbers that are 0 are left out of protobuf's JSON; a join is no frame."""
    trace, frames = frames_of(tmp_path, hand.ttn([0, 1, 3]))
    assert frames.counters.tolist() == [0, 1, 3]
    assert frames.times_s.tolist() == pytest.approx([0, 10, 20])
    assert len(trace.findings) == 1


def test_ufjf_clock_passes_midnight(tmp_path: Path) -> None:
    """8 s from 23:59:55 to 00:00:03; RSSI at the gateway; frame 1 lost."""
    _, frames = frames_of(tmp_path, hand.UFJF)
    assert frames.times_s.tolist() == [0.0, 8.0]
    assert frames.rssi_dbm.tolist() == [-110.0, -112.0]
    assert np.isnan(frames.snr_db).all()
    assert [stretch.tolist() for stretch in frames.delivered()] == [[True, False, True]]


def test_frames_out_of_order_are_sorted(tmp_path: Path) -> None:
    """And the report says so."""
    lines = hand.helium([1, 2, 3]).splitlines()
    trace, frames = frames_of(tmp_path, "\n".join([lines[0], lines[2], lines[1]]))
    assert frames.counters.tolist() == [1, 2, 3]
    assert any("sorted by time" in str(finding) for finding in trace.findings)
