"""What does not fit into a memory is never chosen, and refused where it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator

SPLITS = [{"kind": "split", "best": "latency", "encoding": "uint8"}]


def world(folder: Path, device_memory: str, server_memory: str, **changes: Any) -> dict[str, Any]:
    """4000 bytes in and 40 out; device and server are equally fast, so that the device alone is the fastest."""
    files = []
    for role, memory in (("device", device_memory), ("server", server_memory)):
        path = Path(card(folder, role, role, {"whole": "10 ms"}))
        stated = json.loads(path.read_text())
        stated["memory"]["value"] = memory
        path.write_text(json.dumps(stated))
        files.append(str(path))
    return scenario(chain(folder, {"whole": 40}, input_bytes=4000), *files, policies=SPLITS) | changes


def taken(document: dict[str, Any]) -> list[str]:
    return simulator.run(document).requests["partition"].unique().tolist()


def test_the_best_cut_is_the_best_of_those_that_fit(tmp_path: Path) -> None:
    assert taken(world(tmp_path, "1 MB", "1 MB")) == ["output"]
    assert taken(world(tmp_path, "1 kB", "1 MB")) == ["input"]


@pytest.mark.parametrize(
    ("device_memory", "server_memory", "policy", "culprit"),
    [
        ("1 kB", "1 MB", {"kind": "local"}, "device"),
        ("1 MB", "1 kB", {"kind": "edge", "encoding": "uint8"}, "server"),
    ],
)
def test_a_named_cut_that_does_not_fit_is_refused(
    tmp_path: Path, device_memory: str, server_memory: str, policy: dict[str, Any], culprit: str
) -> None:
    problems = simulator.check(world(tmp_path, device_memory, server_memory, policies=[policy]))
    assert len(problems) == 1
    assert f"cannot run: {culprit}: " in problems[0].message


def test_nobody_can_finish_on_a_device_that_is_too_small(tmp_path: Path) -> None:
    rules = {"queue_limit": 1, "when_full": "local"}
    problems = simulator.check(world(tmp_path, "1 kB", "1 MB", serving=rules))
    assert [problem.path for problem in problems] == [("serving", "when_full")]
