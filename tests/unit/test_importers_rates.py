"""Importers of rates: every trap of every format, on files written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from unit import measurements_by_hand as hand

from simulator.links.importers import FORMATS, import_trace
from simulator.links.importers.model import ImportedTrace, RateSeries

pytestmark = pytest.mark.engine_free


def read(folder: Path, content: str, name: str = "measurement", **options: object) -> tuple[ImportedTrace, RateSeries]:
    """A file imported, and its rates."""
    trace = import_trace(hand.written(folder, content, name), **options)  # type: ignore[arg-type]
    assert isinstance(trace.content, RateSeries)
    return trace, trace.content


def said(trace: ImportedTrace) -> str:
    """The report in one text."""
    return "\n".join(map(str, trace.findings))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_every_format_is_recognised_by_its_content(name: str, packed: bool, tmp_path: Path) -> None:
    """The file has no telling name; what recognition finds is what the name of the format finds."""
    if name == "offload-sim" and packed:
        pytest.skip("scenarios read this format unpacked only")
    path = hand.written(tmp_path, hand.EVERY_FORMAT[name], packed=packed)
    assert import_trace(path).format == name
    assert import_trace(path, name).format == name


def test_mahimahi_rate_is_packets_of_1500_bytes_per_window(tmp_path: Path) -> None:
    """Four packets in the first second, two in the next and the one at the very end of the period with them."""
    _, series = read(tmp_path, hand.MAHIMAHI)
    assert series.rates_bps.tolist() == [4 * 12_000.0, 3 * 12_000.0]
    assert series.duration_s == 2.0


def test_mahimahi_silence_is_an_outage_and_a_last_window_that_is_not_full_is_dropped(tmp_path: Path) -> None:
    """With windows of half a second: 3 packets, 1, 0, 2; the one at 2.1 s falls into no full window."""
    trace, series = read(tmp_path, "0\n0\n0\n500\n1500\n1500\n2100\n", window_s=0.5)
    assert series.rates_bps.tolist() == [72_000.0, 24_000.0, 0.0, 48_000.0]
    assert "dropped 1 packet:" in said(trace)


def test_mahimahi_file_with_a_packet_each_millisecond_is_12_mbit_s(tmp_path: Path) -> None:
    """The file of one line "1": a period of 1 ms with one packet."""
    _, series = read(tmp_path, "1\n")
    assert series.rates_bps.tolist() == pytest.approx([12e6])


@pytest.mark.parametrize(("suffix", "direction"), [(".up", "uplink"), (".down", "downlink"), (".txt", "unknown")])
def test_mahimahi_tells_its_direction_by_the_suffix(suffix: str, direction: str, tmp_path: Path) -> None:
    """As its authors name their files."""
    assert read(tmp_path, hand.MAHIMAHI, f"trace{suffix}")[0].direction == direction


@pytest.mark.parametrize("separator", ["\t", " ", ",", ", ", ";"])
def test_two_columns_may_start_anywhere_and_be_separated_by_anything(separator: str, tmp_path: Path) -> None:
    """A rate holds over the step before its time; time counts from the first step."""
    _, series = read(tmp_path, hand.TWO_COLUMN.replace("\t", separator))
    assert series.rates_bps.tolist() == [4e6, 8e6, 6e6]
    assert series.times_s.tolist() == [0.0, 1.0, 2.0]
    assert series.ends_s.tolist() == [1.0, 2.0, 3.0]


def test_two_columns_with_irregular_steps_keep_the_rate_over_the_gap(tmp_path: Path) -> None:
    """Three seconds at 8 Mbit/s and one at 2: the mean over time is 6.5, not 5."""
    _, series = read(tmp_path, "0 2\n1 2\n4 8\n4.5 5\n6 5\n")
    channel = series.channel()
    assert (np.diff(channel.edges_s) * channel.rates_bps).sum() == pytest.approx((1.25 * 2 + 2 + 24 + 2.5 + 7.5) * 1e6)


def test_two_columns_with_a_long_gap_between_regular_steps_stall(tmp_path: Path) -> None:
    """29 s without rows of 0.2 s: the row after it holds 0.2 s, and the link carries nothing in the rest."""
    rows = [(0.2 * k, 10.0) for k in range(1, 101)] + [(49.0 + 0.2 * k, 10.0) for k in range(1, 101)]
    trace, series = read(tmp_path, "".join(f"{time:.1f} {rate}\n" for time, rate in rows))
    assert series.rates_bps.size == 200
    assert series.duration_s == pytest.approx(69.0)
    assert series.channel().mean_rate_bps == pytest.approx(10e6 * 40.0 / 69.0)
    assert "changed 1 gap:" in said(trace)


def test_two_columns_drop_a_repeated_second(tmp_path: Path) -> None:
    """The second of two rows with one time is dropped and counted."""
    trace, series = read(tmp_path, "1 5\n2 6\n2 7\n3 8\n")
    assert series.rates_bps.tolist() == [5e6, 6e6, 8e6]
    assert "dropped 1 row:" in said(trace)


def test_unit_of_each_row_counts(tmp_path: Path) -> None:
    """Mbit/s, kbit/s and bit/s in one file."""
    trace, series = read(tmp_path, hand.UNIT_PER_ROW)
    assert series.rates_bps.tolist() == [2.5e6, 5e5, 0.0]
    assert trace.direction == "unknown"
    assert "changed 2 rows:" in said(trace)


def test_nuwins_runs_are_laid_end_to_end(tmp_path: Path) -> None:
    """Two runs of 0.1-s samples; the second starts where the first ends."""
    trace, series = read(tmp_path, hand.NUWINS)
    assert series.rates_bps.tolist() == [0.125e6, 2.0625e6, 4.1875e6, 8.03125e6, 9.03125e6]
    assert series.times_s.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert series.run_starts == (0, 3)
    assert trace.direction == "uplink"


def test_nuwins_legs_add_up_on_one_grid_though_a_clock_steps_back(tmp_path: Path) -> None:
    """Cells of 0.1 s: 5G in cells 1, 2, 3; LTE 0 in cell 1, the mean of 4 and 8 in cell 2."""
    trace, series = read(tmp_path, hand.NUWINS_LEGS)
    assert series.rates_bps.tolist() == pytest.approx([0.0, 10.125e6, 26.125e6, 30.125e6])
    assert "changed 1 step back" in said(trace)


def test_nuttcp_rows_are_averaged_over_a_second(tmp_path: Path) -> None:
    """Ten rows that alternate between 10 and 30 are 20 Mbit/s; the 21st row fills no second."""
    trace, series = read(tmp_path, hand.NUTTCP)
    assert series.rates_bps.tolist() == pytest.approx([20e6, 20e6])
    assert (trace.direction, series.step_s) == ("uplink", pytest.approx(1.0))
    assert "dropped 1 row:" in said(trace)
    assert "without the closing summary" not in said(trace)


def test_nuttcp_receiver_is_a_downlink_and_a_missing_summary_is_noted(tmp_path: Path) -> None:
    """The side that reports first is the phone."""
    content = hand.NUTTCP.replace("nuttcp-t", "nuttcp-r").rsplit("nuttcp-r", 1)[0]
    trace, _ = read(tmp_path, content)
    assert trace.direction == "downlink"
    assert "without the closing summary" in said(trace)


def test_g_nettrack_rows_of_one_second_share_it(tmp_path: Path) -> None:
    """Two rows at second 0, one without a rate at 1, one at 3: kbit/s, across midnight."""
    trace, series = read(tmp_path, hand.G_NETTRACK)
    assert series.rates_bps.tolist() == [1e6, 3e6, 5e6]
    assert series.times_s.tolist() == [0.0, 0.5, 3.0]
    assert trace.direction == "downlink"
    assert trace.technology == "5G 50%, LTE 50%"
    for words in (
        "dropped 1 row: no downlink rate",
        "changed 1 row: repeat a second",
        "kept 2 seconds:",
        "kept 1 row: the",
    ):
        assert words in said(trace)


def test_iperf_log_takes_its_direction_from_the_summary_two_folders_up(tmp_path: Path) -> None:
    """Uplink: first rows above 99 % of the later ones are the socket buffer; the repeated last row goes."""
    (tmp_path / "Runs-Summary.csv").write_text(hand.RUN_SUMMARY.format(direction="uplink"))
    folder = tmp_path / "data" / "logs"
    folder.mkdir(parents=True)
    trace, series = read(folder, hand.iperf([480.0, 200.0, 19.0, *[20.0] * 50]))
    assert series.rates_bps.tolist() == [19e6] + [20e6] * 50
    assert (trace.direction, trace.technology) == ("uplink", "SA only, Acme")
    assert "dropped 2 rows: filling of the socket buffer" in said(trace)
    assert "dropped 1 row: repeat" in said(trace)


def test_iperf_downlink_has_no_sender_buffer(tmp_path: Path) -> None:
    """The phone receives: its first row is the link."""
    (tmp_path / "Runs-Summary.csv").write_text(hand.RUN_SUMMARY.format(direction="downlink"))
    trace, series = read(tmp_path, hand.iperf([480.0, *[20.0] * 50]))
    assert trace.direction == "downlink"
    assert series.rates_bps[0] == 480e6


def test_iperf_log_without_a_summary_says_so(tmp_path: Path) -> None:
    """Its direction stays unknown."""
    trace, _ = read(tmp_path, hand.iperf([5.0, 6.0]))
    assert trace.direction == "unknown"
    assert "no run summary" in said(trace)


def test_merged_csv_holds_its_direction(tmp_path: Path) -> None:
    """And a list in quotes does not shift its columns."""
    trace, series = read(tmp_path, hand.merged([473.0, *[70.0] * 50], "uplink"))
    assert (trace.direction, trace.technology) == ("uplink", "NSA+LTE, Acme")
    assert series.rates_bps.tolist() == [70e6] * 50


@pytest.mark.parametrize(("reverse", "direction"), [(1, "downlink"), (0, "uplink")])
def test_iperf3_reverse_is_downlink(reverse: int, direction: str, tmp_path: Path) -> None:
    """And what iperf3 omitted itself is dropped."""
    trace, series = read(tmp_path, hand.iperf3([9e9, 2e6, 3e6], reverse))
    assert trace.direction == direction
    assert series.rates_bps.tolist() == [2e6, 3e6]
    assert "dropped 1 interval:" in said(trace)


def test_outliers_are_pointed_out_and_kept(tmp_path: Path) -> None:
    """One second of 500 Mbit/s among 200 of 5."""
    rates = [5.0] * 200
    rates[77] = 500.0
    trace, series = read(tmp_path, "".join(f"{k} {rate}\n" for k, rate in enumerate(rates)))
    assert series.rates_bps.max() == 500e6
    assert "kept 1 sample above twice the 99th percentile, the highest 500 Mbit/s at 77 s" in said(trace)
