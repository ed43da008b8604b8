"""Files that cannot be imported: each is refused with its place and what would be right."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from unit import measurements_by_hand as hand

from simulator.errors import NotFoundError, TraceError
from simulator.links.importers import FORMATS, import_trace, source


def refusal(path: Path, format_: str = "auto") -> str:
    """The message with which a file is refused."""
    with pytest.raises(TraceError) as caught:
        import_trace(path, format_)
    assert all(problem.file == str(path) for problem in caught.value.problems)
    return str(caught.value)


def outcome(path: Path, format_: str = "auto") -> str:
    """The file of what was read, or the message with which it was refused."""
    try:
        return import_trace(path, format_).file
    except TraceError as error:
        return str(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n \n\t\n", gzip.compress(b""), b"\xc2\x85 "],
    ids=["nothing", "blanks", "gzip", "blanks of text"],
)
def test_empty_files(content: bytes, tmp_path: Path) -> None:
    """Empty is said as such."""
    path = tmp_path / "empty"
    path.write_bytes(content)
    assert "is empty" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x01\x02", "is not a text: byte 0x00 at position 0"),
        (b"1 2\n2 3\n\xff\xfe", "is not a text: byte 0xff"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (bytes(range(256)) * 50, "is not a text"),
    ],
    ids=["zeros", "late", "zip", "all"],
)
def test_binary_garbage(content: bytes, words: str, tmp_path: Path) -> None:
    """The first byte that no text has is shown with its place."""
    path = tmp_path / "binary"
    path.write_bytes(content)
    assert words in refusal(path)


def test_gzip_cut_short_or_damaged(tmp_path: Path) -> None:
    """Half a gzip file is told from a broken one."""
    whole = gzip.compress(os.urandom(20_000).hex().encode())
    path = tmp_path / "log.ndjson.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert "is cut short" in refusal(path)
    path.write_bytes(whole[:100] + bytes(100) + whole[200:])
    assert "is a damaged gzip file" in refusal(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain, and unpacked from a small gzip file."""
    monkeypatch.setattr(source, "MAX_BYTES", 1024**2)
    path = hand.written(tmp_path, "1 2\n" * 300_000)
    assert "is larger than 1 MiB" in refusal(path)
    path = hand.written(tmp_path, "1 2\n" * 300_000, packed=True)
    assert path.stat().st_size < 10_000
    assert "holds more than 1 MiB once unpacked" in refusal(path)


