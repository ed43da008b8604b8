"""Two columns without a header: seconds, Mbit/s; separated by blanks, a tab, a comma or a semicolon.

The form in which the traces of Pensieve, Norway 3G, Solis WiFi, Zhuge and the video study of the SIGCOMM 2021 5G
artifact are kept. Any start, any step; time counts from the start of the first interval.

A rate is the mean since the row before (the convention of Pensieve's simulator), over one median step in the first row.
Where the steps are regular, a gap of more than ten of them is a stall: the row's rate covers its last step only and
the link carries nothing before. Where they are irregular, the rate covers the gap.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, share_of_lines
from simulator.links.importers.model import Finding, ImportedTrace, RateSeries
from simulator.links.importers.rows import advancing, check_rates, numbers
from simulator.links.importers.source import Source

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)"
_ROW = re.compile(rf"({_NUMBER})(?:\s*[,;]\s*|\s+)({_NUMBER})", re.IGNORECASE)
#: share of steps within a quarter of the median from which steps count as regular
_REGULAR = 0.8
_NEAR = 0.25
_STALL_STEPS = 10.0


def _rows(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


def _fit(source: Source) -> float:
    share = share_of_lines(_ROW, _rows(source.head))
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    cells, lines = [], []
    for number, line in source.lines:
        if line.startswith("#"):
            continue
        row = _ROW.fullmatch(line.strip())
        if row is None:
            source.fail(f'"{line.strip()[:60]}" is not a time and a rate', "a row is: seconds, Mbit/s", number)
        cells.append(row.groups())
        lines.append(number)
    stamps = numbers([time for time, _ in cells], lines, source)
    rates = numbers([rate for _, rate in cells], lines, source) * 1e6
    check_rates(rates, lines, source)
    keep, findings = advancing(stamps, lines, source)
    stamps, rates = stamps[keep], rates[keep]
    if stamps.size == 1:
        return ImportedTrace(source.file, "two-column", RateSeries(np.zeros(1), np.ones(1), rates))
    steps = np.diff(stamps)
    step = float(np.median(steps))
    starts = np.append(stamps[0] - step, stamps[:-1])
    is_regular = np.mean(np.abs(steps - step) <= _NEAR * step) >= _REGULAR
    stalls = np.flatnonzero(steps > _STALL_STEPS * step) + 1 if is_regular else np.empty(0, dtype=np.int64)
    if stalls.size:
        silent = float((stamps[stalls] - step - starts[stalls]).sum())
        starts[stalls] = stamps[stalls] - step
        what = (
            f"gaps: no row for more than {_STALL_STEPS:g} steps of {step:.3g} s; {silent:.4g} s in all are taken as "
            "stalls with rate 0"
        )
        findings.append(Finding("changed", int(stalls.size), what))
    origin = float(starts[0])
    if abs(stamps[0]) > step * 1.5:
        findings.append(Finding("changed", stamps.size, f"times: counted from {origin:.6g} s, where the file starts"))
    return ImportedTrace(
        source.file, "two-column", RateSeries(starts - origin, stamps - origin, rates), findings=tuple(findings)
    )


FORMAT = Format("two-column", "seconds and Mbit/s, separated by blanks, a tab or a comma, no header", _fit, _read)
