"""Work before and after a model: on the tier of the first layer, and on that of the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario

import simulator

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

BEFORE = {"device": "18 ms", "edge": "3 ms", "cloud": "1 ms"}
AFTER = {"device": "54 ms", "edge": "7 ms", "cloud": "2 ms"}


def world(folder: Path, policy: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A network of 2 x 0.5 ms on the device, a tenth at the edge, a hundredth in the cloud."""
    model = chain(folder, {"head": 1000, "tail": 40}, input_bytes=4000)
    cards = {
        name: card(folder, name, role, {"head": f"{0.5 * scale} ms", "tail": f"{0.5 * scale} ms"})
        for name, role, scale in (("device", "device", 1), ("server", "server", 0.1), ("cloud", "server", 0.01))
    }
    rate = {"rate": "1 Mbit/s"}
    made = scenario(model, cards["device"], cards["server"], policies=[policy], preprocess=BEFORE, postprocess=AFTER)
    return made | {"cloud": {"server": cards["cloud"], "link": {"uplink": rate, "downlink": rate}}} | changes


@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize(
    ("policy", "device_ms", "edge_ms", "cloud_ms"),
    [
        # a public report: 18 ms before, 1 ms of network, 54 ms after
        ({"kind": "local"}, 18 + 1 + 54, 0, 0),
        ({"kind": "edge", "encoding": "uint8"}, 0, 3 + 0.1 + 7, 0),
        ({"kind": "split", "at": "head"}, 18 + 0.5, 0.05 + 7, 0),
        ({"kind": "cloud", "encoding": "uint8"}, 0, 0, 1 + 0.01 + 2),
        ({"kind": "split", "at": ["input", "head"]}, 0, 3 + 0.05, 0.005 + 2),
        ({"kind": "split", "at": ["head", "head"]}, 18 + 0.5, 0, 0.005 + 2),
    ],
    ids=str,
)
def test_it_runs_where_the_layers_next_to_it_run(
    policy: dict[str, Any], device_ms: float, edge_ms: float, cloud_ms: float, engine: str, tmp_path: Path
) -> None:
    row = simulator.run(world(tmp_path, policy), engine=engine).requests.iloc[0]
    found = [row[f"{tier}_service_s"] * 1e3 for tier in ("device", "edge", "cloud")]
    assert found == pytest.approx([device_ms, edge_ms, cloud_ms])


def test_what_is_turned_back_has_all_of_it_still_to_do(tmp_path: Path) -> None:
    """One worker, no place to wait: the second request computes 18 + 1 + 54 ms on its device."""
    rules = {"queue_limit": 0, "when_full": "local"}
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "1 /s", "requests": 1}
    policy = {"kind": "edge", "encoding": "uint8"}
    rows = simulator.run(world(tmp_path, policy, count=2, serving=rules, workload=workload)).requests
    assert rows["device_service_s"].tolist() == pytest.approx([0, 0.073])


def test_what_others_use_of_a_server_slows_it_too(tmp_path: Path) -> None:
    """With half of it used by others everything there takes twice as long."""
    policy = {"kind": "edge", "encoding": "uint8"}
    row = simulator.run(world(tmp_path, policy, serving={"background_load": 0.5})).requests.iloc[0]
    assert row["edge_service_s"] == pytest.approx(2 * (0.003 + 0.0001 + 0.007))
