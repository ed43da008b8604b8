"""P9: energy of a microcontroller is power x time (MLPerf Tiny v0.5 reference, Nucleo-L4R5ZI)."""

from __future__ import annotations

import pytest

from simulator.devices.card import load_card

#: task: (latency ms, energy uJ), mlcommons/tiny_results_v0.5@d75aef63
PUBLISHED = {
    "anomaly detection": (10.05, 416.3),
    "image classification": (704.2, 29207.0),
    "keyword spotting": (181.9, 7374.0),
    "visual wake words": (600.6, 24313.0),
}


@pytest.mark.parametrize("task", PUBLISHED)
def test_energy_is_active_power_times_time(task: str) -> None:
    """One constant power, that of the card, gives every published energy within 2.5 %."""
    latency_ms, energy_uj = PUBLISHED[task]
    predicted_uj = load_card("stm32l4r5").active_w * latency_ms * 1e-3 * 1e6
    assert predicted_uj == pytest.approx(energy_uj, rel=0.025)
