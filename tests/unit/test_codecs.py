"""Codecs: bytes against a real encode of a real tensor, times and accuracies as cards and tables say them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.codecs.base import Message
from simulator.codecs.quantise import NAMES, QuantiseCodec
from simulator.codecs.ratio import RatioCodec
from simulator.errors import ScenarioError
from simulator.plan.library import Memory
from simulator.plan.prepare import prepare
from simulator.scenario.load import load_scenario

#: engines are named where they matter
pytestmark = pytest.mark.engine_free


def encoded(tensor: np.ndarray, bits: int) -> bytes:
    """A real encode: floats as they are, else packed integers behind scale and zero point (Jacob et al., 2018)."""
    if bits >= 16:
        return tensor.astype({32: np.float32, 16: np.float16}[bits]).tobytes()
    least, most = float(tensor.min()), float(tensor.max())
    scale = (most - least) / (2**bits - 1)
    zero = round(-least / scale)
    levels = np.clip(np.round(tensor / scale) + zero, 0, 2**bits - 1).astype(np.uint8)
    digits = np.unpackbits(levels.reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.float32(scale).tobytes() + np.int32(zero).tobytes() + np.packbits(digits).tobytes()


@pytest.mark.parametrize("shape", [(1, 3, 29, 29), (1, 64, 56, 56), (1, 1, 7, 7), (1, 5)])
@pytest.mark.parametrize("name", NAMES)
def test_the_size_is_that_of_a_real_encode(name: str, shape: tuple[int, ...]) -> None:
    tensor = np.random.Generator(np.random.PCG64(1)).standard_normal(shape).astype(np.float32)
    message = Message(tensor.size, 0.0, 1, tensor.nbytes)
    assert QuantiseCodec(bits=NAMES[name]).size_bytes(message) == len(encoded(tensor, NAMES[name]))


def test_integers_and_several_tensors() -> None:
    """100 numbers in two tensors as bytes, two scales and zero points, and 40 bytes of integers."""
    assert QuantiseCodec(bits=8).size_bytes(Message(100, 40, 2, 400)) == 100 + 16 + 40
    assert RatioCodec(ratio=0.5, encode="0 s", decode="0 s").size_bytes(Message(100, 40, 2, 400)) == 200 + 40


def test_a_bottleneck_of_one_byte_values_is_what_was_published() -> None:
    """3 x 29 x 29 values are 2523 bytes (target P6), beside scale and zero point."""
    assert QuantiseCodec(bits=8).size_bytes(Message(3 * 29 * 29, 0, 1, 4 * 2523)) == 2523 + 8


def world(folder: Path, codec: Any, rates: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """1000 numbers cross after the head; head and tail take 100 and 400 ms on the device, 10 and 40 at the edge."""
    model = chain(folder, {"head": 4000, "tail": 40}, input_bytes=4000)
    paths = {}
    for name, role, scale in (("device", "device", 1.0), ("server", "server", 0.1), ("cloud", "server", 0.01)):
        path = Path(card(folder, name, role, {"head": f"{100 * scale} ms", "tail": f"{400 * scale} ms"}))
        if rates is not None:
            stated = {way: {"value": rate, "source": "tests"} for way, rate in rates.items()}
            path.write_text(json.dumps(json.loads(path.read_text()) | {"codecs": {"quantise": stated}}))
        paths[name] = str(path)
    link = {"uplink": {"rate": "100 kbit/s"}, "downlink": {"rate": "32 kbit/s"}, "propagation": "5 ms"}
    policies = [{"kind": "split", "at": "head", "codec": codec}]
    made = scenario(model, paths["device"], paths["server"], link=link, policies=policies)
    return made | changes


RATES = {"encode": "1 MB/s", "decode": "2 MB/s"}


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_encoding_and_decoding_are_work_of_their_tiers(engine: str, tmp_path: Path) -> None:
    """4000 bytes at 1 MB/s are 4 ms, 1008 bytes 80.64 ms on the link, 4000 bytes come out at 2 MB/s in 2 ms."""
    row = simulator.run(world(tmp_path, "int8", RATES), engine=engine).requests.iloc[0]
    assert row["device_service_s"] == pytest.approx(0.104)
    assert row["uplink_service_s"] == pytest.approx(0.08064)
    assert row["edge_service_s"] == pytest.approx(0.042)
    assert row["bytes_up"] == 1008
    # the device draws 3 W while it encodes
    assert row["energy_compute_j"] == pytest.approx(3 * 0.104)


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_a_codec_of_one_s_own(engine: str, tmp_path: Path) -> None:
    """A tenth of 4000 bytes is 32 ms on the link; 3 and 7 ms beside."""
    codec = {"ratio": 0.1, "encode": "3 ms", "decode": "7 ms"}
    row = simulator.run(world(tmp_path, codec), engine=engine).requests.iloc[0]
    stages = [row[f"{stage}_service_s"] for stage in ("device", "uplink", "edge")]
    assert stages == pytest.approx([0.103, 0.032, 0.047])
    row = simulator.run(world(tmp_path, {"bytes": "250 B", "encode": "3 ms", "decode": "7 ms"})).requests.iloc[0]
    assert row["bytes_up"] == 250


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_over_three_tiers_each_message_is_decoded_where_it_is_read(engine: str, tmp_path: Path) -> None:
    """The edge forwards features as they are: only the cloud decodes."""
    codec = {"ratio": 0.1, "encode": "3 ms", "decode": "7 ms"}
    document = world(tmp_path, codec)
    backhaul = {"uplink": {"rate": "1 Mbit/s"}, "downlink": {"rate": "1 Mbit/s"}}
    document["cloud"] = {"server": str(tmp_path / "cloud.yaml"), "link": backhaul}
    document["policies"] = [{"kind": "split", "at": ["head", "head"], "codec": codec}]
    row = simulator.run(document, engine=engine).requests.iloc[0]
    assert row["edge_service_s"] == 0
    assert row["cloud_service_s"] == pytest.approx(0.004 + 0.007)
    assert row["backhaul_up_service_s"] == pytest.approx(0.0032)
    # what the edge computes it encodes itself: the tail's first part does not exist here, so the input is cut before
    document["policies"] = [{"kind": "split", "at": ["input", "head"], "codec": codec}]
    row = simulator.run(document, engine=engine).requests.iloc[0]
    assert row["edge_service_s"] == pytest.approx(0.010 + 0.003)
    assert row["cloud_service_s"] == pytest.approx(0.004 + 0.007)


def test_no_table_no_accuracy(tmp_path: Path) -> None:
    """The model's own 50 % holds where every number arrives as it was; else only what the codec's table says."""
    told = {"bits": 4, "accuracy": {"chain": 0.375}}
    other = {"bits": 4, "accuracy": {"another": 0.375}}
    codecs: list[Any] = ["float32", "int8", told, other]
    policies = [{"kind": "split", "at": "head", "codec": codec, "name": str(k)} for k, codec in enumerate(codecs)]
    local = {"kind": "split", "best": "latency", "codec": "int8", "name": "local"}
    document = world(tmp_path, None, RATES, policies=[*policies, local])
    # over a slow link the best cut sends nothing
    document["link"] = document["link"] | {"uplink": {"rate": "1 kbit/s"}}
    found = simulator.run(document).summary["accuracy"].tolist()
    assert found == pytest.approx([0.5, np.nan, 0.375, np.nan, 0.5], nan_ok=True)


def test_records_say_nothing_of_altered_features(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("# model: chain\nsample,correct_final\n0,1\n1,1\n")
    workload = {"arrivals": "periodic", "rate": "1 /s", "requests": 3, "samples": str(tmp_path / "records.csv")}
    policies = [{"kind": "split", "at": "head", "codec": codec, "name": codec} for codec in ("float32", "int8")]
    rows = simulator.run(world(tmp_path, None, RATES, policies=policies, workload=workload)).requests
    known = rows.groupby("policy", observed=True)["correct"].apply(lambda column: column.notna().all())
    assert known.to_dict() == {"float32": True, "int8": False}


def test_fewer_bits_never_take_longer_on_the_link() -> None:
    """On a shipped card, whose elementwise layers say how long a pass takes."""
    names = list(NAMES)
    policies = ", ".join(f"{{kind: split, at: layer3, codec: {name}, name: {name}}}" for name in names)
    _, plans = prepare(
        load_scenario("quickstart", ["model=resnet18", "workload.samples=null", f"policies=[{policies}]"])
    )
    up_s = [plan.choices[0].prediction.stages_s["uplink"][plan.choices[0].cut, 0] for plan in plans]
    assert up_s == sorted(up_s, reverse=True)
    device_s = [plan.choices[0].table.device_s[plan.choices[0].cut, 0] for plan in plans]
    assert device_s[0] < min(device_s[1:])


def test_a_sweep_remembers_each_codec_apart(tmp_path: Path) -> None:
    """Tables are kept by what the codec says, its table of accuracies too."""
    memory = Memory()
    tables = []
    for codec in ("int8", "int4", {"bits": 8, "accuracy": {"chain": 0.4}}):
        _, (plan,) = prepare(load_scenario(world(tmp_path, codec, RATES)), memory)
        tables.append(plan.choices[0])
    sizes = [choice.table.bytes_up[choice.cut, 0] for choice in tables]
    assert sizes == [1008, 508, 1008]
    assert tables[2].top1 == 0.4


@pytest.mark.parametrize("rate", ["10 MB/s", "40 MB/s"])
def test_a_jpeg_takes_time_on_both_sides(rate: str, tmp_path: Path) -> None:
    """1000 bytes of picture (4000 of float32): read at the device's rate, written at the server's."""
    document = world(tmp_path, None, policies=[{"kind": "edge", "encoding": "jpeg"}])
    for name in ("device", "server"):
        path = tmp_path / f"{name}.yaml"
        stated = {way: {"value": rate, "source": "tests"} for way in ("encode", "decode")}
        path.write_text(json.dumps(json.loads(path.read_text()) | {"codecs": {"jpeg": stated}}))
    model = Path(document["model"])
    content = json.loads(model.read_text())
    content["encodings"]["jpeg"] = {"size_bytes": 100.0, "source": "tests", "estimated": False}
    model.write_text(json.dumps(content))
    row = simulator.run(document).requests.iloc[0]
    per_s = float(rate.split()[0]) * 1e6
    assert row["device_service_s"] == pytest.approx(1000 / per_s)
    assert row["edge_service_s"] == pytest.approx(0.05 + 1000 / per_s)


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("int9", "did you mean int8"),
        ({"bits": 3}, "3 is not"),
        ({"ratio": 0, "encode": "0 s", "decode": "0 s"}, "ratio"),
        ({"ratio": 0.5}, 'field "encode" is missing'),
        ({"bytes": "0 B", "encode": "0 s", "decode": "0 s"}, "more than zero"),
        ({"bits": 8, "accuracy": {"chain": 70}}, "70"),
        (7, "7 is not a codec"),
    ],
)
def test_what_is_no_codec_is_told(codec: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=said):
        load_scenario(world(tmp_path, codec, RATES))


def test_a_card_without_a_rate_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="device does not say how fast it makes and reads int8"):
        prepare(load_scenario(world(tmp_path, "int8")))
