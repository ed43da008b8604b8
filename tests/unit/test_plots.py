"""Figures: what is drawn is what the CSV beside it says, axes have units, colours and styles are told apart."""

from __future__ import annotations

import io
import itertools
import math
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from requests_by_hand import cut_costs, generated, radio_timeline, rate_curves, request, table_of

from simulator.errors import ResultError
from simulator.figures import style
from simulator.figures.canvas import Look
from simulator.figures.runs import NAMES, RUN_FIGURES, available, draw_all, figure, figure_data, figure_files
from simulator.inference.metrics import RunFacts
from simulator.studies.csvtext import from_csv
from simulator.studies.result import Result, build_result

pytestmark = pytest.mark.engine_free

FOUR = {"local": 1.3, "edge": 0.4, "split": 0.33, "early_exit": 0.28}
#: names of the longest kind, alike at both ends of their first half
LONG = {f"early exit with thresholds and cut number {k} (0.{k}, 0.25)": 0.1 * (k + 1) for k in range(8)}


def result_of(
    table: pa.Table, curves: bool = True, warmup_s: float = 0.0, groups: Sequence[str] = ("devices",)
) -> Result:
    """A result with or without curves and radio timelines."""
    policies = table.column("policy").unique().to_pylist()
    made = rate_curves(groups) | cut_costs(policies, groups) | radio_timeline(policies, groups)
    curve_tables = made if curves else {}
    return build_result(
        "hand-made", {}, table, {}, manifest={}, curves=curve_tables, warmup_s=warmup_s, batches=20, drawing=RUN_FIGURES
    )


@pytest.fixture(scope="module")
def result() -> Result:
    """Four policies, 300 requests each, a deadline of 0.5 s, 2 s of warm-up."""
    return result_of(generated(FOUR, 300, deadline_s=0.5), warmup_s=2.0)


def unit_factor(label: str) -> float:
    """SI value of the unit in the brackets of an axis label."""
    unit = re.fullmatch(r".*\((.+)\)", label).group(1)  # type: ignore[union-attr]
    known = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "J": 1.0, "mJ": 1e-3, "Gbit/s": 1e9, "Mbit/s": 1e6}
    return (known | {"min": 60.0, "h": 3600.0, "W": 1.0, "mW": 1e-3, "kB": 1e3, "MB": 1e6})[unit]


def texts_outside(drawn: Figure) -> Iterator[str]:
    """Texts that the edge of the figure cuts."""
    with style.saving():
        drawn.draw_without_rendering()
        shown = [text for legend in drawn.legends for text in legend.get_texts()] + drawn.texts
        for axes in filter(lambda axes: axes.get_visible(), drawn.axes):
            shown += [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title, axes._right_title, *axes.texts]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        edge = drawn.bbox.padded(1.0)
        for text in shown:
            box = text.get_window_extent()
            if text.get_text() and not (edge.contains(box.x0, box.y0) and edge.contains(box.x1, box.y1)):
                yield text.get_text()


@pytest.mark.parametrize("name", NAMES)
def test_quantities_on_axes_have_units(result: Result, name: str) -> None:
    """Every axis that shows a quantity names it with its unit; shares and names have none."""
    for axes in figure(result, name).axes:
        labels = [axes.get_xlabel(), axes.get_ylabel()]
        assert any(labels)
        for label in labels:
            assert (
                label in ("", "Share of completed requests", "Layers in the order of execution")
                or unit_factor(label) > 0
            )
            assert label == label.strip()


def test_the_distribution_drawn_is_the_one_of_the_csv_and_of_the_requests(result: Result) -> None:
    """Each point (x, share): exactly that share of the completed requests after warm-up took at most x."""
    drawn = figure(result, "latency_cdf")
    (axes,) = drawn.axes
    factor = unit_factor(axes.get_xlabel())
    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    rows = figure_data(result, "latency_cdf")["latency_cdf"].rows
    frame = result.requests[result.requests["arrival_s"] >= 2.0]
    assert len(curves) == len(FOUR)
    for policy, curve in zip(FOUR, curves, strict=True):
        told = [(row["latency_s"], row["share"]) for row in rows if row["policy"] == policy]
        latencies = frame[frame["policy"] == policy]["latency_s"].to_numpy()
        assert [np.mean(latencies <= x) for x, _ in told] == pytest.approx([share for _, share in told])
        assert curve.get_xdata()[1:] * factor == pytest.approx([x for x, _ in told])
        assert curve.get_ydata()[1:] == pytest.approx([share for _, share in told])
        assert curve.get_ydata()[0] == 0.0
        assert told[-1] == (latencies.max(), 1.0)


