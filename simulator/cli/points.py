"""Verbs that run a scenario at many points: over a grid, in search of a Pareto front, as a map of who wins where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli.options import OVER, with_points
from simulator.cli.output import say, show
from simulator.printable import one_line


@click.command()
@click.argument("scenario")
@click.option("-o", "directory", type=Path, help="Folder of the data set; results/<scenario>-sweep if left out.")
@click.option(
    "--crossovers", is_flag=True, help="Find where the winner changes along one axis of numbers, by more simulations."
)
@OVER
@with_points
def sweep(
    scenario: str,
    directory: Path | None,
    crossovers: bool,
    over: tuple[str, ...],
    seed: int | None,
    overrides: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a scenario at every point of a grid; started again, it computes what is missing.

    Over one axis of numbers it ends with who wins from where to where.
    """
    from simulator.reports.winners import sentences
    from simulator.scenario.load import load_scenario
    from simulator.studies.crossovers import along, require_line
    from simulator.studies.sweeps.run import require_all, run_sweep
    from simulator.studies.sweeps.sweep import Options, Sweep

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or Path("results") / f"{loaded.scenario.name}-sweep"
    prepared = Sweep(loaded, over, Options(**options, progress=True, compares=None))
    if crossovers:
        require_line(prepared)
    result = run_sweep(prepared, folder)
    say("\n".join(map(one_line, result.sentence().splitlines())))
    line = along(prepared, result, crossovers)
    if line is not None:
        say("\n".join(map(one_line, sentences(line))))
    require_all(result)


@click.command()
@click.argument("scenario")
@click.option("--objectives", default="latency,energy,accuracy", show_default=True, help="Two or three of them.")
@click.option("--budget", type=click.IntRange(1), default=2000, show_default=True, help="Most points to compute.")
@click.option("-o", "directory", type=Path, help="Folder of the front; results/<scenario>-front if left out.")
@click.option(
    "--for", "environments", multiple=True, metavar="PATH=VALUES", help="An axis that nature chooses, such as a rate."
)
@OVER
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


@click.command("map")
@click.argument("scenario")
@click.option("--x", required=True, metavar="PATH=VALUES", help="Axis over the bottom: a,b,c or lo:hi:n[:log].")
@click.option("--y", required=True, metavar="PATH=VALUES", help="Axis up the side.")
@click.option("--objective", type=click.Choice(["latency", "energy"]), default="latency", show_default=True)
@click.option("-o", "directory", type=Path, help="Folder of the map; results/<scenario>-map if left out.")
@with_points
def map_(scenario: str, x: str, y: str, objective: str, directory: Path | None, **options: Any) -> None:
    """Find out which policy wins where over a plane of two axes, and by how much.

    Nobody is named where the difference is within its interval, or no policy has a steady state.
    """
    from simulator.figures.maps import MAP_FIGURES
    from simulator.reports.map import render
    from simulator.scenario.load import load_scenario
    from simulator.studies.map import map_winners
    from simulator.studies.sweeps.run import require_all
    from simulator.studies.sweeps.sweep import Options

    loaded = load_scenario(scenario, options.pop("overrides"), options.pop("seed"))
    folder = directory or Path("results") / f"{loaded.scenario.name}-map"
    found = map_winners(loaded, x, y, objective, Options(**options, progress=True), folder, MAP_FIGURES)
    show(render(found))
    if found.sweep is not None:
        require_all(found.sweep)
