"""Radios against published energies: target P7, and the worked vectors of the LTE state machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.links.radio import load_radio


def uploads(folder: Path, radio: str, rate: str, size_bytes: int, arrivals: list[float], horizon: str) -> pd.DataFrame:
    """Requests that send ``size_bytes`` each and get an empty answer at once."""
    model = chain(folder, {"whole": 4}, input_bytes=4 * size_bytes)
    device = card(folder, "device", "device", {"whole": "1 s"})
    server = card(folder, "server", "server", {"whole": "0 s"})
    (folder / "times.csv").write_text("arrival_s\n" + "".join(f"{time}\n" for time in arrivals))
    document: dict[str, Any] = scenario(
        model,
        device,
        server,
        link={"uplink": {"rate": rate}, "downlink": {"rate": "10 Mbit/s"}, "radio": radio},
        workload={"arrivals": "recorded", "file": str(folder / "times.csv")},
        policies=[{"kind": "edge", "encoding": "uint8"}],
        result_size="0 B",
        horizon=horizon,
    )
    return simulator.run(document).requests


@pytest.mark.parametrize(
    ("radio", "rate_mbit_s", "published_j"), [("3g", 1.1, 12.90), ("lte", 5.85, 5.27), ("wifi", 18.88, 2.32)]
)
def test_energy_of_a_megabyte_sent(tmp_path: Path, radio: str, rate_mbit_s: float, published_j: float) -> None:
    """P7, Huang et al., MobiSys 2012: 1e6 bytes at the usual uplink rate, without promotion and tail, within 0.5 %.

    The run ends with the last bit, before any tail; the promotion is taken off at its power.
    """
    known = load_radio(radio)
    duration = 8e6 / (rate_mbit_s * 1e6) + float(known.wake_delays_s[-1])
    rows = uploads(tmp_path, radio, f"{rate_mbit_s} Mbit/s", 10**6, [0.0], f"{duration!r} s")
    promotion = known.wake_delays_s[-1] * known.wake_powers_w[-1]
    assert rows.loc[0, "energy_radio_j"] - promotion == pytest.approx(published_j, rel=0.005)


def test_an_lte_upload_pays_promotion_transfer_and_tail(tmp_path: Path) -> None:
    """1.2 Mbit at 6 Mbit/s from idle (AT&T ARO): 314.6 mJ + 766.1 mJ + 11.052 J."""
    rows = uploads(tmp_path, "lte-aro", "6 Mbit/s", 150_000, [0.0], "60 s")
    assert rows.loc[0, "uplink_service_s"] == pytest.approx(0.26 + 0.2, abs=1e-9)
    assert rows.loc[0, "energy_radio_j"] == pytest.approx(0.3146 + 0.7661 + 11.052, abs=0.001)


def test_a_second_upload_within_the_tail_needs_no_promotion_and_shares_the_tail(tmp_path: Path) -> None:
    """5 s apart: one promotion, the tail between them half each, a whole tail after the second."""
    rows = uploads(tmp_path, "lte-aro", "6 Mbit/s", 150_000, [0.0, 5.0], "60 s")
    assert rows["uplink_service_s"].tolist() == pytest.approx([0.46, 0.2], abs=1e-9)
    between = 0.1 * 1.2 + 0.02 * 1.122 + (5.0 - 0.46 - 0.12) * 1.091
    expected = [0.3146 + 0.7661 + between / 2, 0.7661 + between / 2 + 11.052]
    assert rows["energy_radio_j"].tolist() == pytest.approx(expected, abs=0.001)


def test_an_upload_after_the_tail_pays_everything_again(tmp_path: Path) -> None:
    """15 s apart: promotion and tail twice."""
    rows = uploads(tmp_path, "lte-aro", "6 Mbit/s", 150_000, [0.0, 15.0], "60 s")
    assert rows["uplink_service_s"].tolist() == pytest.approx([0.46, 0.46], abs=1e-9)
    assert rows["energy_radio_j"].tolist() == pytest.approx([12.133, 12.133], abs=0.001)


def test_energy_falls_with_the_rate(tmp_path: Path) -> None:
    """E(S, r) = S (alpha + beta / r): dearer per bit on a slow link."""
    energies = [
        uploads(tmp_path, "lte", rate, 10**6, [0.0], "60 s").loc[0, "energy_radio_j"]
        for rate in ("1 Mbit/s", "2 Mbit/s", "4 Mbit/s", "8 Mbit/s")
    ]
    assert energies == sorted(energies, reverse=True)


def test_a_wifi_card_that_never_sleeps_pays_for_waiting(tmp_path: Path) -> None:
    """EnergyBox, Galaxy S2: 450 mW for the 8 Mbit at 20 Mbit/s, 250 mW for the rest of a minute; nothing to wake.

    The device beside it idles with 1 W for the whole minute.
    """
    rows = uploads(tmp_path, "wifi-always-on", "20 Mbit/s", 10**6, [0.0], "60 s")
    assert rows.loc[0, "uplink_service_s"] == pytest.approx(0.4, abs=1e-12)
    assert rows.loc[0, "energy_radio_j"] == pytest.approx(0.45 * 0.4, abs=1e-9)
    assert rows.loc[0, "energy_idle_j"] == pytest.approx(0.25 * 59.6 + 1.0 * 60, abs=1e-9)
