"""Verbs that run a scenario at many points: over a grid, and in search of a Pareto front."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.options import with_points
from simulator.cli.output import say, show
from simulator.printable import one_line


@click.command()
@click.argument("scenario")
@click.option("-o", "directory", type=Path, help="Folder of the data set; results/<scenario>-sweep if left out.")
@with_points
def sweep(
    scenario: str,
    directory: Path | None,
    over: tuple[str, ...],
    seed: int | None,
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a scenario at every point of a grid; started again, it computes what is missing."""
    from simulator.scenario.load import load_scenario
    from simulator.studies.sweeps.run import require_all, run_sweep
    from simulator.studies.sweeps.sweep import Options, Sweep

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or Path("results") / f"{loaded.scenario.name}-sweep"
    result = run_sweep(Sweep(loaded, over, Options(**options, progress=True)), folder)
    say("\n".join(map(one_line, result.sentence().splitlines())))
    require_all(result)


@click.command()
@click.argument("scenario")
@click.option("--objectives", default="latency,energy,accuracy", show_default=True, help="Two or three of them.")
@click.option("--budget", type=click.IntRange(1), default=2000, show_default=True, help="Most points to compute.")
@click.option("-o", "directory", type=Path, help="Folder of the front; results/<scenario>-front if left out.")
@click.option(
    "--for", "environments", multiple=True, metavar="PATH=VALUES", help="An axis that nature chooses, such as a rate."
)
@with_points
def optimise(
    scenario: str,
    directory: Path | None,
    over: tuple[str, ...],
    environments: tuple[str, ...],
    budget: int,
    **options: Any,
) -> None:
    """Find the Pareto front of latency, energy and accuracy over what a person can choose.

    That are the policies and the axes of --over. Axes of --for are given: each of their values has a front of its own.
    """
    from simulator.figures.fronts import FRONT_FIGURES
    from simulator.inference.pareto import read_objectives
    from simulator.reports.front import render
    from simulator.scenario.load import load_scenario
    from simulator.studies.optimise import optimise as find
    from simulator.studies.sweeps.run import require_all
    from simulator.studies.sweeps.sweep import Options, Sweep

    objectives = read_objectives(options.pop("objectives"))
    loaded = load_scenario(scenario, options.pop("overrides"), options.pop("seed"))
    folder = directory or Path("results") / f"{loaded.scenario.name}-front"
    sweep = Sweep(loaded, over, Options(**options, progress=True), environments)
    found = find(sweep, objectives, folder, budget, FRONT_FIGURES)
    show(render(found))
    require_all(found.sweep)
