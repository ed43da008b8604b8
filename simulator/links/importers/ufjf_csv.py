"""CSVs of the LoRa measurements of the Federal University of Juiz de Fora: frames sent, and frames received.

Source: L. Oliveira et al., SBSeg 2023 (repository oliveiraleo/LoRa-RSSI-dataset-outdoor). Columns ``Time`` (local, no
date), ``id`` (number of the frame), ``ED RSSI`` (acknowledgement at the device); files of received frames add
``GW RSSI``. The data rate is not in the file: the data set was taken with SF12 at 125 kHz.
"""

from __future__ import annotations

import datetime

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, share_of_columns
from simulator.links.importers.lorawan import Frame, imported
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import table
from simulator.links.importers.source import Source

_COLUMNS = ("Time", "GPS Time", "id", "ED RSSI")
_GATEWAY = "GW RSSI"
_SPREADING_FACTOR, _BANDWIDTH_HZ = 12, 125_000
_DAY_S = 86400.0


def _fit(source: Source) -> float:
    share = share_of_columns(_COLUMNS, source)
    return CERTAIN if share == 1 else 0.8 * share


def _read(source: Source) -> ImportedTrace:
    received = _GATEWAY in source.header
    rssi_column = _GATEWAY if received else "ED RSSI"
    rows = table(source, (*_COLUMNS, rssi_column))
    seconds = []
    for cell, line in zip(rows.columns["Time"], rows.lines, strict=True):
        try:
            clock = datetime.time.fromisoformat(cell.strip())
        except ValueError:
            source.fail(f'"{cell[:40]}" is not a time', "a time is written 18:40:04", line)
        seconds.append(clock.hour * 3600.0 + clock.minute * 60 + clock.second)
    times = np.array(seconds)
    # the clock has no date: a step back by more than half a day is midnight
    times += _DAY_S * np.concatenate(([0.0], np.cumsum(np.diff(times) < -_DAY_S / 2)))
    counters, rssi = rows.numbers("id"), rows.numbers(rssi_column)
    frames = [
        Frame(float(time), int(counter), _SPREADING_FACTOR, _BANDWIDTH_HZ, float(level))
        for time, counter, level in zip(times, counters, rssi, strict=True)
    ]
    what = "the data rate is not in the file; SF12 at 125 kHz, with which the data set was taken"
    findings = [Finding("noted", 0, what)]
    if not received:
        findings.append(Finding("noted", 0, "frames as the device sent them: RSSI of the acknowledgement, no losses"))
    direction: Direction = "uplink" if received else "unknown"
    return imported(source, "ufjf-csv", frames, rows.lines, findings, direction)


FORMAT = Format("ufjf-csv", "CSV with Time, GPS Time, id, ED RSSI and perhaps GW RSSI", _fit, _read)
