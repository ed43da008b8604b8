"""The folder of a run: written whole or not at all, read back exactly, refused when it is not whole."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from requests_by_hand import cut_costs, generated, radio_timeline, rate_curves

from simulator.accounts.request_columns import REQUIRED as REQUESTS_REQUIRED
from simulator.errors import ResultError
from simulator.figures.runs import RUN_FIGURES
from simulator.inference.metrics import REQUIRED as METRICS_REQUIRED
from simulator.inference.metrics import SUMMARY_COLUMNS, RunFacts
from simulator.reports.run import render
from simulator.reports.tables import of_result
from simulator.studies import store
from simulator.studies.csvtext import from_csv, to_csv
from simulator.studies.loading import load_result
from simulator.studies.result import Result, build_result
from simulator.studies.store import check_writable, write_requests, write_result


def _curves() -> dict[str, pa.Table]:
    """Tables of figures beside the requests."""
    policies = ["local", "edge"]
    return rate_curves() | cut_costs(policies) | radio_timeline(policies)


def busy(device: float, uplink: float, edge: float) -> RunFacts:
    """Facts that say how busy the stations were."""
    return RunFacts({"device": device, "uplink": uplink, "edge": edge})


def a_result(requests: int = 30, curves: bool = True, **kwargs: Any) -> Result:
    """Two policies, with or without curves and radio timelines."""
    return build_result(
        "hand-made",
        {"name": "hand-made", "seed": 1},
        generated({"local": 1.0, "edge": 0.3}, requests, **kwargs),
        {("local", ""): busy(0.5, 0.0, 0.0), ("edge", ""): busy(0.0, 1 / 3, 0.1)},
        manifest={"seed": 1},
        curves=_curves() if curves else {},
        warmup_s=0.5,
        batches=20,
        drawing=RUN_FIGURES,
    )


def files_below(folder: Path) -> set[str]:
    """Every file under a folder, by its place below it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_holds_the_files_of_the_contract(tmp_path: Path) -> None:
    """Tables, manifest, and for each figure its CSV."""
    written = write_result(a_result(), tmp_path / "a" / "b")
    assert written.directory == tmp_path / "a" / "b"
    assert files_below(tmp_path / "a" / "b") == {
        "manifest.json",
        "summary.csv",
        "differences.csv",
        "requests.parquet",
        "figures/latency_cdf.svg",
        "figures/latency_cdf.csv",
        "figures/latency_cdf_marks.csv",
        "figures/latency_parts.svg",
        "figures/latency_parts.csv",
        "figures/energy_parts.svg",
        "figures/energy_parts.csv",
        "figures/rate_sweep.svg",
        "figures/rate_sweep.csv",
        "figures/rate_sweep_crossovers.csv",
        "figures/radio_timeline.svg",
        "figures/radio_timeline.csv",
        "figures/layer_times.svg",
        "figures/layer_times.csv",
        "figures/cut_stages.svg",
        "figures/cut_stages.csv",
        "figures/latency_energy.svg",
        "figures/latency_energy.csv",
        "figures/request_timelines.svg",
        "figures/request_timelines.csv",
    }


def test_reading_back_gives_what_was_written(tmp_path: Path) -> None:
    """Tables, rows, curves and manifest survive exactly, to the last bit of every float."""
    written = write_result(a_result(requests=300), tmp_path)
    found = load_result(tmp_path)
    assert found.table.equals(written.table.unify_dictionaries().combine_chunks())
    assert [str(row) for row in found.summary_rows] == [str(row) for row in written.summary_rows]
    assert [str(row) for row in found.difference_rows] == [str(row) for row in written.difference_rows]
    curves = _curves()
    assert {name: table.to_pylist() for name, table in found.curves.items()} == {
        name: table.to_pylist() for name, table in curves.items()
    }
    assert found.manifest == written.manifest
    assert (found.name, found.scenario["seed"], found.warmup_s) == ("hand-made", 1, 0.5)


def test_groups_survive(tmp_path: Path) -> None:
    """The group column stands after policy in summary.csv and after device in requests.parquet."""
    write_result(a_result(curves=False, groups=["near", "far"]), tmp_path, figures=())
    found = load_result(tmp_path)
    assert list(found.summary.columns[:2]) == ["policy", "group"]
    assert found.requests.columns.get_loc("group") == found.requests.columns.get_loc("device") + 1
    assert set(found.requests["group"]) == {"near", "far"}


def test_frames_are_those_of_the_contract() -> None:
    """The properties of a result are pandas frames with one row per policy, request and comparison."""
    result = a_result()
    assert list(result.summary["policy"]) == ["local", "edge"]
    assert len(result.requests) == 60
    assert list(result.differences["best"]) == ["edge", "edge"]
    assert "60 requests under local, edge" in repr(result)


