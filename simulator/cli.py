"""The command ``offload-sim``: verbs that read their arguments and hand on to the analysis, nothing else.

Exit codes: 0 done; 2 the user's mistake, on standard error; 130 interrupted. Every verb imports what it needs when it
is called, so that help appears at once.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from simulator.cli_options import ENGINE, SEED, SET, with_points
from simulator.errors import OffloadSimError, did_you_mean

if TYPE_CHECKING:
    from rich.console import RenderableType

KINDS = ("models", "devices", "radios", "traces", "generators", "samples", "policies", "scenarios")
WRONG, INTERRUPTED = 2, 130


class Verbs(click.Group):
    """The command itself: what every verb has in common when something goes wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb and turn what the user can mend into plain text on standard error."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()
            return done
        except OffloadSimError as error:
            _fail(str(error), WRONG)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a verb; an unknown one is answered with the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            _fail(f'unknown command "{args[0]}"\n    {did_you_mean(args[0], list(self.commands))}', WRONG)
        return super().resolve_command(ctx, args)


def _fail(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    raise click.exceptions.Exit(code)


def _show(view: RenderableType) -> None:
    from rich.console import Console
    from rich.text import Text

    # a table in a file or a pipe is as wide as it needs to be, and a text is never broken
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(view, soft_wrap=isinstance(view, Text))


def _shape(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """The option ``1,3,224,224`` as a tuple."""
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*", text):
        raise click.BadParameter(f'"{text}" is not a shape: write 1,3,224,224', ctx, option)
    return tuple(map(int, text.split(",")))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="offload-sim", prog_name="offload-sim")
def cli() -> None:
    """Find out where a neural network should run: on the device, on the edge server, or split between them.

    SCENARIO is a YAML file or the name of a built-in scenario (`offload-sim list scenarios`).
    """


@cli.command()
@click.argument("scenario")
@click.option("-o", "directory", type=Path, help="Folder of the result; results/<scenario> if left out.")
@SEED
@SET
@ENGINE
@click.option("--no-plots", is_flag=True, help="Write the tables only.")
def run(
    scenario: str, directory: Path | None, seed: int | None, overrides: tuple[str, ...], engine: str, no_plots: bool
) -> None:
    """Simulate every policy, print the comparison, write the result."""
    from simulator.analysis.report import render
    from simulator.analysis.run import run_scenario
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or Path("results") / loaded.scenario.name
    result = run_scenario(loaded, engine, folder, plots=not no_plots, progress=True)
    _show(render(result))


@cli.command()
@click.argument("scenario")
@SET
def check(scenario: str, overrides: tuple[str, ...]) -> None:
    """List every problem of a scenario with its place in the file."""
    from simulator.analysis.check import check as problems_of
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides)
    problems, warnings = problems_of(loaded)
    if problems:
        raise ScenarioError(problems)
    click.echo(f"{loaded.file}: no problems")
    for warning in warnings:
        click.echo(f"Warning: {warning}")


@cli.command()
@click.argument("scenario")
@SET
def explain(scenario: str, overrides: tuple[str, ...]) -> None:
    """Print the candidate partitions and which one each policy takes.

    Each row is a place to cut the model, with its predicted times, bytes and energy, without queues.
    """
    from simulator.analysis.explain import explain as explained
    from simulator.scenario.load import load_scenario

    _show(explained(load_scenario(scenario, overrides)))


@cli.command()
@click.argument("source")
@click.option("--input", "shape", callback=_shape, metavar="1,3,224,224", help="If the source does not know its input.")
@click.option("--exits", default="", metavar="NAME,...", help="Outputs of an ONNX file that are early exits.")
@click.option("-o", "file", type=Path, help="File to write; <name>.json if left out.")
def profile(source: str, shape: tuple[int, ...] | None, exits: str, file: Path | None) -> None:
    """Extract the layer graph of a model into a profile.

    SOURCE is torchvision:NAME, timm:NAME, hf:NAME, or package.module:factory for a function of your own that returns
    a module (needs the extra "profiling"), or FILE.onnx (needs the extra "onnx").
    """
    from simulator.analysis.catalogue import model_view
    from simulator.profiling.source import profile_of

    extracted = profile_of(source, shape, tuple(name.strip() for name in exits.split(",") if name.strip()))
    target = file or Path(f"{extracted.name}.json")
    extracted.save(target)
    _show(model_view(extracted))
    click.echo(f"written to {target}")


