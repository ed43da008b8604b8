"""Policies written in Python: they see what their device knows at their arrival, and only the reference runs them."""

from __future__ import annotations

import math
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import pytest
from worlds import card, chain, radio, scenario, trace

import simulator
from simulator import registry
from simulator.errors import ScenarioError
from simulator.policies.online import Observation, OnlinePolicy


class ShortQueuePolicy(OnlinePolicy):
    """Offload unless a request already waits for the uplink or the uplink is slow."""

    kind: Literal["short_queue"]

    def decide(self, seen: Observation) -> str:
        """Cut at either end."""
        return "output" if seen.waiting_uplink or seen.uplink_rate_bps < 7000 else "input"


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
    """Sends everything, or keeps everything, and remembers what it saw."""

    kind: Literal["seen"]
    cut: str = "input"
    saw: ClassVar[list[Observation]] = []

    def decide(self, seen: Observation) -> str:
        """The same cut always."""
        self.saw.append(seen)
        return self.cut


def seen_at(
    folder: Path, arrivals: list[tuple[float, int]], devices: int, cut: str = "input", **changes: Any
) -> list[Observation]:
    """What is known at each arrival: 1 s of uplink at 8 kbit/s, 1/2 s at the server, 1/8 s on the device and way."""
    SeenPolicy.saw.clear()
    times = folder / "times.csv"
    times.write_text("arrival_s,device\n" + "".join(f"{at_s},{device}\n" for at_s, device in arrivals))
    document = world(folder, "seen", workload={"arrivals": "recorded", "file": str(times)}, count=devices)
    document["link"] = {"uplink": {"rate": "8 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "propagation": "125 ms"}
    document["device"] = card(folder, "eighth", "device", {"whole": "125 ms"})
    document["server"] = card(folder, "half", "server", {"whole": "500 ms"})
    document |= {"policies": [{"kind": "seen", "cut": cut}], "result_size": "0 B", **changes}
    simulator.run(document)
    return list(SeenPolicy.saw)


def test_what_a_device_knows_at_hand_worked_instants(tmp_path: Path) -> None:
    """Three devices send at 0, 1/8 and 2/8 s; the second one sends again and looks.

    Messages reach the server at 1.125, 1.25 and 1.375 s and are served from 1.125, 1.625 and 2.125 s on. When the
    second is taken, the third waits; its answer is back at 2.25 s.
    """
    others = [(0.0, 0), (0.125, 1), (0.25, 2)]
    looks = [0.625, 1.125, 2.1875, 2.25]
    seen = seen_at(tmp_path, [*others, *((at_s, 1) for at_s in looks)], 3)
    mine = [one for one in seen if one.device == 1]
    assert [one.now_s for one in mine] == [0.125, *looks]
    # one is being sent; at 1.125 s it has left and the second can start; two stand there from then on
    assert [one.waiting_uplink for one in mine] == [0, 0, 0, 0, 1]
    assert [one.backlog_uplink_bits for one in mine] == [0.0, 8000.0, 8000.0, 8000.0, 16000.0]
    assert [one.uplink_rate_age_s for one in mine] == [math.inf, math.inf, 0.0, 0.0625, 0.125]
    assert [one.servers["edge"].waiting for one in mine] == [0, 0, 0, 0, 1]
    assert [one.servers["edge"].age_s for one in mine] == [math.inf] * 4 + [2.25 - 1.625]


def test_what_stands_at_the_processor_counts_as_a_whole_until_it_ends(tmp_path: Path) -> None:
    """1/8 s each, from 0 s on; at 1/8 s the first has ended and the second can start, so that one waits."""
    looks = [0.0, 0.0625, 0.09375, 0.125, 1.0]
    seen = seen_at(tmp_path, [(at_s, 0) for at_s in looks], 1, cut="output")
    assert [one.backlog_device_s for one in seen] == [0.0, 0.125, 0.25, 0.25, 0.0]
    assert [one.waiting_device for one in seen] == [0, 0, 1, 1, 0]
    assert {one.backlog_uplink_bits for one in seen} == {0.0}


def test_the_rate_that_is_known_is_that_of_the_last_message(tmp_path: Path) -> None:
    """8 kbit/s for half a second and 4 kbit/s afterwards: the first message takes 1.5 s, the second 2 s.

    Before, it is the mean of the trace over its 15.5 s. A message that is under way teaches nothing.
    """
    steps = trace(tmp_path, [(0.0, 8000.0), (0.5, 4000.0), (8.0, 8000.0)])
    link = {"uplink": {"trace": steps, "start": "0 s"}, "downlink": {"rate": "1 Mbit/s"}}
    looks = [0.0, 1.0, 1.5, 3.5]
    seen = seen_at(tmp_path, [(at_s, 0) for at_s in looks], 1, link=link)
    mean_bps = (0.5 * 8000 + 7.5 * 4000 + 7.5 * 8000) / 15.5  # the last row lasts as long as the one before
    assert [one.uplink_rate_bps for one in seen] == pytest.approx([mean_bps, mean_bps, 8000 / 1.5, 8000 / 2])
    assert [one.uplink_rate_age_s for one in seen] == [math.inf, math.inf, 0.0, 0.0]


def test_waking_does_not_count_as_sending(tmp_path: Path) -> None:
    """A radio that wakes for 1/2 s has sent 8000 bits at 1.5 s, at 8 kbit/s."""
    path = radio(tmp_path, up="0 nJ/bit", active="3 W", idle="0 W", promotion=("500 ms", "1 W"), tail=[("1 s", "1 W")])
    link = {"uplink": {"rate": "8 kbit/s"}, "downlink": {"rate": "1 Mbit/s"}, "radio": path}
    seen = seen_at(tmp_path, [(0.0, 0), (1.5, 0)], 1, link=link)
    assert [one.uplink_rate_bps for one in seen] == [8000.0, 8000.0]
    assert [one.uplink_rate_age_s for one in seen] == [math.inf, 0.0]


def test_a_device_of_a_lora_link_knows_its_rate_too(tmp_path: Path) -> None:
    """With the waits that the duty cycle asks for between the frames, about what was to be expected of the link."""
    link = {"uplink": {"region": "EU868", "distance": "1 km"}}
    seen = seen_at(tmp_path, [(0.0, 0), (4000.0, 0)], 1, link=link)
    assert math.isinf(seen[0].uplink_rate_age_s)
    assert seen[1].uplink_rate_bps == pytest.approx(seen[0].uplink_rate_bps, rel=0.1)
    assert 0 < seen[1].uplink_rate_age_s < 4000


def test_an_estimate_is_late(tmp_path: Path) -> None:
    """10 kbit/s for 0.15 s, 5 kbit/s afterwards: the first is sent until 1.45 s, at 5.5 kbit/s in the mean.

    Who arrives before sees the mean of the trace, and is sent if nobody waits; who arrives afterwards stays local.
    """
    link = {"uplink": {"trace": trace(tmp_path, [(0.0, 1e4), (0.15, 5e3), (1.0, 1e4), (2.0, 1e4)]), "start": "0 s"}}
    link["downlink"] = {"rate": "1 Mbit/s"}
    times = tmp_path / "times.csv"
    times.write_text("arrival_s\n0\n0.1\n0.2\n1.3\n2.2\n")
    workload = {"arrivals": "recorded", "file": str(times)}
    rows = simulator.run(world(tmp_path, "short_queue", link=link, workload=workload)).requests
    assert rows["partition"].tolist() == ["input", "input", "output", "output", "input"]


def test_the_fast_engine_says_what_stands_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="fast engine cannot run short_queue"):
        simulator.run(world(tmp_path, "short_queue"), engine="fast")


def test_auto_takes_the_reference_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.engines.choose.START_IN_REQUESTS", {True: -1, False: -1})
    assert simulator.run(world(tmp_path, "short_queue")).manifest["engine"] == "reference"


def test_a_cut_that_does_not_exist_is_the_policys_mistake(tmp_path: Path) -> None:
    with pytest.raises(simulator.errors.OffloadSimError, match="layer99"):
        simulator.run(world(tmp_path, "lost"))
