"""Verbs for what is built in: list it, show it; and the schema of scenario files."""

from __future__ import annotations

from pathlib import Path

import click

from simulator.cli import output
from simulator.outputs import STANDARD_OUTPUT

KINDS = ("models", "devices", "radios", "traces", "generators", "samples", "policies", "scenarios")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
def list_(kind: str) -> None:
    """List what is built in, one kind at a time.

    KIND is models, devices, radios, traces, generators, samples, policies or scenarios.
    """
    from simulator.reports.catalogue import list_view

    output.show(list_view(kind))


@click.command()
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
    from simulator.reports.catalogue import file_text, show_view

    if as_file:
        output.say(file_text(kind, name).removesuffix("\n"))
    else:
        output.show(show_view(kind, name))


@click.command()
@click.option("-o", "file", type=Path, help="File to write; standard output if left out.")
def schema(file: Path | None) -> None:
    """Write the JSON Schema of scenario files.

    Editors complete and check scenario files with it.
    """
    import json

    from simulator.scenario.json_schema import scenario_schema
    from simulator.staging import write_file

    text = json.dumps(scenario_schema(), indent=2, ensure_ascii=False)
    write_file(file or STANDARD_OUTPUT, f"{text}\n".encode())
