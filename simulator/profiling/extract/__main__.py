"""``python -m simulator.profiling.extract``: extract all shipped profiles anew (``make profiles``)."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from simulator.errors import OffloadSimError
from simulator.paths import folder
from simulator.profiling.extract.batch import chosen, extract_all


def main() -> int:
    """Run the command; the exit code is 2 for a mistake of the user."""
    parser = argparse.ArgumentParser(prog="python -m simulator.profiling.extract", description="Extract the profiles.")
    parser.add_argument("names", nargs="*", help="profiles to extract; all if none are named")
    parser.add_argument("-o", "--output", type=Path, default=folder("model"), help="folder (default: %(default)s)")
    parser.add_argument("-j", "--processes", type=int, default=2, help="processes (default: %(default)s)")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    started = time.perf_counter()
    try:
        entries = chosen(arguments.names)
        total = extract_all(entries, arguments.output, max(1, arguments.processes), console)
    except OffloadSimError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    seconds = time.perf_counter() - started
    console.print(
        f"{len(entries)} profiles, {total / 1e6:.2f} MB, {seconds:.0f} s, in {arguments.output}", markup=False
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
