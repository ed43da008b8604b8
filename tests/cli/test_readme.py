"""The README shows what the program does: its scenario, its outputs, its tables, its links.

Where an output differs, ``make readme`` writes it again; read the prose around it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator import paths
from simulator.cli import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIO = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def blocks() -> list[list[str]]:
    """Lines of the code blocks without a language, trailing spaces removed."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return [[line.rstrip() for line in block.splitlines()] for language, block in found if not language]


def said(*arguments: str) -> list[str]:
    """Lines that a command prints, trailing spaces removed."""
    done = CliRunner().invoke(cli, list(arguments))
    assert done.exit_code == 0, done.stderr
    return [line.rstrip() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The scenario of the README as a file."""
    assert SCENARIO
    file = tmp_path_factory.mktemp("readme") / "camera.yaml"
    file.write_text(SCENARIO.group(1), encoding="utf-8")
    return str(file)


def shown(title: str) -> list[str]:
    """The block whose table holds these words in its first column."""
    return next(block for block in blocks() if any(line.strip().startswith(title) for line in block))


def test_the_table_and_the_sentence_of_the_scenario_are_what_it_prints(camera: str, tmp_path: Path) -> None:
    """Every line, in its order."""
    printed = said("run", camera, "--no-plots", "-o", str(tmp_path / "camera"))
    wanted = shown("split layer3")
    assert [line for line in printed if line in wanted and line] == [line for line in wanted if line]


def test_the_demo_prints_its_table(tmp_path: Path) -> None:
    """``make demo`` runs quickstart."""
    printed = said("run", "quickstart", "--no-plots", "-o", str(tmp_path / "quickstart"))
    wanted = shown("early exit")
    assert [line for line in printed if line in wanted and line] == [line for line in wanted if line]


def test_the_explained_cuts_are_those_that_explain_prints(camera: str) -> None:
    """The README leaves columns out, but no number differs."""
    printed = {line.split("  ")[0]: line for line in said("explain", camera)}
    for line in shown("layer3.1.relu_1"):
        name, *cells = re.split(r"\s{2,}", line)
        assert name in printed
        assert all(cell in printed[name] for cell in cells), line


def test_every_row_of_the_calibration_table_is_one_of_the_report() -> None:
    """`make calibrate` writes the report; the README repeats the cards that it validates, all of them."""
    report = (paths.folder("device") / "CALIBRATION.md").read_text(encoding="utf-8")
    rows = {line for line in report.partition("## Every prediction")[0].splitlines() if line.startswith("| ")}
    validated = {row for row in rows if not row.endswith("| - | - | - | - |")}
    repeated = {line for line in TEXT.splitlines() if line.startswith("| ") and line.count("|") == 9}
    assert repeated == validated
    assert len(validated) > 10
    cards = {row.split("|")[1].strip() for row in rows - validated}
    listed = re.search(r"too few rows to hold any out\): (.*?)\.\n", TEXT, re.DOTALL)
    assert listed
    assert set(re.split(r",\s+", listed.group(1))) == cards


def test_every_link_and_every_file_named_in_a_table_exists() -> None:
    """Relative links, and paths in back quotes without a placeholder."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    named = re.findall(r"`((?:tests|simulator|scenarios|profiles|benchmarks)/[\w./-]+\.\w+)`", TEXT)
    missing = [name for name in links + named if "NAME" not in name and not (ROOT / name).exists()]
    assert links
    assert named
    assert missing == []


def test_every_make_target_named_exists() -> None:
    """``make X`` in a block or in back quotes."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"demo", "test", "bench", "calibrate", "readme"} <= named <= targets
