"""What all verbs have in common: how they end when something goes wrong, and how they say what they did.

Exit codes: 0 done; 2 the user's mistake, on standard error; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from simulator.cli import output
from simulator.errors import OffloadSimError, OutputError, did_you_mean
from simulator.outputs import STANDARD_OUTPUT
from simulator.printable import one_line, printable

WRONG, INTERRUPTED = 2, 130


class Verbs(click.Group):
    """The command itself: what every verb has in common when something goes wrong."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the command and end the process; what the user can mend becomes text on standard error."""
        code = WRONG
        try:
            output.prepare_streams()
            done = super().main(*args, **{**options, "standalone_mode": False})
            output.flush()
            code = done if isinstance(done, int) else 0
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc]  # it belongs to this error alone
            error.show()
            code = error.exit_code
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            output.forget_output()
            code = 0
        except OffloadSimError as error:
            output.complain(str(error))
            if isinstance(error, OutputError):
                output.forget_output()
        except OSError as error:  # a disk or mount that no verb expects to fail
            where = f'"{error.filename}": ' if error.filename else ""
            output.complain(one_line(f"{where}{error.strerror or error}"))
            output.forget_output()
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; Ctrl-C ends it with one word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        except BrokenPipeError:  # click would call this a failure
            output.forget_output()
            return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a verb; an unknown one is answered with the nearest."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            _fail(f'unknown command "{one_line(args[0])}"\n    {did_you_mean(args[0], list(self.commands))}', WRONG)
        return super().resolve_command(ctx, args)


def _fail(text: str, code: int) -> NoReturn:
    output.complain(text)
    raise click.exceptions.Exit(code)


def tell(lines: Sequence[str], written: Sequence[Path]) -> None:
    """Say what was done and where it went; on standard error where standard output is the file that was wanted."""
    if STANDARD_OUTPUT not in written:
        output.say("\n".join([*lines, *(f"written to {one_line(str(path))}" for path in written)]))
    elif lines:
        output.complain("\n".join(lines))
