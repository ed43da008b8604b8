"""Mahimahi: one line per opportunity to deliver a packet of 1500 bytes, its time in whole milliseconds.

Source: R. Netravali et al., USENIX ATC 2015; format in the repository ravinet/mahimahi, ``traces/README``. The rate is
the number of lines in each window times 12 000 bit; a window without lines is an outage. The replay wraps at the last
time; what comes after the last full window is left out here.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, share_of_lines
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import advancing, check_rates, check_span, numbers, regular
from simulator.links.importers.source import Source

_LINE = re.compile(r"[0-9]{1,15}")
_PACKET_BITS = 12_000.0
_MS = 1e-3
#: a first packet so late, after so many lengths of the rest, is a stamp of a clock
_LATE_MS, _LATE_SPANS = 60_000.0, 10.0
_SUFFIXES: dict[str, Direction] = {".up": "uplink", ".down": "downlink"}


def _fit(source: Source) -> float:
    share = share_of_lines(_LINE, source.head)
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    lines = [number for number, _ in source.lines]
    for number, line in source.lines:
        if not _LINE.fullmatch(line.strip()):
            source.fail(f'"{line.strip()[:60]}" is not a time in whole milliseconds', "one integer a line", number)
    times_ms = numbers([line for _, line in source.lines], lines, source)
    advancing(times_ms * _MS, lines, source)
    period_ms = float(times_ms[-1])
    if times_ms[0] > max(_LATE_MS, _LATE_SPANS * (period_ms - times_ms[0])):
        source.fail(
            f"the first packet goes at {times_ms[0]:.15g} ms, all others within {period_ms - times_ms[0]:g} ms of it",
            "times count in ms from the start of the trace; stamps of a clock, or rates, are no Mahimahi trace",
            lines[0],
        )
    if period_ms == 0:
        source.fail("every packet is at time 0", "the last time is the length of the trace, above 0", lines[-1])
    window_ms = min(source.window_s / _MS, period_ms)
    check_span(period_ms / window_ms, source, lines[-1])
    count = int(period_ms // window_ms)
    # a packet at the very end of the period belongs to the last window when windows fill the period
    if count * window_ms == period_ms:
        bins = np.minimum(times_ms // window_ms, count - 1).astype(np.int64)
    else:
        bins = (times_ms // window_ms).astype(np.int64)
    inside = bins < count
    packets = np.bincount(bins[inside], minlength=count)
    rates = packets.astype(np.float64) * (_PACKET_BITS / (window_ms * _MS))
    check_rates(rates, [lines[-1]] * count, source)
    findings = []
    left_out = int((~inside).sum())
    if left_out:
        what = f"packets: after {count * window_ms * _MS:g} s, in a last window that is not full"
        findings.append(Finding("dropped", left_out, what))
    direction = _SUFFIXES.get(source.path.suffix, "unknown")
    if direction != "unknown":
        findings.append(Finding("noted", 0, f"{direction} by the suffix {source.path.suffix} of Mahimahi"))
    return ImportedTrace(source.file, "mahimahi", regular(rates, window_ms * _MS), direction, findings=tuple(findings))


FORMAT = Format("mahimahi", "one whole number a line: ms at which a packet of 1500 bytes may go", _fit, _read)
