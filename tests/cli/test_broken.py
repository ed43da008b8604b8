"""Every broken scenario file has its expected message beside it, and the command says exactly that."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.cli import cli

pytestmark = pytest.mark.engine_free

FOLDER = Path(__file__).parent / "broken"
PROJECT = Path(__file__).parents[2]
FILES = sorted(FOLDER.glob("*.yaml"), key=lambda file: file.stem)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_scenario_is_answered_with_its_message(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, nothing on standard output, and on standard error the expected text and nothing else."""
    monkeypatch.chdir(FOLDER)
    done = CliRunner().invoke(cli, ["check", file.name])
    expected = file.with_suffix(".txt").read_text(encoding="utf-8")
    assert expected
    # wherever the project lies
    assert (done.exit_code, done.stdout, done.stderr.replace(str(PROJECT), "PROJECT")) == (2, "", expected)


def test_the_collection_is_complete() -> None:
    """Every message belongs to a file, and there are enough of them to mean something."""
    assert len(FILES) >= 35
    assert {file.stem for file in FOLDER.glob("*.txt")} == {file.stem for file in FILES}


@pytest.mark.parametrize("stem", ["many-mistakes", "alias-bomb", "unknown-cut"])
def test_run_and_explain_refuse_what_check_refuses(stem: str, tmp_path: Path) -> None:
    """The same message from every verb, and no result folder is left behind."""
    checked = CliRunner().invoke(cli, ["check", str(FOLDER / f"{stem}.yaml")])
    target = tmp_path / "result"
    for arguments in (["run", "-o", str(target)], ["explain"]):
        done = CliRunner().invoke(cli, [*arguments, str(FOLDER / f"{stem}.yaml")])
        assert done.exit_code == 2
        assert done.stderr == checked.stderr
    assert not target.exists()
