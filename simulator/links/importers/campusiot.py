"""CampusIoT packet logs, one JSON object a line (gzip as a rule): the Helium form and the ChirpStack v3 form.

Source: D. Donsez et al., 2023 and 2024 (repository CampusIoT/datasets). Only received frames are logged; losses show as
gaps of the frame counter. Signal values are those of the gateway listed first. ChirpStack lines without ``rxInfo`` are
status messages, not frames.
"""

from __future__ import annotations

import re
from typing import Any

from simulator.links.importers.formats import CERTAIN, Format, read_json
from simulator.links.importers.lorawan import Frame, read_json_lines
from simulator.links.importers.model import ImportedTrace
from simulator.links.importers.source import Source

_SPREADING = re.compile(r"SF([0-9]+)BW([0-9]+)")
#: EU868 data rate -> spreading factor, bandwidth in Hz
_DATA_RATES = {dr: (12 - dr, 125_000) for dr in range(6)} | {6: (7, 250_000), 7: (0, 0)}


def _keys(source: Source) -> set[str]:
    """Keys of the objects in the first lines."""
    found: set[str] = set()
    for line in source.head:
        try:
            entry = read_json(line)
        except ValueError:
            break
        found |= entry.keys() if isinstance(entry, dict) else set()
    return found


def _share(wanted: tuple[str, ...], source: Source) -> float:
    if not source.head[0].startswith("{"):
        return 0.0
    keys = _keys(source)
    share = sum(key in keys for key in wanted) / len(wanted)
    return CERTAIN if share == 1 else 0.9 * share


def _fit_helium(source: Source) -> float:
    return _share(("_timestamp", "fcnt", "hotspots"), source)


def _fit_chirpstack(source: Source) -> float:
    return _share(("_timestamp", "fCnt", "txInfo", "rxInfo"), source)


def _helium(entry: Any) -> Frame | None:
    if not entry.get("hotspots"):
        return None
    heard = entry["hotspots"][0]
    spreading = _SPREADING.fullmatch(heard["spreading"])
    if spreading is None:
        raise ValueError(f'spreading "{heard["spreading"]}"')
    factor, kilohertz = map(int, spreading.groups())
    return Frame(
        float(entry["_timestamp"]) * 1e-3,
        int(entry["fcnt"]),
        factor,
        kilohertz * 1000,
        float(heard["rssi"]),
        float(heard["snr"]),
    )


def _chirpstack(entry: Any) -> Frame | None:
    if not entry.get("rxInfo"):
        return None
    heard = entry["rxInfo"][0]
    factor, bandwidth = _DATA_RATES[entry["txInfo"]["dr"]]
    return Frame(
        float(entry["_timestamp"]) * 1e-3,
        int(entry.get("fCnt", 0)),
        factor,
        bandwidth,
        float(heard["rssi"]),
        float(heard["loRaSNR"]),
    )


def _read_helium(source: Source) -> ImportedTrace:
    return read_json_lines(source, "campusiot-helium", _helium, "no hotspot received the frame")


def _read_chirpstack(source: Source) -> ImportedTrace:
    return read_json_lines(source, "campusiot-chirpstack", _chirpstack, "without rxInfo: status messages, no frames")


HELIUM_FORMAT = Format("campusiot-helium", "JSON lines with _timestamp, fcnt, hotspots[]", _fit_helium, _read_helium)
CHIRPSTACK_FORMAT = Format(
    "campusiot-chirpstack", "JSON lines with _timestamp, fCnt, txInfo, rxInfo[]", _fit_chirpstack, _read_chirpstack
)
