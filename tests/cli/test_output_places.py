"""Where verbs write: what is no file or folder of its own kind stays, and `-o -` is standard output."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from worlds import card, chain, scenario

from simulator.cli import cli

pytestmark = pytest.mark.engine_free


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture(autouse=True)
def _back() -> Iterator[None]:
    """Come back from wherever a test went: paths of sockets must be short, so tests name them relatively."""
    here = os.getcwd()
    yield
    os.chdir(here)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    folder = tmp_path / "world"
    folder.mkdir()
    times = {"head": "10 ms", "tail": "20 ms"}
    content = scenario(
        chain(folder, {"head": 2000, "tail": 4}),
        card(folder, "device", "device", times),
        card(folder, "server", "server", times),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}],
    )
    path = folder / "world.yaml"
    path.write_text(json.dumps(content))
    (folder / "up.csv").write_text("time_s,rate_bps\n" + "".join(f"{k},{1e6 + 1e5 * (k % 7)}\n" for k in range(60)))
    return path


@contextmanager
def a_fifo(place: Path) -> Iterator[None]:
    os.mkfifo(place)
    yield


@contextmanager
def a_socket(place: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        yield


@contextmanager
def a_link_to_a_file(place: Path) -> Iterator[None]:
    target = place.with_name("elsewhere.txt")
    target.write_text("mine")
    place.symlink_to(target)
    yield
    assert target.read_text() == "mine"


@contextmanager
def a_link_to_nothing(place: Path) -> Iterator[None]:
    place.symlink_to(place.with_name("nowhere"))
    yield
    assert not place.with_name("nowhere").exists()


@contextmanager
def a_folder(place: Path) -> Iterator[None]:
    place.mkdir()
    yield


@contextmanager
def a_device(place: Path) -> Iterator[None]:
    """A node of this test's own, of the driver of the null device."""
    try:
        os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("may not make a device node")
    yield


THINGS = [a_fifo, a_socket, a_link_to_a_file, a_link_to_nothing, a_folder, a_device]

#: verbs that write one file: arguments before -o
WRITERS: dict[str, tuple[str, ...]] = {
    "out.json": ("schema",),
    "out.csv": ("trace", "import", "{world}/up.csv"),
    "out.svg": ("trace", "info", "{world}/up.csv"),
    "out.yaml": ("trace", "fit", "{world}/up.csv"),
}


def arguments_of(name: str, world: Path) -> list[str]:
    return [part.format(world=world.parent) for part in WRITERS[name]]


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", WRITERS)
def test_what_is_no_file_is_not_replaced(world: Path, tmp_path: Path, name: str, thing: Callable) -> None:
    """Exit code 2, it is named, it stays what it is, and no temporary file lies beside it."""
    place = tmp_path / "short" / name  # the path of a socket must be short
    place.parent.mkdir()
    os.chdir(place.parent)
    with thing(Path(name)):
        before = os.lstat(place)
        beside = sorted(os.listdir())
        done = call(*arguments_of(name, world), "-o", name)
        assert done.exit_code == 2, done.output
        assert name in done.stderr
        after = os.lstat(place)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
        assert sorted(os.listdir()) == beside


