"""``offload-sim map``: which policy wins where over a plane of two axes, by how much, and where nobody may be named.

Every point of the plane is a point of a sweep in ``DIR/plane`` that also keeps how far each policy is behind the best
(`simulator.inference.standings`); an interrupted map is continued by starting it again, and the map of the other
objective takes the same points.

``DIR/`` gets ``map.csv`` (one row for each point), ``map.json`` (what the map is of) and ``figures/map.svg``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, ResultError, ScenarioError, did_you_mean
from simulator.inference.metrics import Metric
from simulator.inference.standings import OBJECTIVES, STANDING_COLUMNS, verdict
from simulator.outputs import read_regular
from simulator.scenario.grid import Over
from simulator.scenario.load import LoadedScenario
from simulator.staging import StagedFiles
from simulator.studies.axes import AxisView
from simulator.studies.csvtext import to_csv
from simulator.studies.drawing import NO_FIGURES, Drawing, FigureMethods
from simulator.studies.folder_kinds import require_kind
from simulator.studies.sweeps.data import SweepData, load_sweep
from simulator.studies.sweeps.run import SweepResult, require_all, run_sweep
from simulator.studies.sweeps.sweep import Options, Sweep

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "offload-sim map 1"
#: folder of the points, table and manifest of a map
PLANE, TABLE, MANIFEST = "plane", "map.csv", "map.json"
#: columns of the table behind those of the two axes
COLUMNS = ("winner", "equal", "partition", "mean", "margin", "half_width", "is_certain", "reason")


@dataclass(frozen=True, eq=False)
class WinnerMap:
    """Who wins where.

    Attributes
    ----------
    directory : Path
    name : str
        Of the scenario.
    objective : str
        A key of `OBJECTIVES`.
    x, y : AxisView
    policies : tuple of str
        In the order of the scenario.
    rows : tuple of dict
        One for each point: the axes and `COLUMNS`; quantities in SI units, an empty ``winner`` where nobody can be
        compared.
    points : int
        Points of the plane; rows may lack those that failed.
    cautions : tuple of str
        What the profiles of the points leave out.
    drawing : Drawing
        Who draws its figure.
    sweep : SweepResult or None
        How the points were computed; None when read back.
    """

    directory: Path
    name: str
    objective: str
    x: AxisView
    y: AxisView
    policies: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    points: int
    cautions: tuple[str, ...] = ()
    drawing: Drawing = NO_FIGURES
    sweep: SweepResult | None = None

    @property
    def metric(self) -> Metric:
        """What is to be small."""
        return OBJECTIVES[self.objective]

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of its table."""
        return (self.x.path, self.y.path, *COLUMNS)

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    @property
    def plot(self) -> FigureMethods:
        """The figure: ``map.plot.map()``, a matplotlib Figure."""
        return self.drawing.methods(self)

    @property
    def shares(self) -> dict[tuple[str, bool], float]:
        """Share of the points for each (winner, whether it is certain)."""
        counts = Counter((row["winner"], row["is_certain"]) for row in self.rows)
        return {who: count / len(self.rows) for who, count in counts.items()}

    def partitions(self, winner: str) -> list[str]:
        """What a policy takes where it wins, most frequent first."""
        return [name for name, _ in Counter(r["partition"] for r in self.rows if r["winner"] == winner).most_common()]


