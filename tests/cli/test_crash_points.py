"""Whatever step of its writing a sweep, an optimisation, a run or a single file ends before, it can be done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from worlds import card, chain, scenario

pytestmark = pytest.mark.engine_free


def test_every_prefix_of_the_steps_can_be_continued(tmp_path: Path) -> None:
    """From a new folder and from one full of parts; the next run leaves no temporary file of the one that was killed.

    A process of its own, because forks do not go well with the threads of a test runner.
    """
    times = {"head": "10 ms", "tail": "20 ms"}
    content = scenario(
        chain(tmp_path, {"head": 2000, "tail": 4}),
        card(tmp_path, "device", "device", times),
        card(tmp_path, "server", "server", times),
        policies=[{"kind": "local"}, {"kind": "split", "at": "head"}],
    )
    (tmp_path / "world.yaml").write_text(json.dumps(content))
    script = Path(__file__).with_name("crash_points.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 8