@pytest.mark.torch
@pytest.mark.parametrize("thing", [a_fifo, a_link_to_a_file])
def test_a_profile_replaces_nothing_but_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thing: Callable
) -> None:
    """Neither by the verb nor by `ModelProfile.save`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.py").write_text("import torch\ndef net():\n    return torch.nn.Linear(3, 2)\n")
    with thing(tmp_path / "out.json"):
        done = call("profile", "small:net", "--input", "1,3", "-o", "out.json")
        assert done.exit_code == 2, done.output
        assert "which is not replaced" in done.stderr
    written = call("profile", "small:net", "--input", "1,3", "-o", "-")
    assert written.exit_code == 0, written.output
    assert json.loads(written.stdout)["macs"] == 6
    assert "6 MACs" in written.stderr


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("place", ["", "summary.csv", "manifest.json", "figures/latency_cdf.svg", "figures"])
def test_a_run_replaces_only_files_of_its_own(world: Path, tmp_path: Path, place: str, thing: Callable) -> None:
    """Refused before anything is simulated, and nothing else is written; a folder may stand where folders stand."""
    os.chdir(tmp_path)
    target = Path("out") / place
    target.parent.mkdir(parents=True, exist_ok=True)
    with thing(target):
        before = sorted(Path("out").rglob("*"))
        done = call("run", str(world), "-o", "out", "--no-plots")
        if thing is a_folder and place in ("", "figures"):
            assert done.exit_code == 0, done.output
            return
        assert done.exit_code == 2, done.output
        assert "out" in done.stderr
        assert sorted(Path("out").rglob("*")) == before


@pytest.mark.parametrize("thing", [a_fifo, a_link_to_a_file, a_folder])
@pytest.mark.parametrize("place", ["_sweep.json", "_lock", "_failed.json", "_inputs"])
def test_a_sweep_replaces_only_files_of_its_own(world: Path, tmp_path: Path, place: str, thing: Callable) -> None:
    """Its lock, its list of failures and its inputs are judged before they are written."""
    os.chdir(tmp_path)
    Path("out").mkdir()
    with thing(Path("out") / place):
        done = call("sweep", str(world), "--over", "seed=1,2", "--workers", "1", "-o", "out")
        if thing is a_folder and place == "_inputs":
            assert done.exit_code == 0, done.output
            return
        assert done.exit_code == 2, done.output
        assert not list(Path("out").glob("part-*"))


def test_a_folder_that_a_link_leads_to_may_be_named(world: Path, tmp_path: Path) -> None:
    """Whoever names it means it; a link below it is not followed."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    assert call("run", str(world), "--no-plots", "-o", str(tmp_path / "results")).exit_code == 0
    assert (tmp_path / "disk" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("run", "sweep"), ("run", "optimise"), ("run", "map"), ("sweep", "run"), ("sweep", "optimise")),
        *(("sweep", "map"), ("optimise", "run"), ("optimise", "map"), ("map", "run"), ("map", "optimise")),
    ],
)
def test_no_verb_writes_into_the_folder_of_another(world: Path, tmp_path: Path, first: str, second: str) -> None:
    """And leaves it as it is."""
    over = ["--over", "seed=1,2", "--workers", "1"]
    plane = ["--x", "seed=1,2", "--y", "count=1,2", "--workers", "1"]
    more = {"run": ["--no-plots"], "sweep": over, "optimise": [*over, "--objectives", "latency,energy"], "map": plane}
    out = tmp_path / "out"
    done = call(first, str(world), "-o", str(out), *more[first])
    assert done.exit_code == 0, done.output
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = call(second, str(world), "-o", str(out), *more[second])
    assert done.exit_code == 2, done.output
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_manifest_of_another_program_stays(world: Path, tmp_path: Path) -> None:
    """A folder of a web page has a manifest.json too."""
    (tmp_path / "manifest.json").write_text('{"name": "my page"}')
    done = call("run", str(world), "-o", str(tmp_path))
    assert done.exit_code == 2
    assert "was not written by this program" in done.stderr
    assert (tmp_path / "manifest.json").read_text() == '{"name": "my page"}'


@pytest.mark.parametrize("name", WRITERS)
def test_a_dash_is_standard_output(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The file and nothing else is there; what there is to say stands on standard error, and nothing in the folder."""
    monkeypatch.chdir(tmp_path)
    wanted = tmp_path / "file" / name
    wanted.parent.mkdir()
    assert call(*arguments_of(name, world), "-o", str(wanted)).exit_code == 0
    before = sorted(tmp_path.rglob("*"))
    done = call(*arguments_of(name, world), "-o", "-")
    assert done.exit_code == 0, done.output
    expected = wanted.read_text()
    # a generator is called like its file
    assert done.stdout == (expected.replace("name: out\n", "name: up.csv\n") if name == "out.yaml" else expected)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["run", "sweep", "optimise", "map"])
def test_a_folder_cannot_go_to_standard_output(world: Path, tmp_path: Path, verb: str) -> None:
    """Said in words."""
    os.chdir(tmp_path)
    over = {"run": [], "map": ["--x", "seed=1,2", "--y", "count=1,2"]}.get(verb, ["--over", "seed=1,2"])
    done = call(verb, str(world), "-o", "-", *over)
    assert done.exit_code == 2
    assert "fills a folder" in done.stderr
    assert os.listdir(tmp_path) == ["world"]


@pytest.mark.parametrize("call_of", ["mkdir", "open", "replace", "unlink"])
def test_a_mount_that_is_read_only_is_told(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_of: str
) -> None:
    """By every verb that writes, whichever call of the system meets it first."""
    out = tmp_path / "out"
    real = getattr(os, call_of)

    def refused(place: object, *rest: object, **options: object) -> object:
        writes = call_of != "open" or (rest and int(str(rest[0])) & (os.O_WRONLY | os.O_RDWR))
        if writes and str(place).startswith(str(out)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(place))
        return real(place, *rest, **options)

    monkeypatch.setattr(os, call_of, refused)
    over = ["--over", "seed=1,2", "--workers", "1"]
    verbs = (["run", str(world), "-o", str(out)], ["sweep", str(world), *over, "-o", str(out / "sweep")])
    for arguments in (*verbs, ["schema", "-o", str(out / "schema.json")]):
        done = call(*arguments)
        assert done.exit_code in (0, 2), done.output
        assert isinstance(done.exception, SystemExit | None)
        if done.exit_code == 2:
            assert "Read-only file system" in done.stderr or "cannot write" in done.stderr
