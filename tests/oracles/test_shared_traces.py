"""Importers against the published statistics of real measurements, read in place.

The measurements are not part of this project: they lie in ``../shared/traces`` beside it, or where the environment
variable ``OFFLOAD_SIM_SHARED`` says. Their ``index.csv`` lists each file with direction, mean and median, computed by
others.
"""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import TraceError
from simulator.links.importers import import_trace
from simulator.links.importers.model import Frames, ImportedTrace, RateSeries
from simulator.links.trace import read_trace
from simulator.studies.measurements import write_trace

pytestmark = pytest.mark.engine_free

SHARED = Path(os.environ.get("OFFLOAD_SIM_SHARED", Path(__file__).parents[3] / "shared"))
INDEX = SHARED / "traces" / "index.csv"
TOLERANCE = 0.01

if not INDEX.is_file():
    pytest.skip(f"no measurements at {INDEX.parent}", allow_module_level=True)

with INDEX.open(encoding="utf-8", newline="") as stream:
    ROWS = list(csv.DictReader(stream))
MEASURED = [row for row in ROWS if row["quantity"] != "metadata"]
RATES = [row for row in MEASURED if row["quantity"] == "throughput"]
#: directory of a measurement -> format
FORMATS = {
    "mahimahi": "mahimahi",
    "nuwins-5gmemu-uplink/throughput": "nuwins-list",
    "nuwins-5gmemu-uplink/ping": "nuwins-ping-list",
    "sigcomm21-5g/iperf-logs": "sigcomm21-iperf",
    "sigcomm21-5g/merged-logs": "sigcomm21-merged",
    "sigcomm21-5g/abr": "two-column",
    "sigcomm21-5g/iperf3-json": "iperf3",
    "ucc-5g": "g-nettrack",
    "nyu-mets": "unit-per-row",
    "norway-hsdpa": "two-column",
    "solis-wifi": "two-column",
    "zhuge": "two-column",
    "campusiot-lorawan/Helium": "campusiot-helium",
    "campusiot-lorawan/SaintEynard": "campusiot-chirpstack",
    "nuwins-imc23/static": "nuttcp",
    "nuwins-imc23/rtt-driving": "ping",
    "ufjf-lorawan": "ufjf-csv",
}


def names(row: dict[str, str]) -> str:
    """Name of a case."""
    return row["file"]


def imported(row: dict[str, str]) -> ImportedTrace:
    """A measurement, recognised by its content."""
    return import_trace(SHARED / "traces" / row["file"])


def values(trace: ImportedTrace) -> np.ndarray:
    """Samples in the unit of the index: Mbit/s, or ms for round trips."""
    content = trace.content
    if isinstance(content, RateSeries):
        return content.rates_bps / 1e6
    return content.nominal_bps / 1e6 if isinstance(content, Frames) else content.rtt_s * 1e3


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_mean_and_median_are_those_of_the_index(row: dict[str, str]) -> None:
    """Within 1 %, what the importer drops (socket buffers, repeated rows) included."""
    found = values(imported(row))
    assert found.mean() == pytest.approx(float(row["mean"]), rel=TOLERANCE)
    assert np.median(found) == pytest.approx(float(row["p50"]), rel=TOLERANCE)


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_format_is_recognised_by_content(row: dict[str, str]) -> None:
    """Ping logs beside nuttcp logs, events of The Things Stack beside CSVs."""
    file = row["file"]
    expected = next(name for folder, name in FORMATS.items() if file.startswith(folder))
    expected = "ping" if "_ping_" in file else "ttn" if "MQTT" in file else expected
    assert imported(row).format == expected


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_direction_is_never_wrong(row: dict[str, str]) -> None:
    """It is that of the index or unknown; known wherever the file or the run summary beside it tells."""
    trace = imported(row)
    told = row["direction"].removesuffix(" (inferred)").removesuffix(" (confirmed frames)")
    silent = ("two-column", "unit-per-row")
    if trace.format in silent or told == "both":
        assert trace.direction == "unknown"
    else:
        assert trace.direction == told


@pytest.mark.parametrize("row", RATES, ids=names)
def test_written_traces_read_back_with_the_same_statistics(row: dict[str, str], tmp_path: Path) -> None:
    """The rows of the CSV, stalls written as rate 0 included, still have the mean and median of the index."""
    channel = read_trace(write_trace(imported(row), tmp_path / "trace.csv"))
    assert channel.rates_bps.mean() / 1e6 == pytest.approx(float(row["mean"]), rel=TOLERANCE)
    assert np.median(channel.rates_bps) / 1e6 == pytest.approx(float(row["p50"]), rel=TOLERANCE)


@pytest.mark.parametrize("row", [row for row in ROWS if row["quantity"] == "metadata"], ids=names)
def test_files_beside_the_measurements_are_no_traces(row: dict[str, str]) -> None:
    """Lists of devices, of runs and of signal values are refused, their first lines shown."""
    with pytest.raises(TraceError, match="is in no known format"):
        imported(row)


@pytest.mark.parametrize(
    ("file", "delivery"),
    [
        ("campusiot-lorawan/Helium/IMST_33323431007C727B.ndjson.gz", 0.169),
        ("campusiot-lorawan/SaintEynard/d1d1e80000000032_campusiot.ndjson.gz", 0.683),
        ("ufjf-lorawan/static_NLOS/2022-11-30_10-57-02_GW-MQTT-API-data.txt", 0.907),
        ("ufjf-lorawan/campus_by_car/2022-11-26_22-00-00_Full-Collected-data.csv", 0.776),
    ],
)
def test_delivery_by_counter_is_that_of_the_readme(file: str, delivery: float) -> None:
    """Within 0.5 percentage points: restarts of the counter are counted in more than one way."""
    content = import_trace(SHARED / "traces" / file).content
    assert isinstance(content, Frames)
    stretches = content.delivered()
    share = sum(int(each.sum()) for each in stretches) / sum(each.size for each in stretches)
    assert share == pytest.approx(delivery, abs=0.005)


def test_the_largest_measurements_import_in_two_seconds() -> None:
    """The three largest files of the index, each on its own."""
    largest = sorted(MEASURED, key=lambda row: int(row["bytes"]))[-3:]
    for row in largest:
        started = time.perf_counter()
        imported(row)
        assert time.perf_counter() - started < 2.0, row["file"]
