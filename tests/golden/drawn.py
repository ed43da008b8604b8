"""Scenarios drawn by number: every policy, medium, serving rule and horizon meets every other before long."""

from __future__ import annotations

import random
from typing import Any

LINKS: list[dict[str, Any]] = [
    {"uplink": {"rate": "12 Mbit/s"}, "downlink": {"rate": "40 Mbit/s"}},
    {"uplink": {"rate": "12 Mbit/s"}, "downlink": {"rate": "40 Mbit/s"}, "propagation": "8 ms", "radio": "wifi"},
    {
        "uplink": {"trace": "lte-uplink-driving"},
        "downlink": {"trace": "lte-downlink-speedtest"},
        "propagation": "20 ms",
        "radio": "lte",
    },
    {
        "uplink": {"generator": "3g-uplink-driving"},
        "downlink": {"generator": "lte-downlink-driving"},
        "propagation": "50 ms",
        "radio": "3g",
    },
    {
        "uplink": {"clear": "200 Mbit/s", "blocked": "0 bit/s", "mean_clear": "2 s", "mean_blocked": "400 ms"},
        "downlink": {"rate": "300 Mbit/s"},
        "propagation": "5 ms",
        "radio": "5g-mmwave",
    },
    {
        "uplink": {"rate": "9 Mbit/s", "losses": {"share": 0.1}},
        "downlink": {"rate": "20 Mbit/s", "losses": {"good_to_bad": 0.05, "bad_to_good": 0.4}},
        "radio": "wifi",
    },
    {
        "uplink": {"rate": "9 Mbit/s", "losses": {"share": 0.02, "retransmit": False, "frame": "8 kB"}},
        "downlink": {"rate": "20 Mbit/s", "losses": {"share": 0.02, "retransmit": False}},
    },
    {
        "cell": "one",
        "uplink": {"rate": "18.88 Mbit/s", "losses": {"share": 0.05}},
        "downlink": {"rate": "54.97 Mbit/s"},
        "propagation": "2 ms",
        "radio": "wifi",
    },
]
LORA: list[dict[str, Any]] = [
    {"uplink": {"region": "EU868", "distance": "1.5 km"}, "radio": "dramco-node"},
    {"uplink": {"region": "EU868", "distance": "4 km", "confirmed": True}, "radio": "sx1272", "propagation": "100 ms"},
    {"uplink": {"region": "US915", "distance": "1 km", "adaptive": True}, "radio": "sx1262"},
]
CAMERAS = ("raspberry-pi-4", "jetson-nano", "raspberry-pi-3b-plus")
SPLITS = {"resnet50_exits": "layer3.0.conv1", "mobilenet_v2": "features.7.conv.0.0", "mobilenet_v1_025_96": "pool"}


def drawn(number: int) -> dict[str, Any]:
    """The scenario of a number: the same one for ever."""
    draw = random.Random(number)
    return _sensors(draw) if draw.random() < 0.2 else _cameras(draw)


def _sensors(draw: random.Random) -> dict[str, Any]:
    return {
        "name": "drawn",
        "seed": draw.randrange(1000),
        "model": "mobilenet_v1_025_96",
        "device": "stm32h7a3",
        "server": "t4-tensorrt",
        "count": draw.choice([1, 3, 6]),
        "link": draw.choice(LORA),
        "workload": _workload(draw, draw.choice(["2 /h", "20 /h"]), draw.choice([2, 12])),
        "result_size": draw.choice(["1 B", "80 B", "600 B"]),
        "policies": [
            {"kind": "local"},
            {"kind": "edge", "encoding": "jpeg"},
            {"kind": "split", "at": SPLITS["mobilenet_v1_025_96"]},
        ],
        **({"horizon": "2 h"} if draw.random() < 0.3 else {}),
    }


def _cameras(draw: random.Random) -> dict[str, Any]:
    exits = draw.random() < 0.5
    model = "resnet50_exits" if exits else "mobilenet_v2"
    workload = _workload(draw, draw.choice(["1 /s", "4 /s", "15 /s"]), draw.choice([10, 40]))
    if exits:
        workload["samples"] = "resnet50-exits"
    if draw.random() < 0.6:
        workload["deadline"] = draw.choice(["150 ms", "1 s"])
    scenario: dict[str, Any] = {
        "name": "drawn",
        "seed": draw.randrange(1000),
        "model": model,
        "device": draw.choice(CAMERAS),
        "server": "t4-triton",
        "serving": _serving(draw, "deadline" in workload),
        "link": draw.choice(LINKS),
        "workload": workload,
        "policies": [
            {"kind": "local"},
            {"kind": "edge", "encoding": "jpeg"},
            {"kind": "split", "at": SPLITS[model]},
            {"kind": "split", "best": draw.choice(["latency", "energy"]), "encoding": "jpeg"},
            *([{"kind": "early_exit", "thresholds": [0.3, 0.3]}] if exits else []),
        ],
        "statistics": {"replications": draw.choice([1, 2]), "warmup": draw.choice(["0 s", "1 s"])},
    }
    if draw.random() < 0.3:
        groups = [{"name": f"group{k}", "count": draw.choice([1, 2]), "priority": k} for k in range(2)]
        scenario["fleet"] = [groups[0], groups[1] | {"link": draw.choice(LINKS), "device": draw.choice(CAMERAS)}]
    else:
        scenario["count"] = draw.choice([1, 2, 5])
    if draw.random() < 0.3:
        scenario["horizon"] = draw.choice(["3 s", "8 s"])
    return scenario


def _workload(draw: random.Random, rate: str, requests: int) -> dict[str, Any]:
    if draw.random() < 0.5:
        return {"arrivals": "poisson", "rate": rate, "requests": requests}
    # in step, or each device at a phase of its own
    phase = {"phase": "0 s"} if draw.random() < 0.5 else {}
    return {"arrivals": "periodic", "rate": rate, "requests": requests, **phase}


def _serving(draw: random.Random, has_deadline: bool) -> dict[str, Any]:
    serving: dict[str, Any] = {"workers": draw.choice([1, 1, 3])}
    if draw.random() < 0.4:
        serving |= {"max_batch": draw.choice([2, 8]), "max_wait": draw.choice(["0 s", "30 ms"])}
    if draw.random() < 0.4:
        serving |= {"queue_limit": draw.choice([0, 1, 3]), "when_full": draw.choice(["drop", "local"])}
    if has_deadline and draw.random() < 0.5:
        serving["order"] = "deadline"
    if draw.random() < 0.3:
        serving["background_load"] = 0.9
    return serving
