"""What `plot` makes of a sweep: curves that equal the data set, tables, and folders that are not finished."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from test_plots import texts_outside, unit_factor
from worlds import card, chain, scenario

import simulator
from simulator.cli import cli
from simulator.cli.verbs import WRONG
from simulator.errors import ResultError
from simulator.figures.sweeps import SWEEP_FIGURES
from simulator.reports import tables
from simulator.studies.axes import AxisView, evenly
from simulator.studies.sweeps.data import SweepData, load_sweep

pytestmark = pytest.mark.engine_free

RATES = "0.5:8 Mbit/s:5:log"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """On the device: 210 ms. Cut at the head: 10 ms, 2000 bytes, 5 ms on the server. Answers within 300 ms."""
    folder = tmp_path_factory.mktemp("world")
    for name, speed in (("slow_&_small", "200 ms"), ("quick", "20 ms")):
        card(folder, name, "device", {"head": "10 ms", "tail": speed})
    return scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        str(folder / "slow_&_small.yaml"),
        card(folder, "server", "server", {"head": "1 s", "tail": "5 ms"}),
        policies=[{"kind": "local", "name": "local_100%"}, {"kind": "split", "at": "head"}],
        workload={"arrivals": "poisson", "rate": "1 /s", "requests": 60, "deadline": "300 ms"},
        statistics={"replications": 3},
    )


def swept(world: dict[str, Any], folder: Path, **over: object) -> SweepData:
    """The sweep over some axes, read back."""
    simulator.sweep(
        world, {path.replace("__", "."): values for path, values in over.items()}, output_dir=folder, workers=1
    )
    return load_sweep(folder, SWEEP_FIGURES)


@pytest.fixture(scope="module")
def curve(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> SweepData:
    """One axis, logarithmic."""
    return swept(world, tmp_path_factory.mktemp("curve") / "out", link__uplink__rate=RATES)


@pytest.fixture(scope="module")
def plane(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> SweepData:
    """Two axes of numbers and one of names."""
    devices = [world["device"], world["device"].replace("slow_&_small", "quick")]
    folder = tmp_path_factory.mktemp("plane") / "out"
    return swept(world, folder, link__uplink__rate=RATES, workload__rate=["1 /s", "2 /s"], device=devices)


@pytest.mark.parametrize(
    ("name", "column", "interval"),
    [("latency", "latency_mean_s", "latency_ci95_s"), ("energy", "energy_mean_j", "energy_ci95_j")],
)
def test_a_curve_is_the_data_set(curve: SweepData, name: str, column: str, interval: str) -> None:
    """Points, and bars from mean - half-width to mean + half-width, on an axis that is as logarithmic as the grid."""
    drawn = getattr(curve.plot, name)()
    (axes,) = drawn.axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Uplink rate (Mbit/s)"
    x_factor, y_factor = unit_factor(axes.get_xlabel()), unit_factor(axes.get_ylabel())
    for policy, line in zip(curve.policies, axes.containers, strict=True):
        frame = curve.frame[curve.frame["policy"] == policy]
        points, _, (bars,) = line.lines
        assert points.get_xdata() * x_factor == pytest.approx(frame["link.uplink.rate"].to_numpy())
        assert points.get_ydata() * y_factor == pytest.approx(frame[column].to_numpy())
        ends = np.array([path.vertices[:, 1] for path in bars.get_paths()]) * y_factor
        expected = np.stack([frame[column] - frame[interval], frame[column] + frame[interval]], axis=1)
        assert ends == pytest.approx(expected)
    assert list(texts_outside(drawn)) == []


def test_there_is_a_figure_for_everything_that_has_values(
    curve: SweepData, world: dict[str, Any], tmp_path: Path
) -> None:
    """Deadline misses only where there are deadlines."""
    without = {**world, "workload": {k: v for k, v in world["workload"].items() if k != "deadline"}}
    swept(without, tmp_path / "out", count=[1, 2])
    for folder, expected in (
        (curve.directory, ["latency", "energy", "deadline_misses"]),
        (tmp_path / "out", ["latency", "energy"]),
    ):
        done = CliRunner().invoke(cli, ["plot", str(folder)])
        assert done.exit_code == 0, done.stderr
        files = sorted(path.name for path in (folder / "_figures").iterdir())
        assert files == sorted(f"{name}.{kind}" for name in expected for kind in ("csv", "svg"))


def test_figures_leave_the_data_set_readable(curve: SweepData) -> None:
    """`pandas.read_parquet(DIR)` as before, and the sweep goes on in its folder."""
    assert CliRunner().invoke(cli, ["plot", str(curve.directory)]).exit_code == 0
    assert len(pd.read_parquet(curve.directory)) == len(curve.rows) == 10


def test_the_csv_beside_a_figure_is_what_it_shows(curve: SweepData) -> None:
    """Axes, policy, mean, half-width, in SI units."""
    assert CliRunner().invoke(cli, ["plot", str(curve.directory)]).exit_code == 0
    table = pd.read_csv(curve.directory / "_figures" / "latency.csv")
    columns = ["link.uplink.rate", "policy", "latency_mean_s", "latency_ci95_s"]
    pd.testing.assert_frame_equal(table, curve.frame[columns].reset_index(drop=True), check_exact=True)


def test_each_other_value_has_a_panel(plane: SweepData) -> None:
    """Four combinations of two rates and two devices, each with its own curves and both in its title."""
    drawn = plane.plot.latency()
    assert len(drawn.axes) == 4
    titles = [axes.get_title(loc="left").replace("\n", " ") for axes in drawn.axes]
    assert [title.startswith("Request rate 1 /s") for title in titles] == [True, True, False, False]
    assert ["quick" in title for title in titles] == [False, True, False, True]
    frame = plane.frame
    for number, axes in enumerate(drawn.axes):
        rate, device = (1.0, 2.0)[number // 2], plane.axes[2].cells[number % 2]
        own = frame[(frame["workload.rate"] == rate) & (frame["device"] == device) & (frame["policy"] == "local_100%")]
        drawn_y = axes.containers[0].lines[0].get_ydata() * unit_factor(drawn.axes[0].get_ylabel())
        assert drawn_y == pytest.approx(own["latency_mean_s"].to_numpy())
    assert list(texts_outside(drawn)) == []


def test_names_are_places_beside_each_other(world: dict[str, Any], tmp_path: Path) -> None:
    """No line joins them, policies stand side by side, and names are at their places."""
    devices = [world["device"], world["device"].replace("slow_&_small", "quick")]
    drawn = swept(world, tmp_path / "out", device=devices).plot.latency()
    (axes,) = drawn.axes
    assert all(container.lines[0].get_linestyle() == "None" for container in axes.containers)
    places = [container.lines[0].get_xdata() for container in axes.containers]
    assert np.mean(places, axis=0) == pytest.approx([0.0, 1.0])
    assert not set(places[0]) & set(places[1])
    assert len(axes.get_xticklabels()) == 2
    assert list(texts_outside(drawn)) == []


def test_more_combinations_than_a_page_holds_are_said(world: dict[str, Any], tmp_path: Path) -> None:
    """Twelve panels of fifteen, and the figure says so."""
    short = {**world, "workload": {**world["workload"], "requests": 3}}
    data = swept(
        short, tmp_path / "out", count=list(range(1, 16)), link__uplink__rate=[f"{k} Mbit/s" for k in range(1, 17)]
    )
    drawn = data.plot.latency()
    assert sum(axes.get_visible() for axes in drawn.axes) == 12
    assert [text.get_text() for text in drawn.texts] == ["12 of 15 combinations"]


@pytest.mark.parametrize(
    ("cells", "is_logarithmic"),
    [
        ((1.0, 2.0, 3.0), False),
        ((1.0, 2.0, 5.0, 10.0, 20.0), True),
        ((1, 10, 100), True),
        ((0.0, 1.0, 10.0), False),
        ((1.0, 100.0), False),
        (("a", "b", "c"), False),
        ((5.0, 20.0, 50.0), True),
    ],
)
def test_an_axis_is_as_logarithmic_as_its_values(cells: tuple[Any, ...], is_logarithmic: bool) -> None:
    """Closer to equal ratios than to equal steps; two values, zero and names are neither."""
    assert AxisView("x", cells, "").is_logarithmic == is_logarithmic


@pytest.mark.parametrize(
    ("cell", "dimension", "text"),
    [
        (1.5e6, "bit rate", "1.5 Mbit/s"),
        (0.02, "time", "20 ms"),
        (8, "", "8"),
        (None, "time", "none"),
        (True, "", "True"),
        ("raspberry-pi-4", "", "raspberry-pi-4"),
        ('{"rate": "1 Mbit/s", "losses": {"share": 0.1}}', "", "rate: 1 Mbit/s, losses: {'share': 0.1}"),
        ("{no json", "", "{no json"),
    ],
)
def test_a_value_reads_as_in_a_file(cell: Any, dimension: str, text: str) -> None:
    """With its unit; fields that were given together as fields."""
    assert AxisView("x", (cell,), dimension).text(cell) == text


def test_a_sweep_that_is_not_finished_is_drawn_as_far_as_it_is(world: dict[str, Any], tmp_path: Path) -> None:
    """Points computed later, and points that fail, are said on figure and terminal."""
    folder = tmp_path / "out"
    data = swept(world, folder, count=[1, 2, 3])
    manifest = json.loads((folder / "_sweep.json").read_text())
    manifest["axes"]["count"].append(4)
    manifest["points"] = 5
    (folder / "_sweep.json").write_text(json.dumps(manifest))
    (folder / "_failed.json").write_text(json.dumps({"failed": 1, "points": []}))
    done = CliRunner().invoke(cli, ["plot", str(folder)])
    assert done.exit_code == 0, done.stderr
    assert "3 of 5 points; 1 failed, 1 not computed yet" in done.stdout
    assert [text.get_text() for text in load_sweep(folder, SWEEP_FIGURES).plot.latency().texts] == ["3 of 5 points"]
    assert data.plot.latency().texts == []


def test_a_mean_without_an_interval_has_no_bar(curve: SweepData) -> None:
    """And the legend says that bars are not everywhere; without any there is no word of them."""
    rows = [{**row, "latency_ci95_s": math.nan} if row["policy"] == "local_100%" else row for row in curve.rows]
    none = [{**row, "latency_ci95_s": math.nan} for row in curve.rows]
    for own, said in ((rows, ["95 % interval, where there is one"]), (none, [])):
        drawn = SweepData(curve.directory, curve.axes, tuple(own), 5, 5, 0, drawing=SWEEP_FIGURES).plot.latency()
        bars = [path for lines in drawn.axes[0].collections for path in lines.get_paths()]
        assert sum(bool(np.isfinite(path.vertices).all()) and len(path.vertices) > 0 for path in bars) == 5 * len(said)
        legend = [text.get_text() for text in drawn.legends[0].get_texts()]
        assert legend[len(curve.policies) :] == said


def test_a_figure_goes_into_axes_of_the_user(curve: SweepData) -> None:
    """`ax=`, size and font as for the figures of a run."""
    page = Figure()
    axes = page.subplots()
    assert curve.plot.latency(ax=axes) is page
    assert len(axes.containers) == 2
    drawn = curve.plot.latency(size=(5.0, 4.0), font="serif", font_size=11)
    assert tuple(drawn.get_size_inches()) == (5.0, 4.0)
    assert drawn.axes[0].xaxis.label.get_fontsize() == 11


def test_the_latex_table_has_every_row_and_no_bare_sign(plane: SweepData) -> None:
    """booktabs, as many cells in each row, signs of LaTeX escaped, means with their half-width."""
    text = tables.of_sweep(plane).latex()
    begin, *_ = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + len(plane.rows)
    assert all(len(re.findall(r"(?<!\\)&", row)) == len(begin) - 1 for row in rows)
    assert r"local\_100\%" in text
    assert r"slow\_\&\_small" in text
    assert not re.search(r"(?<!\\)[%#_]", "".join(rows))
    assert text.count(r"$\pm$") > len(plane.rows)
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]


def test_the_csv_on_standard_output_is_exact(curve: SweepData) -> None:
    """Nothing beside it; every digit; SI units."""
    done = CliRunner().invoke(cli, ["plot", str(curve.directory), "--csv"])
    assert done.exit_code == 0, done.stderr
    table = pd.read_csv(io.StringIO(done.stdout))
    for column in ("link.uplink.rate", "latency_mean_s", "latency_ci95_s", "energy_mean_j", "deadline_miss_ratio"):
        assert table[column].tolist() == curve.frame[column].tolist()


def test_a_run_has_a_table_too(world: dict[str, Any], tmp_path: Path) -> None:
    """One row for each policy."""
    simulator.run(world, output_dir=tmp_path / "run")
    done = CliRunner().invoke(cli, ["plot", str(tmp_path / "run"), "--csv"])
    assert pd.read_csv(io.StringIO(done.stdout))["policy"].tolist() == ["local_100%", "split head"]
    assert r"\toprule" in CliRunner().invoke(cli, ["plot", str(tmp_path / "run"), "--latex"]).stdout


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "x", "axes": {}, "points": 1}'])
def test_a_damaged_folder_ends_in_words(tmp_path: Path, content: str) -> None:
    """Exit code 2."""
    (tmp_path / "_sweep.json").write_text(content)
    done = CliRunner().invoke(cli, ["plot", str(tmp_path)])
    assert done.exit_code == WRONG
    assert "is no readable sweep" in done.stderr


def test_a_sweep_without_points_and_a_damaged_part_are_said(world: dict[str, Any], tmp_path: Path) -> None:
    """What to do stands beside it."""
    folder = tmp_path / "out"
    swept(world, folder, count=[1])
    (part,) = folder.glob("part-*.parquet")
    part.write_bytes(b"no parquet")
    with pytest.raises(ResultError, match="is damaged"):
        load_sweep(folder, SWEEP_FIGURES)
    part.unlink()
    with pytest.raises(ResultError, match="no finished point yet"):
        load_sweep(folder, SWEEP_FIGURES)


def test_a_sweep_of_an_older_version_is_read_and_drawn(world: dict[str, Any], tmp_path: Path) -> None:
    """A column that it did not write yet is unknown; one without which rows say nothing is missed."""
    folder = tmp_path / "out"
    swept(world, folder, count=[1, 2])
    newer = ["latency_ci95_s", "latency_ci95_is_at_least", "accuracy", "busiest_station", "condition"]
    for part in folder.glob("part-*.parquet"):
        pq.write_table(pq.read_table(part).drop(newer), part)
    data = load_sweep(folder, SWEEP_FIGURES)
    assert all(math.isnan(row["accuracy"]) and row["condition"] == "" for row in data.rows)
    assert data.plot.latency()
    assert tables.of_sweep(data).csv()
    for part in folder.glob("part-*.parquet"):
        pq.write_table(pq.read_table(part).drop(["completed"]), part)
    with pytest.raises(ResultError, match="lacks the columns completed"):
        load_sweep(folder)


def test_rows_for_a_terminal_are_whole_points(world: dict[str, Any], tmp_path: Path) -> None:
    """Of many rows both policies of some points are shown, first and last among them."""
    short = {**world, "workload": {**world["workload"], "requests": 3}}
    data = swept(short, tmp_path / "out", count=list(range(1, 61)))
    view, shown = tables.of_sweep(data).rich()
    policies = list(view.columns[1].cells)
    assert shown == len(policies) == 40
    assert [str(policy) for policy in policies] == ["local_100%", "split head"] * 20
    assert [str(cell) for cell in list(view.columns[0].cells)][::39] == ["1", "60"]


def test_evenly_keeps_first_and_last() -> None:
    """At even distances in between."""
    assert evenly(range(5), 9) == [0, 1, 2, 3, 4]
    assert evenly(range(9), 3) == [0, 4, 8]


def test_what_is_not_compared_and_what_is_only_a_bound_is_seen(world: dict[str, Any], tmp_path: Path) -> None:
    """At a rate beyond the device's, the mean has a hollow mark and the table its reason; short runs dot their bars."""
    crowded = {**world, "workload": {"arrivals": "poisson", "rate": "1 /s", "requests": 400}}
    data = swept({**crowded, "statistics": {"replications": 2}}, tmp_path / "out", workload__rate=["1 /s", "500 /s"])
    doubtful = [row["policy"] for row in data.rows if row["condition"]]
    assert doubtful
    drawn = data.plot.latency()
    (axes,) = drawn.axes
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == len(doubtful)
    assert "no steady state" in [text.get_text() for text in drawn.legends[0].get_texts()]
    table = tables.of_sweep(data)
    assert "no steady state" in table.latex()
    assert table.csv().count("no steady state: ") == len(doubtful)


def test_bars_of_lower_bounds_are_dotted_and_said(world: dict[str, Any], tmp_path: Path) -> None:
    """Thirty requests at three quarters of what the device can do are too few; at a hundredth they are enough."""
    few = {
        **world,
        "workload": {"arrivals": "poisson", "rate": "1 /s", "requests": 30},
        "policies": [{"kind": "local"}],
    }
    busy = 0.75 / simulator.run(few).summary_rows[0]["latency_p50_s"]
    rates = [f"{busy / 75} /s", f"{busy} /s"]
    data = swept({**few, "statistics": {"replications": 3}}, tmp_path / "out", workload__rate=rates)
    assert [bool(row["latency_ci95_is_at_least"]) for row in data.rows] == [False, True]
    drawn = data.plot.latency()
    (bars,) = drawn.axes[0].containers[0].lines[2]
    assert [pattern is not None for _, pattern in bars.get_linestyle()] == [False, True]
    assert "95 % interval (dotted: at least)" in [text.get_text() for text in drawn.legends[0].get_texts()]
    latex = tables.of_sweep(data).latex().splitlines()
    assert [r"\geq" in line for line in latex if " & " in line] == [False, False, True]