def map_winners(
    loaded: LoadedScenario,
    x: str | Mapping[str, Any],
    y: str | Mapping[str, Any],
    objective: str,
    options: Options,
    directory: Path,
    drawing: Drawing = NO_FIGURES,
) -> WinnerMap:
    """Compute a map and write it.

    Parameters
    ----------
    loaded : LoadedScenario
    x, y : str or mapping
        One axis each: ``path=values``, or its path and values, see `simulator.scenario.grid.read_grid`.
    objective : str
        A key of `OBJECTIVES`.
    options : Options
    directory : Path
    drawing : Drawing
        Who draws the figure that stands beside the table.

    Raises
    ------
    ScenarioError
        With every problem of scenario and axes, before anything runs.
    ResultError
        If the folder belongs to something else or cannot be written.
    SweepError
        If all points failed.
    """
    _require_rivals(loaded, objective)
    sweep = Sweep(loaded, _over(y, x), replace(options, compares=True), flags=("--y", "--x"))
    require_kind(directory, "map")
    with StagedFiles(directory) as staged:
        for name in (TABLE, MANIFEST, *(f"figures/{name}" for name in drawing.own_files)):
            staged.require(name)
    computed = run_sweep(sweep, directory / PLANE)
    if len(computed.failed) == computed.points:
        require_all(computed)
    about = {"format": FORMAT, "name": loaded.scenario.name, "objective": objective}
    found = _of_plane(directory, about, load_sweep(directory / PLANE), drawing)
    with StagedFiles(directory) as staged:
        staged.write_bytes(TABLE, to_csv(found.rows, found.columns))
        staged.write_bytes(MANIFEST, (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode())
        for name, content in drawing.files(found, "svg"):
            staged.write_bytes(f"figures/{name}", content)
        staged.commit()
    return replace(found, sweep=computed)


def is_map(folder: Path) -> bool:
    """Whether a folder was made by a map."""
    return (folder / MANIFEST).is_file()


def load_map(directory: str | Path, drawing: Drawing = NO_FIGURES) -> WinnerMap:
    """Read the folder of a map.

    Raises
    ------
    ResultError
        If the folder is no map or cannot be read.
    """
    folder = Path(directory)
    try:
        about = json.loads(read_regular(folder / MANIFEST))
        known = about["format"] == FORMAT and about["objective"] in OBJECTIVES and isinstance(about["name"], str)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(folder, f"{MANIFEST} cannot be read: {error}") from error
    if not known:
        raise _unreadable(folder, f"{MANIFEST} is not that of a map")
    data = load_sweep(folder / PLANE)
    if len(data.axes) != 2 or any(column not in data.rows[0] for column in STANDING_COLUMNS):
        raise _unreadable(folder, f"{PLANE} holds the points of another sweep")
    return _of_plane(folder, about, data, drawing)


def _of_plane(folder: Path, about: Mapping[str, str], data: SweepData, drawing: Drawing) -> WinnerMap:
    y, x = data.axes
    points: dict[str, list[dict[str, Any]]] = {}
    for row in data.rows:
        points.setdefault(row["point"], []).append(row)
    rows = []
    for of_point in points.values():
        won = verdict(of_point, about["objective"])
        place = {x.path: of_point[0][x.path], y.path: of_point[0][y.path]}
        equal = ", ".join(won.equal)
        rows.append({**place, **{name: getattr(won, name) for name in COLUMNS}, "equal": equal})
    return WinnerMap(
        folder, about["name"], about["objective"], x, y, data.policies, tuple(rows), data.points, data.cautions, drawing
    )


def _over(y: str | Mapping[str, Any], x: str | Mapping[str, Any]) -> Over:
    """Both axes in one form; x turns fastest.

    Raises
    ------
    ScenarioError
        Unless these are two axes.
    """
    if isinstance(x, str) and isinstance(y, str):
        return [y, x]
    pairs = [dict([axis.partition("=")[::2]]) if isinstance(axis, str) else dict(axis) for axis in (y, x)]
    over = pairs[0] | pairs[1]
    if [len(pair) for pair in pairs] != [1, 1] or len(over) != 2:
        raise ScenarioError(Problem("a map has one axis x and another axis y", "give each one path with its values"))
    return over


def _require_rivals(loaded: LoadedScenario, objective: str) -> None:
    problems = []
    if objective not in OBJECTIVES:
        hint = did_you_mean(objective, list(OBJECTIVES)) or "known: " + ", ".join(OBJECTIVES)
        problems.append(Problem(f'"{objective}" is not an objective of a map', hint))
    policies = loaded.scenario.policies
    if len(policies) < 2:
        message = f"{policies[0].label()} has no other policy to be compared with"
        problems.append(Problem(message, "give the scenario at least two policies", file=loaded.file))
    if problems:
        raise ScenarioError(problems)


def _unreadable(folder: Path, reason: str) -> ResultError:
    return ResultError(Problem(f'"{folder}" is no readable map: {reason}', "start the map again into a new folder"))
