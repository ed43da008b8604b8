"""Units that a file does not name: told where they are certain, asked for where they are not."""

from __future__ import annotations

import gzip
import resource
from pathlib import Path

import numpy as np
import pytest
from unit import measurements_by_hand as hand

from simulator.errors import TraceError, UnitError
from simulator.links.importers import import_trace, source
from simulator.links.importers.model import Frames, ImportedTrace, RateSeries
from simulator.links.importers.named_columns import Told, read_column
from simulator.links.trace import read_trace


def told(time: str | None = None, rate: str | None = None) -> Told:
    """What options say."""
    return Told(read_column("time", time) if time else None, read_column("rate", rate) if rate else None)


def rates_of(trace: ImportedTrace) -> RateSeries:
    """The rates of a trace."""
    assert isinstance(trace.content, RateSeries)
    return trace.content


def refusal(path: Path, options: Told | None = None) -> str:
    """The message with which a file is refused."""
    with pytest.raises(TraceError) as caught:
        import_trace(path, told=options or Told())
    return str(caught.value)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)])
def test_stamps_since_1970_tell_their_unit_by_their_size(unit: str, factor: int, tmp_path: Path) -> None:
    """Three rows over a second each, half a second apart: 1.5 s in all, whatever the unit, and said."""
    rows = "".join(f"{(1_600_000_000 + k / 2) * factor:.15g} {5 + k}\n" for k in range(3))
    trace = import_trace(hand.written(tmp_path, rows))
    assert rates_of(trace).duration_s == pytest.approx(1.5)
    assert rates_of(trace).rates_bps.tolist() == [5e6, 6e6, 7e6]
    assert any(f"in {unit} since 1970" in str(finding) for finding in trace.findings)


def test_three_rows_of_epoch_milliseconds_are_not_ten_minutes(tmp_path: Path) -> None:
    """0.2 s apart: 0.6 s."""
    rows = "1600000000000,5\n1600000000200,6\n1600000000400,7\n"
    assert rates_of(import_trace(hand.written(tmp_path, rows))).duration_s == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("0 5\n100 6\n200 7\n", "--time ms or --time s"),
        ("0 5\n60 6\n120 7\n", "--time ms"),
        ("0 5\n200000 6\n400000 7\n", "--time us"),
        ("1000000000 5\n1001000000 6\n1002000000 7\n", "--time us"),
        ("1600000000000 5\n1600000600000 6\n1600001200000 7\n", "--time"),
        ("0 5\n0.0002 6\n0.0004 7\n", "--time min"),
    ],
    ids=["100 ms?", "minutes?", "us?", "us at 1e9?", "ten minutes at 1e12", "hours?"],
)
def test_steps_that_nobody_measures_in_seconds_are_asked_about(rows: str, says: str, tmp_path: Path) -> None:
    """Neither read as seconds nor guessed."""
    message = refusal(hand.written(tmp_path, rows))
    assert "the unit of time is not certain" in message
    assert says in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ((5000, 6000, 7000), "--rate kbit/s"),
        ((5e6, 6e6, 7e6), "beyond any radio link"),
        ((0.0005, 0.0006, 0), "--rate Gbit/s"),
    ],
)
def test_rates_that_are_hardly_mbit_are_asked_about(values: tuple[float, ...], says: str, tmp_path: Path) -> None:
    """Mostly beyond 1 Gbit/s, or below 1 kbit/s."""
    message = refusal(hand.written(tmp_path, "".join(f"{k} {value}\n" for k, value in enumerate(values))))
    assert says in message
    assert "--rate" in message


