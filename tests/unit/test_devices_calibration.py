"""Calibration: the split is a fixed rule, the fit finds what made the data, the report says what the cards do."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulator import paths
from simulator.devices.calibrate import write_card
from simulator.devices.calibration import Outcome, calibrate, split
from simulator.devices.card import load_card
from simulator.devices.fitting import (
    FITTED_KINDS,
    WIDE_PRIOR,
    WIDE_SPREAD,
    Hardware,
    family_priors,
    fit,
    numbers_of,
    predict_s,
    work_of,
)
from simulator.devices.latencies import Latency, read_latencies
from simulator.errors import CardError
from simulator.profiling.model import load_profile
from simulator.units import human, parse

pytestmark = pytest.mark.engine_free

ROWS = [row for row in read_latencies() if not row.excluded]
PROFILES = {name: load_profile(name) for name in sorted({row.model for row in ROWS})}
WORKS = {name: work_of(profile) for name, profile in PROFILES.items()}
HARDWARE = Hardware("by hand", 20e9, 10e9, 4)


def latency(model: str, seconds: float, card: str = "by-hand") -> Latency:
    """A row without a publication."""
    return Latency(card, model, seconds, model, "exact", "by hand", "")


def test_every_third_model_by_macs_is_held_out_starting_with_the_second() -> None:
    """Nine models: the second, fifth and eighth test the fit of the other six, whatever their latencies."""
    rows = [row for row in ROWS if row.card == "raspberry-pi-4"]
    fitted, held_out = split(rows, PROFILES)
    assert [row.model for row in held_out] == ["mobilenet_v2", "mobilenetv1_100", "resnet50"]
    assert len(fitted) == 6
    assert not set(fitted) & set(held_out)


def test_few_rows_hold_none_out() -> None:
    """Four rows are all fitted."""
    rows = [row for row in ROWS if row.card == "stm32l4r5"]
    assert (len(split(rows, PROFILES)[0]), split(rows, PROFILES)[1]) == (4, [])


def test_fit_predicts_unseen_models_of_a_device_that_obeys_the_roofline() -> None:
    """Latencies made by known numbers, far from the prior: models outside of the fit come out within 8 %."""
    truth = WIDE_PRIOR + np.array([0.9, 0.5, -0.7, 0.4, 0.8, -0.6])
    names = [
        "squeezenet1_1",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "resnet18",
        "resnet50",
        "vgg16",
        "shufflenet_v2_x1_0",
    ]
    rows = [latency(name, predict_s(truth, HARDWARE, WORKS[name])) for name in names]
    found = fit(HARDWARE, rows, WORKS, WIDE_PRIOR, WIDE_SPREAD)
    for name in ["efficientnet_b0", "mobilenetv1_100", "resnet101", "googlenet"]:
        expected_s = predict_s(truth, HARDWARE, WORKS[name])
        assert predict_s(found, HARDWARE, WORKS[name]) == pytest.approx(expected_s, rel=0.08)


def test_no_fit_passes_the_peak_of_the_hardware() -> None:
    """Latencies of a device 20 times as fast: rates and bandwidth stop at the peak, rounded as cards write them."""
    names = ["squeezenet1_1", "mobilenet_v2", "resnet18", "resnet50", "vgg16", "shufflenet_v2_x1_0"]
    faster = WIDE_PRIOR + np.log([20.0, 20.0, 20.0, 20.0, 0.05, 1.0])
    for hardware in (HARDWARE, replace(HARDWARE, macs_per_s=163.5e9, bytes_per_s=3.337e9, conv_saving=4.0)):
        rows = [latency(name, predict_s(faster, hardware, WORKS[name])) for name in names]
        numbers = numbers_of(fit(hardware, rows, WORKS, WIDE_PRIOR, WIDE_SPREAD), hardware)
        for kind, rate in numbers.rates.items():
            limit = hardware.macs_per_s * (hardware.conv_saving if kind == "conv" else 1)
            assert parse(human(rate, "compute rate"), "compute rate") <= limit
        assert parse(human(numbers.bytes_per_s, "bandwidth"), "bandwidth") <= hardware.bytes_per_s
        assert numbers.bytes_per_s > 0.9 * hardware.bytes_per_s


def test_without_rows_the_prior_stands() -> None:
    """Nothing to fit to: the prior is the answer."""
    np.testing.assert_array_equal(fit(HARDWARE, [], WORKS, WIDE_PRIOR, WIDE_SPREAD), WIDE_PRIOR)


def test_prior_of_a_card_never_sees_its_own_rows() -> None:
    """A thousandfold change of a card's own latencies moves the priors of its family, not its own."""
    names = ["squeezenet1_1", "mobilenet_v2", "resnet18", "resnet50"]
    hardware = {"a": HARDWARE, "b": HARDWARE}
    before = {card: [latency(name, 0.1, card) for name in names] for card in hardware}
    after = before | {"a": [latency(name, 100.0, "a") for name in names]}
    first, second = (family_priors(hardware, rows, WORKS) for rows in (before, after))
    np.testing.assert_array_equal(first["a"][0], second["a"][0])
    assert not np.allclose(first["b"][0], second["b"][0])