def test_the_95th_percentile_and_the_deadline_are_marked(result: Result) -> None:
    """One mark per policy at (p95, 0.95), a vertical line at 0.5 s."""
    (axes,) = figure(result, "latency_cdf").axes
    factor = unit_factor(axes.get_xlabel())
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    expected = [row["latency_p95_s"] for row in result.summary_rows]
    assert [mark.get_xdata()[0] * factor for mark in marks] == pytest.approx(expected)
    assert all(mark.get_ydata()[0] == 0.95 for mark in marks)
    deadline = [
        line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] == line.get_xdata()[1]
    ]
    assert [line.get_xdata()[0] * factor for line in deadline] == pytest.approx([0.5])


def test_many_requests_are_thinned_to_exact_points() -> None:
    """A long run draws at most 400 points per curve, first and last among them, each a point of the distribution."""
    long = result_of(generated({"local": 1.0}, 20_000), curves=False)
    rows = figure_data(long, "latency_cdf")["latency_cdf"].rows
    latencies = np.sort(long.requests["latency_s"].to_numpy())
    assert 300 < len(rows) <= 400
    assert (rows[0]["latency_s"], rows[-1]["latency_s"]) == (latencies[0], latencies[-1])
    for row in rows:
        assert row["share"] == pytest.approx(np.searchsorted(latencies, row["latency_s"], side="right") / 20_000)


@pytest.mark.parametrize(("slow", "scale"), [(0.5, "linear"), (5.0, "log")])
def test_the_axis_is_logarithmic_beyond_one_decade(slow: float, scale: str) -> None:
    """0.1 to 0.5 s is linear, 0.1 to 5 s is not."""
    drawn = figure(result_of(generated({"edge": 0.1, "local": slow}, 200, noise=0.01)), "latency_cdf")
    assert drawn.axes[0].get_xscale() == scale


@pytest.mark.parametrize(("low", "high", "room"), [(1.1, 33, 30), (40, 12_000, 30), (0.9, 320, 300), (11, 89, 300)])
def test_a_logarithmic_axis_has_at_least_two_numbers(low: float, high: float, room: float) -> None:
    """Otherwise nobody could read values off it."""
    with style.drawing():
        drawn = style.new_figure(3.5, 2.0)
        axes = drawn.subplots()
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        style.plain_log_axis(axes.xaxis, room)
        drawn.draw_without_rendering()
        shown = [
            tick for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_text()
        ]
        assert len(shown) >= 2


@pytest.mark.parametrize(
    ("name", "mean", "interval"),
    [("latency_parts", "latency_mean_s", "latency_ci95_s"), ("energy_parts", "energy_mean_j", "energy_ci95_j")],
)
def test_stacked_parts_add_up_to_the_mean(result: Result, name: str, mean: str, interval: str) -> None:
    """In the CSV and in the drawing: the ends of the bars are the means of the summary, segments do not overlap."""
    rows = figure_data(result, name)[name].rows
    means = {row["policy"]: row[mean] for row in result.summary_rows}
    (axes,) = figure(result, name).axes
    factor = unit_factor(axes.get_xlabel())
    beside = ("policy", "group", interval, f"{interval[: interval.rindex('_')]}_is_at_least", "remark")
    parts = [key for key in rows[0] if key not in beside]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(FOUR)
    for number, row in enumerate(rows):
        assert sum(row[part] for part in parts) == pytest.approx(means[row["policy"]], rel=1e-9)
        segments = [box for box in axes.patches if round(box.get_y() + box.get_height() / 2) == number]
        segments.sort(key=lambda box: box.get_x())
        ends = [0.0, *np.cumsum([row[part] for part in parts])]
        assert [box.get_x() * factor for box in segments] == pytest.approx(ends[:-1])
        assert [box.get_width() * factor for box in segments] == pytest.approx([row[part] for part in parts])


