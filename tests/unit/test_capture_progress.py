"""A capture that takes long says where it is, and what would shorten it; a quick one says nothing."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stderr
from io import StringIO

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from simulator.cli.output import to_stderr
from simulator.profiling.extract import progress
from simulator.profiling.extract.assemble import assemble
from simulator.profiling.extract.sources import Blueprint

pytestmark = pytest.mark.torch


class Slow(nn.Module):
    """Waits inside one of its modules, and complains on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 8), Waits())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class Waits(nn.Module):
    """The identity, after a while."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.5)
        return x * 2


PLAN = Blueprint("slow", "mine:slow", Slow, (1, 8))


def test_what_takes_long_says_where_it_is_and_gives_advice_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage, the seconds, the module; two lines of what to do."""
    for name, seconds in (("FIRST_S", 0.1), ("EVERY_S", 0.1), ("ADVICE_S", 0.15)):
        monkeypatch.setattr(progress, name, seconds)
    said: list[str] = []
    found = assemble(PLAN, said.append)
    assert "mine:slow: torch.export follows its operators, 0 s so far, at inner.1" in said
    (advice,) = (text for text in said if "torch.export is what takes the time" in text)
    first, second = advice.splitlines()
    assert first.startswith("mine:slow: ")
    assert all(word in second for word in ("--input", "nn.LSTM", "profile one step"))
    assert any("counted once more" in text for text in said)
    assert found == assemble(PLAN)


def test_what_is_quick_says_nothing() -> None:
    """Less than the first three seconds."""
    said: list[str] = []
    assemble(PLAN, said.append)
    assert said == []


def test_what_a_library_does_to_standard_error_does_not_silence_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """The stream is the one from before."""
    write = to_stderr()
    with redirect_stderr(StringIO()):
        write("still heard")
        sys.stderr.write("not heard")
    assert capsys.readouterr().err == "still heard\n"
