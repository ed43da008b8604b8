"""offload-sim: find out where a neural network should run, on the device, on the edge server, or split.

The functions here are the Python interface; the command ``offload-sim`` does the same from a shell. Importing the
package loads nothing heavy: each function imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.analysis.result import Result
    from simulator.errors import Problem
    from simulator.profiling.model import ModelProfile

__all__ = ["check", "load_profile", "load_result", "run"]


def run(
    scenario: str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str = "auto",
    output_dir: str | Path | None = None,
) -> Result:
    """Run a scenario.

    Parameters
    ----------
    scenario : str, Path or dict
        Name of a built-in scenario, a file, or the same content as a dictionary.
    overrides : sequence of str
        Changes such as ``"link.uplink.rate=2 Mbit/s"``.
    seed : int, optional
        Instead of the scenario's own.
    engine : {"auto", "reference", "fast"}
        ``auto`` takes the engine that will be finished sooner; the result is the same.
    output_dir : str or Path, optional
        Folder to write the result into; nothing is written without it.

    Returns
    -------
    Result
        With ``.summary`` and ``.requests`` (pandas) and ``.plot.<name>()`` (matplotlib figures).

    Raises
    ------
    simulator.errors.OffloadSimError
        Listing everything that is wrong with the scenario.

    Examples
    --------
    >>> import simulator
    >>> result = simulator.run("first")
    >>> float(result.summary["latency_mean_s"].min()) > 0
    True
    """
    from simulator.analysis.run import run_scenario
    from simulator.scenario.load import load_scenario

    loaded = load_scenario(_plain(scenario), overrides, seed)
    return run_scenario(loaded, engine, None if output_dir is None else Path(output_dir))


def check(scenario: str | Path | Mapping[str, Any]) -> list[Problem]:
    """List every problem of a scenario; empty when it can run."""
    from simulator.analysis.check import check as check_loaded
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load_scenario

    try:
        return check_loaded(load_scenario(_plain(scenario)))
    except ScenarioError as error:
        return list(error.problems)


def load_profile(name: str | Path) -> ModelProfile:
    """Read a model profile by name or file: ``.macs``, ``.params``, ``.layers`` and ``.cuts`` (data frames)."""
    from simulator.profiling.model import load_profile as load

    return load(name)


def load_result(directory: str | Path) -> Result:
    """Read back the folder of a finished run."""
    from simulator.analysis.result import load_result as load

    return load(directory)


def _plain(scenario: str | Path | Mapping[str, Any]) -> str | Path | dict[str, Any]:
    return dict(scenario) if isinstance(scenario, Mapping) else scenario