@pytest.mark.parametrize(
    ("name", "mean", "interval"),
    [("latency_parts", "latency_mean_s", "latency_ci95_s"), ("energy_parts", "energy_mean_j", "energy_ci95_j")],
)
def test_bars_carry_the_intervals_of_the_summary(name: str, mean: str, interval: str) -> None:
    """Each from mean - half-width to mean + half-width; where there is no interval, neither bar nor number."""
    result = result_of(generated(FOUR, 100, replications=3))
    summary = list(result.summary_rows)
    summary[1] = {**summary[1], interval: math.nan}
    partly = replace(result, summary_rows=tuple(summary))
    assert math.isnan(figure_data(partly, name)[name].rows[1][interval])
    drawn = figure(partly, name)
    (axes,) = drawn.axes
    factor = unit_factor(axes.get_xlabel())
    bars = [box for lines in axes.collections for box in lines.get_paths()]
    ends = [tuple(path.vertices[:, 0] * factor) for path in bars]
    expected = [(row[mean] - row[interval], row[mean] + row[interval]) for row in summary if row[interval] > 0]
    assert len(expected) == 3
    assert np.array(ends).reshape(-1, 2) == pytest.approx(np.array(expected).reshape(-1, 2))
    assert "95 % interval" in [text.get_text() for text in drawn.legends[0].get_texts()]
    none = replace(result, summary_rows=tuple({**row, interval: math.nan} for row in result.summary_rows))
    bare = figure(none, name)
    assert not bare.axes[0].collections
    assert "95 % interval" not in [text.get_text() for text in bare.legends[0].get_texts()]


def test_parts_that_never_occur_are_not_in_the_legend() -> None:
    """A local policy has no uplink."""
    table = table_of([request("local", k, float(k), 1.0) for k in range(30)])
    drawn = figure(result_of(table, curves=False), "latency_parts")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["device, computing"]


def test_a_policy_that_completes_nothing_keeps_its_place() -> None:
    """Its bar is missing and says why; the figures of the others are drawn."""
    rows = [request("dead", k, float(k), None) for k in range(30)] + [
        request("local", k, float(k), 1.0) for k in range(30)
    ]
    half_dead = result_of(table_of(rows), curves=False)
    (axes,) = figure(half_dead, "latency_parts").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dead", "local"]
    assert "no completed request" in [text.get_text() for text in axes.texts]
    all_dead = result_of(table_of(rows[:30]), curves=False)
    for name in available(all_dead):
        assert isinstance(figure(all_dead, name), Figure)


def test_the_rate_sweep_draws_the_curves_and_marks_the_crossovers(result: Result) -> None:
    """Lines equal the CSV; marks lie on both curves that cross, at the rates of the crossover table."""
    drawn = figure(result, "rate_sweep")
    rows = figure_data(result, "rate_sweep")["rate_sweep"].rows
    expected = {"latency_s": [(2e6, 0.6), (2e7, 0.51)], "energy_j": [(5e6, 2.0)]}
    for axes, column in zip(drawn.axes, expected, strict=True):
        x_factor, y_factor = unit_factor(axes.get_xlabel()), unit_factor(axes.get_ylabel())
        curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
        for policy, curve in zip(("local", "split", "edge"), curves, strict=True):
            told = [row for row in rows if row["policy"] == policy]
            assert curve.get_xdata() * x_factor == pytest.approx([row["uplink_rate_bps"] for row in told])
            assert curve.get_ydata() * y_factor == pytest.approx([row[column] for row in told])
        marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
        found = [(mark.get_xdata()[0] * x_factor, mark.get_ydata()[0] * y_factor) for mark in marks]
        assert np.array(found) == pytest.approx(np.array(expected[column]), rel=2e-3)
        _, unit = axes.get_xlabel().rstrip(")").split("(")
        told = [f"{rate / x_factor:g} {unit}" for rate, _ in expected[column]]
        assert [text.get_text() for text in axes.texts] == told