def test_grouped_convolution_lies_between_dense_and_depthwise() -> None:
    """Its rate is their geometric mean; matrix products run as pointwise convolutions."""
    rates = numbers_of(WIDE_PRIOR, HARDWARE).rates
    assert rates["grouped_conv"] == pytest.approx(math.sqrt(rates["conv"] * rates["depthwise_conv"]), rel=1e-12)
    assert rates["linear"] == rates["default"] == rates["pointwise_conv"]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Calibration of all shipped cards."""
    return calibrate(ROWS, PROFILES)


def test_shipped_cards_hold_what_the_calibration_finds(outcomes: list[Outcome]) -> None:
    """Running the command again would change no number by more than its rounding."""
    for outcome in outcomes:
        compute = load_card(outcome.card).compute
        for kind in FITTED_KINDS:
            assert compute.rates[kind].value == pytest.approx(outcome.numbers.rates[kind], rel=0.02), outcome.card
        assert compute.bandwidth.value == pytest.approx(outcome.numbers.bytes_per_s, rel=0.02), outcome.card


def test_median_error_on_held_out_models_is_below_35_percent(outcomes: list[Outcome]) -> None:
    """On every card that holds models out, and over all of them together below 20 %."""
    errors: list[float] = []
    for outcome in outcomes:
        card = load_card(outcome.card)
        own = [abs(card.layer_times_s(PROFILES[row.model]).sum() / row.latency_s - 1) for row in outcome.held_out]
        if own:
            assert np.median(own) < 0.35, outcome.card
        errors += own
    assert len(errors) >= 40
    assert np.median(errors) < 0.20


def test_report_tells_the_errors_of_the_cards_as_they_stand() -> None:
    """Published, predicted and error of every line of CALIBRATION.md agree with card and profile."""
    text = (paths.folder("device") / "CALIBRATION.md").read_text(encoding="utf-8")
    lines = re.findall(r"\| ([\w-]+) \| (\w+) \| (?:fitted|held out) \| ([\d.]+) ms \| ([\d.]+) ms \|", text)
    published = {(row.card, row.model): row.latency_s for row in ROWS}
    assert len(lines) == len(ROWS)
    for card, model, published_ms, predicted_ms in lines:
        assert float(published_ms) * 1e-3 == pytest.approx(published[card, model], rel=1e-3)
        predicted_s = load_card(card).layer_times_s(PROFILES[model]).sum()
        assert float(predicted_ms) * 1e-3 == pytest.approx(predicted_s, rel=1e-3)


def test_writing_a_card_keeps_everything_but_the_fitted_numbers(outcomes: list[Outcome], tmp_path: Path) -> None:
    """Power, memory, titles and comments stay as they were, byte for byte."""
    outcome = next(outcome for outcome in outcomes if outcome.card == "gtx-1080-ti")
    original = paths.find("device", "gtx-1080-ti").read_text(encoding="utf-8")
    copy = tmp_path / "gtx-1080-ti.yaml"
    copy.write_text(original.replace("TMAC/s", "GMAC/s"), encoding="utf-8")
    write_card(outcome, copy)
    kept = [line for line in original.splitlines() if "fitted" not in line and "MAC/s" not in line]
    assert kept == [line for line in copy.read_text(encoding="utf-8").splitlines() if line in kept]
    assert load_card(str(copy)).compute.rates["conv"].value == load_card("gtx-1080-ti").compute.rates["conv"].value


def test_faulty_latencies_are_listed_together(tmp_path: Path) -> None:
    """A negative latency, a word and a missing source: three problems with their lines."""
    path = tmp_path / "latencies.csv"
    header = "card,model,latency_ms,published_as,mapping,excluded,source\n"
    path.write_text(header + "a,m,-1,,,,s\na,m,fast,,,,s\na,m,3,,,,\n", encoding="utf-8")
    with pytest.raises(CardError) as caught:
        read_latencies(path)
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    assert "source is empty" in str(caught.value)
