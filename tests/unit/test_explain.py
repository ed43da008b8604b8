"""What `explain` says of a choice, against costs worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds import card, chain, scenario

from simulator.cli import cli


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("latency", "takes head, the least predicted latency of 3 cuts that fit: 240 ms; next is input (+62.5%)."),
        ("energy", "takes input, the least predicted energy of 3 cuts that fit: 390 mJ; next is head (+12.8%)."),
    ],
)
def test_the_margin_is_that_over_the_next_best_cut(tmp_path: Path, objective: str, said: str) -> None:
    """At input 320 + 50 + 10 + 10 ms, after the head 100 + 80 + 40 + 10 + 10 ms, on the device 500 ms.

    3 W while the device computes and 1 W else: 390 mJ, 300 + 140 mJ, 1500 mJ.
    """
    model = chain(tmp_path, {"head": 1000, "tail": 40}, input_bytes=4000)
    device = card(tmp_path, "device", "device", {"head": "100 ms", "tail": "400 ms"})
    server = card(tmp_path, "server", "server", {"head": "10 ms", "tail": "40 ms"})
    link = {"uplink": {"rate": "100 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    path = tmp_path / "test.yaml"
    policies = [{"kind": "split", "best": objective}]
    path.write_text(json.dumps(scenario(model, device, server, link=link, policies=policies)))
    done = CliRunner().invoke(cli, ["explain", str(path)])
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.stdout.split())