def test_units_that_are_said_are_taken(tmp_path: Path) -> None:
    """Milliseconds and kbit/s, bytes and minutes; a step of 100 s and 5 Gbit/s where they are meant."""
    path = hand.written(tmp_path, "0 5000\n100 6000\n200 7000\n")
    series = rates_of(import_trace(path, told=told("ms", "kbit/s")))
    assert series.duration_s == pytest.approx(0.3)
    assert series.rates_bps.tolist() == [5e6, 6e6, 7e6]
    assert rates_of(import_trace(path, told=told("s", "Mbit/s"))).rates_bps.tolist() == [5e9, 6e9, 7e9]
    assert rates_of(import_trace(path, told=told("min", "kB/s"))).duration_s == pytest.approx(18_000)
    assert rates_of(import_trace(path, told=told("min", "kB/s"))).rates_bps.tolist() == [40e6, 48e6, 56e6]


def test_units_for_a_format_that_holds_them_are_refused(tmp_path: Path) -> None:
    """They would have no effect."""
    assert "holds its units" in refusal(hand.written(tmp_path, hand.IPERF_TEXT), told(rate="kbit/s"))


@pytest.mark.parametrize("text", ["1:kbps", "1:", "1", "kbps", "", "rate:5"])
def test_units_that_are_none_are_refused_with_the_known_ones(text: str) -> None:
    """Look-alikes too."""
    with pytest.raises(UnitError, match=r"units: bit/s, kbit/s"):
        read_column("rate", text)


def test_a_mahimahi_file_of_clock_stamps_is_refused(tmp_path: Path) -> None:
    """Milliseconds of a clock would be hours of outage before the first packet."""
    assert "no Mahimahi trace" in refusal(hand.written(tmp_path, "7200000\n7200001\n7200500\n"))


