"""Sweeps over losses and over the devices of a cell: points are ordinary runs, and see the same draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.profiling.graph import LossEffect

SHARES, COUNTS = (0.0, 0.1, 0.4), (1, 3)
FITTED = """{name: bursts, title: bursts, source: tests, licence: none, estimated: by hand, kind: gilbert-elliott,
good_to_bad: 0.02, bad_to_good: 0.1, loss_good: 0, loss_bad: 1,
fitted_to: {frames: 9, lost: 0.1, burst_mean: 9, burst_longest: 9, lags: [], autocorrelation: []}}"""


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """Devices in one cell whose messages of 3 frames take 24 ms alone, and whose model tolerates loss."""
    effect = LossEffect((0.0, 1.0), (1.0, 0.0), "tests", False)
    model = chain(tmp_path, {"whole": 4}, input_bytes=12_000, loss_effect=effect)
    device = card(tmp_path, "device", "device", {"whole": "40 ms"})
    server = card(tmp_path, "server", "server", {"whole": "1 ms"})
    (tmp_path / "bursts.yaml").write_text(FITTED)
    up = {"rate": "1 Mbit/s", "losses": {"share": 0.2, "frame": "1 kB"}}
    return scenario(
        model,
        device,
        server,
        link={"uplink": up, "downlink": {"rate": "1 Mbit/s"}, "cell": "hall"},
        count=2,
        workload={"arrivals": "poisson", "rate": "5 /s", "requests": 60},
        policies=[{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}],
        statistics={"replications": 2},
    )


def assert_equal(point: pd.DataFrame, alone: pd.DataFrame) -> None:
    """All columns of a run but the bounds, which a sweep does not ask for."""
    columns = [name for name in alone if "bound" not in name]
    pd.testing.assert_frame_equal(point[columns], alone[columns], check_exact=True)


@pytest.mark.parametrize("retransmit", [True, False])
def test_points_over_losses_and_devices_are_ordinary_runs(
    world: dict[str, Any], tmp_path: Path, retransmit: bool
) -> None:
    """Every column of summary.csv to the last bit, the accuracy that losses leave included."""
    world["link"]["uplink"]["losses"]["retransmit"] = retransmit
    over = {"link.uplink.losses.share": SHARES, "count": COUNTS}
    frame = simulator.sweep(world, over, output_dir=tmp_path / "out", workers=1)
    assert len(frame) == len(SHARES) * len(COUNTS) * 2
    for share in SHARES:
        for count in COUNTS:
            alone = simulator.run(
                world, overrides=[f"link.uplink.losses.share={share}", f"count={count}"], engine="fast"
            ).summary
            here = (frame["link.uplink.losses.share"] == share) & (frame["count"] == count)
            point = frame[here].reset_index(drop=True)
            assert_equal(point, alone)


def test_more_losses_and_more_devices_cost_more(world: dict[str, Any], tmp_path: Path) -> None:
    """Draws are the same at all points: what is lost at 10 % is lost at 40 % too."""
    over = {"link.uplink.losses.share": SHARES, "count": COUNTS}
    frame = simulator.sweep(world, over, output_dir=tmp_path / "out", workers=1)
    edge = frame[frame["policy"] != "local"].pivot(index="link.uplink.losses.share", columns="count")
    assert edge["bytes_up_mean"].loc[0.0].tolist() == [3000.0, 3000.0]
    assert (edge["bytes_up_mean"].diff().iloc[1:] > 0).all(axis=None)
    assert (edge["latency_mean_s"].diff().iloc[1:] > 0).all(axis=None)
    assert (edge["latency_mean_s"][3] > edge["latency_mean_s"][1]).all()
    local = frame[frame["policy"] == "local"].groupby("count")["latency_mean_s"].nunique()
    assert (local == 1).all()


def test_a_file_of_losses_travels_with_the_sweep(world: dict[str, Any], tmp_path: Path) -> None:
    """A point reads the content that the sweep has met, also when the file is changed afterwards."""
    world["link"]["uplink"]["losses"] = {"generator": str(tmp_path / "bursts.yaml"), "frame": "1 kB"}
    alone = simulator.run(world).summary
    frame = simulator.sweep(world, {"count": [2]}, output_dir=tmp_path / "out", workers=1)
    assert_equal(frame, alone)
    (tmp_path / "bursts.yaml").write_text(FITTED.replace("0.02", "0.05"))
    changed = simulator.sweep(world, {"count": [2]}, output_dir=tmp_path / "again", workers=1)
    assert changed["bytes_up_mean"].iloc[1] > frame["bytes_up_mean"].iloc[1]
