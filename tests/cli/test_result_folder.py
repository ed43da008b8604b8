"""Where a run writes without ``-o``, and that no result of another scenario is overwritten silently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import simulator
from simulator.cli import cli
from simulator.cli.verbs import WRONG
from simulator.errors import ResultError
from simulator.studies.destination import default_folder

SHORT = ("--no-plots", "--set", "workload.requests=5")


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scenario `first`, five requests, as a file in the working directory."""
    monkeypatch.chdir(tmp_path)
    text = CliRunner().invoke(cli, ["show", "scenario", "first"]).stdout
    file = tmp_path / "first.yaml"
    file.write_text(text.replace("requests: 200", "requests: 5"), encoding="utf-8")
    assert "requests: 5\n" in file.read_text()
    return file


def run(*arguments: str) -> Result:
    """`offload-sim run first.yaml --no-plots` and more."""
    return CliRunner().invoke(cli, ["run", "first.yaml", "--no-plots", *arguments])


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_scenario_as_it_stands_goes_to_its_own_name_and_may_run_again(camera: Path) -> None:
    """The same text, and the same text with another description: the result is replaced without a question."""
    folder = camera.parent / "results" / "first"
    assert run().exit_code == 0
    before = content(folder)
    camera.write_text(camera.read_text().replace("description: MobileNetV2", "description: told anew, MobileNetV2"))
    again = run()
    assert again.exit_code == 0, again.stderr
    assert content(folder)["requests.parquet"] == before["requests.parquet"]


def test_what_if_leaves_the_first_result_alone(camera: Path) -> None:
    """``--set`` and ``--seed`` go to folders named after them, and the report says where."""
    assert run().exit_code == 0
    before = content(camera.parent / "results" / "first")
    done = run("--set", "link.uplink.rate=2 Mbit/s", "--seed", "7")
    assert done.exit_code == 0, done.stderr
    assert "Written to results/first-link.uplink.rate=2-Mbit-s,seed=7/" in done.stdout
    assert content(camera.parent / "results" / "first") == before
    manifest = json.loads((camera.parent / "results/first-link.uplink.rate=2-Mbit-s,seed=7/manifest.json").read_text())
    assert manifest["scenario"]["link"]["uplink"]["rate"] == "2000000 bit/s"


@pytest.mark.parametrize("where", [(), ("-o", "results/first")])
def test_another_scenario_is_refused_before_it_runs(camera: Path, where: tuple[str, ...]) -> None:
    """Exit code 2, what differs, what to do; nothing in the folder changes; ``--replace`` goes through."""
    assert run().exit_code == 0
    folder = camera.parent / "results" / "first"
    before = content(folder)
    camera.write_text(camera.read_text().replace("requests: 5", "requests: 6") + "\nseed: 8\n")
    done = run(*where)
    assert done.exit_code == WRONG
    assert '"results/first" holds the result of another scenario' in done.stderr
    assert "seed: 1 there, 8 now" in done.stderr
    assert "workload.requests: 5 there, 6 now" in done.stderr
    assert "-o" in done.stderr
    assert "--replace" in done.stderr
    assert content(folder) == before
    assert run(*where, "--replace").exit_code == 0
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 8


def test_python_refuses_alike(tmp_path: Path) -> None:
    """``output_dir`` of another seed, unless ``replace=True``."""
    short = ["workload.requests=5"]
    simulator.run("first", overrides=short, output_dir=tmp_path / "out")
    simulator.run("first", overrides=short, output_dir=tmp_path / "out")
    with pytest.raises(ResultError, match="seed: 1 there, 2 now"):
        simulator.run("first", overrides=short, seed=2, output_dir=tmp_path / "out")
    simulator.run("first", overrides=short, seed=2, output_dir=tmp_path / "out", replace=True)
    assert simulator.load_result(tmp_path / "out").manifest["seed"] == 2


def test_a_folder_without_a_result_is_taken(tmp_path: Path) -> None:
    """Files of the user's own do not make it one, unless a run would replace them."""
    (tmp_path / "notes.txt").write_text("mine")
    done = CliRunner().invoke(cli, ["run", "first", *SHORT, "-o", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    (tmp_path / "manifest.json").write_text("no result")
    done = CliRunner().invoke(cli, ["run", "first", *SHORT, "-o", str(tmp_path)])
    assert done.exit_code == 2
    assert "was not written by this program" in done.stderr
    assert (tmp_path / "manifest.json").read_text() == "no result"


@pytest.mark.parametrize(
    ("overrides", "seed", "folder"),
    [
        ([], None, "camera"),
        (["name=other", "description=x"], None, "camera"),
        (["workload.rate=3 /s"], None, "camera-workload.rate=3-s"),
        (["a=1", "b=2"], 3, "camera-a=1,b=2,seed=3"),
        (["b=2", "a=0", "a=1"], None, "camera-a=1,b=2"),
    ],
)
def test_folders_are_named_after_what_was_changed(overrides: list[str], seed: int | None, folder: str) -> None:
    """In an order of their own; the later of two counts, names and descriptions do not."""
    assert default_folder("camera", overrides, seed) == Path("results") / folder


def test_folders_of_unlike_changes_differ_and_are_plain_names() -> None:
    """Signs that no folder should have become hyphens, and a digest keeps such names apart; none is too long."""
    changes = [
        "policies=[{kind: local}]",
        "policies={kind: [local]}",
        "model=../../x",
        "model=" + "x" * 300,
        "a=\N{BLACK STAR}",
    ]
    folders = {default_folder("camera", [change]) for change in changes}
    assert len(folders) == len(changes)
    assert all(folder.parent == Path("results") and len(folder.name) < 120 for folder in folders)
    assert all(folder.name.isascii() and folder.name.isprintable() for folder in folders)
