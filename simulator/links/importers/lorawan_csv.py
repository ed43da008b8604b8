"""LoRaWAN packet logs as a table with a header, separated by semicolons: time, frame counter, spreading factor.

Network servers and gateways write them with column names of their own; the usual ones are known, in any case and
order. A data rate is written ``SF7BW125``, as a spreading factor (7 to 12), or as the number of a data rate of EU868
(0 to 6). Times are dates, or seconds or milliseconds since 1970.
"""

from __future__ import annotations

import datetime
import re

from simulator.links.importers.cells import Cells, plain, read_cells
from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.lorawan import Frame, imported
from simulator.links.importers.model import Finding, ImportedTrace
from simulator.links.importers.source import Source

_SEPARATOR = ";"
#: what a column holds -> names that it goes by, without blanks, underscores and dashes
_NAMES = {
    "time": ("time", "timestamp", "datetime", "date", "receivedat", "rxtime"),
    "counter": ("fcnt", "fcntup", "counter", "framecounter", "framecount", "seq"),
    "rate": ("sf", "spreadingfactor", "spreading", "datarate", "dr"),
    "rssi": ("rssi", "rssidbm"),
    "snr": ("snr", "lsnr", "lorasnr", "snrdb"),
}
_NEEDED = ("time", "counter", "rate")
_SPREADING = re.compile(r"SF([0-9]{1,2})(?:BW([0-9]{3}))?", re.IGNORECASE)
#: EU868 data rate -> spreading factor, bandwidth in Hz
_DATA_RATES = {str(dr): (12 - dr, 125_000) for dr in range(6)} | {"6": (7, 250_000)}
_MILLISECONDS_FROM = 9e11


def _places(header: list[str]) -> dict[str, int]:
    short = [re.sub(r"[\s_\-()]", "", name).lower() for name in header]
    return {
        what: next(short.index(name) for name in names if name in short)
        for what, names in _NAMES.items()
        if any(name in short for name in names)
    }


def _fit(source: Source) -> float:
    places = _places([name.strip() for name in source.head[0].split(_SEPARATOR)])
    share = sum(name in places for name in _NEEDED) / len(_NEEDED)
    return CERTAIN if share == 1 else 0.7 * share


def _read(source: Source) -> ImportedTrace:
    cells = read_cells(source, _SEPARATOR)
    if cells is None or not cells.header or not cells.rows:
        source.fail("has no header with rows below", "columns: time, fcnt, sf, rssi, snr", 1)
    places = _places(cells.header)
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        source.fail(f"has no column for {' or '.join(missing)}", f"columns: {', '.join(cells.header[:30])}", 1)
    frames = [_frame(cells, k, places, source) for k in range(len(cells.rows))]
    findings = []
    if re.sub(r"[\s_\-]", "", cells.header[places["rate"]]).lower() in ("dr", "datarate") and not any(
        _SPREADING.fullmatch(row[places["rate"]]) for row in cells.rows
    ):
        findings.append(Finding("noted", 0, "numbers of data rates are taken for those of EU868"))
    return imported(source, "lorawan-csv", frames, cells.lines, findings)


def _frame(cells: Cells, k: int, places: dict[str, int], source: Source) -> Frame:
    row, line = cells.rows[k], cells.lines[k]
    if len(row) != cells.width:
        source.fail(f"row has {len(row)} cells, the header {cells.width}", "is the file cut short?", line)
    written = row[places["rate"]]
    spreading = _SPREADING.fullmatch(written)
    if spreading:
        factor, bandwidth = int(spreading.group(1)), int(spreading.group(2) or 125) * 1000
    elif written in _DATA_RATES:
        factor, bandwidth = _DATA_RATES[written]
    elif written.isascii() and written.isdigit():
        factor, bandwidth = int(written[:9]), 125_000
    else:
        source.fail(f'"{written[:40]}" is not a data rate', "it is written SF7BW125, 7 or DR5 as 5", line)
    try:
        counter = int(row[places["counter"]])
        values = {
            f"{what}_{unit}": float(plain(row[places[what]], _SEPARATOR))
            for what, unit in (("rssi", "dbm"), ("snr", "db"))
            if what in places and row[places[what]]
        }
    except ValueError as error:
        source.fail(f"is not a frame: {error}", "counter, rssi and snr are numbers", line)
    return Frame(_seconds(row[places["time"]], line, source), counter, factor, bandwidth, **values)


def _seconds(written: str, line: int, source: Source) -> float:
    try:
        stamp = float(plain(written, _SEPARATOR))
    except ValueError:
        try:
            moment = datetime.datetime.fromisoformat(written)
        except ValueError:
            source.fail(f'"{written[:40]}" is not a time', "a time is written 2020-02-14T13:21:26", line)
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    return stamp * 1e-3 if stamp >= _MILLISECONDS_FROM else stamp


FORMAT = Format("lorawan-csv", "semicolon CSV of LoRaWAN frames with time, fcnt, sf, rssi, snr", _fit, _read)