@cli.command()
@click.argument("profile")
@click.option("--at", required=True, metavar="CUT", help="Name of a cut, or of the module after which to cut.")
@click.option("--model", "file", required=True, type=Path, metavar="FILE.onnx", help="The model of the profile.")
@click.option("-o", "folder", required=True, type=Path, help="Folder for head.onnx and tail.onnx.")
def cut(profile: str, at: str, file: Path, folder: Path) -> None:
    """Write the two halves of an ONNX file: what runs before a cut, and what runs behind it.

    PROFILE is a built-in profile or a JSON file, made from the file itself or from the module that it was exported
    from. The outputs of head.onnx are the inputs of tail.onnx. Needs the extra "onnx".
    """
    from simulator.profiling.model import load_profile
    from simulator.profiling.onnx.halves import write_halves

    halves = write_halves(load_profile(profile), at, file, folder)
    for name, shape, size in halves.crossing:
        click.echo(f"{name} crosses: {'x'.join(str(extent) for extent in shape)}, {size} bytes")
    click.echo(f"written to {halves.head} and {halves.tail}")


@cli.command("list")
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
def list_(kind: str) -> None:
    """List what is built in, one kind at a time.

    KIND is models, devices, radios, traces, generators, samples, policies or scenarios.
    """
    from simulator.analysis.catalogue import list_view

    _show(list_view(kind))


