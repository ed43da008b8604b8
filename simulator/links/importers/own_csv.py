"""The project's own trace CSV, ``time_s,rate_bps``: read so that `info` and `fit` work on what `import` wrote."""

from __future__ import annotations

import re

from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Direction, ImportedTrace, RateSeries
from simulator.links.importers.source import Source
from simulator.links.trace import read_trace

_HEADER = re.compile(r"\s*time_s\s*,\s*rate_bps\s*")
_DIRECTIONS: tuple[Direction, ...] = ("uplink", "downlink")


def _fit(source: Source) -> float:
    rows = [line for line in source.head if not line.startswith("#")]
    return CERTAIN if rows and _HEADER.fullmatch(rows[0]) else 0.0


def _read(source: Source) -> ImportedTrace:
    channel = read_trace(source.path)
    told = dict(re.findall(r"^# *(direction|technology): *(.+?) *$", source.text, re.MULTILINE))
    direction: Direction = next((known for known in _DIRECTIONS if known == told.get("direction")), "unknown")
    series = RateSeries(channel.edges_s[:-1], channel.edges_s[1:], channel.rates_bps)
    return ImportedTrace(source.file, "offload-sim", series, direction, told.get("technology", ""))


FORMAT = Format("offload-sim", "CSV with the header time_s,rate_bps", _fit, _read)
