"""Console output of nuttcp: ``<MB> MB / <s> sec = <Mbit/s> Mbps <n> retrans``, one line every 0.1 s as a rule.

Source: nuttcp 8; measurements of M. Ghoshal et al., IMC 2023 (repository
NUWiNS/imc2023-cellular-network-performance-on-wheels-data). The receiver counts whole reads of 64 KiB, so that a
single row is a multiple of 5.24 Mbit/s or falsely 0: rows are averaged over windows of 1 s. The console is the one of
the phone: transmitting first means uplink.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import check_rates, numbers, regular
from simulator.links.importers.source import Source

_ROW = re.compile(
    r"[-\d.naif]+ MB /\s*(?P<seconds>[-\d.]+) sec =\s*(?P<rate>[-\d.naif]+) Mbps"
    r"(\s+-?\d+ retrans)?(\s+\d+ KB-cwnd)?"
)
_SAYS = re.compile(r"nuttcp-([tr]): ")
_DIRECTIONS: dict[str, Direction] = {"t": "uplink", "r": "downlink"}
_EPOCH = re.compile(r"[0-9]{12,14}")


def _fit(source: Source) -> float:
    says = any(_SAYS.match(line) for line in source.head)
    rows = any(_ROW.fullmatch(line) for line in source.head)
    return CERTAIN if rows and says else 0.6 * (rows or says)


def _read(source: Source) -> ImportedTrace:
    rows, lines, other = [], [], 0
    first = ""
    closed = False
    for number, line in source.lines:
        text = line.strip()
        row = _ROW.fullmatch(text)
        said = _SAYS.match(text)
        if row:
            rows.append(row)
            lines.append(number)
        elif said:
            first = first or said.group(1)
            closed = closed or " real seconds " in text
        elif not _EPOCH.fullmatch(text):
            other += 1
    if not rows:
        source.fail("has no interval reports", "nuttcp writes them with the option -i")
    rates = numbers([row["rate"] for row in rows], lines, source) * 1e6
    seconds = numbers([row["seconds"] for row in rows], lines, source)
    check_rates(rates, lines, source)
    step = float(np.median(seconds))
    if step <= 0:
        source.fail(f"intervals of {step:g} s", "an interval is longer than 0", lines[0])
    per_window = max(1, round(source.window_s / step))
    windows = max(1, rates.size // per_window)
    used = min(rates.size, windows * per_window)
    means = rates[:used].reshape(windows, -1).mean(axis=1)
    width = used // windows * step
    findings = [Finding("changed", used, f"rows of {step:g} s: averaged over {width:g} s (whole reads)")]
    if rates.size > used:
        findings.append(Finding("dropped", rates.size - used, "rows: after the last full window"))
    if other:
        findings.append(Finding("dropped", other, "lines: neither reports nor messages of nuttcp"))
    if not closed:
        findings.append(Finding("noted", 0, "the log ends without the closing summary"))
    direction = _DIRECTIONS.get(first, "unknown")
    series = regular(means, width)
    return ImportedTrace(source.file, "nuttcp", series, direction, findings=tuple(findings))


FORMAT = Format("nuttcp", "console output: 1.0 MB / 0.10 sec = 83.9 Mbps 0 retrans", _fit, _read)
