"""What a run costs an engine: one for each request under each policy, and one for each LoRaWAN frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import card, chain, scenario

from simulator.engines.choose import effort
from simulator.plan.channels import with_drawn_channels
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({"uplink": {"region": "EU868", "distance": "1 km"}}, 7 + 7 * (1 + 10)),
        ({"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "1 Mbit/s"}}, 7 + 7),
    ],
    ids=["LoRaWAN", "a rate"],
)
def test_each_frame_counts_as_a_request(tmp_path: Path, link: dict[str, object], expected: float) -> None:
    """Seven requests kept on the device and seven of 510 bytes: ten frames of 51, the least that EU868 carries."""
    model = chain(tmp_path, {"whole": 4}, input_bytes=4 * 510)
    cards = (card(tmp_path, role, role, {"whole": "10 ms"}) for role in ("device", "server"))
    policies = [{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}]
    system, plans = prepare(load_scenario(scenario(model, *cards, link=link, policies=policies, result_size="1 B")))
    assert effort(with_drawn_channels(plans, system, 0), 7) == pytest.approx(expected)
