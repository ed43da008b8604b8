"""The ``trace`` verbs as a user meets them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from unit import measurements_by_hand as hand

from simulator.cli import cli
from simulator.cli.verbs import WRONG
from simulator.links.generator import load_gilbert_elliott, load_markov
from simulator.links.trace import read_trace
from simulator.scenario.load import load_scenario

pytestmark = pytest.mark.engine_free

LONG = "".join(f"{k} {5 + k % 7}\n" for k in range(1, 301))


def trace(*arguments: str | Path) -> Result:
    """Run a ``trace`` verb inside this process."""
    return CliRunner().invoke(cli, ["trace", *map(str, arguments)])


def test_import_writes_a_trace_that_scenarios_read_and_says_what_it_dropped(tmp_path: Path) -> None:
    """The header names the file, its format and every finding."""
    target = tmp_path / "trace.csv"
    done = trace("import", hand.written(tmp_path, hand.iperf([480.0, *[20.0] * 50]), "run.csv"), "-o", target)
    assert done.exit_code == 0
    assert "dropped 1 row: filling of the socket buffer" in done.stdout
    header = [line for line in target.read_text().splitlines() if line.startswith("#")]
    assert header[0].startswith("# source: run.csv (sha256 ")
    assert any("dropped 1 row: filling" in line for line in header)
    assert read_trace(target).rates_bps.tolist() == [20e6] * 50


def test_import_without_o_writes_into_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name of the measurement."""
    monkeypatch.chdir(tmp_path)
    assert trace("import", hand.written(tmp_path, LONG, "walk.csv")).exit_code == 0
    assert (tmp_path / "walk.trace.csv").is_file()


def test_what_was_imported_can_be_looked_at(tmp_path: Path) -> None:
    """`info` reads the file that `import` wrote, direction included."""
    target = tmp_path / "trace.csv"
    trace("import", hand.written(tmp_path, hand.MAHIMAHI, "a.up"), "-o", target)
    done = trace("info", target)
    assert done.exit_code == 0
    assert "format      offload-sim" in done.stdout
    assert "direction   uplink" in done.stdout


def test_info_prints_the_statistics_and_a_sketch(tmp_path: Path) -> None:
    """A second at 0 among nine at 10 Mbit/s: mean 9, a tenth of it an outage."""
    done = trace("info", hand.written(tmp_path, "".join(f"{k} {0 if k == 5 else 10}\n" for k in range(1, 11))))
    assert "duration    10.000 s" in done.stdout
    assert "step        1.00 s" in done.stdout
    assert "mean        9.0000 Mbit/s of the samples" in done.stdout
    assert "outage      10.0% of the samples, 10.0% of the time" in done.stdout
    assert "·" in done.stdout
    assert "█" in done.stdout


def test_info_of_pings_and_of_packets(tmp_path: Path) -> None:
    """Loss of pings; delivery, spreading factors and signal of frames."""
    pings = trace("info", hand.written(tmp_path, hand.PING)).stdout
    assert "loss        2 of 5 pings, 40.0%" in pings
    assert "p50 20.0 ms" in pings
    frames = trace("info", hand.written(tmp_path, hand.helium([5, 6, 9]))).stdout
    assert "delivery    3 of 5 by the frame counter, 60.0%" in frames
    assert "spreading   SF12 100.0%" in frames
    assert "RSSI        p10 -120, p50 -120, p90 -120 dBm" in frames


def test_info_of_a_built_in_trace() -> None:
    """By its name."""
    assert trace("info", "lte-uplink-driving").exit_code == 0


@pytest.mark.parametrize("suffix", ["svg", "png"])
@pytest.mark.parametrize("content", [LONG, hand.PING, hand.helium([1, 2, 4])], ids=["rates", "pings", "frames"])
def test_info_draws_the_trace(content: str, suffix: str, tmp_path: Path) -> None:
    """The suffix chooses the format."""
    picture = tmp_path / f"trace.{suffix}"
    assert trace("info", hand.written(tmp_path, content), "-o", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"<?xml" if suffix == "svg" else b"\x89PNG")


