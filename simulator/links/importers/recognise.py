"""Which format a measurement file has, by its content or by name, and reading it.

To add a format: write a module with a `Format` beside this one and name it in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from simulator.errors import NotFoundError, Problem, TraceError, did_you_mean
from simulator.links.importers import (
    campusiot,
    gnettrack,
    iperf3_json,
    iperf_csv,
    iperf_text,
    lorawan_csv,
    mahimahi,
    nuttcp,
    nuwins_list,
    own_csv,
    ping,
    sabre_json,
    ttn_json,
    two_column,
    ufjf_csv,
    unit_per_row,
)
from simulator.links.importers.advice import commands, several_rates
from simulator.links.importers.formats import CERTAIN, Format
from simulator.links.importers.model import Finding, ImportedTrace, RateSeries
from simulator.links.importers.named_columns import Told, read_named
from simulator.links.importers.rows import outliers
from simulator.links.importers.source import Source, read_source

#: every format by name
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        each.name: each
        for each in (
            own_csv.FORMAT,
            mahimahi.FORMAT,
            two_column.FORMAT,
            unit_per_row.FORMAT,
            nuwins_list.FORMAT,
            nuwins_list.PING_FORMAT,
            nuttcp.FORMAT,
            ping.FORMAT,
            gnettrack.FORMAT,
            iperf_csv.LOG_FORMAT,
            iperf_csv.MERGED_FORMAT,
            iperf3_json.FORMAT,
            iperf_text.FORMAT,
            sabre_json.FORMAT,
            campusiot.HELIUM_FORMAT,
            campusiot.CHIRPSTACK_FORMAT,
            ttn_json.FORMAT,
            ufjf_csv.FORMAT,
            lorawan_csv.FORMAT,
        )
    }
)
AUTO = "auto"
#: formats whose files do not name the units of their columns
_GUESSING = (two_column.FORMAT,)
_NOTHING_TOLD = Told()
_SHOWN_LINES, _SHOWN_CHARACTERS = 3, 72
_NEAREST = 3


def import_trace(
    path: str | Path, format: str = AUTO, window_s: float = 1.0, told: Told = _NOTHING_TOLD
) -> ImportedTrace:
    """Read a measurement file.

    Parameters
    ----------
    path : str or Path
        Text, plain or gzip.
    format : str
        A key of `FORMATS`, or ``auto`` to recognise it by the content of the file.
    window_s : float
        Width of the bins in which Mahimahi's packets and nuttcp's reads become rates.
    told : Told
        Columns that hold time and rate, or their units, and the direction.

    Returns
    -------
    ImportedTrace

    Raises
    ------
    NotFoundError
        If the format is unknown.
    TraceError
        If the file cannot be read, is of no known format, or holds what cannot be. It ends with the command that reads
        the file by named columns.
    """
    if format != AUTO and format not in FORMATS:
        hint = did_you_mean(format, [AUTO, *FORMATS]) or f"known: {', '.join((AUTO, *FORMATS))}"
        raise NotFoundError(Problem(f'"{format}" is not a format of traces', hint))
    source = replace(
        read_source(Path(path), window_s),
        time_s=told.time.factor if told.time else None,
        rate_bps=told.rate.factor if told.rate else None,
    )
    try:
        trace = _read(source, format, told)
    except TraceError as error:
        raise _with_command(error, source) from error
    if told.direction == "unknown" or trace.direction == told.direction:
        return trace
    finding = Finding("changed", 0, f"{told.direction} as you say; by the file: {trace.direction}")
    return replace(trace, direction=told.direction, findings=(*trace.findings, finding))


def _read(source: Source, format: str, told: Told) -> ImportedTrace:
    if told.names_columns:
        if format != AUTO:
            source.fail(f"--format {format} knows its columns", "leave out --format, or the names of the columns")
        trace = read_named(source, told)
    else:
        chosen = FORMATS[format] if format != AUTO else recognise(source)
        if (told.time or told.rate) and chosen not in _GUESSING:
            source.fail(
                f"is of the format {chosen.name}, which holds its units", "leave out --time and --rate, or name columns"
            )
        trace = chosen.read(source)
    if not isinstance(trace.content, RateSeries):
        return trace
    if not trace.content.rates_bps.any():
        source.fail("the link is dead for ever: every rate is 0", "at least one row needs a rate above 0")
    if trace.format == own_csv.FORMAT.name:
        return trace
    return replace(trace, findings=(*trace.findings, *outliers(trace.content)))


def _with_command(error: TraceError, source: Source) -> TraceError:
    """A refusal with the command that reads the file by named columns at its end."""
    *others, last = error.problems
    told = "\n    ".join(["columns can be named:", *commands(source)])
    return TraceError([*others, replace(last, hint=f"{last.hint}\n    {told}" if last.hint else told)])


def recognise(source: Source) -> Format:
    """The format of a file.

    Raises
    ------
    TraceError
        Showing the first lines of the file and the nearest formats.
    """
    fits = sorted(((each.fit(source), each) for each in FORMATS.values()), key=lambda pair: -pair[0])
    if fits[0][0] >= CERTAIN:
        return fits[0][1]
    links = several_rates(source)
    if links:
        source.fail(f"holds the rates of several links: {', '.join(links)}", "choose one of them:", 1)
    shown = [
        f"    | {line[:_SHOWN_CHARACTERS]}{'...' if len(line) > _SHOWN_CHARACTERS else ''}"
        for line in source.head[:_SHOWN_LINES]
    ]
    near = [each for fit, each in fits[:_NEAREST] if fit > 0] or [FORMATS["two-column"], FORMATS["mahimahi"]]
    nearest = "; ".join(f"{each.name} ({each.title})" for each in near)
    hint = f"nearest formats: {nearest}\n    `--format NAME` takes one by name: {', '.join(FORMATS)}"
    message = "\n".join(["is in no known format; its first lines:", *shown])
    raise TraceError(Problem(message, hint, file=source.file))