def test_labels_of_close_crossovers_do_not_overlap() -> None:
    """Three changes within 2 % of the rate: three labels beside each other, the marks where they belong."""
    tables = rate_curves(("devices",))
    change = tables["rate_sweep_crossovers"].to_pylist()[0]
    rates = [2e6, 2.04e6, 2.02e6]
    changes = pa.Table.from_pylist([{**change, "rate_bps": rate} for rate in rates])
    close = replace(result_of(generated(FOUR, 30)), curves=tables | {"rate_sweep_crossovers": changes})
    drawn = figure(close, "rate_sweep")
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.x0)
    assert len(boxes) == len(rates)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))
    factor = unit_factor(axes.get_xlabel())
    marks = [line.get_xdata()[0] * factor for line in axes.lines if len(line.get_xdata()) == 1]
    assert marks == pytest.approx(rates)


def test_every_group_of_a_fleet_has_its_own_rate_sweep() -> None:
    """A row of panels each, titled with the group, marked at the crossovers of that group; large rates stay plain."""
    groups = ["cameras", "phones", "gateways", "vehicles"]
    drawn = figure(result_of(generated(FOUR, 30, groups=groups), groups=groups), "rate_sweep")
    assert len(drawn.axes) == 2 * len(groups)
    for number, group in enumerate(groups):
        latency, energy = drawn.axes[2 * number : 2 * number + 2]
        assert latency.get_title(loc="left") == group
        for axes, rates in ((latency, [2e6, 2e7]), (energy, [5e6])):
            factor = unit_factor(axes.get_xlabel())
            marks = [line.get_xdata()[0] * factor for line in axes.lines if len(line.get_xdata()) == 1]
            assert marks == pytest.approx([rate * 10**number for rate in rates])
            told = [text.get_text().split(" ") for text in axes.texts]
            assert [float(number) for number, _ in told] == pytest.approx([x / factor for x in marks])
            assert all(axes.get_xlabel() == f"Uplink rate ({unit})" for _, unit in told)
            assert not [number for number, _ in told if "e" in number]
    assert list(texts_outside(drawn)) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("means", [FOUR, LONG], ids=["four", "eight long names"])
@pytest.mark.parametrize("groups", [[], ["cameras on the roof", "phones"]], ids=["one group", "two groups"])
def test_no_text_is_cut_by_the_edge(name: str, means: dict[str, float], groups: list[str]) -> None:
    """Every label, tick, legend entry and note lies inside the figure, and panels keep most of its height."""
    result = result_of(generated(means, 60, deadline_s=0.3, groups=groups), groups=groups or ["devices"])
    drawn = figure(result, name)
    assert list(texts_outside(drawn)) == []
    assert sum(axes.get_position().height for axes in drawn.axes) > 0.35
    assert drawn.get_figwidth() <= style.PAGE_IN


def test_a_figure_goes_into_axes_of_the_user(result: Result) -> None:
    """The same curves as on a page of its own; the figure, its size and its title stay the user's."""
    page = Figure(figsize=(9, 4))
    left, right = page.subplots(1, 2)
    left.set_title("mine")
    assert result.plot.latency_cdf(ax=left) is page
    assert tuple(page.get_size_inches()) == (9, 4)
    assert left.get_title() == "mine"
    assert not right.lines
    (own,) = figure(result, "latency_cdf").axes
    assert left.get_xlabel() == own.get_xlabel()
    for mine, other in zip(left.lines, own.lines, strict=True):
        assert np.array_equal(mine.get_xydata(), other.get_xydata())
    assert left.get_legend() is not None
    result.plot.rate_sweep(ax=page.subplots(1, 2))
    with pytest.raises(ResultError, match="has 2 panels, not the 1 axes given"):
        result.plot.rate_sweep(ax=right)
    with pytest.raises(ResultError, match="axes and a size exclude each other"):
        result.plot.latency_cdf(ax=right, size=(3, 2))