def test_window_sets_the_bins_of_packets(tmp_path: Path) -> None:
    """Mahimahi at half a second; a window of nothing is refused."""
    path = hand.written(tmp_path, hand.MAHIMAHI)
    assert "step        500 ms" in trace("info", path, "--window", "500 ms").stdout
    assert trace("info", path, "--window", "0 s").exit_code == WRONG
    assert 'write a time with its unit, like "12 ms"' in trace("info", path, "--window", "1").stderr


def test_fit_writes_a_generator_and_its_figure(tmp_path: Path) -> None:
    """Rates give a Markov chain; the file carries its own name."""
    target = tmp_path / "walk.yaml"
    done = trace("fit", hand.written(tmp_path, LONG), "-o", target)
    assert done.exit_code == 0
    assert "autocorrelation 1" in done.stdout
    assert load_markov(str(target)).name == "walk"
    assert (tmp_path / "walk.svg").read_text().startswith("<?xml")


def test_fit_of_packets_gives_losses(tmp_path: Path) -> None:
    """Gilbert-Elliott."""
    counters = [k for k in range(400) if k % 10 not in (3, 4)]
    target = tmp_path / "lossy.yaml"
    assert trace("fit", hand.written(tmp_path, hand.helium(counters)), "-o", target).exit_code == 0
    assert load_gilbert_elliott(str(target)).fitted_to.lost == pytest.approx(0.2, abs=0.005)


def test_blockage_prints_a_channel_for_scenarios(tmp_path: Path) -> None:
    """2 of every 10 seconds are below the threshold; what is printed last is read as a channel."""
    rates = "".join(f"{k} {1 if k % 10 in (4, 5) else 90}\n" for k in range(1, 301))
    done = trace("blockage", hand.written(tmp_path, rates), "--below", "10 Mbit/s")
    assert done.exit_code == 0
    assert "20.00% of the time blocked" in done.stdout
    channel = done.stdout.splitlines()[-1]
    assert "blocked: 1000000 bit/s" in channel
    uplink = load_scenario("quickstart", [f"link.uplink={channel}"]).scenario.link.uplink
    assert (uplink.mean_clear, uplink.mean_blocked) == pytest.approx((8.0, 2.0), rel=0.05)


@pytest.mark.parametrize(
    ("content", "below", "words"),
    [
        (LONG, "5 Mbps", "write Mbit/s"),
        (LONG, "1 Mbit/s", "the rate never falls through 1.00 Mbit/s"),
        (LONG, "1 Gbit/s", "the rate never falls through 1.00 Gbit/s"),
        (hand.PING, "5 Mbit/s", "holds no rates"),
    ],
)
def test_without_blockages_there_is_no_channel(content: str, below: str, words: str, tmp_path: Path) -> None:
    done = trace("blockage", hand.written(tmp_path, content), "--below", below)
    assert done.exit_code == WRONG
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("verb", "content", "words"),
    [
        ("import", hand.PING, "holds round-trip times, not rates"),
        ("import", "0 1\n1 -1\n", ":2:1: rate -1 Mbit/s is negative"),
        ("import", "a,b\n1,2\n", "is in no known format; its first lines:"),
        ("info", "", "is empty"),
        ("fit", "1 2\n2 3\n", "2 samples are too few"),
        ("fit", hand.NUWINS_PING, "does not number its pings"),
        ("fit", hand.helium([1, 2, 3]), "no frame was lost"),
    ],
)
def test_mistakes_end_with_2_and_write_nothing(verb: str, content: str, words: str, tmp_path: Path) -> None:
    """The message stands on standard error, without a traceback."""
    path = hand.written(tmp_path, content)
    target = tmp_path / {"import": "out.csv", "info": "out.svg", "fit": "out.yaml"}[verb]
    done = trace(verb, path, "-o", target)
    assert done.exit_code == WRONG
    assert words in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == [path]


def test_a_measurement_is_never_written_over(tmp_path: Path) -> None:
    """Neither by import nor through a link."""
    path = hand.written(tmp_path, LONG, "walk.csv")
    (tmp_path / "link.csv").symlink_to(path)
    for target in (path, tmp_path / "link.csv"):
        done = trace("import", path, "-o", target)
        assert done.exit_code == WRONG
        assert "is the measurement itself" in done.stderr
    assert path.read_text() == LONG


