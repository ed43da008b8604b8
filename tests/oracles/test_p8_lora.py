"""P8: what LoRa carries, from the ceiling of its raw rate to LoRaWAN under a duty cycle."""

from __future__ import annotations

import pytest

from simulator.links.lora import LoraLink
from simulator.links.lora_times import predicted_uplink_s
from simulator.links.radio import load_radio
from simulator.physics.lora import bit_rate_bps, uplink_airtime_s


def test_the_ceiling_of_lora() -> None:
    """SF6, 500 kHz, 4/5: the survey of split computing names 37.5 kbit/s (ACM Computing Surveys 2022)."""
    assert bit_rate_bps(6, 500e3, 1) == 37_500


@pytest.mark.parametrize(("size_bytes", "seconds"), [(44_770, 9.55), (2523, 0.538), (10_092, 2.153)])
def test_the_raw_rate_carries_these_in(size_bytes: float, seconds: float) -> None:
    """A JPEG of ImageNet, and bottlenecks of 3 and 12 channels, before framing."""
    assert size_bytes * 8 / bit_rate_bps(6, 500e3, 1) == pytest.approx(seconds, abs=0.0005 + 0.002 * (seconds > 9))


@pytest.mark.parametrize(
    ("size_bytes", "factor", "frames", "airtime_s"),
    [
        (44_770, 7, 185, 73.93),
        (1790, 7, 8, 2.98),
        (1790, 12, 36, 99.1),
        (966, 7, 4, 1.593),
        (966, 12, 19, 53.1),
    ],
)
def test_pictures_over_lorawan(size_bytes: float, factor: int, frames: int, airtime_s: float) -> None:
    """JPEGs of ImageNet, CIFAR and MNIST in EU868, worked by hand from the payload limits and the frame vectors."""
    link = LoraLink.model_validate({"region": "EU868", "distance": "1 km", "spreading_factor": factor})
    _, airtime, count = predicted_uplink_s(link.parameters(), size_bytes)
    assert count == frames
    assert airtime == pytest.approx(airtime_s, abs=0.05 if airtime_s > 50 else 0.005)


@pytest.mark.parametrize(("size_bytes", "factor", "seconds"), [(44_770, 7, 7393), (1790, 12, 9909)])
def test_pictures_over_lorawan_take_hours(size_bytes: float, factor: int, seconds: float) -> None:
    """Airtime over 1 %: 2 h 3 min for a JPEG at SF7. An hour at SF12 holds 12 frames of the 12.9 that 1 % would be."""
    link = LoraLink.model_validate({"region": "EU868", "distance": "1 km", "spreading_factor": factor})
    predicted_s, _, _ = predicted_uplink_s(link.parameters(), size_bytes)
    assert predicted_s == pytest.approx(seconds, rel=0.005 if factor == 7 else 0.06)


def test_full_frames_of_the_american_band_fit_into_its_dwell_time() -> None:
    """At most 400 ms (FCC part 15.247), which is why the payloads are limited as they are."""
    parameters = LoraLink.model_validate({"region": "US915", "distance": "1 km"}).parameters()
    for factor, most in zip(parameters.spreading_factor.tolist(), parameters.most_bytes.tolist(), strict=True):
        assert uplink_airtime_s(most, factor, 125e3) <= 0.4


@pytest.mark.parametrize(("factor", "energy_mj"), [(12, 409.2), (7, 17.29)])
def test_energy_of_a_frame_on_a_measured_node(factor: int, energy_mj: float) -> None:
    """51 bytes at 14 dBm, 146.5 mW (GillesC/LoRaEnergySim): the time on air at that power."""
    energy_j = uplink_airtime_s(51, factor, 125e3) * load_radio("dramco-node").transmit_w(14.0)
    assert energy_j * 1e3 == pytest.approx(energy_mj, rel=5e-4)


def test_energy_of_an_empty_window_on_a_measured_node() -> None:
    """First windows without an answer cost 6.4, 3.3, 1.6, 1.3, 0.7, 0.5 mJ by data rate, with what precedes them."""
    parameters = LoraLink.model_validate({"region": "EU868", "distance": "1 km"}).parameters()
    energies_mj = parameters.window_s * load_radio("dramco-node").receive_power.value * 1e3
    assert energies_mj.tolist() == pytest.approx([6.4, 3.3, 1.6, 1.3, 0.7, 0.5], rel=0.2)
