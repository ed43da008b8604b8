"""The command ``offload-sim``: verbs that read their arguments and hand on to the analysis, nothing else.

Exit codes: 0 done; 2 the user's mistake, on standard error; 130 interrupted. Every verb imports what it needs when it
is called, so that help appears at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from simulator import cli_output
from simulator.cli_options import ENGINE, SEED, SET, with_points
from simulator.cli_output import say
from simulator.cli_output import show as _show
from simulator.errors import OffloadSimError, OutputError, did_you_mean
from simulator.outputs import STANDARD_OUTPUT
from simulator.printable import one_line, printable

KINDS = ("models", "devices", "radios", "traces", "generators", "samples", "policies", "scenarios")
WRONG, INTERRUPTED = 2, 130


class Verbs(click.Group):
    """The command itself: what every verb has in common when something goes wrong."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the command and end the process; what the user can mend becomes text on standard error."""
        code = WRONG
        try:
            cli_output.prepare_streams()
            done = super().main(*args, **{**options, "standalone_mode": False})
            cli_output.flush()
            code = done if isinstance(done, int) else 0
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # it belongs to this error alone
            error.show()
            code = error.exit_code
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            cli_output.forget_output()
            code = 0
        except OffloadSimError as error:
            cli_output.complain(str(error))
            if isinstance(error, OutputError):
                cli_output.forget_output()
        except OSError as error:  # a disk or mount that no verb expects to fail
            where = f'"{error.filename}": ' if error.filename else ""
            cli_output.complain(one_line(f"{where}{error.strerror or error}"))
            cli_output.forget_output()
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; Ctrl-C ends it with one word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # click would call this a failure
            cli_output.forget_output()
            return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a verb; an unknown one is answered with the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            _fail(f'unknown command "{one_line(args[0])}"\n    {did_you_mean(args[0], list(self.commands))}', WRONG)
        return super().resolve_command(ctx, args)


def _fail(text: str, code: int) -> NoReturn:
    cli_output.complain(text)
    raise click.exceptions.Exit(code)


def _tell(lines: Sequence[str], written: Sequence[Path]) -> None:
    """Say what was done and where it went; on standard error where standard output is the file that was wanted."""
    if STANDARD_OUTPUT not in written:
        say("\n".join([*lines, *(f"written to {one_line(str(path))}" for path in written)]))
    elif lines:
        cli_output.complain("\n".join(lines))


