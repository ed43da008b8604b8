"""Small worlds for tests: chain models, cards and scenarios whose every number is known by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.profiling.graph import INPUT, Encoding, Exit, Layer, LossEffect
from simulator.profiling.model import ModelProfile


def chain(
    folder: Path,
    outputs: Mapping[str, int],
    *,
    name: str = "chain",
    input_bytes: int = 400,
    heads: Mapping[str, str] | None = None,
    loss_effect: LossEffect | None = None,
) -> str:
    """Write a chain of layers; ``outputs`` gives each layer's output bytes, ``heads`` an exit after some of them.

    The head after ``input`` reads the input itself.
    """
    graph: list[Layer] = []
    exits: list[Exit] = []
    previous, size = INPUT, input_bytes
    if heads and "input" in heads:
        graph.append(_layer(heads["input"], INPUT, size, 4))
        exits.append(Exit(heads["input"], INPUT, (0,), 4))
    for layer, output in outputs.items():
        graph.append(_layer(layer, previous, size, output))
        previous, size = len(graph) - 1, output
        if heads and layer in heads:
            graph.append(_layer(heads[layer], previous, size, 4))
            exits.append(Exit(heads[layer], previous, (len(graph) - 1,), 4))
    trunk_macs = 10 * len(outputs)
    profile = ModelProfile(
        name=name,
        source="tests",
        input_shape=(1, input_bytes // 4),
        input_dtype="float32",
        graph=tuple(graph),
        macs=trunk_macs,
        params=0,
        unread_params=0,
        exits=tuple(exits),
        output_bytes=size,
        encodings={
            "float32": Encoding(float(input_bytes), "shape", False),
            "uint8": Encoding(input_bytes / 4, "shape", False),
        },
        top1=0.5,
        top1_source="tests",
        uncounted=(),
        versions={},
        loss_effect=loss_effect,
    )
    path = folder / f"{name}.json"
    profile.save(path)
    return str(path)


def _layer(name: str, source: int, input_bytes: int, output_bytes: int) -> Layer:
    return Layer(
        name=name,
        kind="linear",
        op="aten.linear",
        macs=10,
        params=0,
        param_bytes=0,
        inputs=(source,),
        input_bytes=input_bytes,
        output_shape=(1, output_bytes // 4),
        output_bytes=output_bytes,
        fused_into=None,
    )


def card(
    folder: Path,
    name: str,
    role: str,
    times: Mapping[str, str],
    *,
    model: str = "chain",
    workers: int = 1,
    variability: Mapping[str, Any] | None = None,
    batching: Mapping[str, str] | None = None,
    idle: str = "1 W",
    active: str = "3 W",
) -> str:
    """Write a card with a measured time for each layer."""

    def stated(value: Any) -> dict[str, Any]:
        return {"value": value, "source": "tests"}

    content: dict[str, Any] = {
        "name": name,
        "title": name,
        "role": role,
        "precision": "float32",
        "compute": {
            "kind": "measured",
            "model": model,
            "times": {layer: stated(time) for layer, time in times.items()},
        },
        "memory": stated("1 GB"),
        "idle_power": stated(idle),
        "active_power": stated(active),
        "workers": stated(workers),
    }
    if batching is not None:
        content["batching"] = {part: stated(time) for part, time in batching.items()}
    if variability is not None:
        content["variability"] = dict(variability)
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(content))  # JSON is YAML
    return str(path)


def trace(folder: Path, rows: list[tuple[float, float]], name: str = "trace") -> str:
    """Write a trace of (time_s, rate_bps)."""
    path = folder / f"{name}.csv"
    path.write_text("time_s,rate_bps\n" + "".join(f"{time!r},{rate!r}\n" for time, rate in rows))
    return str(path)


def radio(
    folder: Path,
    *,
    name: str = "radio",
    up: str = "100 nJ/bit",
    down: str = "50 nJ/bit",
    active: str = "2 W",
    idle: str = "0.5 W",
    promotion: tuple[str, str] | None = None,
    tail: Sequence[tuple[str, ...]] = (),
) -> str:
    """Write a radio card; promotions are (delay, power), tail stages (duration, power) and perhaps a promotion."""

    def stated(value: str) -> dict[str, str]:
        return {"value": value, "source": "tests"}

    def promoted(pair: tuple[str, ...]) -> dict[str, Any]:
        return {"delay": stated(pair[0]), "power": stated(pair[1])}

    values = {
        "uplink_energy_per_bit": up,
        "downlink_energy_per_bit": down,
        "active_power": active,
        "idle_power": idle,
    }
    content: dict[str, Any] = {"name": name, "title": name} | {k: stated(v) for k, v in values.items()}
    if promotion:
        content["promotion"] = promoted(promotion)
    content["tail"] = [
        {"duration": stated(duration), "power": stated(power)} | ({"promotion": promoted(tuple(back))} if back else {})
        for duration, power, *back in tail
    ]
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(content))
    return str(path)


def scenario(model: str, device: str, server: str, **changes: Any) -> dict[str, Any]:
    """A scenario with one device, a constant link without delay, and the local policy."""
    return {
        "name": "test",
        "model": model,
        "device": device,
        "server": server,
        "link": {"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "1 Mbit/s"}},
        "workload": {"arrivals": "periodic", "rate": "1 /s", "phase": "0 s", "requests": 3},
        "policies": [{"kind": "local"}],
    } | changes
