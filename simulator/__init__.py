"""offload-sim: find out where a neural network should run, on the device, on the edge server, or split.

The functions here are the Python interface; the command ``offload-sim`` does the same from a shell. Importing the
package loads nothing heavy: each function imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from simulator.devices.card import Card, ComputeModel
    from simulator.devices.measured import MeasuredCompute
    from simulator.devices.roofline import RooflineCompute
    from simulator.errors import OffloadSimError, Problem, ScenarioError
    from simulator.links.base import LinkKind
    from simulator.links.blockage import BlockageLink
    from simulator.links.constant import ConstantLink
    from simulator.links.lora import LoraLink
    from simulator.links.markov import MarkovLink
    from simulator.links.trace import TraceLink
    from simulator.policies.adaptive import AdaptivePolicy
    from simulator.policies.base import Policy
    from simulator.policies.best_of import BestOfPolicy
    from simulator.policies.cloud import CloudPolicy
    from simulator.policies.early_exit import EarlyExitPolicy
    from simulator.policies.edge import EdgePolicy
    from simulator.policies.local import LocalPolicy
    from simulator.policies.online import Observation, OnlinePolicy, ServerNews
    from simulator.policies.split import SplitPolicy
    from simulator.profiling.model import ModelProfile
    from simulator.studies.map import WinnerMap
    from simulator.studies.result import Result
    from simulator.studies.sweeps.data import SweepData
    from simulator.studies.sweeps.sweep import Sweep

#: classes for those who write a kind of their own, or a scenario in Python, and where each of them is
_CLASSES = {
    "AdaptivePolicy": "simulator.policies.adaptive",
    "BestOfPolicy": "simulator.policies.best_of",
    "BlockageLink": "simulator.links.blockage",
    "Card": "simulator.devices.card",
    "CloudPolicy": "simulator.policies.cloud",
    "ComputeModel": "simulator.devices.card",
    "ConstantLink": "simulator.links.constant",
    "EarlyExitPolicy": "simulator.policies.early_exit",
    "EdgePolicy": "simulator.policies.edge",
    "LinkKind": "simulator.links.base",
    "LocalPolicy": "simulator.policies.local",
    "LoraLink": "simulator.links.lora",
    "MarkovLink": "simulator.links.markov",
    "MeasuredCompute": "simulator.devices.measured",
    "Observation": "simulator.policies.online",
    "OffloadSimError": "simulator.errors",
    "OnlinePolicy": "simulator.policies.online",
    "Policy": "simulator.policies.base",
    "RooflineCompute": "simulator.devices.roofline",
    "ScenarioError": "simulator.errors",
    "ServerNews": "simulator.policies.online",
    "SplitPolicy": "simulator.policies.split",
    "TraceLink": "simulator.links.trace",
}

__all__ = [
    "AdaptivePolicy",
    "BestOfPolicy",
    "BlockageLink",
    "Card",
    "CloudPolicy",
    "ComputeModel",
    "ConstantLink",
    "EarlyExitPolicy",
    "EdgePolicy",
    "LinkKind",
    "LocalPolicy",
    "LoraLink",
    "MarkovLink",
    "MeasuredCompute",
    "Observation",
    "OffloadSimError",
    "OnlinePolicy",
    "Policy",
    "RooflineCompute",
    "ScenarioError",
    "ServerNews",
    "SplitPolicy",
    "TraceLink",
    "check",
    "load_map",
    "load_profile",
    "load_result",
    "load_sweep",
    "map_winners",
    "optimise",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public class when it is first asked for."""
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES})