@pytest.mark.parametrize("name", NAMES)
def test_size_and_font_are_as_asked(result: Result, name: str) -> None:
    """All texts in that font, none smaller than in proportion, nothing cut, the file in that size."""
    drawn = getattr(result.plot, name)(size=(6.0, 5.0), font="serif", font_size=10)
    assert tuple(drawn.get_size_inches()) == (6.0, 5.0)
    axes = next(axes for axes in drawn.axes if axes.get_visible())
    texts = [axes.xaxis.label, axes.title, *axes.texts, *drawn.legends[0].get_texts(), *axes.get_xticklabels()]
    assert {tuple(text.get_fontfamily()) for text in texts} == {("serif",)}
    assert axes.xaxis.label.get_fontsize() == 10
    assert min(text.get_fontsize() for text in texts) == pytest.approx(10 * 6 / 8, abs=1.3)
    assert list(texts_outside(drawn)) == []


@pytest.mark.parametrize(
    ("look", "words"),
    [
        ({"size": (0.0, 2.0)}, "is not the size of a figure"),
        ({"size": (math.nan, 2.0)}, "is not the size of a figure"),
        ({"font_size": -3}, "is not the size of a font"),
        ({"font": "Deja Vu Sans"}, "did you mean DejaVu Sans"),
    ],
)
def test_a_look_that_cannot_be_had_is_refused(result: Result, look: dict[str, object], words: str) -> None:
    """Before anything is drawn."""
    with pytest.raises(ResultError, match=words):
        result.plot.latency_cdf(**look)


def test_a_size_without_room_is_refused(result: Result, tmp_path: Path) -> None:
    """Rather than a figure with nothing in it."""
    with pytest.raises(ResultError, match=r"0\.6 x 0\.6 inches are too small"):
        draw_all(result, tmp_path / "figures", look=Look(size=(0.6, 0.6)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_formulas(name: str) -> None:
    """Dollar signs and backslashes are drawn as they stand, on a page of its own and in axes of the user."""
    odd = result_of(generated({"costs $5": 1.0, "$\\frac{$": 0.5, "$": 0.3}, 60, deadline_s=0.3))
    drawn = figure(odd, name)
    drawn.draw_without_rendering()
    page = Figure()
    figure(odd, name, ax=page.subplots(len(drawn.axes), 1))
    page.draw_without_rendering()


def test_shortened_names_stay_distinct_and_short() -> None:
    """At most two lines, and names that differ at their end still differ."""
    shortened = [style.short(name) for name in LONG]
    assert len(set(shortened)) == len(LONG)
    assert all(len(line) <= 24 for name in shortened for line in name.split("\n"))
    assert all(name.count("\n") <= 1 for name in [*shortened, style.short("x" * 200)])
    assert style.short("local") == "local"


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a linear sRGB colour (white point D65)."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


#: severity 1.0 of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
#: Deficiency", IEEE TVCG 15(6), 2009: linear sRGB to what is seen
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)


@pytest.mark.parametrize("vision", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["normal", "deuteranopia", "protanopia"])
def test_colours_are_told_apart_without_red_or_green(vision: np.ndarray) -> None:
    """Any two of the first six colours differ by at least 10 in CIE76, five times what is just noticeable (2.3)."""
    seen = []
    for colour in style.PALETTE[:6]:
        srgb = np.array(to_rgb(colour))
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.clip(vision @ linear, 0.0, 1.0)))
    for first, second in itertools.combinations(seen, 2):
        assert math.dist(first, second) >= 10.0


def test_every_policy_has_its_own_line_style_and_marker() -> None:
    """Eight policies are told apart in grey print too."""
    assert len(set(map(str, style.DASHES))) == len(set(style.MARKERS)) == len(set(style.PALETTE)) == 8


def test_hatches_tell_waiting_from_service(result: Result) -> None:
    """In the stacked latencies waiting is hatched and computing or sending is not."""
    legend = figure(result, "latency_parts").legends[0]
    patches = legend.get_patches()
    hatched = {t.get_text(): bool(p.get_hatch()) for t, p in zip(legend.texts[: len(patches)], patches, strict=True)}
    assert {name for name, has in hatched.items() if has} == {
        "device, waiting",
        "uplink, waiting",
        "edge, waiting",
    }


