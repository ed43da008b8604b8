"""Console output of iPerf3 and iPerf2: ``[  5]   0.00-1.00   sec  1.50 MBytes  12.6 Mbits/sec ...``, one line a report.

Source: documentation of iPerf3. Rows ``[SUM]`` of parallel streams are taken alone; the closing summaries (``sender``,
``receiver``, or a row over the whole run) and omitted intervals are left out. Prefixes are decimal for bits and 1024
for ``Bytes/sec``. The client is taken for the mobile device: its rows are those of a sender, whose first ones fill its
socket buffer, unless it says ``Reverse mode``. Both directions at once (``--bidir``) are refused.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import advancing, check_rates, held, numbers, sender_buffer
from simulator.links.importers.source import Source

_ROW = re.compile(
    r"\[\s*(?P<stream>SUM|\d+)\](?P<role>\[[RT]X-[CS]\])?\s*(?P<start>\d+\.?\d*)\s*-\s*(?P<end>\d+\.?\d*)\s+sec\s+"
    r"(?P<sent>\d\S*\s+[KMGT]?Bytes)\s+(?P<rate>[-\d.]\S*)\s+(?P<unit>[KMGT]?(?:bits|Bytes)/sec)(?P<rest>.*)"
)
_BITS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BYTES = {"": 8.0, "K": 8 * 1024.0, "M": 8 * 1024.0**2, "G": 8 * 1024.0**3, "T": 8 * 1024.0**4}
_REVERSE = "Reverse mode"
_CLIENT = "Connecting to host"
#: rounding of the printed seconds
_SAME_S = 0.02


def _fit(source: Source) -> float:
    return CERTAIN if any(_ROW.fullmatch(line) for line in source.head) else 0.0


def _read(source: Source) -> ImportedTrace:
    found = [(number, row) for number, line in source.lines if (row := _ROW.fullmatch(line.strip()))]
    if any(row["role"] for _, row in found):
        source.fail("holds both directions at once (--bidir)", "measure one at a time: iperf3 -c HOST, then with -R")
    closing = [k for k, (_, row) in enumerate(found) if "sender" in row["rest"] or "receiver" in row["rest"]]
    reports = found[: closing[0]] if closing else found
    sums = [(number, row) for number, row in reports if row["stream"] == "SUM"]
    streams = {row["stream"] for _, row in reports}
    if len(streams) > 1 and not sums:
        source.fail(f"holds {len(streams)} streams without [SUM] rows", "measure with one stream, or with iperf3 -P")
    rows = sums or reports
    kept = [(number, row) for number, row in rows if "(omitted)" not in row["rest"]]
    findings = []
    if len(rows) > len(kept):
        findings.append(Finding("dropped", len(rows) - len(kept), "intervals: omitted by iperf itself (warm-up)"))
    if sums and len(reports) > len(sums):
        findings.append(Finding("dropped", len(reports) - len(sums), "rows: single streams; [SUM] holds them all"))
    # iPerf2 closes with a row over the whole run that says nothing else
    if len(kept) > 1 and float(kept[-1][1]["start"]) <= float(kept[0][1]["start"]) + _SAME_S:
        kept = kept[:-1]
    if not kept:
        source.fail("has no interval reports", "iperf3 writes them every second; iperf 2 with -i 1")
    lines = [number for number, _ in kept]
    starts = numbers([row["start"] for _, row in kept], lines, source)
    ends = numbers([row["end"] for _, row in kept], lines, source)
    factors = np.array([_factor(row["unit"]) for _, row in kept])
    rates = numbers([row["rate"] for _, row in kept], lines, source) * factors
    check_rates(rates, lines, source)
    keep, repeated = advancing(starts, lines, source)
    starts, ends, rates = starts[keep], ends[keep], rates[keep]
    findings += repeated
    direction: Direction = "unknown"
    if _REVERSE in source.text:
        direction = "downlink"
    elif _CLIENT in source.text or "Client connecting to" in source.text:
        direction = "uplink"
    if direction != "downlink":
        buffered, dropped = sender_buffer(rates)
        starts, ends, rates = starts[buffered:], ends[buffered:], rates[buffered:]
        findings += dropped
    series = held(starts, rates)
    if ends[-1] > starts[-1]:
        series.ends_s[-1] = ends[-1] - starts[0]
    return ImportedTrace(source.file, "iperf-text", series, direction, findings=tuple(findings))


def _factor(unit: str) -> float:
    prefix = unit.removesuffix("/sec").removesuffix("bits").removesuffix("Bytes")
    return _BITS[prefix] if "bits" in unit else _BYTES[prefix]


FORMAT = Format("iperf-text", "console output: [  5] 0.00-1.00 sec 1.50 MBytes 12.6 Mbits/sec", _fit, _read)