def test_a_missing_file_and_an_unknown_format(tmp_path: Path) -> None:
    """The name of a format is guessed."""
    assert "cannot be read" in refusal(tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match="did you mean mahimahi"):
        import_trace(hand.written(tmp_path, hand.MAHIMAHI), "mahimai")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("0 1\n1 -2\n2 3\n", 2, "rate -2 Mbit/s is negative"),
        ("0 1\n1 nan\n", 2, '"nan" is not a finite number'),
        ("0 1\n1 inf\n", 2, '"inf" is not a finite number'),
        ("0 1\n1 1e999\n", 2, '"1e999" is not a finite number'),
        ("0 1\nnan 2\n", 2, '"nan" is not a finite number'),
        ("5 1\n6 2\n5.5 3\n", 3, "time 5.5 s comes before 6 s"),
        ("0 1\n1 9000000\n", 2, "beyond any radio link"),
        ("0 0\n1 0.0\n", 0, "dead for ever"),
        ("5\n7\n6\n", 3, "comes before"),
        ("0\n0\n", 2, "every packet is at time 0"),
        ("5\n999999999999999\n", 2, "is a time wrong?"),
        ("1,Mbits/sec\n-1,Kbits/sec\n", 2, "is negative"),
        ("Run 1\n0.125,nan\n", 2, "not a finite number"),
        ("Run 1\n0.1,0.2\n1,2\n0.1,9e9\n1,2\n", 4, "is a time wrong?"),
        ("Run 1\n0.125,1.03125\n1,2\n", 2, "run 1 has 2 lines"),
        (hand.G_NETTRACK.replace("5000", "-5000"), 5, "is negative"),
        (hand.G_NETTRACK.replace("02_00.00.02", "32_00.00.02"), 5, "is not a time"),
        (hand.G_NETTRACK.replace("2020.01.02_00.00.02", "2019.01.02_00.00.02"), 5, "comes before"),
        (hand.G_NETTRACK[:-6], 5, "cells"),
        (hand.iperf([5.0, float("nan")]), 3, '"nan" is not a finite number'),
        (hand.iperf3([1e6, 2e6, 3e6], 1)[:-40], 1, "is not JSON"),
        (hand.iperf3([1e6, 2e6, -3e6], 1), 1, "is negative"),
        (hand.NUTTCP.replace(" 30.0000", "-30.0000"), 4, "is negative"),
        (hand.PING.replace("time=20.0", "time=-20.0"), 3, "is negative"),
        (hand.PING.replace("icmp_seq=4", "icmp_seq=40000"), 4, "is a sequence number wrong?"),
        (hand.helium([1, 2])[:-20], 2, "is not a JSON object"),
        (hand.helium([1, -2]), 2, "frame counter -2 is impossible"),
        (hand.helium([1, 2], "SF13BW125"), 1, "SF13BW125 is not a data rate of LoRaWAN"),
        (hand.helium([1, 2]).replace('"rssi": -120', '"rssi": "low"', 1), 1, "is not a frame of campusiot-helium"),
        (hand.UFJF.replace("00:00:03", "25:00:03"), 3, "is not a time"),
    ],
)
def test_impossible_values_are_refused_with_their_line(content: str, line: int, words: str, tmp_path: Path) -> None:
    """Negative, endless and unreal rates, time that goes back, rows and objects cut short."""
    path = hand.written(tmp_path, content)
    message = refusal(path)
    assert words in message
    assert message.startswith(f"{path}:{line}:1: " if line else f"{path}: ")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "offload-sim"])
def test_no_file_of_another_format_gets_further_than_a_refusal(name: str, tmp_path: Path) -> None:
    """Every format, taken by a wrong name, is read as rates or refused; nothing else happens."""
    for other, content in hand.EVERY_FORMAT.items():
        path = hand.written(tmp_path, content, other)
        assert str(path) in outcome(path, name)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_files_cut_anywhere_are_read_or_refused(name: str, share: float, tmp_path: Path) -> None:
    """A copy that was interrupted never ends in a traceback."""
    content = hand.EVERY_FORMAT[name]
    path = hand.written(tmp_path, content[: int(share * len(content))])
    assert str(path) in outcome(path)


def test_an_unknown_file_shows_its_first_lines_and_the_nearest_formats(tmp_path: Path) -> None:
    """Two columns with a header are nearest to two columns without."""
    rows = "".join(f"{k},{k * 1.5}\n" for k in range(20))
    message = refusal(hand.written(tmp_path, f"seconds,throughput\n{rows}"))
    assert "    | seconds,throughput\n    | 0,0.0\n    | 1,1.5" in message
    assert "nearest formats: two-column" in message
    assert all(name in message for name in FORMATS)


def test_json_without_end_is_refused(tmp_path: Path) -> None:
    """Nesting that no reader survives."""
    assert "is in no known format" in refusal(hand.written(tmp_path, '{"a":' * 100_000))
    deep = json.dumps({"start": {"version": 1}, "intervals": 0}).replace("0", "[" * 100_000)
    assert "is not JSON" in refusal(hand.written(tmp_path, deep))


@pytest.mark.parametrize(
    "content", ["a,b,c\n1\n2,3,4\n5,6,7,8\n", ",\n", "t;v\n,\n\n5;1\n61;2\n", "# only a remark\n", "Run 1\n,\n"]
)
@pytest.mark.parametrize("name", ["auto", *FORMATS])
def test_ragged_and_empty_rows_are_read_or_refused(content: str, name: str, tmp_path: Path) -> None:
    """Rows of any length, cells of nothing, nothing but remarks."""
    path = hand.written(tmp_path, content)
    assert str(path) in outcome(path, name)