def test_a_trace_whose_rate_bps_holds_mbit_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """The command that is named reads it."""
    path = hand.written(tmp_path, "time_s,rate_bps\n0,5\n1,8\n2,0\n", "mine.csv")
    with pytest.raises(TraceError, match="does it hold Mbit/s") as caught:
        read_trace(path)
    assert "--time time_s:s --rate rate_bps:Mbit/s" in str(caught.value)
    series = rates_of(import_trace(path, told=told("time_s:s", "rate_bps:Mbit/s")))
    assert series.rates_bps.tolist() == [5e6, 8e6, 0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("packed", [False, True])
def test_columns_are_named_by_the_header(separator: str, packed: bool, tmp_path: Path) -> None:
    """Any separator, plain or gzip; a rate holds until the next row."""
    rows = [["stamp", "cell", "tput_kbps"], ["1000", "7", "500"], ["1250", "8", "900"], ["2000", "8", "0"]]
    path = hand.written(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n", packed=packed)
    series = rates_of(import_trace(path, told=told("stamp:ms", "tput_kbps:kbit/s")))
    assert series.times_s == pytest.approx([0, 0.25, 1.0])
    assert series.ends_s == pytest.approx([0.25, 1.0, 1.5])
    assert series.rates_bps.tolist() == [500e3, 900e3, 0]


@pytest.mark.parametrize("separator", [";", "\t", " "])
def test_a_decimal_comma_is_read_where_it_is_no_separator(separator: str, tmp_path: Path) -> None:
    """0,5 s and 1,25 Mbit/s, without a header: columns by number."""
    rows = ["0,0", "1,25"], ["0,5", "2,5"], ["1,0", "3"]
    path = hand.written(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n")
    series = rates_of(import_trace(path, told=told("1:s", "2:Mbit/s")))
    assert series.times_s == pytest.approx([0, 0.5, 1.0])
    assert series.rates_bps.tolist() == [1.25e6, 2.5e6, 3e6]


def test_dates_are_times_and_rows_without_a_rate_are_left_out(tmp_path: Path) -> None:
    """With a zone or without; the empty cell and the dash are counted."""
    rows = (
        "when,rate\n2024-05-01T10:00:00,5\n2024-05-01 10:00:01.5,-\n2024-05-01T10:00:02,\n2024-05-01T12:00:03+02:00,7\n"
    )
    trace = import_trace(hand.written(tmp_path, rows), told=told("when:date", "rate:Mbit/s"))
    assert rates_of(trace).times_s == pytest.approx([0, 3])
    assert any("dropped 2 rows: without a rate" in str(finding) for finding in trace.findings)


def test_the_direction_is_the_users(tmp_path: Path) -> None:
    """Where the file does not say; where it says otherwise, both are told."""
    path = hand.written(tmp_path, hand.TWO_COLUMN)
    assert import_trace(path, told=Told(direction="uplink")).direction == "uplink"
    other = import_trace(hand.written(tmp_path, hand.IPERF_TEXT), told=Told(direction="uplink"))
    assert other.direction == "uplink"
    assert any("by the file: downlink" in str(finding) for finding in other.findings)


@pytest.mark.parametrize(
    ("content", "time", "rate", "words"),
    [
        ("a,b\n1,2\n", "c:s", "b:Mbit/s", 'has no column "c"'),
        ("a,b\n1,2\n", "3:s", "b:Mbit/s", "by number, 1 to 2"),
        ("a,b\n1,2\n", "0:s", "b:Mbit/s", 'has no column "0"'),
        ("a,b\n1,2\n", "a:s", "Mbit/s", "--rate names no column"),
        ("a,b\n1,x\n", "a:s", "b:Mbit/s", "is not a finite number"),
        ("a,b\n1,-2\n", "a:s", "b:Mbit/s", "is negative"),
        ("a,b\n1,2\n0,2\n", "a:s", "b:Mbit/s", "comes before"),
        ("a,b\n1,2\n3\n", "a:s", "b:Mbit/s", "row has 1 cells"),
        ("a,b\n1,2\n", "a:date", "b:Mbit/s", "is not a date"),
        ("a,b\n1,-\n", "a:s", "b:Mbit/s", "every cell of it is empty"),
        ("a,b\n", "a:s", "b:Mbit/s", "has a header but no rows"),
        ("a\n1\n", "a:s", "b:Mbit/s", "is no table"),
        ('a,b\n1,"2\n3,4\n', "a:s", "b:Mbit/s", "time_s"),
        ("a,b\n1,0\n2,0\n", "a:s", "b:Mbit/s", "dead for ever"),
        ("{}", "a:s", "b:Mbit/s", "is no table"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(content: str, time: str, rate: str, words: str, tmp_path: Path) -> None:
    """With what is wrong; a quote that is never closed ends with its line."""
    path = hand.written(tmp_path, content)
    if words == "time_s":
        assert rates_of(import_trace(path, told=told(time, rate))).rates_bps.size == 2
    else:
        assert words in refusal(path, told(time, rate))


@pytest.mark.parametrize(
    ("content", "command"),
    [
        ("Timestamp (ms);Cell;Throughput_Mbps\n1;2;3,5\n", "--time 'Timestamp (ms):ms' --rate Throughput_Mbps:Mbit/s"),
        ("time,bandwidth kbps,rssi\n1600000000,500,-80\n", "--time time:s --rate 'bandwidth kbps:kbit/s'"),
        ("date,dl_bytes_per_s\n2024-05-01T10:00:00,500\n", "--time date:date --rate dl_bytes_per_s:B/s"),
        ("0 5\n100 6\n200 7\n", "--time 1:s --rate 2:Mbit/s"),
        ("0 5\n1 -1\n", "--time 1:s --rate 2:Mbit/s"),
        ("no table at all\n", "--time COLUMN:s --rate COLUMN:Mbit/s"),
    ],
)
def test_every_refusal_ends_with_the_command_for_the_file(content: str, command: str, tmp_path: Path) -> None:
    """Column names quoted for a shell, units by names and sizes."""
    path = hand.written(tmp_path, content)
    assert refusal(path).splitlines()[-1].strip() == f"offload-sim trace import {path} {command}"


@pytest.mark.parametrize(
    ("content", "choices"),
    [
        ("time,5G,4G\n0,100,20\n1,90,25\n", ["5G:Mbit/s", "4G:Mbit/s"]),
        ("time_s;nr_mbps;lte_mbps\n0;100;20\n1;90;25\n", ["nr_mbps:Mbit/s", "lte_mbps:Mbit/s"]),
        ("0 100 20\n1 90 25\n2 80 30\n", ["2:Mbit/s", "3:Mbit/s"]),
    ],
)
def test_rates_of_two_links_are_a_choice(content: str, choices: list[str], tmp_path: Path) -> None:
    """A command for each; each reads its own column."""
    path = hand.written(tmp_path, content)
    message = refusal(path)
    assert "holds the rates of several links" in message
    first = []
    for choice in choices:
        assert f"--rate {choice}" in message
        time = "1:s" if content[0] == "0" else f"{content.split(',')[0].split(';')[0]}:s"
        first.append(rates_of(import_trace(path, told=told(time, choice))).rates_bps[0])
    assert first == [100e6, 20e6]


def test_iperf_text_is_read_by_its_units(tmp_path: Path) -> None:
    """12.5 Mbits, 4096 Kbits, nothing; the summaries are no rows; reverse is downlink."""
    trace = import_trace(hand.written(tmp_path, hand.IPERF_TEXT))
    assert rates_of(trace).rates_bps.tolist() == [12.5e6, 4.096e6, 0]
    assert rates_of(trace).ends_s.tolist() == [1, 2, 3]
    assert trace.direction == "downlink"


def test_iperf_text_of_parallel_streams_takes_their_sum(tmp_path: Path) -> None:
    """And bytes are eight bits, with a prefix of 1024; omitted rows are no rows."""
    text = "Connecting to host a, port 5201\n" + "".join(
        f"[{stream}]   {k}.00-{k + 1}.00   sec  1.00 MBytes  {rate} MBytes/sec  0  sender_cwnd{end}\n"
        for k, end in ((0, " (omitted)"), (1, ""), (2, ""))
        for stream, rate in (("  5", 1), ("  7", 2), ("SUM", 3))
    ).replace("  sender_cwnd", "")
    trace = import_trace(hand.written(tmp_path, text))
    assert rates_of(trace).rates_bps.tolist() == [3 * 8 * 1024.0**2] * 2
    assert trace.direction == "uplink"


def test_iperf_2_ends_with_a_row_over_the_whole_run(tmp_path: Path) -> None:
    """Which is no interval."""
    text = "[  3]  0.0- 1.0 sec  1.0 MBytes  8.00 Mbits/sec\n[  3]  1.0- 2.0 sec  1.0 MBytes  9.00 Mbits/sec\n"
    text += "[  3]  0.0- 2.0 sec  2.0 MBytes  8.50 Mbits/sec\n"
    assert rates_of(import_trace(hand.written(tmp_path, text))).rates_bps.tolist() == [8e6, 9e6]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[  5][TX-C]   0.00-1.00   sec  1.0 MBytes  8.0 Mbits/sec\n", "both directions at once"),
        (hand.IPERF_TEXT.replace("12.5 M", "-12.5 M"), "is negative"),
        (hand.IPERF_TEXT.replace("12.5 M", "1.2.5 M"), "is not a finite number"),
        (
            "".join(f"[  {s}]   0.00-1.00   sec  1.0 MBytes  8.0 Mbits/sec\n" for s in (5, 7)),
            "2 streams without [SUM] rows",
        ),
    ],
)
def test_iperf_text_that_cannot_be_read_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """With what is wrong."""
    assert words in refusal(hand.written(tmp_path, text))


def test_sabre_intervals_last_as_long_as_they_say(tmp_path: Path) -> None:
    """5 s at 1 Mbit/s, 2.5 s at 4.0005; the latency is a round trip and is said."""
    trace = import_trace(hand.written(tmp_path, hand.SABRE))
    assert rates_of(trace).ends_s.tolist() == [5, 7.5]
    assert rates_of(trace).rates_bps.tolist() == [1e6, 4_000_500]
    assert any("40.0 ms in the median, a round trip" in str(finding) for finding in trace.findings)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("5000", "-5000", "lasts -5000 ms"),
        ("5000", "0", "lasts 0 ms"),
        ("1000", '"fast"', "entry 0 has no number"),
        ("4000.5", "-1", "is negative"),
        ("4000.5", "NaN", "not a finite number"),
        ("4000.5", "true", "entry 1 has no number"),
        ("}]", "}", "is not JSON"),
    ],
)
def test_sabre_traces_that_cannot_be_are_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    """With what is wrong."""
    assert words in refusal(hand.written(tmp_path, hand.SABRE.replace(old, new, 1)))


def test_semicolon_logs_of_lorawan_are_frames(tmp_path: Path) -> None:
    """Spreading factors, levels with a decimal comma, a lost frame by the counter."""
    trace = import_trace(hand.written(tmp_path, hand.LORAWAN_CSV))
    frames = trace.content
    assert isinstance(frames, Frames)
    assert frames.times_s.tolist() == [0, 600, 1800]
    assert frames.counters.tolist() == [7, 8, 10]
    assert frames.spreading_factor.tolist() == [7, 7, 8]
    assert frames.rssi_dbm.tolist() == [-119.5, -120, -121]
    assert frames.snr_db[:2].tolist() == [-7.25, -8]
    assert np.isnan(frames.snr_db[2])


@pytest.mark.parametrize(
    ("written", "factor", "nominal"), [("SF9BW125", 9, 1760), ("dr5", 0, 0), ("5", 7, 5470), ("12", 12, 250)]
)
def test_data_rates_are_written_in_three_ways(written: str, factor: int, nominal: float, tmp_path: Path) -> None:
    """As a name, as the number of a data rate of EU868, as a spreading factor; nothing else."""
    text = f"timestamp;f_cnt;data_rate\n1600000000000;1;{written}\n1600000001500;2;{written}\n"
    path = hand.written(tmp_path, text)
    if not factor:
        assert "is not a data rate" in refusal(path)
        return
    frames = import_trace(path).content
    assert isinstance(frames, Frames)
    assert frames.spreading_factor.tolist() == [factor] * 2
    assert frames.nominal_bps.tolist() == [nominal] * 2
    assert frames.times_s.tolist() == [0, 1.5]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("2024-05-01 10:10:00", "noon", "is not a time"),
        (";8;7;", ";eight;7;", "is not a frame"),
        (";8;7;", ";8;SF13;", "is not a data rate of LoRaWAN"),
        ("-120;-8", "-120", "row has 5 cells"),
    ],
)
def test_logs_that_cannot_be_are_refused_with_their_line(old: str, new: str, words: str, tmp_path: Path) -> None:
    """The third."""
    path = hand.written(tmp_path, hand.LORAWAN_CSV.replace(old, new, 1))
    assert words in refusal(path)
    assert f"{path}:3:1: " in refusal(path)


@pytest.mark.parametrize(
    "row",
    [b"1 2\n", b"1\r", b"7\n", b"1,", b"1 ", b'{"a":'],
    ids=["two columns", "old Mac", "one column", "one row", "one row of blanks", "deep"],
)
def test_a_small_gzip_file_of_very_many_lines_is_refused_in_little_memory(row: bytes, tmp_path: Path) -> None:
    """60 MB of rows or cells in about 60 kB: refused with the figure, or as no trace, before rows are made of them."""
    path = tmp_path / "many.gz"
    path.write_bytes(gzip.compress(row * (60_000_000 // len(row))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refusal(path)
    assert any(words in message for words in ("lines, about", "cells, about", "is in no known format"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_lines_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit."""
    monkeypatch.setattr(source, "MAX_LINES", 100)
    path = hand.written(tmp_path, "".join(f"{k} 5\n" for k in range(101)))
    assert "has 101 lines" in refusal(path)