def _shape(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """The option ``1,3,224,224`` as a tuple."""
    if text is None:
        return None
    if "=" in text:
        hint = "a profile has one input; wrap the model in a module that takes one tensor and makes the others"
        raise click.BadParameter(f'"{text}" names an input: {hint}', ctx, option)
    if not re.fullmatch(r"[1-9][0-9]{0,8}(,[1-9][0-9]{0,8})*", text):
        raise click.BadParameter(f'"{text}" is not a shape: write 1,3,224,224', ctx, option)
    return tuple(map(int, text.split(",")))


def _size(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[float, float] | None:
    """The option ``3.5x2.4`` as a tuple."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)x([0-9]{1,3}(?:\.[0-9]{1,6})?)", text)
    if match is None:
        raise click.BadParameter(f'"{text}" is not a size: write width and height in inches, like 3.5x2.4', ctx, option)
    return float(match.group(1)), float(match.group(2))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="offload-sim", prog_name="offload-sim")
def cli() -> None:
    """Find out where a neural network should run: on the device, on the edge server, or split between them.

    SCENARIO is a YAML file or the name of a built-in scenario (`offload-sim list scenarios`).
    """


@cli.command()
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
    from simulator.analysis.report import render
    from simulator.analysis.result_folder import default_folder
    from simulator.analysis.run import run_scenario
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or default_folder(loaded.scenario.name, overrides, seed)
    result = run_scenario(loaded, engine, folder, plots=not no_plots, progress=True, replace=replace)
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
    say(f"{one_line(loaded.file)}: no problems")
    for warning in warnings:
        say(f"Warning: {warning}")


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
@click.option("-o", "file", type=Path, help="File to write; <name>.json if left out, - for standard output.")
def profile(source: str, shape: tuple[int, ...] | None, exits: str, file: Path | None) -> None:
    """Extract the layer graph of a model into a profile.

    SOURCE is torchvision:NAME, timm:NAME, hf:NAME, or package.module:factory for a function of your own that returns
    a module (needs the extra "profiling"), or FILE.onnx (needs the extra "onnx"). With :deployed behind a module,
    branches for training are merged as for inference.
    """
    from simulator.analysis.catalogue import model_view
    from simulator.analysis.staging import write_file
    from simulator.profiling.source import profile_of

    names = tuple(name.strip() for name in exits.split(",") if name.strip())
    tell = cli_output.to_stderr() if sys.stderr.isatty() else None  # in a file, messages are all that is wanted
    extracted = profile_of(source, shape, names, tell)
    target = file or Path(f"{extracted.name}.json")
    write_file(target, extracted.text.encode())
    _show(model_view(extracted), to_error=target == STANDARD_OUTPUT)
    _tell((), [target])


@cli.command()
@click.argument("profile")
@click.option("--at", required=True, metavar="CUT", help="Name of a cut, or of the module after which to cut.")
@click.option("--model", "source", metavar="SOURCE", help="The model itself (default: the source of the profile).")
@click.option("-o", "folder", required=True, type=Path, help="Folder for the two files.")
def cut(profile: str, at: str, source: str | None, folder: Path) -> None:
    """Write the two halves of a model: what runs before a cut, and what runs behind it.

    PROFILE is a built-in profile or a JSON file. SOURCE is FILE.onnx (the file of the profile, or one that was exported
    from its module; extra "onnx"), which gives head.onnx and tail.onnx, or torchvision:NAME, timm:NAME, hf:NAME or
    package.module:factory (extra "profiling"), which gives head.pt2 and tail.pt2 for torch.export.load. What the head
    returns first is, in order, what the tail takes.
    """
    from simulator.profiling.model import load_profile
    from simulator.profiling.source import halves_of

    loaded = load_profile(profile)
    halves = halves_of(loaded, at, source or loaded.source, folder)
    for name, shape, size in halves.crossing:
        say(one_line(f"{name} crosses: {'x'.join(str(extent) for extent in shape)}, {size} bytes"))
    if halves.weights:
        say(one_line(halves.weights))
    _tell((), [halves.head, halves.tail])


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
@click.option(
    "--yaml", "as_file", is_flag=True, help="Print the file itself, ready to copy (of models JSON, of traces CSV)."
)
def show(kind: str, name: str, as_file: bool) -> None:
    """Show one built-in thing in full.

    KIND is model, device, radio, trace, generator, samples, policy or scenario; NAME is one that `list` prints.
    """
    from simulator.analysis.catalogue import file_text, show_view

    if as_file:
        say(file_text(kind, name).removesuffix("\n"))
    else:
        _show(show_view(kind, name))


@cli.command()
@click.option("-o", "file", type=Path, help="File to write; standard output if left out.")
def schema(file: Path | None) -> None:
    """Write the JSON Schema of scenario files.

    Editors complete and check scenario files with it.
    """
    import json

    from simulator.analysis.staging import write_file
    from simulator.scenario.json_schema import scenario_schema

    text = json.dumps(scenario_schema(), indent=2, ensure_ascii=False)
    write_file(file or STANDARD_OUTPUT, f"{text}\n".encode())


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
    say("\n".join(map(one_line, result.sentence().splitlines())))
    require_all(result)


@cli.command()
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
    from simulator.analysis.front_report import render
    from simulator.analysis.optimise import optimise as find
    from simulator.analysis.pareto import read_objectives
    from simulator.analysis.sweep import Options, Sweep
    from simulator.analysis.sweep_run import require_all
    from simulator.scenario.load import load_scenario

    objectives = read_objectives(options.pop("objectives"))
    loaded = load_scenario(scenario, options.pop("overrides"), options.pop("seed"))
    folder = directory or Path("results") / f"{loaded.scenario.name}-front"
    sweep = Sweep(loaded, over, Options(**options, progress=True), environments)
    found = find(sweep, objectives, folder, budget)
    _show(render(found))
    require_all(found.sweep)


@cli.command()
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
    from simulator.analysis.redraw import draw, sweep_report, table_of

    if form is not None:
        say(table_of(directory, form).removesuffix("\n"))
        return
    for drawn in draw(directory, format_, **look):
        say(one_line(str(drawn)))
    report = sweep_report(directory)
    if report is not None:
        _show(report)


@cli.group(cls=Verbs)
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
    from simulator.analysis.trace_files import read_measurement, write_figure
    from simulator.analysis.trace_info import info_text

    read = read_measurement(**reading)
    if file is not None:
        write_figure(read, file)
    _tell([info_text(read)], [] if file is None else [file])


@trace.command("import")
@_reads_a_measurement
@click.option("-o", "file", type=Path, help="CSV to write; <FILE>.trace.csv in the working directory if left out.")
def import_(file: Path | None, **reading: Any) -> None:
    """Turn a measurement into a trace for scenarios (CSV: time_s,rate_bps), and say what was dropped and why.

    Any table is read by its columns, named as in its header or by number: --time 1:ms --rate "Throughput:kbit/s".
    A row's rate holds until the next row.
    """
    from simulator.analysis.trace_files import read_measurement, write_trace
    from simulator.analysis.trace_info import report_lines

    read = read_measurement(**reading)
    target = write_trace(read, file)
    head = one_line(f"{read.file}: {read.format}, {read.direction}")
    _tell([head, *report_lines(read)], [target])


@trace.command()
@_reads_a_measurement
@click.option("-o", "file", type=Path, help="YAML to write, a figure (.svg) beside it; <FILE>.yaml if left out.")
def fit(file: Path | None, **reading: Any) -> None:
    """Fit a generator: a Markov-modulated rate, or Gilbert-Elliott losses to packet logs and pings."""
    from simulator.analysis.trace_files import read_measurement, write_fit
    from simulator.analysis.trace_fit import fit_text, fit_trace

    fitted = fit_trace(read_measurement(**reading))
    written = write_fit(fitted, file)
    _tell([fit_text(fitted)], written)


@trace.command()
@_reads_a_measurement
@click.option("--below", required=True, metavar="RATE", help='Rate below which the link is blocked: "5 Mbit/s".')
def blockage(below: str, **reading: Any) -> None:
    """Print the link of two states, clear and blocked, that a measurement suggests; scenarios take it as a channel."""
    from simulator.analysis.trace_files import read_measurement
    from simulator.analysis.trace_fit import blockage_text
    from simulator.units import parse

    say(blockage_text(read_measurement(**reading), parse(below, "bit rate")))


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
