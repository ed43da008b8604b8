"""Output of ``iperf3 --json``: ``intervals[].sum.bits_per_second``; ``reverse`` 1 means that the server sends.

The client is taken for the mobile device, so that reverse is downlink. Without reverse the client's rows are those of a
sender, whose first ones fill its socket buffer.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from simulator.links.importers.formats import CERTAIN, Format, read_json
from simulator.links.importers.model import Direction, Finding, ImportedTrace
from simulator.links.importers.rows import advancing, check_rates, held, numbers, sender_buffer
from simulator.links.importers.source import Source

_KEYS = (
    re.compile(r'"intervals"\s*:'),
    re.compile(r'"start"\s*:'),
    re.compile(r'"(test_start|connected|version)"\s*:'),
)


def _fit(source: Source) -> float:
    if not source.text.lstrip().startswith("{"):
        return 0.0
    share = sum(key.search(source.text) is not None for key in _KEYS) / len(_KEYS)
    return CERTAIN if share == 1 else 0.9 * share


def _read(source: Source) -> ImportedTrace:
    try:
        document = read_json(source.text)
    except ValueError as error:
        source.fail(f"is not JSON: {error}", "is the file cut short?", getattr(error, "lineno", 0))
    if not isinstance(document, dict) or not document.get("intervals"):
        said = document.get("error") if isinstance(document, dict) else None
        source.fail("has no intervals", f"iperf3 says: {said}" if said else "a run has at least one interval")
    test = _part(document, "start", "test_start")
    sums = [_part(interval, "sum") for interval in document["intervals"]]
    sums = [each for each in sums if not each.get("omitted")]
    if not sums or any("bits_per_second" not in each or "start" not in each for each in sums):
        source.fail("has an interval without sum.start and sum.bits_per_second", "write it with: iperf3 --json")
    lines = [1] * len(sums)
    times = numbers([str(each["start"]) for each in sums], lines, source)
    rates = numbers([str(each["bits_per_second"]) for each in sums], lines, source)
    check_rates(rates, lines, source)
    keep, findings = advancing(times, lines, source)
    times, rates = times[keep], rates[keep]
    omitted = len(document["intervals"]) - len(sums)
    if omitted:
        findings.append(Finding("dropped", omitted, "intervals: omitted by iperf3 itself (warm-up)"))
    direction: Direction = "downlink" if test.get("reverse") else "uplink"
    if direction == "uplink":
        buffered, dropped = sender_buffer(rates)
        times, rates = times[buffered:], rates[buffered:]
        findings += dropped
    series = held(times, rates)
    last = sums[-1].get("end")
    if isinstance(last, int | float) and np.isfinite(last) and last > times[-1]:
        series.ends_s[-1] = last - times[0]
    return ImportedTrace(source.file, "iperf3", series, direction, findings=tuple(findings))


def _part(document: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


FORMAT = Format("iperf3", "JSON of iperf3 --json with intervals[].sum.bits_per_second", _fit, _read)