def test_equal_tables_give_equal_bytes_whatever_their_chunks() -> None:
    """requests.parquet holds no time of writing and no trace of how the table was put together."""
    whole, parts = io.BytesIO(), io.BytesIO()
    table = generated({"local": 1.0, "edge": 0.3}, 100)
    write_requests(table.combine_chunks(), whole)
    write_requests(pa.concat_tables([table.slice(0, 37), table.slice(37)]), parts)
    assert whole.getvalue() == parts.getvalue()
    assert pq.read_table(io.BytesIO(whole.getvalue())).equals(table.unify_dictionaries().combine_chunks())


def test_other_bytes_of_a_second_write_are_none(tmp_path: Path) -> None:
    """Writing the same result twice gives the same bytes of every file, figures too."""
    write_result(a_result(), tmp_path / "one", figures=("svg", "pdf", "png"))
    write_result(a_result(), tmp_path / "two", figures=("svg", "pdf", "png"))
    names = files_below(tmp_path / "one")
    assert names == files_below(tmp_path / "two")
    assert len(names) > 20
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_csv_floats_read_back_exactly() -> None:
    """What repr writes, float reads; missing values are empty cells, names with commas are quoted."""
    rows = [{"policy": "a,b", "latency_s": 0.1 + 0.2, "requests": 3}, {"policy": "c", "latency_s": None, "requests": 0}]
    text = to_csv(rows, ["policy", "latency_s", "requests"])
    assert text == b'policy,latency_s,requests\n"a,b",0.30000000000000004,3\nc,,0\n'
    assert from_csv(text)[0] == rows[0]
    assert next(csv.reader(io.StringIO(text.decode()))) == ["policy", "latency_s", "requests"]
    with pytest.raises(ValueError, match="cells"):
        from_csv(b"policy,latency_s\na\n")


def test_manifest_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    """Anyone can check the data files with sha256sum."""
    write_result(a_result(), tmp_path, figures=())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest["files"]) == 8
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256


