"""Somebody's own factory that raises: told with the first line of what it said and the place in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from simulator.errors import ExtractionError
from simulator.profiling.extract import extract

pytestmark = pytest.mark.torch

CODE = """import torch
class Own(Exception):
    pass
def divides():
    return 1 / 0
def names():
    return nothing_of_this_name
def own():
    raise Own("first line\\nsecond line")
def leaves():
    raise SystemExit(3)
class Fails(torch.nn.Module):
    def forward(self, x):
        return x.no_such_attribute
"""


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("divides", 5, "ZeroDivisionError: division by zero"),
        ("names", 7, "NameError: name 'nothing_of_this_name' is not defined"),
        ("own", 9, "Own: first line"),
        ("leaves", 11, "SystemExit: 3"),
        ("Fails", 14, "no_such_attribute"),
    ],
)
def test_what_a_factory_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: int, words: str
) -> None:
    """Whatever it raises: only the first line, and where in the user's own file."""
    module = f"mine_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExtractionError) as raised:
        extract(f"{module}:{name}", (1, 3))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / f"{module}.py"), line)
    assert words in problem.message
    assert "second line" not in str(problem)


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("def f(:\n", 1, "SyntaxError"),
        ("x = 1\nraise ValueError('no')\n", 2, "ValueError: no"),
        ("import sys\nsys.exit(5)\n", 2, "SystemExit: 5"),
    ],
)
def test_what_a_module_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, line: int, words: str
) -> None:
    """While it is imported."""
    module = f"module_{words.partition(':')[0].lower()}"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExtractionError) as raised:
        extract(f"{module}:f", (1, 3))
    assert raised.value.problems[0].line == line
    assert words in str(raised.value)


@pytest.mark.parametrize("declared", ["input_shape = 'abc'", "input_shape = (0, 3)", "input_dtype = []"])
def test_what_a_factory_declares_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str) -> None:
    """Shape and type of the input."""
    module = f"declares_{abs(hash(declared))}"
    (tmp_path / f"{module}.py").write_text(f"import torch\ndef f():\n    return torch.nn.Linear(3, 2)\nf.{declared}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExtractionError, match=r"is not (a shape|an element type)"):
        extract(f"{module}:f", (1, 3))
