"""Models that have no single graph, or whose code needs care to be built: refused in two lines, or built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from simulator.errors import ExtractionError
from simulator.profiling.extract import extract
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.sources import Blueprint

pytestmark = pytest.mark.torch

HEAD = """import torch
class Model(torch.nn.Module):
    input_shape = (4, 8)
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(8, 8)
    def forward(self, x):
        y = self.fc(x)
"""
FIRST = HEAD.count("\n") + 1


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("return y[y > 0].sum()", 0),
        ("w = torch.nonzero(y)\nif w.shape[0] > 3:\n    y = y + 1\nreturn y", 1),
        ("n = int(x.sum().item())\nreturn y[:n]", 0),
        ("s = 2.0\nreturn y * x.mean().item()", 1),
        ("if y.sum() > 0:\n    return y\nreturn -y", 0),
        ("return y[:, x.argmax(-1).tolist()]", 0),
        ("r = torch.where(y[:, 0] > 0)[0]\nreturn self.fc(x[r])", 0),
        ("return torch.unique(y) * 2", 0),
    ],
)
def test_what_depends_on_values_is_refused_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], body: str, line: int
) -> None:
    """Shapes, numbers and branches: the line of the user's code and what to do, and nothing else is printed."""
    module = f"values_{abs(hash(body))}"
    indented = "".join(f"        {part}\n" for part in body.splitlines())
    (tmp_path / f"{module}.py").write_text(HEAD + indented)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExtractionError) as caught:
        extract(f"{module}:Model")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / f"{module}.py"), FIRST + line)
    assert "depends on the values of its input" in problem.message
    assert len(str(caught.value).splitlines()) == 2
    assert capfd.readouterr() == ("", "")


def test_the_command_refuses_in_two_lines(tmp_path: Path) -> None:
    """Exit code 2, no traceback, no graph."""
    (tmp_path / "picks.py").write_text(HEAD + "        return y[y > 0]\n")
    command = [sys.executable, "-m", "simulator", "profile", "picks:Model"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert f"picks.py:{FIRST}:" in done.stderr


def test_a_model_of_a_library_is_refused_at_the_librarys_line() -> None:
    """Longformer asks whether any token is masked."""
    with pytest.raises(ExtractionError, match=r"modeling_longformer\.py:\d+:\d+: hf:longformer cannot be captured"):
        extract("hf:longformer")


def test_a_factory_imports_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is imported, when it builds and when the model runs."""
    (tmp_path / "first_block.py").write_text("from torch import nn\ndef block():\n    return nn.Linear(8, 8)\n")
    (tmp_path / "second_block.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "builds.py").write_text(
        "from torch import nn\n"
        "class Twice(nn.Module):\n    def forward(self, x):\n        from second_block import twice\n"
        "        return twice(x)\n"
        "def factory():\n    from first_block import block\n    return nn.Sequential(block(), Twice())\n"
    )
    monkeypatch.chdir(tmp_path)
    assert extract("builds:factory", (1, 8)).macs == 64
    assert str(tmp_path) not in sys.path


class Scaled(nn.Module):
    """Reads a parameter while it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.scale = nn.Linear(8, 8), nn.Parameter(torch.tensor(2.0))
        self.number = float(self.scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * self.number


class Tried(nn.Module):
    """Runs a dummy input through its layers while it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.width = self.fc(torch.zeros(1, 8)).shape[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


class Listed(nn.Module):
    """Keeps a layer in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [nn.Linear(8, 8)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.hidden[0](x)


@pytest.mark.parametrize(
    ("build", "macs"),
    [
        (Scaled, 64),
        (Tried, 64),
        (Listed, 64),
        (lambda: nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3)), 8 * 5 + 5 * 3),
        (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(8, 8)), 64),
    ],
)
def test_a_model_that_needs_values_to_be_built_is_built(build: type, macs: int) -> None:
    """Numbers read from parameters, dummy inputs, plain lists, lazy and orthogonal layers."""
    assert assemble(Blueprint("small", "tests:small", build, (1, 8))).macs == macs


def test_modules_in_plain_lists_have_parameters() -> None:
    """8 x 8 + 8 that the network uses; a teacher that it hides in a list and never calls is none of it."""

    def build() -> nn.Module:
        model = Listed()
        model.teacher = [nn.Linear(100, 100)]
        return model

    model = assemble(Blueprint("small", "tests:small", build, (1, 8)))
    assert [(layer.name, layer.params) for layer in model.graph] == [("hidden[0]", 72)]
    assert (model.params, model.unread_params) == (72, 0)


def test_quantised_modules_are_refused_with_a_way_out() -> None:
    """Their weights are packed; the card says the precision."""

    def build() -> nn.Module:
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 8)), {nn.Linear}, dtype=torch.qint8)

    with pytest.raises(ExtractionError, match="profile the network before it is quantised"):
        assemble(Blueprint("small", "tests:small", build, (1, 8)))


def test_a_convolution_with_its_norm_folded_in_is_built() -> None:
    """36 outputs of 4 channels from 27 products each."""

    def build() -> nn.Module:
        conv, norm = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
        return nn.Sequential(nn.utils.fusion.fuse_conv_bn_eval(conv, norm))

    assert assemble(Blueprint("small", "tests:small", build, (1, 3, 8, 8))).macs == 36 * 4 * 27
