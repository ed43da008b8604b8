"""An installed wheel is complete: used from an empty folder it finds everything built in by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import simulator
from simulator import paths
from simulator.figures.runs import NAMES
from simulator.reports.catalogue import model_names

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
#: never part of what is built
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "results", "*.egg-info", "__pycache__")


def done(command: list[str], **options: object) -> str:
    """Standard output of a command that must succeed."""
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, built with the setuptools at hand, so that no network is needed."""
    source, target = tmp_path_factory.mktemp("source") / "checkout", tmp_path_factory.mktemp("wheel")
    shutil.copytree(CHECKOUT, source, ignore=LEFT_OUT)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    done([*pip, "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(target)], cwd=source)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel, and nothing else, is installed into."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    done([*pip, "install", "--no-deps", "--no-index", "--target", str(folder), str(wheel)])
    return folder


@pytest.fixture
def away(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory in which Python finds the installed copy first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(installed))
    return tmp_path


def test_every_built_in_file_is_in_the_wheel_byte_for_byte(wheel: Path) -> None:
    """Profiles, cards, traces, samples and scenarios of every kind."""
    with zipfile.ZipFile(wheel) as archive:
        for kind, (folder, suffix) in paths.FOLDERS.items():
            for name in paths.names(kind):
                inside = f"simulator/builtin/{folder}/{name}{suffix}"
                assert archive.read(inside) == paths.find(kind, name).read_bytes()


def test_every_module_is_in_the_wheel_and_nothing_lands_beside_the_package(wheel: Path) -> None:
    """All of simulator/**/*.py, the mark that it is typed, and no top-level folder of another name."""
    package = Path(simulator.__file__).parent
    modules = {file.relative_to(package.parent).as_posix() for file in package.rglob("*.py")} | {"simulator/py.typed"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert modules - names == {"simulator/builtin/__init__.py"}  # a stand-in for the files themselves
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"simulator"}


def test_python_finds_profiles_from_an_empty_folder(away: Path, installed: Path) -> None:
    """``simulator.load_profile`` by name, from the installed copy."""
    code = "import simulator; print(simulator.__file__); print(simulator.load_profile('resnet50').params)"
    file, params = done([sys.executable, "-c", code]).split()
    assert Path(file).is_relative_to(installed)
    assert int(params) == 25_557_032  # ResNet50_Weights.meta["num_params"] of torchvision
    assert list(away.iterdir()) == []


def test_the_command_lists_and_runs_from_an_empty_folder(away: Path, installed: Path) -> None:
    """Models are listed, two built-in scenarios run, results lie below the working directory."""
    command = str(installed / "bin" / "offload-sim")
    assert os.access(command, os.X_OK)
    listed = [line.split()[0] for line in done([command, "list", "models"]).splitlines()[1:]]
    assert listed == model_names()
    for scenario in ("first", "quickstart"):
        assert "local" in done([command, "run", scenario])
        assert (away / "results" / scenario / "summary.csv").is_file()
        drawn = {file.stem for file in (away / "results" / scenario / "figures").glob("*.svg")}
        assert drawn == set(NAMES)