def test_files_of_the_user_stay_and_old_figures_go(tmp_path: Path) -> None:
    """A second run into a folder keeps notes and foreign figures, but no figure of the earlier run."""
    write_result(a_result(), tmp_path, figures=("svg", "pdf"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figures" / "my_plot.svg").write_text("mine")
    write_result(a_result(curves=False), tmp_path, figures=("svg",))
    left = files_below(tmp_path)
    assert {"notes.txt", "figures/my_plot.svg", "figures/latency_cdf.svg"} <= left
    assert not [name for name in left if name.endswith(".pdf") or "rate_sweep" in name or "radio" in name]
    assert load_result(tmp_path).curves == {}


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """Neither the file nor what lies beside it changes."""
    (tmp_path / "out").write_text("a file")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(ResultError, match="out"):
            write_result(a_result(), folder)
        with pytest.raises(ResultError, match="choose another folder"):
            check_writable(folder)
    assert files_below(tmp_path) == {"out"}


def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    """summary.csv cannot replace a folder of that name; nothing else is written either."""
    (tmp_path / "summary.csv").mkdir()
    with pytest.raises(ResultError, match=r"summary\.csv"):
        write_result(a_result(), tmp_path)
    assert files_below(tmp_path) == set()


def test_a_name_that_the_file_system_refuses_is_an_error(tmp_path: Path) -> None:
    """The reason is the operating system's own."""
    for attempt in (check_writable, load_result, lambda folder: write_result(a_result(), folder)):
        with pytest.raises(ResultError, match=os.strerror(errno.ENAMETOOLONG)):
            attempt(tmp_path / ("x" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    """Permission denied is said, not raised through."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(ResultError, match="Permission denied"):
        write_result(a_result(), locked / "below")


@pytest.mark.parametrize("existing", [False, True])
def test_a_full_disk_leaves_things_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    """The third file does not fit: no file of the new result, no temporary file, the old result still loads."""
    folder = tmp_path / "out"
    if existing:
        write_result(a_result(requests=20), folder, figures=())
    before = {name: (folder / name).read_bytes() for name in files_below(folder)} if existing else {}
    calls = iter(range(100))

    def full(descriptor: int) -> None:
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultError, match="No space left"):
        write_result(a_result(), folder)
    assert folder.exists() == existing
    assert {name: (folder / name).read_bytes() for name in files_below(tmp_path / "out")} == before


@pytest.mark.parametrize("call", [0, 3, 7])
def test_an_interrupt_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Ctrl-C before the renaming: not even the folder remains."""
    calls = iter(range(100))

    def interrupted(descriptor: int) -> None:
        if next(calls) == call:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_result(a_result(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupt_while_renaming_leaves_no_valid_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file there is whole, temporary files are gone, and the folder does not pass for a finished run."""
    write_result(a_result(requests=20), tmp_path, figures=())
    real, calls = os.replace, iter(range(100))

    def interrupted(source: Path, target: Path) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_result(a_result(), tmp_path, figures=())
    assert not [name for name in files_below(tmp_path) if name.endswith(".part")]
    with pytest.raises(ResultError, match="no run was finished"):
        load_result(tmp_path)


def test_a_check_before_the_run_leaves_no_trace(tmp_path: Path) -> None:
    """A folder that can be written is neither made nor touched."""
    check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The message says which command makes one."""
    with pytest.raises(ResultError, match="offload-sim run"):
        load_result(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"format": "x", "name": "n", "scenario": {}, "files": {}}',
        b"[" * 100_000,
    ],
)
def test_a_foreign_or_damaged_manifest_is_refused(tmp_path: Path, manifest: bytes) -> None:
    """Whatever stands in manifest.json, the answer is a ResultError."""
    write_result(a_result(), tmp_path, figures=())
    (tmp_path / "manifest.json").write_bytes(manifest)
    with pytest.raises(ResultError, match="not the complete result"):
        load_result(tmp_path)


@pytest.mark.parametrize("name", ["requests.parquet", "summary.csv", "differences.csv", "figures/rate_sweep.csv"])
@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_a_truncated_folder_is_refused(tmp_path: Path, name: str, damage: str) -> None:
    """The file that is cut off, gone or changed is named."""
    write_result(a_result(), tmp_path, figures=())
    path = tmp_path / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content.replace(b"e", b"f", 1) + b"\n")
    with pytest.raises(ResultError, match=name):
        load_result(tmp_path)


@pytest.mark.parametrize("column", ["arrival_s", "status"])
def test_a_table_without_its_core_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    """A table that lacks a column without which it says nothing is named with it, even where all hashes agree."""
    monkeypatch.setattr(store, "write_requests", lambda table, file: pq.write_table(table.drop([column]), file))
    write_result(a_result(), tmp_path, figures=())
    with pytest.raises(ResultError, match=column):
        load_result(tmp_path)


def older(folder: Path, without: dict[str, tuple[str, ...]]) -> None:
    """Make the folder of a version that did not write some columns yet: its manifest agrees with its files."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, columns in without.items():
        file = folder / name
        if name.endswith(".csv"):
            lines = list(csv.DictReader(io.StringIO(file.read_text())))
            kept = [column for column in lines[0] if column not in columns]
            text = io.StringIO()
            writer = csv.DictWriter(text, kept, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
            file.write_text(text.getvalue())
        else:
            pq.write_table(pq.read_table(file).drop(list(columns)), file)
        manifest["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_folder_of_an_older_version_is_read_and_drawn(tmp_path: Path) -> None:
    """Whatever columns came later are unknown: no value, no text, no bound; the others are what they were."""
    written = write_result(a_result(), tmp_path, figures=())
    lacking = tuple(column for column in SUMMARY_COLUMNS if column not in METRICS_REQUIRED)
    requests = tuple(name for name in written.table.column_names if name not in REQUESTS_REQUIRED)
    differences = ("caution", "condition", "interval_from")
    older(tmp_path, {"summary.csv": lacking, "differences.csv": differences, "requests.parquet": requests})
    found = load_result(tmp_path, RUN_FIGURES)
    for was, row in zip(written.summary_rows, found.summary_rows, strict=True):
        assert {name: row[name] for name in METRICS_REQUIRED} == {name: was[name] for name in METRICS_REQUIRED}
        assert (row["condition"], row["busiest_station"], row["latency_ci95_is_at_least"]) == ("", "", False)
        assert math.isnan(row["latency_mean_s"])
    assert set(found.table.column_names) >= set(written.table.column_names) - {"group"}
    assert found.table["energy_j"].null_count == found.table.num_rows
    assert found.differences["condition"].tolist() == [""] * len(written.differences)
    for name in dir(found.plot):
        assert getattr(found.plot, name)()
    assert of_result(found).latex()
    assert render(found)


def test_a_run_is_not_lost_to_a_figure(tmp_path: Path) -> None:
    """What fails while figures are drawn is raised, after the tables are safe."""

    def fail(*_: object) -> None:
        raise MemoryError("no room for a figure")

    whole = replace(a_result(), drawing=replace(RUN_FIGURES, files=fail))
    with pytest.raises(MemoryError, match="no room"):
        write_result(whole, tmp_path / "out")
    assert load_result(tmp_path / "out").table.num_rows == a_result().table.num_rows
    assert not list((tmp_path / "out" / "figures").glob("*.svg"))
