"""The two CSVs of iPerf runs in the artifact of the SIGCOMM 2021 5G study: the log, and merged with radio values.

Source: A. Narayanan et al., SIGCOMM 2021 (repository SIGCOMM21-5G/artifact, Power-Model/MN-Wild). One row a second, the
rate in ``Throughput`` (Mbit/s). The log does not hold its direction: it stands in a run summary, a CSV with the columns
``Index, Provider, Network Type, Direction, Iperf run number, Device`` that is looked for in the folder of the file and
the two above it. A merged CSV holds it.

Rows of an uplink are written by the sender, whose first rows fill socket buffers: they are dropped unless the direction
is known to be downlink. The last second is written twice. Seconds without a row keep the rate before.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.errors import TraceError
from simulator.links.importers.formats import CERTAIN, Format, share_of_columns
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import Table, advancing, check_rates, held, sender_buffer, table
from simulator.links.importers.source import Source, read_source

_LOG = ("parent_file", "exp_label", "_start", "_end", "bits_per_second", "Throughput", "run_number", "iperf_did")
_MERGED = ("_start", "_end", "Throughput", "downlink_mbps", "uplink_mbps", "radio_type_used", "direction", "provider")
_SUMMARY = ("Index", "Provider", "Network Type", "Direction", "Iperf run number", "Device")
_FOLDERS_UP = 2
_DIRECTIONS: dict[str, Direction] = {"uplink": "uplink", "downlink": "downlink"}


def _fit_log(source: Source) -> float:
    share = share_of_columns(_LOG, source)
    return CERTAIN if share == 1 else 0.9 * share


def _fit_merged(source: Source) -> float:
    share = share_of_columns(_MERGED, source)
    return CERTAIN if share == 1 else 0.9 * share


def _read_log(source: Source) -> ImportedTrace:
    rows = table(source, _LOG)
    run, device = rows.columns["run_number"][0], rows.columns["iperf_did"][0]
    told = _looked_up(source.path, run, device)
    found = (
        Finding("noted", 0, f"run number {run} is {told.direction} by {told.file}")
        if told.file
        else Finding("noted", 0, f"no run summary near the file tells the direction of run number {run}")
    )
    return _imported(source, "sigcomm21-iperf", rows, told.direction, told.technology, [found])


def _read_merged(source: Source) -> ImportedTrace:
    rows = table(source, _MERGED)
    direction = _DIRECTIONS.get(rows.columns["direction"][0].strip().lower(), "unknown")
    technology = f"{rows.columns['radio_type_used'][0]}, {rows.columns['provider'][0]}"
    return _imported(source, "sigcomm21-merged", rows, direction, technology, [])


def _imported(
    source: Source, name: str, rows: Table, direction: Direction, technology: str, findings: list[Finding]
) -> ImportedTrace:
    times, rates = rows.numbers("_start"), rows.numbers("Throughput") * 1e6
    check_rates(rates, rows.lines, source)
    keep, repeated = advancing(times, rows.lines, source)
    times, rates = times[keep], rates[keep]
    findings += repeated
    if direction != "downlink":
        buffered, dropped = sender_buffer(rates)
        times, rates = times[buffered:], rates[buffered:]
        findings += dropped
    step = float(np.median(np.diff(times))) if times.size > 1 else 1.0
    gaps = np.diff(times)
    missing = float((gaps[gaps > 1.5 * step] - step).sum())
    if missing:
        findings.append(Finding("kept", round(missing / step), "intervals: without a row; the rate before holds"))
    return ImportedTrace(source.file, name, held(times, rates), direction, technology, tuple(findings))


class _Told(NamedTuple):
    """Direction and technology of a run, and the summary that told them."""

    direction: Direction
    technology: str
    file: str


def _looked_up(path: Path, run: str, device: str) -> _Told:
    """What the summary beside a run says of it, if there is one."""
    for folder in (path.resolve().parents)[: _FOLDERS_UP + 1]:
        for candidate in sorted(folder.glob("*ummary*.csv")):
            try:
                source = read_source(candidate)
            except TraceError:
                continue
            if not set(_SUMMARY) <= set(source.header):
                continue
            for row in csv.DictReader(source.text.splitlines()):
                if (row["Iperf run number"], row["Device"]) == (run, device):
                    direction = _DIRECTIONS.get((row["Direction"] or "").lower(), "unknown")
                    return _Told(direction, f"{row['Network Type']}, {row['Provider']}", candidate.name)
    return _Told("unknown", "", "")


LOG_FORMAT = Format(
    "sigcomm21-iperf", "CSV of an iPerf run with _start, Throughput (Mbit/s), run_number", _fit_log, _read_log
)
MERGED_FORMAT = Format(
    "sigcomm21-merged", "CSV with Throughput (Mbit/s), radio_type_used and direction", _fit_merged, _read_merged
)
