"""The command ``offload-sim``: verbs that read their arguments and hand on, nothing else.

Every verb imports what it needs when it is called, so that help appears at once.
"""

from __future__ import annotations

import gc
import os
import sys

import click

from simulator.cli import builtin, models, points, runs, traces
from simulator.cli.verbs import INTERRUPTED, Verbs


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="offload-sim", prog_name="offload-sim")
def cli() -> None:
    """Find out where a neural network should run: on the device, on the edge server, or split between them.

    SCENARIO is a YAML file or the name of a built-in scenario (`offload-sim list scenarios`).
    """


for _verb in (
    *(runs.run, runs.check, runs.explain, runs.plot),
    *(points.sweep, points.optimise, points.map_),
    *(models.profile, models.cut),
    *(builtin.list_, builtin.show, builtin.schema),
    traces.trace,
):
    cli.add_command(_verb)


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
    finally:
        # before it ends Python would look for garbage in all that was loaded: a third of a second after a fast run
        gc.freeze()
