"""The cards that ship: all load, every number says where it comes from, predictions are sane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from simulator import paths
from simulator.devices.card import load_card
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import load_radio
from simulator.profiling.model import load_profile

pytestmark = pytest.mark.engine_free

CARDS = paths.names("device")
RADIOS = paths.names("radio")
FILES = [paths.find("device", name) for name in CARDS] + [paths.find("radio", name) for name in RADIOS]


def loose_numbers(entry: Any, path: str = "") -> Iterator[str]:
    """Numbers, bare or with a unit, that stand outside of {value, source | estimated}."""
    if isinstance(entry, dict) and "value" in entry:
        if len(entry.keys() & {"source", "estimated"}) != 1 or entry.keys() - {"value", "source", "estimated"}:
            yield path
    elif isinstance(entry, dict):
        for key, value in entry.items():
            yield from loose_numbers(value, f"{path}.{key}")
    elif isinstance(entry, list):
        for value in entry:
            yield from loose_numbers(value, path)
    elif not isinstance(entry, str) or (entry[:1].isdigit() and not path.endswith((".name", ".title"))):
        yield path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_has_source_or_estimated(path: Path) -> None:
    """No number of a card stands without exactly one origin."""
    assert list(loose_numbers(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))) == []


def test_loose_numbers_are_found() -> None:
    """The check above notices what it is there for."""
    card = {"memory": "4 GB", "idle": {"value": 1}, "ok": {"value": "1 W", "source": "s"}, "list": [3]}
    assert list(loose_numbers(card)) == [".memory", ".idle", ".list"]


@pytest.mark.parametrize("name", CARDS)
def test_card_loads_and_draws_more_when_it_works(name: str) -> None:
    """Active power includes the idle part."""
    card = load_card(name)
    assert card.active_w > card.idle_w >= 0


def test_a_raspberry_pi_4_draws_what_inference_took() -> None:
    """MLPerf Inference v2.0, ArmNN in float32: mJ over ms of the least and the most thirsty network of eleven."""
    least, most = 113.2 / 26.49, 1860.8 / 332.4  # MobileNetV3 small, ResNet-50
    active_w = load_card("raspberry-pi-4").active_w
    assert least < active_w < most
    assert active_w == pytest.approx((least * most) ** 0.5, rel=0.02)  # as far from either
    assert load_card("raspberry-pi-3b-plus").active_w < active_w < load_card("raspberry-pi-5").active_w


@pytest.mark.parametrize("name", RADIOS)
def test_radio_loads_and_draws_more_when_it_works(name: str) -> None:
    """Sending power exceeds idle power, and what a LoRa radio draws asleep."""
    radio = load_radio(name)
    if isinstance(radio, LoraRadio):
        assert min(entry.value for entry in radio.transmit_power.values()) > radio.sleep_power.value >= 0
    else:
        assert radio.active_power.value > radio.idle_power.value >= 0


@pytest.mark.parametrize("name", [name for name in CARDS if getattr(load_card(name).compute, "calibration", None)])
def test_no_card_computes_or_moves_faster_than_its_hardware(name: str) -> None:
    """Rates stay below the arithmetic peak that the card cites; a dense convolution may save products."""
    compute = load_card(name).compute
    known = compute.calibration
    for kind, rate in compute.rates.items():
        assert rate.value <= known.peak_rate.value * (4 if kind == "conv" and known.conv_saving else 1), kind
    assert compute.bandwidth.value <= known.peak_bandwidth.value


def test_there_are_ten_devices_and_five_servers() -> None:
    """From microcontrollers to data-centre GPUs."""
    roles = [load_card(name).role for name in CARDS]
    assert roles.count("device") >= 10
    assert roles.count("server") >= 5


@pytest.mark.parametrize("name", [name for name in CARDS if load_card(name).compute.kind == "roofline"])
@pytest.mark.parametrize("model", ["mobilenet_v2", "bert-base", "ds_cnn", "swin_t", "yolov8n", "unet"])
def test_card_serves_every_kind_of_model(name: str, model: str) -> None:
    """Convolutions, attention, embeddings: each running layer takes a finite time above zero, the others none."""
    profile = load_profile(model)
    times = load_card(name).layer_times_s(profile)
    runs = np.array([layer.fused_into is None and layer.kind != "reshape" for layer in profile.graph])
    assert np.isfinite(times).all()
    assert (times[runs] > 0).all()
    assert (times[~runs] == 0).all()


@pytest.mark.parametrize(("model", "gmac_per_s"), [("mobilenet_v2", 4.8), ("vgg16", 28.0)])
def test_raspberry_pi_4_has_no_single_rate(model: str, gmac_per_s: float) -> None:
    """Published latencies on a Raspberry Pi 4 (ncnn, 4 threads) imply 4.8 GMAC/s for MobileNetV2 and 28 for VGG-16."""
    profile = load_profile(model)
    latency_s = load_card("raspberry-pi-4").layer_times_s(profile).sum()
    assert profile.macs / latency_s / 1e9 == pytest.approx(gmac_per_s, rel=0.15)


def test_layers_of_a_measured_card_add_up_to_the_publication() -> None:
    """Tiny-YOLOv2 on a Raspberry Pi 3B: 0.4987 s up to conv5, 1.8207 s in all (DADS, INFOCOM 2019, figures 1-3)."""
    profile = load_profile("tiny_yolov2")
    times = load_card("tiny-yolov2-rpi3b").layer_times_s(profile)
    after_conv5 = max(index for index, layer in enumerate(profile.graph) if layer.name.startswith("conv5"))
    assert times[: after_conv5 + 1].sum() == pytest.approx(0.4987, abs=5e-5)
    assert times.sum() == pytest.approx(1.8207, abs=5e-5)
