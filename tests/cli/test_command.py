"""The command as a user meets it: verbs, exit codes, standard error, start-up time."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simulator import paths, registry
from simulator.cli import cli
from simulator.cli.builtin import KINDS
from simulator.cli.verbs import WRONG
from simulator.links.generator import load_markov
from simulator.reports.catalogue import model_names

VERBS = (
    "run",
    "check",
    "explain",
    "profile",
    "cut",
    "list",
    "show",
    "schema",
    "plot",
    "trace",
    "sweep",
    "optimise",
    "map",
)


def offload_sim(*arguments: str) -> Result:
    """Run the command inside this process."""
    return CliRunner().invoke(cli, list(arguments))


def shell(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_help_names_every_verb_with_a_sentence() -> None:
    """And nothing else."""
    done = offload_sim("--help")
    assert done.exit_code == 0
    assert set(cli.commands) == set(VERBS)
    assert all(verb in done.stdout for verb in VERBS)
    assert all(command.help for command in cli.commands.values())


def test_help_appears_in_half_a_second() -> None:
    """Median of five starts; everything heavy is imported where it is used."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        assert shell("--help").returncode == 0
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < 0.5


@pytest.mark.parametrize("module", ["simulator", "simulator.cli", "simulator.scenario.load"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    """Neither torch nor matplotlib nor pandas nor scipy.stats, nor anything of simpy or pyarrow."""
    heavy = [
        "torch",
        "torchvision",
        "timm",
        "transformers",
        "matplotlib",
        "pandas",
        "scipy.stats",
        "simpy",
        "pyarrow",
        "onnx",
    ]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_verb_is_answered_with_the_nearest() -> None:
    """Did you mean."""
    done = offload_sim("chek", "first")
    assert done.exit_code == WRONG
    assert done.stderr.startswith('unknown command "chek"\n    did you mean check')


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "first", "--seed", "x"),
        ("run", "first", "--engine", "warp"),
        ("list", "everything"),
        ("show", "model"),
        ("profile", "torchvision:resnet18", "--input", "3,x"),
        ("plot", "nowhere", "--format", "bmp"),
        ("--nonsense",),
    ],
)
def test_wrong_arguments_exit_with_2(arguments: tuple[str, ...]) -> None:
    """A sentence on standard error, no traceback."""
    done = offload_sim(*arguments)
    assert done.exit_code == WRONG
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "nowhere"), 'no built-in scenario is called "nowhere"'),
        (("check", "no/where.yaml"), 'scenario file "no/where.yaml" does not exist'),
        (("show", "model", "resnet51"), "did you mean resnet"),
        (("show", "device", "[bold]x"), 'no built-in device is called "[bold]x"'),
        (("show", "policy", "splitt"), "did you mean split?"),
        (("check", "first", "--set", "lnk.uplink.rate=1 Mbit/s"), "did you mean link?"),
        (("check", "first", "--set", "nonsense"), "--set nonsense: is not path=value"),
        (("plot", "nowhere"), "nowhere"),
    ],
)
def test_what_a_user_can_mend_is_plain_text_on_standard_error(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, square brackets shown as they are, nothing on standard output."""
    done = offload_sim(*arguments)
    assert done.exit_code == WRONG
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", paths.names("scenario"))
def test_every_built_in_scenario_has_no_problems(name: str) -> None:
    """They are what users start from."""
    done = offload_sim("check", name)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith("no problems\n")


def test_the_readme_of_the_scenarios_names_them_all() -> None:
    """One row each, linked to its file."""
    rows = (paths.folder("scenario") / "README.md").read_text(encoding="utf-8")
    assert [name for name in paths.names("scenario") if f"| [{name}]({name}.yaml) |" not in rows] == []


@pytest.mark.parametrize("kind", KINDS)
def test_list_names_everything_built_in(kind: str) -> None:
    """One row each; generators stand below the traces, variants of a model below it."""
    done = offload_sim("list", kind)
    assert done.exit_code == 0, done.stderr
    one = kind if kind in paths.FOLDERS else kind.removesuffix("s")
    names = registry.kinds("policies") if kind == "policies" else paths.names(one)
    names = model_names() if kind == "models" else names
    names += paths.names("generator") if kind == "traces" else []
    shown = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert shown == names


def test_the_outage_of_a_generator_is_that_of_its_measurement() -> None:
    """A state may be an outage although its highest rate is not 0."""
    rows = {
        line.split()[0]: line.rstrip() for line in offload_sim("list", "traces").stdout.splitlines() if "drawn" in line
    }
    for name in paths.names("generator"):
        assert rows[name].endswith(f"{load_markov(name).fitted_to.outage:.1%}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("model", "resnet50"), ("layer2", "bytes crossing", "25.6 M parameters", "44.8 kB")),
        (("device", "raspberry-pi-4"), ("memory", "idle_power", "compute.rates.conv")),
        (("radio", "lte"), ("uplink_energy_per_bit", "Huang")),
        (("trace", "lte-uplink-driving"), ("300 s", "source")),
        (("generator", "lte-uplink-driving-2022"), ("states.0.mean", "NUWiNS", "step")),
        (("samples", "resnet50-exits"), ("estimated", "entropy_1", "correct_final")),
        (("policy", "split"), ("at", "best", "encoding", "required")),
        (("scenario", "first"), ("name: first", "policies:")),
    ],
)
def test_show_prints_one_thing_in_full(arguments: tuple[str, str], words: tuple[str, ...]) -> None:
    """With what a reader would look for."""
    done = offload_sim("show", *arguments)
    assert done.exit_code == 0, done.stderr
    assert all(word in done.stdout for word in words)


def test_a_shown_scenario_is_the_file_itself(tmp_path: Path) -> None:
    """It can be copied and run."""
    copy = tmp_path / "mine.yaml"
    copy.write_text(offload_sim("show", "scenario", "first").stdout, encoding="utf-8")
    assert copy.read_text().strip() == paths.find("scenario", "first").read_text().strip()
    assert offload_sim("check", str(copy)).exit_code == 0


@pytest.mark.parametrize("kind", ["model", "device", "radio", "trace", "scenario"])
def test_the_file_behind_a_name_is_printed_as_it_is(kind: str) -> None:
    """Byte for byte, so that its copy works as the original does; plural and generators too."""
    name = paths.names(kind)[-1]
    done = offload_sim("show", f"{kind}s", name, "--yaml")
    assert done.exit_code == 0, done.stderr
    assert done.stdout_bytes == paths.find(kind, name).read_bytes()
    generator = paths.names("generator")[0]
    if generator not in paths.names("trace"):
        text = offload_sim("show", "trace", generator, "--yaml").stdout
        assert text == paths.find("generator", generator).read_text(encoding="utf-8")


def test_a_copied_card_is_a_card(tmp_path: Path) -> None:
    """`show device NAME --yaml > mine.yaml`, its name changed to that of its file, then `device: ./mine.yaml`."""
    copy = tmp_path / "mine.yaml"
    text = offload_sim("show", "device", "raspberry-pi-4", "--yaml").stdout
    copy.write_text(text.replace("name: raspberry-pi-4", "name: mine", 1), encoding="utf-8")
    done = offload_sim("check", "first", "--set", f"device={copy}")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "name", "words"), [("policy", "split", "has no file"), ("radio", "ltee", "did you mean lte")]
)
def test_what_has_no_file_is_told(kind: str, name: str, words: str) -> None:
    """Exit code 2, nothing on standard output."""
    done = offload_sim("show", kind, name, "--yaml")
    assert done.exit_code == WRONG
    assert words in done.stderr
    assert done.stdout == ""


def test_schema_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    """The same text on standard output and in a file."""
    file = tmp_path / "scenario.schema.json"
    assert offload_sim("schema", "-o", str(file)).exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(offload_sim("schema").stdout)


def test_a_folder_in_the_way_of_a_file_is_named(tmp_path: Path) -> None:
    """Exit code 2 rather than a traceback."""
    done = offload_sim("schema", "-o", str(tmp_path))
    assert done.exit_code == WRONG
    assert "cannot write" in done.stderr


def test_run_writes_what_it_prints_and_plot_draws_it_again(tmp_path: Path) -> None:
    """The files of a result, and the same figures in another format."""
    target = tmp_path / "result"
    done = offload_sim("run", "first", "-o", str(target), "--set", "workload.requests=20", "--seed", "5")
    assert done.exit_code == 0, done.stderr
    assert all(word in done.stdout for word in ("local", "edge jpeg"))
    assert {"manifest.json", "summary.csv", "requests.parquet", "figures"} <= {file.name for file in target.iterdir()}
    assert json.loads((target / "manifest.json").read_text())["seed"] == 5
    again = offload_sim("plot", str(target), "--format", "png")
    assert again.exit_code == 0, again.stderr
    assert all(Path(line).is_file() for line in again.stdout.splitlines())
    assert {Path(line).suffix for line in again.stdout.splitlines()} == {".png"}


def test_run_without_plots_draws_none(tmp_path: Path) -> None:
    """Tables only."""
    done = offload_sim("run", "first", "-o", str(tmp_path), "--no-plots", "--set", "workload.requests=5")
    assert done.exit_code == 0, done.stderr
    assert not list(tmp_path.rglob("*.svg"))


def test_a_file_in_the_way_of_the_result_folder_is_named(tmp_path: Path) -> None:
    """Before anything is simulated; the file stays."""
    target = tmp_path / "result"
    target.write_text("mine")
    done = offload_sim("run", "first", "-o", str(target))
    assert done.exit_code == WRONG
    assert str(target) in done.stderr
    assert target.read_text() == "mine"


def test_explain_names_every_policy_and_its_cut() -> None:
    """Why each goes where it goes."""
    done = offload_sim("explain", "first")
    assert done.exit_code == 0, done.stderr
    assert all(word in done.stdout for word in ("local", "edge jpeg", "input", "output"))


def test_the_command_exits_with_2_and_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Standard error holds the message, standard output nothing."""
    file = tmp_path / "broken.yaml"
    file.write_text("name: ../x\n")
    done = shell("check", str(file))
    assert done.returncode == WRONG
    assert done.stdout == ""
    assert f'{file}:1:7: name: "../x" is not a name' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_stops_reading_is_no_defect() -> None:
    """``offload-sim show model resnet152 | head -1``."""
    command = f"{sys.executable} -m simulator show model resnet152 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr == ""


def test_an_interrupted_run_exits_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C half-way through a long run."""
    target = tmp_path / "result"
    long = ["--set", "workload.requests=1000000", "--set", "statistics.replications=10"]
    command = [sys.executable, "-m", "simulator", "run", "first", "-o", str(target), *long]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(3)
    assert running.poll() is None
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said == "interrupted\n"
    assert not target.exists()
