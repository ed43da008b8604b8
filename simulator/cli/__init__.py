"""The command line: one file for each family of verbs, put together in `simulator.cli.command`."""

from simulator.cli.command import cli, main

__all__ = ["cli", "main"]
