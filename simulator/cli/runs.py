"""Verbs for one scenario: run it, check it, explain what its policies take, and draw a finished study again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from simulator.cli.options import ENGINE, SEED, SET
from simulator.cli.output import say, show
from simulator.printable import one_line


@click.command()
@click.argument("scenario")
@click.option(
    "-o",
    "directory",
    type=Path,
    help="Folder of the result; results/<scenario>, with --set and --seed in its name, if left out.",
)
@SEED
@SET
@ENGINE
@click.option("--no-plots", is_flag=True, help="Write the tables only.")
@click.option("--replace", is_flag=True, help="Also replace the result of another scenario in that folder.")
def run(
    scenario: str,
    directory: Path | None,
    seed: int | None,
    overrides: tuple[str, ...],
    engine: str,
    no_plots: bool,
    replace: bool,
) -> None:
    """Simulate every policy, print the comparison, write the result.

    With --set or --seed the result goes to a folder of its own, named after them.
    """
    from simulator.figures.runs import RUN_FIGURES
    from simulator.reports.run import render
    from simulator.scenario.load import load_scenario
    from simulator.studies.destination import default_folder
    from simulator.studies.run import run_scenario

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or default_folder(loaded.scenario.name, overrides, seed)
    result = run_scenario(loaded, engine, folder, not no_plots, True, replace, RUN_FIGURES)
    show(render(result))


@click.command()
@click.argument("scenario")
@SET
def check(scenario: str, overrides: tuple[str, ...]) -> None:
    """List every problem of a scenario with its place in the file."""
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load_scenario
    from simulator.studies.check import check as problems_of

    loaded = load_scenario(scenario, overrides)
    problems, warnings = problems_of(loaded)
    if problems:
        raise ScenarioError(problems)
    say(f"{one_line(loaded.file)}: no problems")
    for warning in warnings:
        say(f"Warning: {warning}")


@click.command()
@click.argument("scenario")
@SET
def explain(scenario: str, overrides: tuple[str, ...]) -> None:
    """Print the candidate partitions and which one each policy takes.

    Each row is a place to cut the model, with its predicted times, bytes and energy, without queues.
    """
    from simulator.reports.explain import explain as explained
    from simulator.scenario.load import load_scenario

    show(explained(load_scenario(scenario, overrides)))


def _size(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[float, float] | None:
    """The option ``3.5x2.4`` as a tuple."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)x([0-9]{1,3}(?:\.[0-9]{1,6})?)", text)
    if match is None:
        raise click.BadParameter(f'"{text}" is not a size: write width and height in inches, like 3.5x2.4', ctx, option)
    return float(match.group(1)), float(match.group(2))


@click.command()
@click.argument("directory", type=Path)
@click.option("--format", "format_", type=click.Choice(["svg", "png", "pdf"]), default="svg", show_default=True)
@click.option("--size", callback=_size, metavar="WIDTHxHEIGHT", help="Of each figure, in inches: 3.5x2.4.")
@click.option("--font", help="Name of an installed font, or serif, sans-serif, monospace.")
@click.option("--font-size", type=float, metavar="POINTS", help="Of labels; smaller texts keep their proportion.")
@click.option("--latex", "form", flag_value="latex", help="Draw nothing; print the table for LaTeX (booktabs).")
@click.option("--csv", "form", flag_value="csv", help="Draw nothing; print the table as CSV, in SI units.")
def plot(directory: Path, format_: str, form: str | None, **look: Any) -> None:
    """Draw the figures of a run or a sweep again, and print the table of a sweep.

    Figures of a run go to DIRECTORY/figures, those of a sweep, finished or not, to DIRECTORY/_figures.
    """
    from simulator.figures.redraw import draw
    from simulator.reports.sweep import sweep_report, table_of

    if form is not None:
        say(table_of(directory, form).removesuffix("\n"))
        return
    for drawn in draw(directory, format_, **look):
        say(one_line(str(drawn)))
    report = sweep_report(directory)
    if report is not None:
        show(report)
