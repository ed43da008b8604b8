"""Random channels: drawn once for each device, direction and replication, and for all policies alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from worlds import scenario

import simulator
from simulator.analysis.run import prepare
from simulator.plan.channels import with_drawn_channels
from simulator.scenario.load import load_scenario

RANDOM = {"generator": "lte-uplink-driving-2022", "length": "60 s"}
FIXED = {"rate": "5 Mbit/s"}
BOTH = [{"kind": "local"}, {"kind": "edge", "encoding": "jpeg"}]


def document(**changes: Any) -> dict[str, Any]:
    link = {"uplink": RANDOM, "downlink": RANDOM}
    return scenario("resnet50", "raspberry-pi-4", "t4-tensorrt", count=2, link=link, policies=BOTH) | changes


def rates(replication: int = 0, **changes: Any) -> dict[tuple[str, int], np.ndarray]:
    """Rates by direction and device; the same for every policy."""
    system, plans = prepare(load_scenario(document(**changes)))
    drawn = with_drawn_channels(plans, system, replication)
    for plan in drawn[1:]:
        assert plan.uplink is drawn[0].uplink
        assert plan.downlink is drawn[0].downlink
    first = drawn[0]
    up = {("up", d): first.uplink[k].rates_bps for d, k in enumerate(first.uplink_of)}
    return up | {("down", d): first.downlink[k].rates_bps for d, k in enumerate(first.downlink_of)}


def test_devices_directions_replications_and_seeds_have_channels_of_their_own() -> None:
    everything = [*rates().values(), *rates(replication=1).values(), *rates(seed=2).values()]
    assert len(everything) == 12
    for k, one in enumerate(everything):
        assert not any(np.array_equal(one, other) for other in everything[:k])


def test_the_same_seed_and_replication_draw_the_same_and_another_device_changes_nothing() -> None:
    few, many = rates(replication=3), rates(replication=3, count=4)
    assert len(many) == 8
    for key, one in few.items():
        assert np.array_equal(one, many[key])


def test_a_known_direction_beside_a_random_one_stays_as_it_is() -> None:
    found = rates(link={"uplink": RANDOM, "downlink": FIXED})
    assert [found["down", device].tolist() for device in range(2)] == [[5e6], [5e6]]
    assert not np.array_equal(found["up", 0], found["up", 1])


def test_checking_finds_a_realisation_too_long_to_draw() -> None:
    link = {"uplink": RANDOM | {"length": "1e9 s"}, "downlink": FIXED}
    problems = simulator.check(document(link=link))
    assert [problem.path for problem in problems] == [("link", "uplink")]
    assert "too many steps" in problems[0].message
