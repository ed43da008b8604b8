"""Events of The Things Stack v3, one JSON object a line: uplink messages with their metadata.

Other events (a join, a downlink) are left out. Numbers that are 0 are absent, as in all JSON of protobuf: a frame
without ``f_cnt`` is frame 0.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from simulator.links.importers.formats import CERTAIN, Format, read_json
from simulator.links.importers.lorawan import Frame, read_json_lines
from simulator.links.importers.model import ImportedTrace
from simulator.links.importers.source import Source

#: fractions of a second beyond microseconds are cut off: the standard library reads no nanoseconds
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z")


def _fit(source: Source) -> float:
    if not source.head[0].startswith("{"):
        return 0.0
    try:
        entry = read_json(source.head[0])
    except ValueError:
        return 0.0
    wanted = ("end_device_ids", "received_at")
    share = sum(key in entry for key in wanted) / len(wanted) if isinstance(entry, dict) else 0.0
    return CERTAIN if share == 1 else 0.9 * share


def _frame(entry: Any) -> Frame | None:
    message = entry.get("uplink_message")
    if not message:
        return None
    stamp = _STAMP.fullmatch(message.get("received_at") or entry["received_at"])
    if stamp is None:
        raise ValueError(f'time "{entry["received_at"]}"')
    heard = message["rx_metadata"][0]
    lora = message["settings"]["data_rate"]["lora"]
    moment = datetime.datetime.fromisoformat(stamp.group(1) + (stamp.group(2) or "")).replace(tzinfo=datetime.UTC)
    return Frame(
        moment.timestamp(),
        int(message.get("f_cnt", 0)),
        int(lora["spreading_factor"]),
        int(lora["bandwidth"]),
        float(heard["rssi"]),
        float(heard.get("snr", 0.0)),
    )


def _read(source: Source) -> ImportedTrace:
    return read_json_lines(source, "ttn", _frame, "events that are no uplink message (a join, for example)")


FORMAT = Format("ttn", "JSON lines of The Things Stack v3 with end_device_ids, uplink_message", _fit, _read)
