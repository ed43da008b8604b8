"""Frames that are lost, through scenario files and the ordinary path, against probability theory.

Each mean must lie within 4 standard errors, which theory gives, so that a right program fails one check in about
16 000. Seeds are fixed.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.profiling.graph import LossEffect

FRAME_BYTES = 1000


def requests(
    folder: Path,
    size_bytes: int,
    losses: dict[str, Any],
    *,
    count: int,
    down: dict[str, Any] | None = None,
    result_bytes: int = 0,
    devices: int = 4,
    loss_effect: LossEffect | None = None,
    **workload: Any,
) -> simulator.Result:
    """Devices that send messages of one size far apart, over 8 Mbit/s: 1 ms for each full frame."""
    model = chain(folder, {"whole": 4}, input_bytes=4 * size_bytes, loss_effect=loss_effect)
    device = card(folder, "device", "device", {"whole": "1 s"})
    server = card(folder, "server", "server", {"whole": "0 s"}, workers=10)
    frame = {"frame": f"{FRAME_BYTES} B"}
    link: dict[str, Any] = {"uplink": {"rate": "8 Mbit/s", "losses": losses | frame}, "downlink": {"rate": "8 Mbit/s"}}
    if down is not None:
        link["downlink"] |= {"losses": down | frame}
    return simulator.run(
        scenario(
            model,
            device,
            server,
            link=link,
            count=devices,
            workload={"arrivals": "periodic", "rate": "1 /s", "requests": count} | workload,
            policies=[{"kind": "edge", "encoding": "uint8"}],
            result_size=f"{result_bytes} B",
        )
    )


@pytest.mark.parametrize("lost", [0.05, 0.5])
def test_stop_and_wait_sends_each_frame_so_often(tmp_path: Path, lost: float) -> None:
    """1 / (1 - p) times with variance p / (1 - p)^2; the last frame of each message has 500 of 1000 bytes."""
    rows = requests(tmp_path, 2500, {"share": lost}, count=5000).requests
    error = math.sqrt(2 * 1**2 + 0.5**2) * math.sqrt(lost) / (1 - lost) / 2.5 / math.sqrt(len(rows))
    assert rows["bytes_up"].mean() / 2500 == pytest.approx(1 / (1 - lost), abs=4 * error)
    assert (rows["status"] == "completed").all()
    assert rows["bytes_up_lost"].sum() == rows["bytes_up"].sum() - 2500 * len(rows)
    # what is sent again takes its time
    assert rows["uplink_service_s"].to_numpy() == pytest.approx(rows["bytes_up"].to_numpy() * 1e-6, abs=1e-9)


def test_losses_in_bursts_cost_the_same_transmissions_but_not_to_everyone(tmp_path: Path) -> None:
    """Gilbert-Elliott, bursts of 20 frames, one frame in 6 lost: 6 / 5 transmissions for each frame in the mean.

    Losses k frames apart are correlated like the states, r^k with r = 1 - 0.01 - 0.05. So n transmissions deliver a
    number with variance n p (1 - p) (1 + r) / (1 - r), and a number of frames needs transmissions with that variance
    over (1 - p)^2 (renewal theory).
    """
    rows = requests(tmp_path, 5000, {"good_to_bad": 0.01, "bad_to_good": 0.05}, count=10_000).requests
    lost, r, frames = 1 / 6, 0.94, 5 * len(rows)
    sent = frames / (1 - lost)
    error = math.sqrt(sent * lost * (1 - lost) * (1 + r) / (1 - r)) / (1 - lost) / frames
    assert rows["bytes_up"].mean() / 5000 == pytest.approx(1.2, abs=4 * error)
    # a message begins right after a delivered frame, so it meets a burst only if one starts in its 5 frames; losses
    # without bursts would leave (5/6)^5 = 0.40 of the messages alone
    untouched, chance = (rows["bytes_up_lost"] == 0).mean(), 0.99**5
    assert untouched == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / len(rows)))


@pytest.mark.parametrize(("frames", "lost"), [(1, 0.2), (3, 0.1), (10, 0.02)])
def test_without_retransmission_a_request_needs_all_of_its_frames(tmp_path: Path, frames: int, lost: float) -> None:
    """1 - (1 - p)^n of the requests are dropped; what they sent counts, nothing is sent twice."""
    size = frames * FRAME_BYTES - 300
    rows = requests(tmp_path, size, {"share": lost, "retransmit": False}, count=5000).requests
    expected = 1 - (1 - lost) ** frames
    dropped = rows["status"] == "dropped"
    assert dropped.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / len(rows)))
    assert (rows.loc[dropped, "reason"] == "lost on the uplink").all()
    assert (rows["bytes_up"] == size).all()
    assert ((rows["bytes_up_lost"] > 0) == dropped).all()


def test_an_answer_that_is_lost_drops_the_request_too(tmp_path: Path) -> None:
    """Two frames up with p = 0.1, two down with 0.2: 0.19 fall on the uplink, 0.36 of the others on the downlink."""
    up, down = {"share": 0.1, "retransmit": False}, {"share": 0.2, "retransmit": False}
    rows = requests(tmp_path, 2000, up, down=down, result_bytes=1200, count=5000).requests
    shares = rows["reason"].value_counts() / len(rows)
    for reason, expected in {"lost on the uplink": 0.19, "answer lost on the downlink": 0.81 * 0.36}.items():
        error = math.sqrt(expected * (1 - expected) / len(rows))
        assert shares[reason] == pytest.approx(expected, abs=4 * error)
    assert (rows["status"] == "completed").mean() == pytest.approx(0.81 * 0.64, abs=0.02)


EFFECT = LossEffect((0.0, 0.5, 1.0), (1.0, 0.6, 0.1), "tests", False)


@pytest.mark.parametrize(
    ("size_bytes", "kept"),
    [
        # both frames arrive, one of two equal ones, none
        (2000, {1.0: 0.49, 0.6: 0.42, 0.1: 0.09}),
        # frames of 1000 and 333 1/3 bytes are 3/4 and 1/4 of the message: 0.8 without the last, 0.35 without the first
        (1333, {1.0: 0.49, 0.8: 0.21, 0.35: 0.21, 0.1: 0.09}),
    ],
)
def test_a_model_that_tolerates_loss_keeps_a_part_of_its_accuracy(
    tmp_path: Path, size_bytes: int, kept: dict[float, float]
) -> None:
    """Two frames, p = 0.3; the profile declares 60 % of the accuracy without half of the bytes, 10 % without any."""
    result = requests(tmp_path, size_bytes, {"share": 0.3, "retransmit": False}, count=5000, loss_effect=EFFECT)
    rows = result.requests
    assert (rows["status"] == "completed").all()
    for value, chance in kept.items():
        share = (rows["accuracy_kept"] - value).abs().lt(2e-3).mean()
        assert share == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / len(rows)))
    mean = sum(value * chance for value, chance in kept.items())
    variance = sum(chance * (value - mean) ** 2 for value, chance in kept.items())
    error = math.sqrt(variance / len(rows))
    # the hand-made model has a published accuracy of one half
    assert result.summary.loc[0, "accuracy"] == pytest.approx(0.5 * mean, abs=0.5 * 4 * error + 1e-3)


def test_known_answers_lose_their_part_too(tmp_path: Path) -> None:
    """All samples are right at the last exit, so the accuracy is the kept share: 0.49 + 0.42 0.6 + 0.09 0.1."""
    records = tmp_path / "samples.csv"
    records.write_text("# model: chain\nsample,correct_final\n" + "".join(f"{k},1\n" for k in range(5)))
    losses = {"share": 0.3, "retransmit": False}
    result = requests(tmp_path, 2000, losses, count=5000, loss_effect=EFFECT, samples=str(records))
    assert result.requests["correct"].all()
    error = math.sqrt(0.49 * 0.249**2 + 0.42 * 0.151**2 + 0.09 * 0.651**2) / math.sqrt(20_000)
    assert result.summary.loc[0, "accuracy"] == pytest.approx(0.751, abs=4 * error)


def test_with_retransmission_nothing_is_missing(tmp_path: Path) -> None:
    """Losses cost time, not accuracy."""
    result = requests(tmp_path, 2000, {"share": 0.3}, count=200, loss_effect=EFFECT)
    assert (result.requests["accuracy_kept"] == 1.0).all()
    assert result.summary.loc[0, "accuracy"] == 0.5


def test_local_requests_lose_nothing(tmp_path: Path) -> None:
    """Beside a policy that sends: no bytes, no loss, all of the accuracy."""
    model = chain(tmp_path, {"whole": 4}, input_bytes=8000, loss_effect=EFFECT)
    device = card(tmp_path, "device", "device", {"whole": "1 ms"})
    server = card(tmp_path, "server", "server", {"whole": "0 s"})
    losses = {"share": 0.5, "retransmit": False}
    document = scenario(
        model,
        device,
        server,
        link={"uplink": {"rate": "8 Mbit/s", "losses": losses}, "downlink": {"rate": "8 Mbit/s"}},
        policies=[{"kind": "local"}, {"kind": "edge", "encoding": "uint8"}],
        workload={"arrivals": "periodic", "rate": "1 /s", "requests": 50},
        result_size="0 B",
    )
    result = simulator.run(document)
    local: pd.DataFrame = result.requests[result.requests["policy"] == "local"]
    assert (local[["bytes_up", "bytes_up_lost", "bytes_down_lost"]] == 0).all(axis=None)
    assert result.summary["accuracy"].iloc[0] == 0.5
    assert result.summary["accuracy"].iloc[1] < 0.5


def test_groups_of_a_fleet_lose_each_in_its_own_way(tmp_path: Path) -> None:
    """One loses nothing, one sends again, one gives up; p = 0.5 and two frames for each message."""
    model = chain(tmp_path, {"whole": 4}, input_bytes=8000)
    device = card(tmp_path, "device", "device", {"whole": "1 s"})
    server = card(tmp_path, "server", "server", {"whole": "0 s"})
    kinds = {"sound": None, "patient": {"share": 0.5}, "hasty": {"share": 0.5, "retransmit": False}}

    def link(losses: dict[str, Any] | None) -> dict[str, Any]:
        lossy = {} if losses is None else {"losses": losses | {"frame": "1 kB"}}
        return {"uplink": {"rate": "8 Mbit/s"} | lossy, "downlink": {"rate": "8 Mbit/s"}}

    document = scenario(
        model,
        device,
        server,
        fleet=[{"name": name, "count": 2, "link": link(losses)} for name, losses in kinds.items()],
        workload={"arrivals": "periodic", "rate": "1 /s", "requests": 1000},
        policies=[{"kind": "edge", "encoding": "uint8"}],
        result_size="0 B",
    )
    both = [simulator.run(document, engine=engine).requests for engine in ("reference", "fast")]
    assert both[0].equals(both[1])
    groups = both[0].groupby("group", observed=True)
    mean, dropped = groups["bytes_up"].mean(), groups["status"].apply(lambda status: (status == "dropped").mean())
    assert (mean["sound"], mean["hasty"], dropped["sound"], dropped["patient"]) == (2000, 2000, 0, 0)
    # 4 tries for two frames, with variance 2 x 2; three of four messages miss a frame
    assert mean["patient"] == pytest.approx(4000, abs=4 * 2000 / math.sqrt(2000))
    assert dropped["hasty"] == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 2000))