def test_files_come_with_their_csv(result: Result, tmp_path: Path) -> None:
    """draw_all writes one drawing per figure, and the CSV reads back as what the figure was drawn from."""
    drawings = draw_all(result, tmp_path / "figures", "svg")
    assert [path.name for path in drawings] == [f"{name}.svg" for name in NAMES]
    for name in NAMES:
        for stem, table in figure_data(result, name).items():
            rows = from_csv((tmp_path / "figures" / f"{stem}.csv").read_bytes())
            assert [str(row) for row in rows] == [str({key: row[key] for key in table.columns}) for row in table.rows]


def test_the_radio_timeline_draws_the_segments_of_its_csv(result: Result) -> None:
    """A panel per policy that uses the radio; each state is filled to its power where the CSV says so, nothing else."""
    drawn = figure(result, "radio_timeline")
    rows = figure_data(result, "radio_timeline")["radio_timeline"].rows
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["edge", "split", "early_exit"]
    assert [text.get_text() for text in drawn.texts] == ["The radio rests all this time under local"]
    for axes in drawn.axes:
        x_factor, y_factor = unit_factor(drawn.axes[-1].get_xlabel()), unit_factor(axes.get_ylabel())
        told = [row for row in rows if row["policy"] == axes.get_title(loc="left")]
        filled = [patch.get_data() for patch in axes.patches if patch.get_fill()]
        assert len(filled) == len({row["state"] for row in told})
        heights = np.array([data.values for data in filled]) * y_factor
        assert (np.isfinite(heights).sum(axis=0) == 1).all()
        assert np.nansum(heights, axis=0) == pytest.approx([row["power_w"] for row in told])
        assert filled[0].edges * x_factor == pytest.approx([0.0, *(row["end_s"] for row in told)])
        energy = sum(row["power_w"] * (row["end_s"] - row["start_s"]) for row in told)
        assert axes.get_title(loc="right") == f"energy {energy:.3g} J"
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert legend == ["idle", "promotion", "send", "send+receive", "receive", "tail 1", "tail 2"]


def test_policies_under_which_the_radio_does_the_same_share_a_panel() -> None:
    """Their names stand together above it."""
    table = generated({"local": 1.0, "edge": 0.5, "split": 0.5}, 30)
    segments = radio_timeline(["local", "edge"])["radio_timeline"].to_pylist()
    segments += [{**row, "policy": "split"} for row in segments if row["policy"] == "edge"]
    curves = {"radio_timeline": pa.Table.from_pylist(segments)}
    same = build_result(
        "hand-made", {}, table, {}, manifest={}, curves=curves, warmup_s=0.0, batches=20, drawing=RUN_FIGURES
    )
    assert [axes.get_title(loc="left") for axes in figure(same, "radio_timeline").axes] == ["edge and split"]
    others = ["latency_energy", "request_timelines"]
    assert available(same) == ["latency_cdf", "latency_parts", "energy_parts", "radio_timeline", *others]


def test_every_group_of_a_fleet_has_its_own_radio_timeline() -> None:
    """A column of panels each, over its own time: 10 s, 100 s, 1000 s, the last in minutes."""
    groups = ["phones", "cameras", "vehicles"]
    drawn = figure(result_of(generated(FOUR, 30, groups=groups), groups=groups), "radio_timeline")
    assert len(drawn.axes) == 3 * len(groups)
    titles = [axes.get_title(loc="left").replace("\n", " ") for axes in drawn.axes]
    assert titles == [f"{group}: {policy}" for policy in list(FOUR)[1:] for group in groups]
    for number, axes in enumerate(drawn.axes[-len(groups) :]):
        assert axes.get_xlim()[1] * unit_factor(axes.get_xlabel()) == pytest.approx(10.0 ** (number + 1))
    assert list(texts_outside(drawn)) == []


def test_states_of_a_radio_are_told_apart_without_colour() -> None:
    """Hatches differ, and the lightness L* of what is not hatched differs by 8 or more, where 1 is just noticeable."""
    from simulator.figures.radio_timeline import LOOKS

    hatches = [hatch for _, hatch in LOOKS.values() if hatch]
    assert len(set(hatches)) == len(hatches)
    lightness = []
    for colour in {colour for colour, hatch in LOOKS.values() if not hatch}:
        srgb = np.array(to_rgb(colour))
        lightness.append(lab(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))[0])
    assert np.diff(sorted(lightness)).min() >= 8.0