@cli.command()
@click.argument(
    "kind",
    type=click.Choice([*KINDS, "model", "device", "radio", "trace", "generator", "policy", "scenario"]),
    metavar="KIND",
)
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Show one built-in thing in full.

    KIND is model, device, radio, trace, generator, samples, policy or scenario; NAME is one that `list` prints.
    """
    from simulator.analysis.catalogue import show_view

    _show(show_view(kind, name))


@cli.command()
@click.option("-o", "file", type=Path, help="File to write; standard output if left out.")
def schema(file: Path | None) -> None:
    """Write the JSON Schema of scenario files.

    Editors complete and check scenario files with it.
    """
    import json

    from simulator.analysis.staging import StagedFiles
    from simulator.scenario.json_schema import scenario_schema

    text = json.dumps(scenario_schema(), indent=2, ensure_ascii=False)
    if file is None:
        click.echo(text)
        return
    with StagedFiles(file.parent) as staged:
        staged.write_bytes(file.name, f"{text}\n".encode())
        staged.commit()


@cli.command()
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
    from simulator.analysis.sweep import Options, Sweep
    from simulator.analysis.sweep_run import require_all, run_sweep
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or Path("results") / f"{loaded.scenario.name}-sweep"
    result = run_sweep(Sweep(loaded, over, Options(**options, progress=True)), folder)
    click.echo(result.sentence())
    require_all(result)


@cli.command()
@click.argument("scenario")
@click.option("--objectives", default="latency,energy,accuracy", show_default=True, help="Two or three of them.")
@click.option("--budget", type=click.IntRange(1), default=2000, show_default=True, help="Most points to compute.")
@click.option("-o", "directory", type=Path, help="Folder of the front; results/<scenario>-front if left out.")
@with_points
def optimise(scenario: str, directory: Path | None, over: tuple[str, ...], budget: int, **options: Any) -> None:
    """Find the Pareto front of latency, energy and accuracy over the axes and the policies."""
    from simulator.analysis.front_report import render
    from simulator.analysis.optimise import optimise as find
    from simulator.analysis.pareto import read_objectives
    from simulator.analysis.sweep import Options, Sweep
    from simulator.analysis.sweep_run import require_all
    from simulator.scenario.load import load_scenario

    objectives = read_objectives(options.pop("objectives"))
    loaded = load_scenario(scenario, options.pop("overrides"), options.pop("seed"))
    folder = directory or Path("results") / f"{loaded.scenario.name}-front"
    found = find(Sweep(loaded, over, Options(**options, progress=True)), objectives, folder, budget)
    _show(render(found))
    require_all(found.sweep)


@cli.command()
@click.argument("directory", type=Path)
@click.option("--format", "format_", type=click.Choice(["svg", "png", "pdf"]), default="svg", show_default=True)
def plot(directory: Path, format_: str) -> None:
    """Draw the figures of a finished run again, into DIRECTORY/figures."""
    from simulator.analysis.plots import draw_all
    from simulator.analysis.result import load_result

    for drawn in draw_all(load_result(directory), directory / "figures", format_):
        click.echo(str(drawn))


@cli.group(cls=Verbs)
def trace() -> None:
    """Read measured traces: what is in a file, as a trace for scenarios, as a generator."""


_MEASUREMENT = click.argument("measurement", metavar="FILE")
_FORMAT = click.option("--format", "format_", default="auto", show_default=True, help="Name of the format of FILE.")
_WINDOW = click.option(
    "--window", default="1 s", show_default=True, help="Time over which logged packets (Mahimahi, nuttcp) are a rate."
)


@trace.command()
@_MEASUREMENT
@_FORMAT
@_WINDOW
@click.option("-o", "file", type=Path, help="Also draw the trace, as .svg, .png or .pdf.")
def info(measurement: str, format_: str, window: str, file: Path | None) -> None:
    """Print direction, duration, step, mean, percentiles and outages of a measurement, with a sketch of it."""
    from simulator.analysis.trace_files import read_measurement, write_figure
    from simulator.analysis.trace_info import info_text

    read = read_measurement(measurement, format_, window)
    if file is not None:
        write_figure(read, file)
    click.echo(info_text(read))


@trace.command("import")
@_MEASUREMENT
@_FORMAT
@_WINDOW
@click.option("-o", "file", type=Path, help="CSV to write; <FILE>.trace.csv in the working directory if left out.")
def import_(measurement: str, format_: str, window: str, file: Path | None) -> None:
    """Turn a measurement into a trace for scenarios (CSV: time_s,rate_bps), and say what was dropped and why."""
    from simulator.analysis.trace_files import read_measurement, write_trace
    from simulator.analysis.trace_info import report_lines

    read = read_measurement(measurement, format_, window)
    target = write_trace(read, file)
    head = f"{read.file}: {read.format}, {read.direction}"
    click.echo("\n".join([head, *report_lines(read), f"written to {target}"]))


@trace.command()
@_MEASUREMENT
@_FORMAT
@_WINDOW
@click.option("-o", "file", type=Path, help="YAML to write, a figure (.svg) beside it; <FILE>.yaml if left out.")
def fit(measurement: str, format_: str, window: str, file: Path | None) -> None:
    """Fit a generator: a Markov-modulated rate, or Gilbert-Elliott losses to packet logs and pings."""
    from simulator.analysis.trace_files import read_measurement, write_fit
    from simulator.analysis.trace_fit import fit_text, fit_trace

    fitted = fit_trace(read_measurement(measurement, format_, window))
    written = write_fit(fitted, file)
    click.echo("\n".join([fit_text(fitted), *(f"written to {path}" for path in written)]))


@trace.command()
@_MEASUREMENT
@click.option("--below", required=True, metavar="RATE", help='Rate below which the link is blocked: "5 Mbit/s".')
@_FORMAT
@_WINDOW
def blockage(measurement: str, below: str, format_: str, window: str) -> None:
    """Print the link of two states, clear and blocked, that a measurement suggests; scenarios take it as a channel."""
    from simulator.analysis.trace_files import read_measurement
    from simulator.analysis.trace_fit import blockage_text
    from simulator.units import parse

    click.echo(blockage_text(read_measurement(measurement, format_, window), parse(below, "bit rate")))


def main() -> None:
    """Entry point of the command."""
    try:
        cli(prog_name="offload-sim")
    except SystemExit as done:
        if done.code == INTERRUPTED:
            sys.stdout.flush()
            sys.stderr.flush()
            # everything is closed by now; Python itself would end by the signal where it struck inside an exec()
            os._exit(INTERRUPTED)
        raise