def run(
    scenario: str | Path | Mapping[str, Any],
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str = "auto",
    output_dir: str | Path | None = None,
    replace: bool = False,
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
    replace : bool
        Whether the result of another scenario in that folder may be replaced; refused otherwise.

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
    from simulator.figures.runs import RUN_FIGURES
    from simulator.scenario.load import load_scenario
    from simulator.studies.run import run_scenario

    loaded = load_scenario(_plain(scenario), overrides, seed)
    folder = None if output_dir is None else Path(output_dir)
    return run_scenario(loaded, engine, folder, replace=replace, drawing=RUN_FIGURES)


def sweep(
    scenario: str | Path | Mapping[str, Any],
    over: Mapping[str, Any] | Sequence[str],
    *,
    replications: int | None = None,
    precision: float | str | None = None,
    output_dir: str | Path | None = None,
    workers: int | None = None,
    cluster: str = "",
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str = "auto",
) -> pd.DataFrame:
    """Run a scenario at every point of a grid.

    Parameters
    ----------
    scenario, overrides, seed, engine
        As in `run`.
    over : mapping or sequence of str
        Axes: ``{"link.uplink.rate": "1:50 Mbit/s:20:log", "count": [1, 10]}``, or texts like ``"count=1,10"``.
    replications : int, optional
        Instead of the scenario's own; the least number where a precision is wanted.
    precision : float or str, optional
        Relative half-width of mean latency and energy at which replications end, such as ``"2%"``.
    output_dir : str or Path, optional
        Folder of the data set; what it holds already of this sweep is not computed again.
    workers : int, optional
        Processes on this machine, one for each core if left out; 1 computes in this process. A script that uses
        more than one has its calls below ``if __name__ == "__main__":``.
    cluster : str
        Address of a Dask scheduler that computes instead.

    Returns
    -------
    pandas.DataFrame
        One row per point, policy and group: the axes (SI units), then the columns of summary.csv; over one axis of
        numbers also how far each policy is behind the best one (``latency_standing``, ``latency_behind_s``, ...).

    Raises
    ------
    simulator.errors.OffloadSimError
        For mistakes in scenario or axes, before anything runs; `SweepError` if points failed, when all others are done.

    Examples
    --------
    >>> import simulator
    >>> frame = simulator.sweep("first", {"link.uplink.rate": ["1 Mbit/s", "50 Mbit/s"]}, workers=1)
    >>> frame[frame["policy"] == "edge jpeg"]["latency_mean_s"].is_monotonic_decreasing
    True
    """
    from tempfile import TemporaryDirectory

    from simulator.studies.sweeps.run import require_all, run_sweep

    options = {"workers": workers, "cluster": cluster, "engine": engine, "compares": None}
    prepared = _prepared(scenario, overrides, seed, over, (), replications, precision, options)
    with TemporaryDirectory() as temporary:
        result = run_sweep(prepared, Path(output_dir or temporary))
        require_all(result)
        return result.frame()


def optimise(
    scenario: str | Path | Mapping[str, Any],
    over: Mapping[str, Any] | Sequence[str] = (),
    *,
    environments: Mapping[str, Any] | Sequence[str] = (),
    objectives: Sequence[str] = ("latency", "energy", "accuracy"),
    budget: int = 2000,
    replications: int | None = None,
    precision: float | str | None = None,
    output_dir: str | Path | None = None,
    workers: int | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str = "auto",
) -> pd.DataFrame:
    """Find the Pareto front over the policies of a scenario and the axes that a person can choose.

    Parameters
    ----------
    scenario, over, replications, precision, output_dir, workers, overrides, seed, engine
        As in `sweep`; ``output_dir`` is the folder of the front.
    environments : mapping or sequence of str
        Axes that nature chooses, such as a rate: each combination of their values has a front of its own.
    objectives : sequence of str
        Two or three of ``latency``, ``energy`` and ``accuracy``.
    budget : int
        Most points to compute: a grid of more is searched.

    Returns
    -------
    pandas.DataFrame
        The alternatives on the front, best latency first in each environment: axes, policy and objectives.

    Raises
    ------
    simulator.errors.OffloadSimError
        As `sweep`; `ScenarioError` for objectives that are unknown.

    Examples
    --------
    >>> import simulator
    >>> front = simulator.optimise("first", {"link.uplink.rate": ["1 Mbit/s", "50 Mbit/s"]},
    ...                            objectives=("latency", "energy"), workers=1)
    >>> front["latency_mean_s"].is_monotonic_increasing
    True
    """
    from tempfile import TemporaryDirectory

    from simulator.figures.fronts import FRONT_FIGURES
    from simulator.inference.pareto import read_objectives
    from simulator.studies.optimise import optimise as find
    from simulator.studies.sweeps.run import require_all

    wanted = read_objectives(",".join(objectives))
    options = {"workers": workers, "engine": engine}
    prepared = _prepared(scenario, overrides, seed, over, environments, replications, precision, options)
    with TemporaryDirectory() as temporary:
        found = find(prepared, wanted, Path(output_dir or temporary), budget, FRONT_FIGURES)
        require_all(found.sweep)
        return found.frame


def map_winners(
    scenario: str | Path | Mapping[str, Any],
    x: str | Mapping[str, Any],
    y: str | Mapping[str, Any],
    *,
    objective: str = "latency",
    replications: int | None = None,
    precision: float | str | None = None,
    output_dir: str | Path | None = None,
    workers: int | None = None,
    cluster: str = "",
    overrides: Sequence[str] = (),
    seed: int | None = None,
    engine: str = "auto",
) -> WinnerMap:
    """Find out which policy wins where over a plane of two axes, and by how much.

    Parameters
    ----------
    scenario, replications, precision, output_dir, workers, cluster, overrides, seed, engine
        As in `sweep`; ``output_dir`` is the folder of the map.
    x, y : str or mapping
        One axis each: ``"link.uplink.rate=1:50 Mbit/s:20:log"``, or ``{"device": ["raspberry-pi-4", "jetson-nano"]}``.
    objective : {"latency", "energy"}
        The mean that is to be small.

    Returns
    -------
    WinnerMap
        With ``.frame`` (pandas, one row for each point: the winner, what it takes, its margin to the next best, whether
        it is certain and why not) and ``.plot.map()`` (a matplotlib figure).

    Raises
    ------
    simulator.errors.OffloadSimError
        As `sweep`; `ScenarioError` for one policy alone, or an unknown objective.

    Examples
    --------
    >>> import simulator
    >>> found = simulator.map_winners("first", "link.uplink.rate=1,50 Mbit/s", "workload.rate=1,2 /s", workers=1)
    >>> found.frame.query("is_certain")["winner"].unique().tolist()
    ['local']
    """
    from tempfile import TemporaryDirectory

    from simulator.figures.maps import MAP_FIGURES
    from simulator.scenario.load import load_scenario
    from simulator.studies.map import map_winners as find
    from simulator.studies.sweeps.run import require_all
    from simulator.studies.sweeps.sweep import Options, parse_precision

    half_width = None if precision is None else parse_precision(precision)
    options = Options(replications, half_width, workers=workers, cluster=cluster, engine=engine)
    loaded = load_scenario(_plain(scenario), overrides, seed)
    with TemporaryDirectory() as temporary:
        found = find(loaded, x, y, objective, options, Path(output_dir or temporary), MAP_FIGURES)
    if found.sweep is not None:
        require_all(found.sweep)
    return found


def check(scenario: str | Path | Mapping[str, Any]) -> list[Problem]:
    """List every problem of a scenario; empty when it can run."""
    from simulator.errors import ScenarioError
    from simulator.scenario.load import load_scenario
    from simulator.studies.check import check as check_loaded

    try:
        return check_loaded(load_scenario(_plain(scenario)))[0]
    except ScenarioError as error:
        return list(error.problems)


def load_profile(name: str | Path) -> ModelProfile:
    """Read a model profile by name or file: ``.macs``, ``.params``, ``.layers`` and ``.cuts`` (data frames)."""
    from simulator.profiling.model import load_profile as load

    return load(name)


def load_result(directory: str | Path) -> Result:
    """Read back the folder of a finished run."""
    from simulator.figures.runs import RUN_FIGURES
    from simulator.studies.loading import load_result as load

    return load(directory, RUN_FIGURES)


def load_map(directory: str | Path) -> WinnerMap:
    """Read the folder of a map: ``.frame`` and ``.plot.map()``."""
    from simulator.figures.maps import MAP_FIGURES
    from simulator.studies.map import load_map as load

    return load(directory, MAP_FIGURES)


def load_sweep(directory: str | Path) -> SweepData:
    """Read the folder of a sweep, as far as it has come: ``.frame``, ``.axes`` and ``.plot.<name>()``."""
    from simulator.figures.sweeps import SWEEP_FIGURES
    from simulator.studies.sweeps.data import load_sweep as load

    return load(directory, SWEEP_FIGURES)


def _prepared(
    scenario: str | Path | Mapping[str, Any],
    overrides: Sequence[str],
    seed: int | None,
    over: Mapping[str, Any] | Sequence[str],
    environments: Mapping[str, Any] | Sequence[str],
    replications: int | None,
    precision: float | str | None,
    options: Mapping[str, Any],
) -> Sweep:
    """The points of a sweep or of an optimisation, each of them checked."""
    from simulator.scenario.load import load_scenario
    from simulator.studies.sweeps.sweep import Options, Sweep, parse_precision

    half_width = None if precision is None else parse_precision(precision)
    loaded = load_scenario(_plain(scenario), overrides, seed)
    return Sweep(loaded, over, Options(replications, half_width, **options), environments)


def _plain(scenario: str | Path | Mapping[str, Any]) -> str | Path | dict[str, Any]:
    return dict(scenario) if isinstance(scenario, Mapping) else scenario