def test_text_stays_text_and_files_hold_no_date(result: Result) -> None:
    """An svg can be searched and edited; a pdf embeds TrueType fonts; neither knows when it was written."""
    svg = dict(figure_files(result, "svg"))["latency_parts.svg"].decode()
    assert re.search(r"<text[^>]*>[^<]*Mean end-to-end latency", svg)
    assert "<dc:date>" not in svg
    pdf = dict(figure_files(result, "pdf"))["latency_parts.pdf"]
    assert b"/CreationDate" not in pdf
    assert b"/Type3" not in pdf


def test_an_unknown_figure_or_format_is_answered_with_the_nearest(result: Result, tmp_path: Path) -> None:
    """As a method, by name, and as a format."""
    with pytest.raises(AttributeError, match="did you mean latency_cdf"):
        result.plot.latency_cfd()
    with pytest.raises(ResultError, match="did you mean energy_parts"):
        figure(result, "energy_part")
    with pytest.raises(ResultError, match="svg, pdf, png"):
        draw_all(result, tmp_path / "figures", "bmp")
    assert list(tmp_path.iterdir()) == []


def test_a_figure_without_data_is_skipped_or_refused() -> None:
    """A result without curves has five figures; asking for another says why it cannot be drawn."""
    bare = result_of(generated({"local": 1.0}, 30), curves=False)
    assert available(bare) == ["latency_cdf", "latency_parts", "energy_parts", "latency_energy", "request_timelines"]
    with pytest.raises(ResultError, match="no data for the figure"):
        bare.plot.rate_sweep()


def test_plots_are_methods_that_return_figures(result: Result) -> None:
    """Names are listed by dir(), and a notebook shows the figure without pyplot."""
    assert dir(result.plot) == sorted(NAMES)
    shown = result.plot.latency_cdf()
    assert isinstance(shown, Figure)
    assert shown._repr_png_().startswith(b"\x89PNG")


