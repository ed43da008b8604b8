"""What reaches a terminal or a pipe: nothing that steers it, and words where it takes no text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario

from simulator.cli import cli
from simulator.errors import Problem
from simulator.printable import one_line, printable

pytestmark = pytest.mark.engine_free

ESCAPE = "\x1b[31m"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command of a shell; ``offload-sim`` stands for this program."""
    full = command.replace("offload-sim", f"{sys.executable} -m simulator")
    given = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", full], capture_output=True, timeout=120, check=False, env=given)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    times = {"head": "10 ms", "tail": "20 ms"}
    content = scenario(
        chain(tmp_path, {"head": 2000, "tail": 4}),
        card(tmp_path, "device", "device", times),
        card(tmp_path, "server", "server", times),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}],
    )
    path = tmp_path / "world.yaml"
    path.write_text(json.dumps(content))
    return path


@given(text=st.text(st.characters()))
def test_what_is_printable_steers_nothing(text: str) -> None:
    """Nothing raw is left, lines stay lines or become one, and what was harmless is as it was."""
    for made, kept in ((printable(text), "\t\n"), (one_line(text), "")):
        assert all(sign in kept or sign >= " " for sign in made)
        assert "\x7f" not in made
        made.encode()
    if text.isascii() and text.isprintable():
        assert printable(text) == one_line(text) == text


def test_escapes_are_those_of_python() -> None:
    """And bytes of a file name that is not UTF-8 are told as bytes."""
    assert one_line("a\x1b[0m\x9b\n\u202e\ud800") == r"a\x1b[0m\x9b\n\u202e\ud800"
    assert one_line(os.fsdecode(b"\xff.yaml")) == r"\xff.yaml"
    assert str(Problem("a\nb", "c\x1b", ("x\ny",), "f\n")) == "f\\n: x\\ny: a\\nb\n    c\\x1b"


@pytest.mark.parametrize("name", ["[/]", "[bold]x[/bold]", ":smile:", "$\\frac$", "[link=file:///]a", "\\["])
@pytest.mark.parametrize("verb", ["run", "explain", "optimise", "map", "sweep"])
def test_a_name_is_no_markup(world: Path, tmp_path: Path, name: str, verb: str) -> None:
    """It stands in the table as it stands in the file."""
    option = f"policies.0.name={json.dumps(name)}"
    points = ["--workers", "1", "-o", str(tmp_path / "points"), "--set", "workload.requests=200"]
    more = {
        "map": ["--x", "seed=1,2", "--y", "count=1", *points],
        "sweep": ["--over", "seed=1,2", *points],
        "run": ["-o", str(tmp_path / "out"), "--no-plots"],
        "explain": [],
        "optimise": [
            "--over",
            "seed=1,2",
            "--workers",
            "1",
            "--objectives",
            "latency,energy",
            "-o",
            str(tmp_path / "o"),
        ],
    }
    done = call(verb, str(world), "--set", option, *more[verb])
    assert done.exit_code == 0, done.output
    assert name in done.stdout


@pytest.mark.parametrize("name", ["\x1b[31m", "a\nb", "\x07", "\ud800", "\u202e"])
def test_a_name_that_steers_is_refused_with_its_place(world: Path, tmp_path: Path, name: str) -> None:
    """And shown escaped."""
    content = json.loads(world.read_text())
    content["policies"][0]["name"] = name
    world.write_text(json.dumps(content))
    done = call("run", str(world), "-o", str(tmp_path / "out"))
    assert done.exit_code == 2, done.output
    assert "world.yaml:1:" in done.stderr
    assert one_line(done.stderr.replace("\n", "")) == done.stderr.replace("\n", "")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", f"{ESCAPE}.yaml"),
        ("check", ESCAPE),
        ("trace", "info", ESCAPE),
        ("trace", "info", "a\nb.csv"),
        ("show", "model", ESCAPE),
        ("show", "trace", ESCAPE),
        ("show", "policy", ESCAPE),
        ("plot", ESCAPE),
        (ESCAPE,),
        ("run", "first", "--engine", ESCAPE),
        ("run", "first", f"--{ESCAPE}"),
        ("run", "first", ESCAPE),
        ("check", "first", "--set", f"{ESCAPE}=1"),
        ("check", "first", "--set", f'name="{ESCAPE}"'),
        ("sweep", "first", "--over", f"{ESCAPE}=1,2"),
        ("profile", f"{ESCAPE}:x"),
        ("check", os.fsdecode(b"\xff\xfe.yaml")),
        ("trace", "info", os.fsdecode(b"\xff\xfe.csv")),
    ],
)
def test_an_argument_never_reaches_the_terminal_raw(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 2, escaped in the message."""
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        done = call(*arguments)
    finally:
        os.chdir(here)
    assert isinstance(done.exception, SystemExit | None), repr(done.exception)
    assert done.exit_code == 2
    assert "\x1b" not in done.output
    assert r"\x" in done.output or r"\n" in done.output


def test_a_scenario_in_a_file_whose_name_is_not_utf8_runs(world: Path, tmp_path: Path) -> None:
    """It is told as bytes; a trace and its figure too, and a generator, which is called like its file, is refused."""
    odd = tmp_path / os.fsdecode(b"\xff.yaml")
    odd.write_bytes(world.read_bytes())
    done = call("run", str(odd), "-o", str(tmp_path / "out"), "--no-plots")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["scenario_file"] == str(odd)
    assert r"\xff.yaml: no problems" in call("check", str(odd)).stdout
    rates = tmp_path / os.fsdecode(b"\xff.csv")
    rates.write_text("time_s,rate_bps\n" + "".join(f"{k},{1e6 + 1e5 * (k % 7)}\n" for k in range(60)))
    assert call("trace", "info", str(rates), "-o", str(tmp_path / "x.svg")).exit_code == 0
    assert call("trace", "import", str(rates), "-o", str(tmp_path / "x.csv")).exit_code == 0
    assert call("trace", "fit", str(rates), "-o", str(tmp_path / os.fsdecode(b"\xfe.yaml"))).exit_code == 2


@pytest.mark.parametrize("verb", ["list models", "show model resnet50", "schema", "check first", "--help"])
def test_a_full_standard_output_is_told(verb: str) -> None:
    """Exit code 2 and one sentence, no traceback when the interpreter ends either."""
    if not Path("/dev/full").exists():
        pytest.skip("no full device here")
    done = shell(f"offload-sim {verb} > /dev/full")
    assert done.returncode == 2, done.stderr
    assert b"No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_standard_output_is_told(world: Path, tmp_path: Path) -> None:
    """Before anything is computed; without standard error the exit code has to do."""
    done = shell(f"offload-sim run {world} -o {tmp_path / 'out'} >&-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"standard output is closed")
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert shell("offload-sim check nowhere 2>&-").returncode == 2
    assert shell("offload-sim check first 2>&-").returncode == 0


def test_letters_that_an_output_lacks_are_spelled(world: Path, tmp_path: Path) -> None:
    """ASCII by the encoding of Python or by the locale."""
    for number, environment in enumerate(
        (
            {"PYTHONIOENCODING": "ascii"},
            {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        )
    ):
        varied = '--set "workload={arrivals: poisson, rate: 1 /s, requests: 400}" --set statistics.replications=3'
        command = f"offload-sim run {world} {varied} --no-plots -o {tmp_path / str(number)}"
        done = shell(command, **environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert b"+- half-width" in done.stdout
