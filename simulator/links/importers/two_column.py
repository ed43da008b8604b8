"""Two columns without a header: seconds, Mbit/s; separated by blanks, a tab, a comma or a semicolon.

The form in which the traces of Pensieve, Norway 3G, Solis WiFi, Zhuge and the video study of the SIGCOMM 2021 5G
artifact are kept. Any start, any step; time counts from the start of the first interval.

A rate is the mean since the row before (the convention of Pensieve's simulator), over one median step in the first row.
Where the steps are regular, a gap of more than ten of them is a stall: the row's rate covers its last step only and
the link carries nothing before. Where they are irregular, the rate covers the gap.

The file names no units. Times since 1970 are told by their size: 1e9 are seconds, 1e12 milliseconds, 1e15 microseconds.
Everything else that these units make unlikely is refused with what to say: a step that is long for a measurement or too
short for one, rates that lie mostly beyond 1 Gbit/s or below 1 kbit/s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from simulator.arrays import Floats
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
#: stamps since 1970 between 1998 and 2049, in seconds, and units in which they are written
_EPOCH_S = (9e8, 2.5e9)
_EPOCH_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
#: median steps that are surely in seconds, or in the unit of stamps since 1970
_STEPS_S = (1e-3, 15.0)
_EPOCH_STEPS_S = (1e-3, 60.0)
#: median rates that are surely in Mbit/s
_RATES_BPS = (1e3, 1e9)


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
    if not cells:
        source.fail("holds nothing but remarks", "a trace has at least one measured row")
    stamps = numbers([time for time, _ in cells], lines, source)
    rates = numbers([rate for _, rate in cells], lines, source)
    time_s, epoch = (source.time_s, "") if source.time_s is not None else _time_unit(stamps, lines, source)
    stamps = stamps * time_s
    rates = rates * (1e6 if source.rate_bps is None else source.rate_bps)
    check_rates(rates, lines, source)
    if source.rate_bps is None:
        _check_mbps(rates, lines, source)
    keep, findings = advancing(stamps, lines, source)
    stamps, rates = stamps[keep], rates[keep]
    if epoch:
        findings.append(Finding("changed", stamps.size, f"times: in {epoch} since 1970, by their size"))
    if stamps.size == 1:
        series = RateSeries(np.zeros(1), np.ones(1), rates)
        return ImportedTrace(source.file, "two-column", series, findings=tuple(findings))
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
    if not epoch and abs(stamps[0]) > step * 1.5:
        findings.append(Finding("changed", stamps.size, f"times: counted from {origin:.6g} s, where the file starts"))
    return ImportedTrace(
        source.file, "two-column", RateSeries(starts - origin, stamps - origin, rates), findings=tuple(findings)
    )


def _time_unit(stamps: Floats, lines: Sequence[int], source: Source) -> tuple[float, str]:
    """Factor of the unit of the stamps, and its name if they count from 1970; refused where it is not certain."""
    steps = np.diff(stamps)
    steps = steps[steps > 0]
    step = float(np.median(steps)) if steps.size else None
    since_1970 = [unit for unit, factor in _EPOCH_UNITS.items() if _within(stamps[0] * factor, _EPOCH_S)]
    for unit in since_1970:
        factor = _EPOCH_UNITS[unit]
        if step is None or _within(step * factor, _EPOCH_STEPS_S):
            return factor, unit
    if step is None or (not since_1970 and _within(step, _STEPS_S)):
        return 1.0, ""
    likely = [unit for unit, factor in _EPOCH_UNITS.items() if _within(step * factor, _EPOCH_STEPS_S)]
    said = " or ".join(f"--time {unit}" for unit in dict.fromkeys([*likely, "s", "min"]))
    first, line = f"{stamps[0]:.15g}", lines[0]
    return source.fail(
        f"rows are {step:g} apart in the median, the first at {first}: the unit of time is not certain",
        f"say it: {said}",
        line,
    )


def _check_mbps(rates_bps: Floats, lines: Sequence[int], source: Source) -> None:
    """Refuse rates that are hardly Mbit/s."""
    alive = rates_bps[rates_bps > 0]
    middle = float(np.median(alive)) if alive.size else _RATES_BPS[0]
    if _within(middle, _RATES_BPS):
        return
    units = ("kbit/s", "bit/s", "B/s") if middle > _RATES_BPS[1] else ("Gbit/s",)
    said = ", ".join(f"--rate {unit}" for unit in units)
    source.fail(
        f"rates are {middle / 1e6:.4g} in the median, hardly Mbit/s", f"say the unit: {said} or --rate Mbit/s", lines[0]
    )


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bool(bounds[0] <= value <= bounds[1])


FORMAT = Format("two-column", "seconds and Mbit/s, separated by blanks, a tab or a comma, no header", _fit, _read)
