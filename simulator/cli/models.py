"""Verbs for models: extract a profile, and write the two halves of a model."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import click

from simulator.cli import output
from simulator.cli.output import say, show
from simulator.cli.verbs import tell
from simulator.outputs import STANDARD_OUTPUT
from simulator.printable import one_line


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


@click.command()
@click.argument("source")
@click.option("--input", "shape", callback=_shape, metavar="1,3,224,224", help="If the source does not know its input.")
@click.option("--exits", default="", metavar="NAME,...", help="Outputs of an ONNX file that are early exits.")
@click.option(
    "--bottleneck",
    metavar="at=CUT,channels=12,stride=2,bits=8",
    help="Inject an encoder, a quantiser and a decoder there; the cut bottleneck.encoder lies between them.",
)
@click.option("--top1", type=click.FloatRange(0, 1), metavar="SHARE", help="Its accuracy, where you have measured it.")
@click.option("--top1-source", default="given by the user", metavar="TEXT", help="Who says so.")
@click.option("-o", "file", type=Path, help="File to write; <name>.json if left out, - for standard output.")
def profile(
    source: str,
    shape: tuple[int, ...] | None,
    exits: str,
    bottleneck: str | None,
    top1: float | None,
    top1_source: str,
    file: Path | None,
) -> None:
    """Extract the layer graph of a model into a profile.

    SOURCE is torchvision:NAME, timm:NAME, hf:NAME, or package.module:factory for a function of your own that returns
    a module (needs the extra "profiling"), or FILE.onnx (needs the extra "onnx"). With :deployed behind a module,
    branches for training are merged as for inference.
    """
    from simulator.profiling.extract.sources import BOTTLENECK
    from simulator.profiling.source import profile_of
    from simulator.reports.catalogue import model_view
    from simulator.staging import write_file

    names = tuple(name.strip() for name in exits.split(",") if name.strip())
    progress = output.to_stderr() if sys.stderr.isatty() else None  # in a file, messages are all that is wanted
    wanted = source if bottleneck is None else f"{source}{BOTTLENECK}{bottleneck}"
    extracted = profile_of(wanted, shape, names, progress)
    if top1 is not None:
        extracted = replace(extracted, top1=top1, top1_source=one_line(top1_source) or None)
    target = file or Path(f"{extracted.name}.json")
    write_file(target, extracted.text.encode())
    show(model_view(extracted), to_error=target == STANDARD_OUTPUT)
    tell((), [target])


@click.command()
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
    tell((), [halves.head, halves.tail])
