"""Offered load: known by hand, and the law that an overloaded station completes rate / load requests per second.

A work-conserving station that is offered more than it can do is busy all the time, so what it completes in a second is
its capacity: the rate of the requests over their offered load. A station that keeps up is busy for its offered load.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from worlds import card, chain, scenario, trace

import simulator

POISSON = {"arrivals": "poisson", "rate": "1 /s", "duration": "10 min"}
FAST = {"uplink": {"rate": "1000 Gbit/s"}, "downlink": {"rate": "1000 Gbit/s"}}


def world(
    folder: Path,
    *,
    policy: dict[str, Any],
    device: str = "10 ms",
    server: str = "1 ms",
    batched: bool = False,
    **changes: Any,
) -> Any:
    """One layer; its raw input has 100 kB, its answer 4 bytes."""
    model = chain(folder, {"whole": 4}, input_bytes=400_000)
    near = card(folder, f"device-{device.replace(' ', '')}", "device", {"whole": device})
    line = {"fixed": "60 ms", "per_item": "40 ms"} if batched else None
    far = card(folder, f"server-{server.replace(' ', '')}", "server", {"whole": server}, batching=line)
    return scenario(model, near, far, policies=[policy], link=FAST, workload=POISSON) | changes


def row_of(document: dict[str, Any]) -> Any:
    """The only row of the summary."""
    (row,) = simulator.run(document).summary_rows
    return row


EDGE = {"kind": "edge", "encoding": "uint8"}  # 100 kB
LOCAL = {"kind": "local"}


def stations(folder: Path) -> dict[str, tuple[dict[str, Any], str, float]]:
    """Worlds at one request per second, with the station that is asked for most and its load, worked out by hand."""
    slow = {"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "1000 Gbit/s"}}
    steps = trace(folder, [(0, 4e5), (10, 0), (20, 2e6), (30, 0)], "steps")  # 24 Mbit in 40 s: 0.6 Mbit/s
    varying = {"uplink": {"trace": steps}, "downlink": {"rate": "1000 Gbit/s"}}
    lossy = {"uplink": {"rate": "1 Mbit/s", "losses": {"share": 0.2}}, "downlink": {"rate": "1000 Gbit/s"}}
    return {
        "device": (world(folder, policy=LOCAL, device="700 ms"), "device", 0.7),
        "uplink": (world(folder, policy=EDGE, link=slow), "uplink", 0.8),
        "uplink that varies": (world(folder, policy=EDGE, link=varying), "uplink", 0.8 / 0.6),
        "uplink that loses": (world(folder, policy=EDGE, link=lossy), "uplink", 0.8 / 0.8),
        "cell": (world(folder, policy=EDGE, link=slow | {"cell": "hall"}, count=3), "cell hall", 2.4),
        # 0.8 Mbit up at 1 Mbit/s and 0.8 down at 2, for each of three
        "cell both ways": (
            world(
                folder,
                policy=EDGE,
                link={"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "2 Mbit/s"}, "cell": "hall"},
                count=3,
                result_size="100 kB",
            ),
            "cell hall",
            3.6,
        ),
        "edge": (world(folder, policy=EDGE, server="600 ms", count=3), "edge", 1.8),
        "edge with workers": (
            world(folder, policy=EDGE, server="600 ms", count=3, serving={"workers": 2}),
            "edge",
            0.9,
        ),
        # a batch of four takes 60 ms and 40 ms for each: 55 ms a request
        "edge in batches": (
            world(folder, policy=EDGE, server="100 ms", batched=True, count=3, serving={"max_batch": 4}),
            "edge",
            0.165,
        ),
        "edge with others": (
            world(folder, policy=EDGE, server="600 ms", serving={"background_load": 0.25}),
            "edge",
            0.8,
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "device",
        "uplink",
        "uplink that varies",
        "uplink that loses",
        "cell",
        "cell both ways",
        "edge",
        "edge with workers",
        "edge in batches",
        "edge with others",
    ],
)
def test_the_offered_load_is_rate_times_work_over_capacity(tmp_path: Path, name: str) -> None:
    """As worked out by hand: to rounding errors."""
    document, station, load = stations(tmp_path)[name]
    row = row_of(document)
    assert (row["busiest_station"], row["offered_load"]) == (station, pytest.approx(load, rel=1e-9))


@pytest.mark.parametrize(
    "name",
    [
        "device",
        "uplink",
        "uplink that varies",
        "uplink that loses",
        "cell",
        "cell both ways",
        "edge",
        "edge with workers",
        "edge in batches",
    ],
)
def test_what_is_offered_too_much_completes_its_capacity(tmp_path: Path, name: str) -> None:
    """At a load of 3: completions per second are the rate over the load, within 2 % (edges of the observation)."""
    document, _, load = stations(tmp_path)[name]
    rate = 3 / load
    document["workload"] = {"arrivals": "periodic", "rate": f"{rate} /s", "requests": round(3000 * rate)}
    document["horizon"] = "2400 s"
    row = row_of(document)
    assert row["offered_load"] == pytest.approx(3, rel=1e-9)
    devices = document.get("count", 1)
    assert row["throughput_rps"] == pytest.approx(devices * rate / 3, rel=0.02)
    assert row["condition"].startswith("no steady state")


def test_lora_is_offered_its_duty_cycle(tmp_path: Path) -> None:
    """A LoRaWAN device that is asked for three times its duty cycle completes a third, within 3 %."""
    document = world(tmp_path, policy=EDGE, link={"uplink": {"region": "EU868", "distance": "1 km"}})
    document["model"] = chain(tmp_path, {"whole": 4}, input_bytes=4000)
    document["result_size"] = "1 B"
    document["workload"] = {"arrivals": "periodic", "rate": "1 /h", "requests": 1}
    alone = row_of(document)["offered_load"]
    rate = 3 / alone
    document["workload"] = {"arrivals": "periodic", "rate": f"{rate} /h", "requests": round(80 * rate)}
    document["horizon"] = "72 h"
    row = row_of(document)
    assert row["offered_load"] == pytest.approx(3, rel=1e-9)
    assert row["throughput_rps"] == pytest.approx(rate / 3600 / 3, rel=0.03)


@pytest.mark.parametrize("name", ["device", "uplink"])
def test_what_keeps_up_is_busy_for_its_offered_load(tmp_path: Path, name: str) -> None:
    """Utilisation over 600 requests a device, three standard errors of a Poisson count: 3 / sqrt(600) = 12 %."""
    document, station, load = stations(tmp_path)[name]
    assert row_of(document)[f"utilisation_{station}"] == pytest.approx(load, rel=0.12)


def test_a_queue_limit_keeps_a_server_steady(tmp_path: Path) -> None:
    """A load of 1.8 is no overload where the server turns requests away; they return to a device that has no room."""
    document, _, _ = stations(tmp_path)["edge"]
    document["serving"] = {"queue_limit": 2}
    row = row_of(document)
    assert (row["busiest_station"], row["offered_load"]) == ("edge", pytest.approx(1.8))
    assert not row["condition"].startswith("no steady state")
    # at least 1 - 1/1.8 of the requests come back, and each takes 2.5 s of a device that has one a second
    document = world(tmp_path, policy=EDGE, server="600 ms", device="2.5 s", count=3)
    row = row_of(document | {"serving": {"queue_limit": 2, "when_full": "local"}})
    assert row["condition"].startswith("no steady state: its device is offered 1.11 times")


@pytest.mark.parametrize(
    "content", ["arrival_s\n0\n2\n4\n10\n", "arrival_s,device\n0,0\n2,0\n4,0\n10,0\n0,1\n3,1\n7,1\n10,1\n"]
)
def test_recorded_arrivals_have_the_rate_of_their_gaps(tmp_path: Path, content: str) -> None:
    """Three gaps in ten seconds for each device, whether all share a column or each has its own: 0.3 /s at 0.7 s."""
    document, _, load = stations(tmp_path)["device"]
    (tmp_path / "times.csv").write_text(content)
    document |= {"count": 2, "workload": {"arrivals": "recorded", "file": str(tmp_path / "times.csv")}}
    assert row_of(document)["offered_load"] == pytest.approx(0.3 * load, rel=1e-9)
