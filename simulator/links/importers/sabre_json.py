"""Network traces of Sabre: a JSON list of ``{"duration_ms": 5000, "bandwidth_kbps": 1000, "latency_ms": 20}``.

Source: K. Spiteri, R. Sitaraman, D. Sparacio, MMSys 2018 (repository UMass-LIDS/sabre). Each entry holds for its
duration. Sabre adds the latency once to each request, before its first byte: it is a round trip, and no part of a
trace. Traces for Sabre are of downloads.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, read_json
from simulator.links.importers.model import Finding, ImportedTrace, RateSeries
from simulator.links.importers.rows import check_rates, numbers
from simulator.links.importers.source import Source
from simulator.units import human

_KEYS = ("duration_ms", "bandwidth_kbps")
_LATENCY = "latency_ms"
_START = re.compile(r"\s*\[\s*\{")


def _fit(source: Source) -> float:
    if not _START.match(source.text):
        return 0.0
    share = sum(f'"{key}"' in source.text for key in _KEYS) / len(_KEYS)
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    try:
        entries = read_json(source.text)
    except ValueError as error:
        source.fail(f"is not JSON: {error}", "is the file cut short?", getattr(error, "lineno", 0))
    if not isinstance(entries, list) or not entries:
        source.fail("is no list of intervals", f"a trace of Sabre is a list of objects with {' and '.join(_KEYS)}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or any(not _is_number(entry.get(key)) for key in _KEYS):
            source.fail(f"entry {number} has no number for {' and '.join(_KEYS)}", "each interval has both")
    lines = [1] * len(entries)
    durations = numbers([str(entry["duration_ms"]) for entry in entries], lines, source) * 1e-3
    rates = numbers([str(entry["bandwidth_kbps"]) for entry in entries], lines, source) * 1e3
    check_rates(rates, lines, source)
    if durations.min() <= 0:
        number = int(np.argmin(durations))
        source.fail(f"entry {number} lasts {durations[number] * 1e3:g} ms", "an interval is longer than 0")
    edges = np.concatenate(([0.0], np.cumsum(durations)))
    findings = []
    latencies = [entry[_LATENCY] for entry in entries if _is_number(entry.get(_LATENCY))]
    if latencies:
        middle = float(np.median(latencies)) * 1e-3
        what = (
            f"latency_ms is {human(middle, 'time')} in the median, a round trip before the first byte of each request; "
            f"no part of the trace: link.propagation, one way, is half of it, {human(middle / 2, 'time')}"
        )
        findings.append(Finding("noted", 0, what))
    series = RateSeries(edges[:-1], edges[1:], rates)
    return ImportedTrace(source.file, "sabre", series, "downlink", findings=tuple(findings))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


FORMAT = Format("sabre", 'JSON list of {"duration_ms", "bandwidth_kbps", "latency_ms"}', _fit, _read)
