"""Verbs for measured traces: look at one, import it, fit a generator or a blockage to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from simulator.cli.output import say
from simulator.cli.verbs import Verbs, tell
from simulator.printable import one_line


@click.group(cls=Verbs)
def trace() -> None:
    """Read measured traces: what is in a file, as a trace for scenarios, as a generator."""


_MEASUREMENT = click.argument("reference", metavar="FILE")


_FORMAT = click.option("--format", "format_", default="auto", show_default=True, help="Name of the format of FILE.")


_WINDOW = click.option(
    "--window", default="1 s", show_default=True, help="Time over which logged packets (Mahimahi, nuttcp) are a rate."
)


_TOLD = (
    click.option("--time", metavar="COLUMN:unit", help="Column of a table that holds the time, or its unit alone: ms."),
    click.option("--rate", metavar="COLUMN:unit", help="Column that holds the rate, or its unit alone: kbit/s."),
    click.option("--direction", type=click.Choice(["up", "down"]), help="What the file does not say."),
)


def _reads_a_measurement(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the argument and the options by which a measurement is read."""
    for option in reversed((_MEASUREMENT, _FORMAT, _WINDOW, *_TOLD)):
        verb = option(verb)
    return verb


@trace.command()
@_reads_a_measurement
@click.option("-o", "file", type=Path, help="Also draw the trace, as .svg, .png or .pdf; - for SVG on standard output.")
def info(file: Path | None, **reading: Any) -> None:
    """Print direction, duration, step, mean, percentiles and outages of a measurement, with a sketch of it."""
    from simulator.figures.measurements import write_figure
    from simulator.reports.trace import info_text
    from simulator.studies.measurements import read_measurement

    read = read_measurement(**reading)
    if file is not None:
        write_figure(read, file)
    tell([info_text(read)], [] if file is None else [file])


@trace.command("import")
@_reads_a_measurement
@click.option("-o", "file", type=Path, help="CSV to write; <FILE>.trace.csv in the working directory if left out.")
def import_(file: Path | None, **reading: Any) -> None:
    """Turn a measurement into a trace for scenarios (CSV: time_s,rate_bps), and say what was dropped and why.

    Any table is read by its columns, named as in its header or by number: --time 1:ms --rate "Throughput:kbit/s".
    A row's rate holds until the next row.
    """
    from simulator.reports.trace import report_lines
    from simulator.studies.measurements import read_measurement, write_trace

    read = read_measurement(**reading)
    target = write_trace(read, file)
    head = one_line(f"{read.file}: {read.format}, {read.direction}")
    tell([head, *report_lines(read)], [target])


@trace.command()
@_reads_a_measurement
@click.option("-o", "file", type=Path, help="YAML to write, a figure (.svg) beside it; <FILE>.yaml if left out.")
def fit(file: Path | None, **reading: Any) -> None:
    """Fit a generator: a Markov-modulated rate, or Gilbert-Elliott losses to packet logs and pings."""
    from simulator.figures.measurements import write_fit
    from simulator.studies.fit import fit_text, fit_trace
    from simulator.studies.measurements import read_measurement

    fitted = fit_trace(read_measurement(**reading))
    written = write_fit(fitted, file)
    tell([fit_text(fitted)], written)


@trace.command()
@_reads_a_measurement
@click.option("--below", required=True, metavar="RATE", help='Rate below which the link is blocked: "5 Mbit/s".')
def blockage(below: str, **reading: Any) -> None:
    """Print the link of two states, clear and blocked, that a measurement suggests; scenarios take it as a channel."""
    from simulator.studies.fit import blockage_text
    from simulator.studies.measurements import read_measurement
    from simulator.units import parse

    say(blockage_text(read_measurement(**reading), parse(below, "bit rate")))
