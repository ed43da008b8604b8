"""Random channels: drawn once for each device, direction and replication, and for all policies alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, scenario

import simulator
from simulator.errors import ScenarioError
from simulator.links.base import LinkKind
from simulator.links.blockage import BlockageLink
from simulator.links.lora import LoraLink
from simulator.links.markov import MarkovLink
from simulator.plan.channels import with_drawn_channels
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario
from simulator.studies import replications

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
        for name, link in plan.links.items():
            assert link.channels is drawn[0].links[name].channels
    first = drawn[0]
    names = {"up": "uplink", "down": "downlink"}
    devices = range(system.devices)
    return {(way, d): first.links[name].channel(d).rates_bps for way, name in names.items() for d in devices}


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


BLOCKED = {"clear": "2 Mbit/s", "blocked": "0 bit/s", "mean_clear": "3 s", "mean_blocked": "2 s"}
KINDS: list[LinkKind] = [
    MarkovLink.model_validate({"generator": "lte-uplink-driving-2022", "length": "40 s"}),
    MarkovLink.model_validate({"generator": "5g-mmwave-uplink-walking", "length": "40 s"}),
    MarkovLink.model_validate({"generator": "3g-uplink-driving", "length": "40 s"}),
    BlockageLink.model_validate(BLOCKED | {"length": "40 s"}),
    BlockageLink.model_validate(BLOCKED | {"mean_blocked": "30 s", "length": "40 s"}),
    LoraLink.model_validate({"region": "EU868", "distance": "3 km", "shadowing": "8 dB"}),
]
DRAWERS = [(kind, kind.drawer(None)) for kind in KINDS]


@given(st.sampled_from(DRAWERS), st.integers(0, 300), st.floats(0.01, 50.0))
def test_what_is_drawn_first_is_the_beginning_of_the_whole(
    drawer: tuple[LinkKind, Any], seed: int, until_s: float
) -> None:
    """Same rates at the same instants up to there, at least; there is a rate; all of it where that is asked for."""
    kind, draw = drawer
    whole, part = (draw(np.random.SeedSequence(seed), until) for until in (math.inf, until_s))
    assert part.rates_bps.any()
    if until_s >= kind.drawn_s:
        assert (part.edges_s.tolist(), part.rates_bps.tolist()) == (whole.edges_s.tolist(), whole.rates_bps.tolist())
        return
    assert until_s <= part.edges_s[-1] <= whole.edges_s[-1]
    count = part.rates_bps.size
    assert part.rates_bps.tolist() == whole.rates_bps[:count].tolist()
    assert part.edges_s[:-1].tolist() == whole.edges_s[:count].tolist()
    assert part.edges_s[-1] <= whole.edges_s[count]  # the last interval may be cut
    assert part.cumulative_bits[:-1].tolist() == whole.cumulative_bits[:count].tolist()


@pytest.mark.parametrize("uplink", [RANDOM | {"length": "1 h"}, BLOCKED, {"generator": "3g-uplink-driving"}])
@pytest.mark.parametrize("engine", ["reference", "fast"])
@pytest.mark.parametrize("horizon", [None, "20 s"])
def test_a_run_has_the_instants_that_it_would_have_over_the_whole_channel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uplink: dict[str, str], engine: str, horizon: str | None
) -> None:
    """Requests come for some seconds and are served for minutes, so that more has to be drawn: the same bytes."""
    model = chain(tmp_path, {"whole": 4000}, input_bytes=8_000_000)
    device = card(tmp_path, "device", "device", {"whole": "1 s"})
    server = card(tmp_path, "server", "server", {"whole": "1 ms"})
    given = scenario(
        model,
        device,
        server,
        count=2,
        link={"uplink": uplink, "downlink": uplink, "radio": "lte-2020"},
        workload={"arrivals": "poisson", "rate": "4 /s", "requests": 30},
        policies=[{"kind": "edge", "encoding": "uint8"}, {"kind": "local"}, {"kind": "edge", "encoding": "float32"}],
        **({} if horizon is None else {"horizon": horizon}),
    )
    times = []
    extend = replications.with_channels_until
    monkeypatch.setattr(replications, "with_channels_until", lambda *args: times.append(args[-1]) or extend(*args))
    lazily = simulator.run(given, engine=engine)
    assert bool(times) == (horizon is None)
    monkeypatch.setattr(replications, "first_reach_s", lambda *_: math.inf)
    at_once = simulator.run(given, engine=engine)
    assert lazily.table.equals(at_once.table)
    assert lazily.summary.equals(at_once.summary)
    assert all(lazily.curves[name].equals(table) for name, table in at_once.curves.items())


def test_channels_that_would_not_fit_into_memory_are_refused_with_their_size() -> None:
    """5000 devices for an hour in steps of 100 ms: 1.8e8 intervals of 48 bytes, when one of them is drawn."""
    workload = {"arrivals": "poisson", "rate": "1 /h", "duration": "1 h"}
    link = {"uplink": {"generator": "lte-uplink-driving-2022"}, "downlink": FIXED}
    with pytest.raises(ScenarioError, match=r"link\.uplink: 5000 devices need 8\.64 GB of generated channels"):
        simulator.run(document(count=5000, workload=workload, link=link))