def test_drawing_leaves_the_settings_of_the_user_alone(result: Result) -> None:
    """Neither rcParams nor pyplot are touched."""
    code = (
        "import matplotlib, sys; matplotlib.rcParams['font.size'] = 31\n"
        "settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_plots import FOUR, NAMES, generated, result_of\n"
        "from simulator.figures.runs import figure_files\n"
        "assert list(figure_files(result_of(generated(FOUR, 30)), 'png'))\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_heavy_libraries_are_loaded_when_a_figure_is_asked_for() -> None:
    """Reading and summarising results needs neither matplotlib nor pandas nor scipy."""
    code = (
        "import sys\n"
        "import simulator.figures.runs, simulator.studies.store\n"
        "import simulator.reports.run, simulator.studies.result\n"
        "heavy = {'matplotlib', 'pandas', 'scipy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_png_files_are_as_large_as_the_paper_column(result: Result) -> None:
    """Column width 3.5 in at 200 dots per inch."""
    png = dict(figure_files(result, "png"))["latency_cdf.png"]
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        assert image.width == 700


def test_a_lower_bound_and_an_overload_show_on_the_bar() -> None:
    """The interval that is only a lower bound is dotted, and the legend says so; the total says why it stands apart."""
    table = generated({"local": 1.0, "edge": 0.5, "split": 0.7}, 100, replications=3)
    facts = {
        ("local", ""): RunFacts(short="too short"),
        ("split", ""): RunFacts(overload="no steady state: its device"),
    }
    half = build_result("x", {}, table, facts, manifest={}, curves={}, warmup_s=0.0, batches=20, drawing=RUN_FIGURES)
    drawn = figure(half, "latency_parts")
    (axes,) = drawn.axes
    patterns = [lines.get_linestyle()[0][1] for lines in axes.collections]
    assert [pattern is not None for pattern in patterns] == [True, False]
    assert "95 % interval (dotted: at least)" in [text.get_text() for text in drawn.legends[0].get_texts()]
    assert [text.get_text().endswith("(no steady state)") for text in axes.texts] == [False, False, True]
    rows = figure_data(half, "latency_parts")["latency_parts"].rows
    assert [(row["latency_ci95_is_at_least"], row["remark"]) for row in rows] == [
        (True, ""),
        (False, ""),
        (False, "no steady state"),
    ]
    assert list(texts_outside(drawn)) == []


def test_the_requests_of_the_timelines_are_those_of_nearest_rank(result: Result) -> None:
    """Half, 95 % and all of the completed requests that count are no slower; their parts add up to their latency."""
    [table] = figure_data(result, "request_timelines").values()
    counted = result.requests[result.requests["arrival_s"] >= 2.0]
    assert len(table.rows) == 3 * len(FOUR)
    for row, share in zip(table.rows, (0.5, 0.95, 1.0) * len(FOUR), strict=True):
        own = np.sort(counted[counted["policy"] == row["policy"]]["latency_s"].to_numpy())
        assert row["latency_s"] == own[math.ceil(share * own.size) - 1]
        mine = counted[(counted["policy"] == row["policy"]) & (counted["request"] == row["request"])]
        assert mine["latency_s"].tolist() == [row["latency_s"]]
        parts = [row[column] for column in table.columns[6:]]
        assert sum(parts) == pytest.approx(row["latency_s"])
    drawn = figure(result, "request_timelines")
    assert len([text for text in drawn.axes[0].texts if "(request " in text.get_text()]) == len(table.rows)


def test_policies_lie_at_their_means_and_grow_with_accuracy() -> None:
    """Marks at mean latency and energy, the most accurate the largest; one that lies on another is a ring around it."""
    rows = [request("poor", k, 0.1 * k, 0.4 + 0.001 * k, correct=k % 2 == 0, energy_j=2.0) for k in range(40)]
    rows += [request("good", k, 0.1 * k, 0.2 + 0.001 * k, correct=True, energy_j=1.0) for k in range(40)]
    rows += [request("same", k, 0.1 * k, 0.2 + 0.001 * k, correct=True, energy_j=1.0) for k in range(40)]
    made = result_of(table_of(rows))
    drawn = figure(made, "latency_energy")
    (axes,) = drawn.axes
    factors = unit_factor(axes.get_xlabel()), unit_factor(axes.get_ylabel())
    marks = [bars.lines[0] for bars in axes.containers]
    for mark, row in zip(marks, made.summary_rows, strict=True):
        assert mark.get_xdata()[0] * factors[0] == pytest.approx(row["latency_mean_s"])
        assert mark.get_ydata()[0] * factors[1] == pytest.approx(row["energy_mean_j"])
    poor, good, same = marks
    assert poor.get_markersize() < good.get_markersize() < same.get_markersize()
    assert same.get_markerfacecolor() == "none"
    words = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in drawn.legends[0].get_texts()]
    assert words[:3] == ["poor (50.0 %)", "good (100.0 %)", "same (100.0 %)"]


def test_layers_and_cuts_are_drawn_as_their_tables_say(result: Result) -> None:
    """A bar for each layer on each tier, a point of the line for each cut that sends; a stack for each cut."""
    drawn = figure(result, "layer_times")
    size, device, edge = drawn.axes
    rows = figure_data(result, "layer_times")["layer_times"].rows
    for axes, column in ((device, "device_s"), (edge, "edge_s")):
        heights = [bar.get_height() * unit_factor(axes.get_ylabel()) for bar in axes.patches]
        assert heights == pytest.approx([row[column] for row in rows[1:]])
    line = max(size.lines, key=lambda one: len(one.get_xdata()))
    assert line.get_ydata() * unit_factor(size.get_ylabel()) == pytest.approx([row["cut_bytes"] for row in rows[:-1]])
    assert [text.get_text() for text in edge.get_xticklabels()] == [f"module{k}" for k in range(4)]
    (axes,) = figure(result, "cut_stages").axes
    factor = unit_factor(axes.get_xlabel())
    cuts = figure_data(result, "cut_stages")["cut_stages"].rows
    ends: dict[float, float] = {}
    for bar in axes.patches:
        ends[round(bar.get_y(), 2)] = max(
            ends.get(round(bar.get_y(), 2), 0.0), (bar.get_x() + bar.get_width()) * factor
        )
    assert list(ends.values()) == pytest.approx([row["latency_s"] for row in cuts])
