"""What a run prints: best values marked, a sentence that claims no more than the interval allows, files listed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from requests_by_hand import generated, request, table_of
from rich.console import Console

from simulator.figures.runs import RUN_FIGURES
from simulator.inference.metrics import RunFacts
from simulator.reports.run import render, sentences, with_interval
from simulator.studies.result import Result, build_result
from simulator.studies.store import write_result


def result_of(table: pa.Table, **facts: RunFacts) -> Result:
    """A result without curves; ``facts`` by policy."""
    return build_result(
        "hand-made",
        {},
        table,
        {(policy, ""): fact for policy, fact in facts.items()},
        manifest={},
        curves={},
        warmup_s=0.0,
        drawing=RUN_FIGURES,
        batches=20,
    )


def printed(result: Result, width: int = 80, **console: Any) -> str:
    """What a console of that width shows."""
    text = io.StringIO()
    Console(file=text, width=width, **console).print(render(result))
    return text.getvalue()


def policies(means_s: dict[str, float], energies_j: dict[str, float], step_s: float = 0.0) -> Result:
    """300 requests per policy; ``step_s`` lets the latency of every third request of the first policy differ."""
    first = next(iter(means_s))
    return result_of(
        table_of(
            [
                request(policy, k, float(k), mean + (step_s * (k // 15 % 2) if policy == first else 0), energy_j=energy)
                for (policy, mean), energy in zip(means_s.items(), energies_j.values(), strict=True)
                for k in range(300)
            ]
        )
    )


def line_of(text: str, word: str) -> str:
    """The first line with a word."""
    return next(line for line in text.splitlines() if word in line)


def test_the_best_of_each_column_is_marked_without_colour() -> None:
    """The lowest latency and energy and the highest accuracy carry an asterisk, nothing else does."""
    table = generated({"local": 1.0, "edge": 0.5}, 400).drop(["correct"])
    table = table.append_column("correct", pa.nulls(table.num_rows, pa.bool_()))
    result = result_of(table, local=RunFacts(top1=0.76), edge=RunFacts(top1=0.70))
    text = printed(result)
    assert "\x1b" not in text
    assert line_of(text, " local ").count("*") == 1
    assert "76.0*" in line_of(text, " local ")
    assert line_of(text, " edge ").count("*") == 2  # mean latency, p95; energies of one replication have no interval
    assert "\x1b[1;32m" in printed(result, force_terminal=True, color_system="standard")


def test_equal_values_are_not_marked() -> None:
    """Where all policies share a value there is no best."""
    text = printed(policies({"local": 0.3, "edge": 0.2}, {"local": 1.0, "edge": 1.0}))
    assert " 1.000 " in line_of(text, " edge ")
    assert "1.000*" not in text


def test_the_winner_is_named_with_the_interval_of_the_difference() -> None:
    """Differences of 107 and 93 ms in turn average 100 ms, half-width 2.093 * 7.18 / sqrt(20) = 3.36 ms."""
    (sentence,) = sentences(policies({"local": 0.293, "edge": 0.2}, {"local": 2.0, "edge": 1.0}, step_s=0.014))
    assert sentence == (
        "edge wins on mean latency: 200 ms, 100 ms (33 %) below local, the next best "
        "(95 % interval of the difference: ± 3.36 ms, from 20 batch means)."
    )


def test_a_difference_that_is_the_same_for_every_request_names_a_winner_without_an_interval() -> None:
    """Latencies 300 and 200 ms that vary by nothing: there is no interval, and no width of zero."""
    result = policies({"local": 0.3, "edge": 0.2}, {"local": 2.0, "edge": 1.0})
    assert sentences(result) == [
        "edge wins on mean latency: 200 ms, 100 ms (33 %) below local, the next best, in every single request."
    ]
    assert "±" not in line_of(printed(result), " edge ")
    assert "no interval for mean latency and mean energy" in " ".join(printed(result).split())


def test_lower_bounds_are_marked_and_explained() -> None:
    """Before the half-width, in the legend, and in the sentence about the difference."""
    result = result_of(generated({"local": 1.0, "edge": 0.5}, 400, replications=5), edge=RunFacts(short="too short"))
    text = printed(result)
    assert "± ≥" in line_of(text, " edge ")
    assert "≥" not in line_of(text, " local ")
    assert "± ≥ at least that wide: see the caution" in " ".join(text.split())
    assert "Caution: edge: too short" in text
    assert "interval of the difference: ± ≥ " in sentences(result)[0]
    assert "≥" not in printed(result_of(generated({"local": 1.0}, 400, replications=5)))


def test_the_report_says_how_many_requests_the_cool_down_took() -> None:
    """Counted once, not for each policy, over all replications."""
    table = generated({"local": 1.0, "edge": 0.5}, 400, replications=2)
    ends = {"until_s": (38.0, math.inf)}  # arrivals at 0, 0.1, ..., 39.9 s
    result = build_result("r", {}, table, {}, manifest={}, curves={}, warmup_s=1.0, batches=20, **ends)
    assert result.manifest["left_out"] == {"warmup": 20, "cool_down": 19}
    assert result.window.until_s == (38.0, math.inf)
    text = " ".join(printed(result).split())
    assert "19 requests that arrive after the first device has issued its last are left out of all means" in text


def test_a_difference_within_its_interval_names_no_winner() -> None:
    """Differences of 8 and -6 ms in turn average 1 ms, half-width 2.093 * 7.18 / sqrt(20) = 3.36 ms."""
    (sentence,) = sentences(policies({"local": 0.194, "edge": 0.200}, {"local": 1.0, "edge": 1.0}, step_s=0.014))
    assert "wins" not in sentence
    assert sentence.startswith("No clear winner on mean latency: edge, 200 ms, 1.00 ms (0.5 %) below local, is within")
    assert "± 3.36 ms, from 20 batch means" in sentence


def test_energy_is_spoken_of_when_another_policy_leads_there() -> None:
    """Edge is faster, local spends less: two sentences."""
    first, second = sentences(policies({"local": 0.3, "edge": 0.2}, {"local": 1.0, "edge": 2.0}))
    assert first.startswith("edge wins on mean latency")
    assert second.startswith("local wins on mean energy: 1.00 J, 1.00 J (50 %) below edge")


def test_policies_that_do_the_same_are_called_equal() -> None:
    """A best split that sends everything is the edge policy: both win, against the others."""
    (sentence,) = sentences(policies({"edge": 0.2, "local": 0.3, "split": 0.2}, dict.fromkeys("abc", 1.0)))
    assert sentence.startswith("edge and split win on mean latency: 200 ms, 100 ms (33 %) below local, the next best")
    (sentence,) = sentences(policies({"edge": 0.2, "split": 0.2}, dict.fromkeys("ab", 1.0)))
    assert sentence == "edge and split are equal on mean latency: 200 ms."


def test_without_an_interval_no_winner_is_named() -> None:
    """Thirty requests are too few; the report says so and what would help."""
    result = result_of(generated({"local": 1.0, "edge": 0.5}, 30))
    (sentence,) = sentences(result)
    assert "no winner is named" in sentence
    text = " ".join(printed(result).split())
    assert "30 requests after warm-up are too few for 20 batches" in text
    assert "±" not in line_of(printed(result), " edge ")


def test_one_policy_alone_wins_nothing() -> None:
    """No sentence and no mark where there is nothing to compare."""
    result = result_of(generated({"local": 1.0}, 400))
    assert sentences(result) == []
    assert "*" not in line_of(printed(result), " local ")


def test_dropped_and_censored_requests_show_only_when_there_are_some() -> None:
    """Their columns appear with the first lost request, and a sentence warns of the comparison."""
    rows = [request("edge", k, float(k), 1.0) for k in range(300)]
    assert "dropped" not in printed(result_of(table_of(rows)))
    other = [request("local", k, float(k), 2.0 if k % 10 else None) for k in range(300)]
    text = printed(result_of(table_of(rows + other)))
    assert "dropped" in text
    assert "censored\n" not in text
    assert line_of(text, " local ").split()[-1] == "30"
    assert "completed requests only" in text


def test_missing_columns_are_left_out() -> None:
    """Without deadlines and accuracies the table does not show columns of dashes."""
    text = printed(result_of(table_of([request("local", k, float(k), 1.0) for k in range(300)])))
    assert "deadline" not in text
    assert "accuracy" not in text


def test_each_group_has_its_table() -> None:
    """The groups are titled, the sentence is about all requests."""
    text = printed(result_of(generated({"local": 1.0, "edge": 0.5}, 800, groups=["near", "far"])))
    assert text.count("mean latency") == 3
    assert "group near" in text
    assert "group far" in text
    assert "Over all groups, edge wins" in text


@pytest.mark.parametrize(
    "names", [["local", "edge", "split:best-latency", "early_exit(0.3,0.5)"], ["x" * 70, "y" * 70]]
)
def test_the_report_fits_into_80_columns(names: Sequence[str], tmp_path: Path) -> None:
    """No line is longer, no number is cut, however long the names."""
    table = generated({name: 1.0 + k for k, name in enumerate(names)}, 400, deadline_s=1.5, replications=3)
    result = write_result(result_of(table), tmp_path, figures=("svg",))
    text = printed(result)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert text.count("±") >= 2 * len(names)


def test_written_files_are_listed(tmp_path: Path) -> None:
    """Folder, tables and figures; nothing is listed for a result that was not written."""
    result = result_of(generated({"local": 1.0}, 400))
    assert "Written" not in printed(result)
    text = " ".join(printed(write_result(result, tmp_path / "out"), width=300).split())
    for name in ("summary.csv", "requests.parquet", "manifest.json", "latency_cdf.svg"):
        assert name in text
    assert str(tmp_path / "out") in text


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (182.3456, 1.234, "182.3 ± 1.2"),
        (182.3456, 12.34, "182 ± 12"),
        (1234567.0, 1234.0, "1234567 ± 1234"),
        (0.012342, 0.00012, "0.01234 ± 0.00012"),
        (5.0, 1e-9, "5.0000 ± <0.0001"),
        (0.0123456, float("nan"), "0.01235"),
        (float("nan"), float("nan"), "-"),
    ],
)
def test_numbers_show_as_many_digits_as_the_interval_supports(mean: float, half_width: float, text: str) -> None:
    """Two digits of the half-width, the mean to the same place."""
    assert with_interval(mean, half_width) == text


def test_all_that_cannot_be_told_from_the_best_mean_are_marked() -> None:
    """Edge and split differ by chance, local by a lot: both carry the asterisk, and only they."""
    text = printed(policies({"split": 0.194, "edge": 0.2, "local": 0.5}, dict.fromkeys("abc", 1.0), step_s=0.014))
    marked = {name: "*" in line_of(text, f" {name} ")[:24] for name in ("split", "edge", "local")}
    assert marked == {"split": True, "edge": True, "local": False}


def test_what_is_not_compared_carries_no_mark_in_any_column() -> None:
    """The overloaded policy has the lowest 95th percentile and the best accuracy; the others are judged without it."""
    table = generated({"local": 1.0, "edge": 0.5, "split": 0.7}, 400).drop(["correct"])
    table = table.append_column("correct", pa.nulls(table.num_rows, pa.bool_()))
    result = result_of(
        table,
        local=RunFacts(top1=0.70),
        edge=RunFacts(top1=0.76, overload="no steady state: its uplink"),
        split=RunFacts(top1=0.71),
    )
    text = printed(result)
    assert "*" not in line_of(text, " edge ")
    assert line_of(text, " split ").count("*") == 3  # mean latency, p95, accuracy