@pytest.mark.parametrize("spreading", ["SF7BW125", "SF10BW125"])
def test_frames_are_no_rates_and_the_lora_link_that_they_describe_is_named(spreading: str, tmp_path: Path) -> None:
    """What is named is read as a channel; -120 dBm is 14 dBm less the 134 dB that Oulu loses over 1.65 km."""
    target = tmp_path / "trace.csv"
    done = trace("import", hand.written(tmp_path, hand.helium([1, 2, 4], spreading)), "-o", target)
    assert done.exit_code == WRONG
    assert "holds LoRaWAN frames, not rates" in done.stderr
    assert not target.exists()
    channel = next(line for line in done.stderr.splitlines() if "uplink: {" in line).split("uplink: ")[1]
    link = load_scenario("lora-sensor", [f"link.uplink={channel}"]).scenario.link.uplink
    assert (link.region, link.spreading_factor) == ("EU868", int(spreading[2:].removesuffix("BW125")))
    assert link.distance == pytest.approx(1650, rel=0.01)


def test_frames_of_many_spreading_factors_are_a_link_that_adapts(tmp_path: Path) -> None:
    """Two of three at SF7 are not nearly all."""
    done = trace("import", hand.written(tmp_path, hand.LORAWAN_CSV), "-o", tmp_path / "trace.csv")
    assert "spreading_factor: adr" in done.stderr


def test_columns_are_named_on_the_command_line(tmp_path: Path) -> None:
    """The command that a refusal names, with -o, writes the trace; direction and columns are told in its header."""
    path = hand.written(tmp_path, "t_ms;up kbps\n0;500,5\n250;900\n", "my log.csv")
    target = tmp_path / "trace.csv"
    refused = trace("import", path)
    assert refused.exit_code == WRONG
    arguments = shlex.split(refused.stderr.splitlines()[-1])[3:]
    done = trace("import", *arguments, "--direction", "up", "-o", target)
    assert done.exit_code == 0, done.stderr
    channel = read_trace(target)
    assert channel.rates_bps.tolist() == [500_500, 900_000]
    assert channel.edges_s.tolist() == [0, 0.25, 0.5]
    assert "# direction: uplink" in target.read_text()


def test_units_on_the_command_line(tmp_path: Path) -> None:
    """Milliseconds for a file of two columns; a look-alike is refused."""
    path = hand.written(tmp_path, "0 5\n100 6\n200 7\n")
    assert "duration    300.00 ms" in trace("info", path, "--time", "ms").stdout
    refused = trace("info", path, "--rate", "mbps")
    assert refused.exit_code == WRONG
    assert "write Mbit/s" in refused.stderr


def test_fit_prints_lengths_of_outages_and_times_of_transfers(tmp_path: Path) -> None:
    """Outages of 20 s, each alike, measured and drawn; the transfer that meets one waits for it."""
    rates = "".join(f"{k} {0 if k % 100 < 20 else 8}\n" for k in range(1, 601))
    printed = trace("fit", hand.written(tmp_path, rates), "-o", tmp_path / "a.yaml").stdout
    rows = {line[:20].strip(): line[20:].split() for line in printed.splitlines()}
    assert rows["outages, longest"] == ["20.00", "s", "20.00", "s"]
    assert rows["outages, p50"] == ["20.00", "s", "20.00", "s"]
    measured, drawn = float(rows["45 kB, p99"][0]), float(rows["45 kB, p99"][2])
    assert measured == pytest.approx(19.0, abs=0.2)
    assert drawn == pytest.approx(measured, rel=0.05)


def test_files_must_end_as_what_they_are(tmp_path: Path) -> None:
    """A figure as one of its formats, a generator as YAML."""
    path = hand.written(tmp_path, LONG)
    assert "does not end like a figure" in trace("info", path, "-o", tmp_path / "a.gif").stderr
    assert "does not end in .yaml" in trace("fit", path, "-o", tmp_path / "a.csv").stderr


def test_unknown_names_are_told(tmp_path: Path) -> None:
    """Of files, formats and verbs."""
    assert trace("info", "nowhere.csv").exit_code == WRONG
    assert "did you mean two-column" in trace("info", hand.written(tmp_path, LONG), "--format", "two-colum").stderr
    assert "did you mean import" in trace("imprt", "x").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="folders are writable there")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where a folder should be."""
    path = hand.written(tmp_path, LONG)
    done = trace("import", path, "-o", path / "out.csv")
    assert done.exit_code == WRONG
    assert "cannot write" in done.stderr
