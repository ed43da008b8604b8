"""G-NetTrack Pro CSV: one row a second with radio values and DL_bitrate, UL_bitrate in kbit/s; ``-`` is missing.

Source: D. Raca et al., MMSys 2018 and 2020 (repository uccmisl/5Gdataset). Seconds are repeated and skipped: the rows
of one second share it evenly, a row before a skipped second holds until the next row. The downlink is taken; the
uplink column of a download is acknowledgement traffic, not capacity.
"""

from __future__ import annotations

import datetime
from collections import Counter

import numpy as np

from simulator.arrays import Floats
from simulator.links.importers.formats import CERTAIN, Format, share_of_columns
from simulator.links.importers.model import Finding, ImportedTrace
from simulator.links.importers.rows import Table, advancing, check_rates, held, numbers, table
from simulator.links.importers.source import Source

_COLUMNS = ("Timestamp", "DL_bitrate", "UL_bitrate", "NetworkMode", "State")
_STAMP = "%Y.%m.%d_%H.%M.%S"
_MISSING = "-"
_IDLE = "I"
_SHOWN_SHARE = 0.01


def _fit(source: Source) -> float:
    share = share_of_columns(_COLUMNS, source)
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    rows = table(source, _COLUMNS)
    stamps = _seconds(rows, source)
    present = [k for k, cell in enumerate(rows.columns["DL_bitrate"]) if cell.strip() != _MISSING]
    if not present:
        source.fail("has no downlink rate", "every DL_bitrate is missing", rows.lines[0])
    lines = [rows.lines[k] for k in present]
    rates = numbers([rows.columns["DL_bitrate"][k] for k in present], lines, source) * 1e3
    check_rates(rates, lines, source)
    stamps = stamps[present]
    advancing(stamps, lines, source)
    seconds, members = np.unique(stamps, return_counts=True)
    place = np.concatenate([np.arange(count) / count for count in members])
    times = np.repeat(seconds, members) + place
    findings = []
    missing = len(rows.lines) - len(present)
    if missing:
        findings.append(Finding("dropped", missing, "rows: no downlink rate (-)"))
    shared = int(times.size - seconds.size)
    if shared:
        findings.append(Finding("changed", shared, "rows: repeat a second; the rows of one second share it evenly"))
    skipped = int((np.diff(seconds) - 1).sum())
    if skipped:
        findings.append(Finding("kept", skipped, "seconds: without a row; the rate before holds"))
    idle = sum(state.strip() == _IDLE for state in rows.columns["State"])
    if idle:
        findings.append(Finding("kept", idle, "rows: the phone was idle, so their rate is demand, not capacity"))
    shares = Counter(rows.columns["NetworkMode"]).most_common()
    shown = [
        f"{mode} {count / len(rows.lines):.0%}" for mode, count in shares if count >= _SHOWN_SHARE * len(rows.lines)
    ]
    return ImportedTrace(source.file, "g-nettrack", held(times, rates), "downlink", ", ".join(shown), tuple(findings))


def _seconds(rows: Table, source: Source) -> Floats:
    seconds = []
    for cell, line in zip(rows.columns["Timestamp"], rows.lines, strict=True):
        try:
            stamp = datetime.datetime.strptime(cell.strip(), _STAMP).replace(tzinfo=datetime.UTC)
        except ValueError:
            source.fail(f'"{cell[:40]}" is not a time', "a time is written 2020.02.14_13.21.26", line)
        seconds.append(stamp.timestamp())
    return np.array(seconds)


FORMAT = Format("g-nettrack", "CSV with Timestamp, NetworkMode, DL_bitrate, UL_bitrate (kbit/s)", _fit, _read)
