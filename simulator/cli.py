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

from simulator.errors import OffloadSimError, did_you_mean

if TYPE_CHECKING:
    from rich.console import RenderableType

KINDS = ("models", "devices", "radios", "traces", "policies", "scenarios")
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


_SET = click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help='Such as link.uplink.rate="2 Mbit/s".'
)
_SEED = click.option("--seed", type=int, help="Instead of the scenario's own.")


@cli.command()
@click.argument("scenario")
@click.option("-o", "directory", type=Path, help="Folder of the result; results/<scenario> if left out.")
@_SEED
@_SET
@click.option("--engine", type=click.Choice(["auto", "reference", "fast"]), default="auto", show_default=True)
@click.option("--no-plots", is_flag=True, help="Write the tables only.")
def run(
    scenario: str, directory: Path | None, seed: int | None, overrides: tuple[str, ...], engine: str, no_plots: bool
) -> None:
    """Simulate every policy of a scenario, print the comparison, write the result."""
    from simulator.analysis.report import render
    from simulator.analysis.run import run_scenario
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides, seed)
    folder = directory or Path("results") / loaded.scenario.name
    result = run_scenario(loaded, engine, folder, plots=not no_plots, progress=True)
    _show(render(result))


@cli.command()
@click.argument("scenario")
@_SET
def check(scenario: str, overrides: tuple[str, ...]) -> None:
    """List every problem of a scenario with its place in the file."""
    from simulator.analysis.check import check as problems_of
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(scenario, overrides)
    problems = problems_of(loaded)
    if problems:
        raise ScenarioError(problems)
    click.echo(f"{loaded.file}: no problems")


@cli.command()
@click.argument("scenario")
@_SET
def explain(scenario: str, overrides: tuple[str, ...]) -> None:
    """Print the candidate partitions, their predicted cost, and which one each policy takes."""
    from simulator.analysis.explain import explain as explained
    from simulator.scenario.load import load_scenario

    _show(explained(load_scenario(scenario, overrides)))


@cli.command()
@click.argument("source")
@click.option("--input", "shape", callback=_shape, metavar="1,3,224,224", help="If the source does not know its input.")
@click.option("-o", "file", type=Path, help="File to write; <name>.json if left out.")
def profile(source: str, shape: tuple[int, ...] | None, file: Path | None) -> None:
    """Extract a model profile from torchvision:NAME, timm:NAME, hf:NAME or package.module:factory."""
    from simulator.analysis.catalogue import model_view
    from simulator.profiling.extract import extract

    extracted = extract(source, shape)
    target = file or Path(f"{extracted.name}.json")
    extracted.save(target)
    _show(model_view(extracted))
    click.echo(f"written to {target}")


@cli.command("list")
@click.argument("kind", type=click.Choice(KINDS))
def list_(kind: str) -> None:
    """List what is built in: models, devices, radios, traces, policies or scenarios."""
    from simulator.analysis.catalogue import list_view

    _show(list_view(kind))


@cli.command()
@click.argument("kind", type=click.Choice([*KINDS, "model", "device", "radio", "trace", "policy", "scenario"]))
@click.argument("name")
def show(kind: str, name: str) -> None:
    """Show one model, device, radio, trace, policy or scenario in full."""
    from simulator.analysis.catalogue import show_view

    _show(show_view(kind, name))


@cli.command()
@click.option("-o", "file", type=Path, help="File to write; standard output if left out.")
def schema(file: Path | None) -> None:
    """Write the JSON Schema of scenario files, for completion in editors."""
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
@click.argument("directory", type=Path)
@click.option("--format", "format_", type=click.Choice(["svg", "png", "pdf"]), default="svg", show_default=True)
def plot(directory: Path, format_: str) -> None:
    """Draw the figures of a finished run again."""
    from simulator.analysis.plots import draw_all
    from simulator.analysis.result import load_result

    for drawn in draw_all(load_result(directory), directory / "figures", format_):
        click.echo(str(drawn))


def main() -> None:
    """Entry point of the command."""
    cli(prog_name="offload-sim")
