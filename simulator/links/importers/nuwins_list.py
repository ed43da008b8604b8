"""NUWiNS ``.list`` files: a line ``Run N``, then long lines of comma-separated numbers.

Source: M. Ghoshal et al., 5G-MeMU 2022 (repository NUWiNS/sigcomm-5gmemu-5g-mmWave-uplink-data). A run has one line of
Mbit/s, one every 0.1 s, or four: times and Mbit/s of the 5G leg, times and Mbit/s of the LTE leg, whose sum is the
rate of the phone. The LTE leg has its own clock with steps back: both legs are put on one grid of 0.1 s, the values
that fall into one cell averaged, cells without a value 0. Runs are laid end to end. The measurement is of uplinks.

Ping runs look the same but hold milliseconds. They are told apart by their numbers: ping prints three significant
digits and never 0.
"""

from __future__ import annotations

import re

import numpy as np

from simulator.arrays import Floats
from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Finding, ImportedTrace, RateSeries, RoundTrips
from simulator.links.importers.rows import check_rates, check_span, laid_end_to_end, numbers, regular
from simulator.links.importers.source import Source

_RUN = re.compile(r"Run\s+([0-9]+)")
_LIST = re.compile(r"[-+0-9.eE]+(\s*,\s*[-+0-9.eEnaif]+)*\s*,?")
_STEP_S = 0.1
_LEGS = 4
_PING_DIGITS = 3
_MOST_PING_LIKE = 0.99


def _fit(source: Source) -> float:
    lines = [line for line in source.head if line.strip("#")]
    has_run = any(_RUN.fullmatch(line) for line in lines)
    has_list = any("," in line and _LIST.match(line[:200]) for line in lines)
    return CERTAIN if lines and _RUN.fullmatch(lines[0]) and has_list else 0.4 * has_run


def _fit_rates(source: Source) -> float:
    return _fit(source) if not _holds_pings(source) else min(_fit(source), 0.5)


def _fit_pings(source: Source) -> float:
    return _fit(source) if _holds_pings(source) else min(_fit(source), 0.5)


def _holds_pings(source: Source) -> bool:
    """Whether the first run is one line of numbers as ping prints them."""
    starts = [k for k, line in enumerate(source.head) if _RUN.fullmatch(line)]
    lists = [line for line in source.head[slice(*[*starts, None, None][:2])] if "," in line]
    for line in lists if len(lists) == 1 else ():
        cells = [cell.strip() for cell in line.split(",") if cell.strip()]
        try:
            values = np.array(cells, dtype=np.float64)
        except ValueError:
            return False
        digits = np.array([float(f"{value:.{_PING_DIGITS}g}") for value in values])
        return bool(values.size and np.all(values > 0) and np.mean(digits == values) >= _MOST_PING_LIKE)
    return False


def _runs(source: Source) -> list[tuple[int, list[tuple[int, Floats]]]]:
    """Number of each run and its lines of numbers, each with its line number."""
    runs: list[tuple[int, list[tuple[int, Floats]]]] = []
    for number, line in source.lines:
        text = line.strip()
        if not text.strip("#"):
            continue
        named = _RUN.fullmatch(text)
        if named:
            runs.append((int(named.group(1)), []))
        elif not runs:
            source.fail(f'"{text[:60]}" stands before the first run', "a run starts with a line: Run 1", number)
        else:
            cells = [cell for cell in text.split(",") if cell.strip()]
            if not cells:
                source.fail(f'"{text[:60]}" holds no numbers', "a line of a run is numbers with commas between", number)
            runs[-1][1].append((number, numbers(cells, [number] * len(cells), source)))
    kept = [run for run in runs if run[1]]
    if not kept:
        source.fail("has no run with numbers", "after a line `Run 1` come comma-separated numbers")
    return kept


def _read_rates(source: Source) -> ImportedTrace:
    runs = _runs(source)
    findings, series = [], []
    back = 0
    for number, lines in runs:
        if len(lines) == 1:
            place, values = lines[0]
            check_rates(values * 1e6, [place] * values.size, source)
            series.append(regular(values * 1e6, _STEP_S))
        elif len(lines) == _LEGS:
            back += int((np.diff(lines[2][1]) < 0).sum())
            series.append(_sum_of_legs(source, lines))
        else:
            place = lines[0][0]
            source.fail(f"run {number} has {len(lines)} lines", "a run has one line of Mbit/s, or four", place)
    if back:
        what = "steps back of the clock of the LTE leg: values sorted by their time on the grid of 0.1 s"
        findings.append(Finding("changed", back, what))
    if len(series) > 1:
        findings.append(
            Finding("changed", len(series), "runs: laid end to end; the time between them is not in the file")
        )
    technology = "5G NSA with an LTE leg" if len(runs[0][1]) == _LEGS else ""
    return ImportedTrace(source.file, "nuwins-list", laid_end_to_end(series), "uplink", technology, tuple(findings))


def _sum_of_legs(source: Source, lines: list[tuple[int, Floats]]) -> RateSeries:
    (_, times_5g), (line_5g, rates_5g), (_, times_lte), (line_lte, rates_lte) = lines
    for times, rates, line in ((times_5g, rates_5g, line_5g), (times_lte, rates_lte, line_lte)):
        if times.size != rates.size:
            source.fail(
                f"has {rates.size} rates for {times.size} times", "times and rates come in pairs of lines", line
            )
        if times.min() < 0:
            source.fail(f"time {times.min():g} s is negative", "times count from the start of the run", line - 1)
        check_span(float(times.max()) / _STEP_S, source, line - 1)
        check_rates(rates * 1e6, [line] * rates.size, source)
    # 0.3 / 0.1 is below 3 in floats: a hair is added before rounding down
    cells = [np.floor(times / _STEP_S + 1e-6).astype(np.int64) for times in (times_5g, times_lte)]
    size = int(max(cell.max() for cell in cells)) + 1
    total = np.zeros(size)
    for cell, rates in zip(cells, (rates_5g, rates_lte), strict=True):
        counts = np.bincount(cell, minlength=size)
        total += np.bincount(cell, rates, minlength=size) / np.maximum(counts, 1)
    return regular(total * 1e6, _STEP_S)


def _read_pings(source: Source) -> ImportedTrace:
    runs = _runs(source)
    for number, lines in runs:
        if len(lines) != 1:
            source.fail(f"run {number} has {len(lines)} lines", "a run of pings has one line of ms", lines[0][0])
        if lines[0][1].min() <= 0:
            source.fail(f"round-trip time {lines[0][1].min():g} ms is not above 0", "", lines[0][0])
    rtt = np.concatenate([lines[0][1] for _, lines in runs]) * 1e-3
    findings = [Finding("noted", 0, f"{len(runs)} runs taken as one; the time between pings is not in the file")]
    return ImportedTrace(
        source.file, "nuwins-ping-list", RoundTrips(rtt, None, None), "round trip", findings=tuple(findings)
    )


FORMAT = Format(
    "nuwins-list", "`Run N`, then one long line of Mbit/s every 0.1 s, or four lines", _fit_rates, _read_rates
)
PING_FORMAT = Format("nuwins-ping-list", "`Run N`, then one long line of ping times in ms", _fit_pings, _read_pings)
