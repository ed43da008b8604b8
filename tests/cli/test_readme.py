"""The README shows what the program does: its scenario, its outputs, its tables, its links; what it says to do works.

Where an output differs, ``make readme`` writes it again; read the prose around it. Every block of code runs: commands
as they stand, in one folder, on the scenario of the README with few requests; FILE is a recording made by hand.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from click.testing import CliRunner

from simulator import paths
from simulator.cli import cli
from simulator.profiling.model import load_profile
from simulator.scenario.load import load_scenario
from simulator.scenario.locate import read
from simulator.studies.check import check

pytestmark = pytest.mark.engine_free

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIO = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


#: language and content of every block of code
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
#: blocks that the program writes, which tests above compare with what it prints
GENERATED = ("quickstart", "camera", "explain", "bench")
#: commands of the prose, those with nothing left to fill in
PROSE = [
    command
    for command in dict.fromkeys(re.findall(r"`(offload-sim [^`]+)`", TEXT))
    if not re.search(r"\b[A-Z]{2,}\b", command) and "--help" not in command
]


def of_language(language: str) -> list[str]:
    """Blocks of one language."""
    return [block for name, block in BLOCKS if name == language]


def blocks() -> list[list[str]]:
    """Lines of the code blocks without a language, trailing spaces removed."""
    return [[line.rstrip() for line in block.splitlines()] for block in of_language("")]


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


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """One scenario, Python, shell, a line of a profile; without a language: `make`, `pip`, or what is printed."""
    assert {language for language, _ in BLOCKS} == {"", "yaml", "python", "bash", "json"}
    assert len(of_language("yaml")) == 1
    written = ["\n".join(lines) for lines in blocks()]
    printed = [re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", TEXT, re.DOTALL) for name in GENERATED]
    assert all(printed)
    for block in written:
        is_output = any(match and block in match.group(1).replace(" \n", "\n") for match in printed)
        words = {line.split()[0] for line in block.splitlines() if line}
        assert is_output or words in ({"make"}, {"pip"}), block


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with camera.yaml, shortened, and a recording of five minutes."""
    place = tmp_path_factory.mktemp("readme-session")
    assert SCENARIO
    short = SCENARIO.group(1).replace("requests: 2000", "requests: 60")
    assert short != SCENARIO.group(1)
    (place / "camera.yaml").write_text(short, encoding="utf-8")
    rates = np.random.default_rng(1).choice([2.0, 6.0, 9.0], 300, p=[0.3, 0.4, 0.3])
    (place / "walk.txt").write_text("".join(f"{k + 1} {rate}\n" for k, rate in enumerate(rates)), encoding="utf-8")
    return place


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A command of the README in its folder; what it prints."""
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(command, comments=True)
    assert program == "offload-sim"
    return "\n".join(said(*("walk.txt" if argument == "FILE" else argument for argument in arguments)))


def test_every_command_of_a_shell_block_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order; what they write is there."""
    commands = [
        line for block in of_language("bash") for line in block.splitlines() if shlex.split(line, comments=True)
    ]
    assert len(commands) >= 7
    for command in commands:
        run(command, folder, monkeypatch)
    assert (folder / "surface" / "_figures" / "latency.svg").is_file()
    assert (folder / "front" / "front.csv").is_file()
    for written in ("mine.csv", "mine.yaml"):
        kind = "trace" if written.endswith("csv") else "generator"
        changed = [f"link.uplink={{{kind}: ./{written}}}"]
        assert check(load_scenario("camera.yaml", changed))[0] == []


def test_every_command_in_the_prose_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes where the prose says; the same run again changes nothing."""
    assert len(PROSE) >= 6
    for command in ["offload-sim run camera.yaml", *PROSE]:
        run(command, folder, monkeypatch)
    for told in re.findall(r"`(results/[^`<>]+/)`", TEXT):
        assert (folder / told).is_dir(), told
    assert (folder / "scenario.schema.json").is_file()
    assert (folder / "results" / "camera" / "figures" / "latency_cdf.pdf").is_file()


def test_the_options_of_a_paper_are_options_of_plot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--size`, `--font`, `--font-size` as the README writes them, and the tables."""
    (options,) = re.findall(r"`(--size [^`]+)`", TEXT)
    run("offload-sim run camera.yaml", folder, monkeypatch)
    run(f"offload-sim plot results/camera {options}", folder, monkeypatch)
    assert run("offload-sim plot results/camera --latex", folder, monkeypatch).startswith("% needs")
    assert run("offload-sim plot results/camera --csv", folder, monkeypatch).startswith("policy,")


def test_the_python_block_runs() -> None:
    """And its figures are those of a result."""
    (block,) = of_language("python")
    names: dict[str, Any] = {}
    with mpl.rc_context():
        exec(compile(block, "README.md", "exec"), names)
    also = re.search(r"# a matplotlib figure; also (.*)", block.replace(",\n# ", ", "))
    assert also
    assert {"latency_cdf", *also.group(1).split(", ")} == set(dir(names["result"].plot))


def test_the_line_for_a_profile_is_one(tmp_path: Path) -> None:
    """It goes into the JSON of a profile, which then says what is left of its accuracy."""
    (block,) = of_language("json")
    content = json.loads(paths.find("model", "ds_cnn").read_text(encoding="utf-8"))
    content |= json.loads("{" + block.strip().rstrip(",") + "}")
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    effect = load_profile(file).loss_effect
    assert effect is not None
    assert effect.kept[1] == 0.9


def test_every_extra_that_pip_is_told_exists() -> None:
    """In the prose too; and all that `make` installs are among them."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    told = {extra for extras in re.findall(r'pip install "\.\[([\w,]+)\]"', TEXT) for extra in extras.split(",")}
    assert {"profiling", "cluster", "optimise"} <= told <= set(setup["options.extras_require"])


def test_the_citation_is_of_this_version() -> None:
    """What Citation File Format 1.2.0 requires, and the version of the package."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    cited = read((ROOT / "CITATION.cff").read_text(encoding="utf-8"), "").data
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == setup["metadata"]["version"]
    assert cited["license"] == setup["metadata"]["license"]


def test_every_link_of_the_table_is_a_link() -> None:
    """Put into a scenario: of a camera, or for LoRaWAN of a sensor."""
    rows = [line for line in TEXT.splitlines() if re.match(r"\| (has|follows|is|loses|shares)\b", line)]
    links = [text for row in rows for text in re.findall(r"`(uplink: \{[^`]*\})`", row)]
    assert len(links) == 5
    assert SCENARIO
    for text in links:
        uplink = read(text, "").data["uplink"]
        if "region" in uplink:
            base = read(paths.find("scenario", "lora-sensor").read_text(encoding="utf-8"), "").data
            base["link"] = {key: value for key, value in base["link"].items() if key not in ("uplink", "downlink")}
        else:
            base = read(SCENARIO.group(1), "").data
        assert check(load_scenario({**base, "link": {**base["link"], "uplink": uplink}}))[0] == [], text
    losses = next(row for row in rows if row.startswith("| loses"))
    bursts = re.findall(r"`(?:losses: )?(\{[^`]*\})`", losses)
    assert len(bursts) == 2
    for text in bursts:
        base = read(SCENARIO.group(1), "").data
        base["link"]["uplink"] |= {"losses": {**read(text, "").data, "retransmit": False}}
        assert check(load_scenario(base))[0] == [], text


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
