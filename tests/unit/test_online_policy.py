"""Policies written in Python: they see the state of the stations at their arrival, and only the reference runs them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import pytest
from worlds import card, chain, scenario, trace

import simulator
from simulator import registry
from simulator.errors import ScenarioError
from simulator.policies.online import Observation, OnlinePolicy


class ShortQueuePolicy(OnlinePolicy):
    """Offload unless a request already waits for the uplink or the uplink is slow."""

    kind: Literal["short_queue"]

    def decide(self, seen: Observation) -> str:
        """Cut at either end."""
        return "output" if seen.waiting_uplink or seen.uplink_rate_bps < 1000 else "input"


class LostPolicy(OnlinePolicy):
    """Names a cut that the model does not have."""

    kind: Literal["lost"]

    def decide(self, seen: Observation) -> str:  # noqa: ARG002
        """Nowhere."""
        return "layer99"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "short_queue": f"{__name__}:ShortQueuePolicy",
        "lost": f"{__name__}:LostPolicy",
        "seen": f"{__name__}:SeenPolicy",
    }
    known = registry.BUILT_IN["policies"]
    groups = {**registry.BUILT_IN, "policies": MappingProxyType({**known, **own})}
    monkeypatch.setattr(registry, "BUILT_IN", MappingProxyType(groups))
    registry._targets.cache_clear()
    yield
    registry._targets.cache_clear()


def world(folder: Path, kind: str, **changes: Any) -> dict[str, Any]:
    """100 ms on the device, 10 ms on the server; the input takes 0.8 s at 10 kbit/s."""
    model = chain(folder, {"whole": 4}, input_bytes=1000)
    device = card(folder, "device", "device", {"whole": "100 ms"})
    server = card(folder, "server", "server", {"whole": "10 ms"})
    link = {"uplink": {"rate": "10 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}}
    workload = {"arrivals": "periodic", "phase": "0 s", "rate": "10 /s", "requests": 4}
    return scenario(model, device, server, link=link, workload=workload, policies=[{"kind": kind}]) | changes


def test_each_request_is_decided_by_what_waits_when_it_arrives(tmp_path: Path) -> None:
    """0.0 s: nothing waits, sent. 0.1 s: being sent is not waiting, so sent too, and waits. 0.2, 0.3 s: local."""
    rows = simulator.run(world(tmp_path, "short_queue")).requests
    assert rows["partition"].tolist() == ["input", "input", "output", "output"]
    assert rows["latency_s"].tolist()[2:] == pytest.approx([0.1, 0.1], abs=1e-9)


def test_who_can_start_at_that_instant_does_not_wait(tmp_path: Path) -> None:
    """At 0.8 s the first transfer ends and the second, which waited, can start: a third sees nobody wait.

    It is sent, as is one that arrives a moment later; at 0.9 s it waits for the second.
    """
    times = tmp_path / "times.csv"
    workload = {"arrivals": "recorded", "file": str(times)}
    for third_s in (0.8, 0.8001):
        times.write_text(f"arrival_s\n0\n0.1\n{third_s}\n0.9\n")
        rows = simulator.run(world(tmp_path, "short_queue", workload=workload)).requests
        assert rows["partition"].tolist() == ["input", "input", "input", "output"]


class SeenPolicy(ShortQueuePolicy):
    """Sends everything, and remembers what it saw."""

    kind: Literal["seen"]
    saw: ClassVar[list[int]] = []
    rates_bps: ClassVar[list[float]] = []

    def decide(self, seen: Observation) -> str:
        """Cut before the first layer."""
        self.saw.append(seen.waiting_edge)
        self.rates_bps.append(seen.uplink_rate_bps)
        return "input"


def test_nobody_is_seen_to_wait_beside_idle_workers(tmp_path: Path) -> None:
    """Two workers, one place; at 0.8 s three inputs arrive and a fourth device decides: one waits, at 1.0 s too.

    At 1.6 s the fourth input arrives at an idle server, and a fifth device sees nobody wait.
    """
    SeenPolicy.saw.clear()
    times = tmp_path / "times.csv"
    times.write_text("arrival_s,device\n0,0\n0,1\n0,2\n0.8,3\n1.0,4\n1.6,5\n")
    document = world(tmp_path, "seen", workload={"arrivals": "recorded", "file": str(times)}, count=6)
    document["server"] = card(tmp_path, "slow", "server", {"whole": "400 ms"}, workers=2)
    document["serving"] = {"queue_limit": 1}
    rows = simulator.run(document).requests
    assert SeenPolicy.saw == [0, 0, 0, 1, 1, 0]
    assert (rows["status"] == "completed").all()


def test_the_rate_that_is_seen_is_that_of_the_instant(tmp_path: Path) -> None:
    """The trace gives 10 kbit/s for 0.15 s and 100 bit/s afterwards: the first is sent, the later stay local."""
    link = {"uplink": {"trace": trace(tmp_path, [(0.0, 1e4), (0.15, 100.0), (10.0, 1e4)]), "start": "0 s"}}
    link["downlink"] = {"rate": "1 Mbit/s"}
    rows = simulator.run(world(tmp_path, "short_queue", link=link)).requests
    assert rows["partition"].tolist() == ["input", "input", "output", "output"]


def test_the_fast_engine_says_what_stands_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="fast engine cannot run short_queue"):
        simulator.run(world(tmp_path, "short_queue"), engine="fast")


def test_auto_takes_the_reference_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.engines.choose.START_IN_REQUESTS", {True: -1, False: -1})
    assert simulator.run(world(tmp_path, "short_queue")).manifest["engine"] == "reference"


def test_a_cut_that_does_not_exist_is_the_policys_mistake(tmp_path: Path) -> None:
    with pytest.raises(simulator.errors.OffloadSimError, match="layer99"):
        simulator.run(world(tmp_path, "lost"))


def test_no_other_rate_is_seen_than_that_of_the_instant(tmp_path: Path) -> None:
    """Arrivals every 0.1 s; 10 kbit/s until 0.15 s, 20 until 0.25 s, then 5: no mean, no rate before or after."""
    SeenPolicy.rates_bps.clear()
    steps = trace(tmp_path, [(0.0, 1e4), (0.15, 2e4), (0.25, 5e3), (10.0, 1e4)])
    link = {"uplink": {"trace": steps, "start": "0 s"}, "downlink": {"rate": "1 Mbit/s"}}
    simulator.run(world(tmp_path, "seen", link=link))
    assert SeenPolicy.rates_bps == [1e4, 1e4, 2e4, 5e3]
