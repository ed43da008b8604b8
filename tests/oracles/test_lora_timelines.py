"""LoRaWAN timelines worked out by hand: airtimes from the published formula, instants from the rules of class A.

Airtimes of uplinks are rows of the table of frame vectors (SF12, 51 bytes: 85.25 symbols of 32.768 ms). Answers have
no checksum: one byte, 14 with what LoRaWAN adds, takes 35.25 symbols at SF9 to SF12 and 40.25 at SF7 and SF8.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from worlds import card, chain, scenario

import simulator
from simulator.engines import reference
from simulator.engines.log import RequestLog
from simulator.links.lora import LoraLink
from simulator.links.lora_times import predicted_uplink_s
from simulator.plan.channels import with_drawn_channels
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import draw

NANO = 1e-9
#: an hour's airtime is kept with a little room for rounding
MICRO = 1e-6


def world(folder: Path, size_bytes: int, server: str = "0 s", **link: Any) -> dict[str, Any]:
    """One message of so many bytes at instant 0, a server that takes so long, and an answer of one byte."""
    model = chain(folder, {"whole": 4}, input_bytes=4 * size_bytes)
    device = card(folder, "device", "device", {"whole": "1 s"})
    far = card(folder, "server", "server", {"whole": server})
    uplink = {"region": "EU868", "distance": "1 km", **link}
    propagation = uplink.pop("propagation", "0 s")
    return scenario(
        model,
        device,
        far,
        link={"uplink": uplink, "propagation": propagation, "radio": "sx1272"},
        workload={"arrivals": "periodic", "phase": "0 s", "rate": "1000 /s", "requests": 1},
        policies=[{"kind": "edge", "encoding": "uint8"}],
        result_size="1 B",
    )


def row(document: dict[str, Any]) -> pd.Series:
    return simulator.run(document).requests.iloc[0]


def log_on_one_channel(document: dict[str, Any]) -> RequestLog:
    """What the instants are when every device always takes its first channel."""
    system, plans = prepare(load_scenario(document))
    (plan,) = with_drawn_channels(plans, system, 0)
    assert plan.lora is not None
    plan = replace(plan, lora=plan.lora._replace(draws=np.zeros_like(plan.lora.draws)))
    return reference.run(plan, draw(sources(system), 1, 0))


@pytest.mark.parametrize("propagation", ["0 s", "100 ms", "0.4 s"])
def test_an_answer_in_the_first_window(tmp_path: Path, propagation: str) -> None:
    """2.793472 s up, a second, 1.155072 s down: the windows are the device's, however far the server is."""
    document = world(tmp_path, 51, spreading_factor=12, propagation=propagation)
    done = row(document)
    delay = float(propagation.split()[0]) / (1000 if "ms" in propagation else 1)
    assert done["uplink_service_s"] == pytest.approx(2.793472, abs=NANO)
    assert done["downlink_wait_s"] == pytest.approx(1.0 - 2 * delay, abs=NANO)
    assert done["downlink_service_s"] == pytest.approx(1.155072, abs=NANO)
    assert done["latency_s"] == pytest.approx(4.948544, abs=NANO)
    assert (done["frames"], done["frames_lost"], done["airtime_s"]) == (1, 0, pytest.approx(2.793472, abs=NANO))


def test_energy_of_an_answered_frame(tmp_path: Path) -> None:
    """132 mW while it sends, 32.4 mW while it receives, 0.3 uW in the second between, and 1 W of the processor."""
    done = row(world(tmp_path, 51, spreading_factor=12))
    assert done["energy_radio_j"] == pytest.approx(0.132 * 2.793472 + 0.0324 * 1.155072, abs=NANO)
    assert done["energy_idle_j"] == pytest.approx(0.3e-6 * 1.0 + 4.948544, abs=NANO)


def test_three_frames_wait_out_their_off_time(tmp_path: Path) -> None:
    """After 2.793472 s of airtime the sub-band is silent for 276.553728 s: frames start 279.3472 s apart."""
    document = world(tmp_path, 3 * 51, spreading_factor=12)
    log = log_on_one_channel(document)
    assert log.frames is not None
    assert log.frames.start_s.tolist() == pytest.approx([0.0, 279.3472, 558.6944], abs=NANO)
    assert log.frames.bytes.tolist() == [51, 51, 51]
    assert log.end_s["uplink"][0] == pytest.approx(561.487872, abs=NANO)
    done = row(document)
    assert done["uplink_service_s"] == pytest.approx(3 * 2.793472 + 2 * 2.17, abs=NANO)
    assert done["uplink_wait_s"] == pytest.approx(2 * (276.553728 - 2.17), abs=NANO)


def test_two_sub_bands_take_turns(tmp_path: Path) -> None:
    """Eight channels lie in two sub-bands: the second frame waits for the windows (2 s + 170 ms) of the first only."""
    log = log_on_one_channel(world(tmp_path, 3 * 51, spreading_factor=12, channels=8))
    assert log.frames is not None
    assert log.frames.start_s.tolist() == pytest.approx([0.0, 2.793472 + 2.17, 279.3472], abs=NANO)
    assert log.frames.channel.tolist() == [0, 3, 0]


@pytest.mark.parametrize("propagation", ["0 s", "0.25 s"])
def test_a_late_server_answers_in_the_second_window(tmp_path: Path, propagation: str) -> None:
    """0.118016 s up at SF7, two seconds, and 1.155072 s down at SF12; the first window was open for 15 ms."""
    done = row(world(tmp_path, 51, "1.5 s", spreading_factor=7, propagation=propagation))
    assert done["latency_s"] == pytest.approx(3.273088, abs=NANO)
    assert done["energy_radio_j"] == pytest.approx(0.132 * 0.118016 + 0.0324 * (0.015 + 1.155072), abs=NANO)


@pytest.mark.parametrize(("server", "latency_s"), [("1 s", 1.159232), ("1.000001 s", 3.273088)])
def test_an_answer_at_the_very_opening_is_in_time(tmp_path: Path, server: str, latency_s: float) -> None:
    """0.118016 s up; ready one second later it goes at SF7 (41.216 ms), a microsecond later in the second window."""
    assert row(world(tmp_path, 51, server, spreading_factor=7))["latency_s"] == pytest.approx(latency_s, abs=NANO)


def test_an_answer_that_missed_both_windows_is_asked_for(tmp_path: Path) -> None:
    """Five seconds: the sub-band opens at 11.8016 s, an empty frame takes 46.336 ms, then 1 s and 41.216 ms at SF7.

    The device listened to both windows in vain (15 and 170 ms), and to the answer.
    """
    done = row(world(tmp_path, 51, "5 s", spreading_factor=7))
    assert done["downlink_wait_s"] == pytest.approx(11.8016 - 5.118016, abs=NANO)
    assert done["downlink_service_s"] == pytest.approx(0.046336 + 1.0 + 0.041216, abs=NANO)
    assert done["latency_s"] == pytest.approx(12.889152, abs=NANO)
    assert done["frames"] == 2
    airtime, listening = 0.118016 + 0.046336, 0.185 + 0.041216
    assert done["energy_radio_j"] == pytest.approx(0.132 * airtime + 0.0324 * listening, abs=NANO)


def test_after_an_acknowledgement_there_is_no_second_window(tmp_path: Path) -> None:
    """A confirmed frame is acknowledged in the first window: an answer after 1.5 s is asked for at 11.8016 s."""
    done = row(world(tmp_path, 51, "1.5 s", spreading_factor=7, confirmed=True))
    assert done["latency_s"] == pytest.approx(12.889152, abs=NANO)


def test_a_long_answer_comes_in_parts(tmp_path: Path) -> None:
    """104 bytes at SF12 are 51, 51 and 2; each part after the first is asked for, when the duty cycle allows.

    Up 2.793472 s. An empty frame has 35.25 symbols, 1.155072 s; the sub-band opens at 279.3472 s and 115.5072 s after
    that. The last part, 15 bytes, has 8 + 15 + 12.25 symbols: 1.155072 s.
    """
    document = world(tmp_path, 51, spreading_factor=12) | {"result_size": "104 B"}
    log = log_on_one_channel(document)
    assert log.frames is not None
    assert log.frames.start_s.tolist() == pytest.approx([0.0, 279.3472, 394.8544], abs=NANO)
    assert log.frames.bytes.tolist() == [51, 0, 0]
    assert log.finish_s[0] == pytest.approx(394.8544 + 1.155072 + 1.0 + 1.155072, abs=NANO)


def test_the_frames_of_another_message_bring_the_rest_of_an_answer(tmp_path: Path) -> None:
    """Two messages of two frames at SF12, answers of 104 bytes in three parts, frames 279.3472 s apart.

    The first answer has its parts after the second, third and fourth frame. The second one is behind it, and is asked
    for when nothing is left to send: at 1117.3888 s, and 115.5072 s later each time.
    """
    document = world(tmp_path, 2 * 51, spreading_factor=12) | {"result_size": "104 B"}
    document["workload"]["requests"] = 2
    log = log_on_one_channel(document)
    assert log.frames is not None
    starts = [0.0, 279.3472, 558.6944, 838.0416, 1117.3888, 1232.896, 1348.4032]
    assert log.frames.start_s.tolist() == pytest.approx(starts, abs=NANO)
    assert log.frames.bytes.tolist() == [51, 51, 51, 51, 0, 0, 0]
    assert log.frames.answers.tolist() == [-1, 0, 0, 0, 1, 1, 1]
    assert log.finish_s[0] == pytest.approx(838.0416 + 2.793472 + 1.0 + 1.155072, abs=NANO)
    assert log.finish_s[1] == pytest.approx(1348.4032 + 1.155072 + 1.0 + 1.155072, abs=NANO)


def test_an_empty_frame_gives_way_to_a_message_that_has_come_meanwhile(tmp_path: Path) -> None:
    """Five seconds at the server, SF7: the device would ask at 11.8016 s, but a message comes at 8 s.

    Its frame goes at 11.8016 s, takes 0.118016 s, and brings the first answer; the second one is asked for.
    """
    (tmp_path / "times.csv").write_text("arrival_s\n0\n8\n")
    document = world(tmp_path, 51, "5 s", spreading_factor=7)
    document["workload"] = {"arrivals": "recorded", "file": str(tmp_path / "times.csv")}
    log = log_on_one_channel(document)
    assert log.frames is not None
    assert log.frames.bytes.tolist() == [51, 51, 0]
    assert log.frames.answers.tolist() == [-1, 0, 1]
    assert log.frames.start_s.tolist() == pytest.approx([0.0, 11.8016, 23.6032], abs=NANO)
    assert log.finish_s[0] == pytest.approx(11.8016 + 0.118016 + 1.0 + 0.041216, abs=NANO)


def test_two_pictures_at_once_and_long_answers(tmp_path: Path) -> None:
    """34 frames of a JPEG each, 39.96 s apart, and 700 bytes are three parts: after frames 34, 35 and 36.

    That is about 35 x 39.96 s; no frame is sent for the answer alone while the second picture is on its way.
    """
    (tmp_path / "times.csv").write_text("arrival_s\n0\n0\n")
    document = {
        "name": "two",
        "model": "mobilenet_v1_025_96",
        "device": "stm32l4r5",
        "server": "t4-tensorrt",
        "link": {"uplink": {"region": "EU868", "distance": "500 m"}},
        "workload": {"arrivals": "recorded", "file": str(tmp_path / "times.csv")},
        "result_size": "700 B",
        "policies": [{"kind": "edge", "encoding": "jpeg"}],
    }
    log = log_on_one_channel(document)
    assert log.frames is not None
    assert log.finish_s[0] == pytest.approx(35 * 39.9616, abs=2.0)
    assert log.frames.bytes[log.frames.start_s < log.end_s["uplink"][1]].min() > 0
    assert (log.frames.request == 0).sum() == 34


@pytest.mark.parametrize(
    ("factor", "size_bytes", "up_s", "down_s"),
    [
        (10, 11, 0.370688, 35.25 * 2.048e-3),
        (9, 53, 0.390144, 35.25 * 1.024e-3),
        (8, 125, 0.399872, 40.25 * 0.512e-3),
        (7, 242, 0.399616, 40.25 * 0.256e-3),
    ],
)
def test_the_american_band_answers_with_500_khz(
    tmp_path: Path, factor: int, size_bytes: int, up_s: float, down_s: float
) -> None:
    """DR10 to DR13 after DR0 to DR3."""
    done = row(world(tmp_path, size_bytes, region="US915", spreading_factor=factor))
    assert done["latency_s"] == pytest.approx(up_s + 1.0 + down_s, abs=NANO)


def test_a_waiting_message_goes_when_the_answer_is_there(tmp_path: Path) -> None:
    """No duty cycle: two messages of 242 bytes at once. The answer to the first ends its windows after 10.304 ms."""
    document = world(tmp_path, 242, region="US915", spreading_factor=7)
    document["workload"]["requests"] = 2
    log = log_on_one_channel(document)
    assert log.frames is not None
    assert log.frames.start_s.tolist() == pytest.approx([0.0, 0.399616 + 1.0 + 0.010304], abs=NANO)
    without = log_on_one_channel(document | {"result_size": "0 B"})
    assert without.frames is not None
    # without an answer the second window, SF12 at 500 kHz, closes after 47 ms
    assert without.frames.start_s.tolist() == pytest.approx([0.0, 0.399616 + 2.0 + 0.047], abs=NANO)


@pytest.mark.parametrize(
    ("far_km", "second_s", "lost"),
    [
        ("1.82", 0.05, [False, True]),
        ("1.81", 0.05, [True, True]),
        ("1.81", 0.0, [True, True]),
        ("1.81", 0.118016, [False, False]),
    ],
)
def test_two_frames_meet(tmp_path: Path, far_km: str, second_s: float, lost: list[bool]) -> None:
    """23.2 log10(1.82) is 6.03 dB, and the nearer survives; 1.81 gives 5.98 dB, and none does; or they only touch."""
    (tmp_path / "late.csv").write_text(f"arrival_s\n{second_s!r}\n")
    document = world(tmp_path, 51, spreading_factor=7)
    far = {"uplink": {"region": "EU868", "distance": f"{far_km} km", "spreading_factor": 7}}
    late = {"arrivals": "recorded", "file": str(tmp_path / "late.csv")}
    fleet = [{"name": "near", "count": 1}, {"name": "far", "count": 1, "link": far, "workload": late}]
    log = log_on_one_channel(document | {"fleet": fleet})
    assert log.frames is not None
    assert log.frames.lost.tolist() == lost
    assert (log.status == 1).tolist() == lost


@pytest.mark.parametrize(
    ("other", "lost"), [({"spreading_factor": 8}, False), ({"region": "US915"}, False), ({}, True)]
)
def test_only_equal_data_rates_on_one_channel_collide(tmp_path: Path, other: dict[str, Any], lost: bool) -> None:
    """Another spreading factor is orthogonal, another region elsewhere."""
    document = world(tmp_path, 51, spreading_factor=7)
    link = {"uplink": {"region": "EU868", "distance": "1 km", "spreading_factor": 7} | other}
    fleet = [{"name": "one", "count": 1}, {"name": "other", "count": 1, "link": link}]
    log = log_on_one_channel(document | {"fleet": fleet})
    assert log.frames is not None
    assert log.frames.lost.tolist() == [lost, lost]


@pytest.mark.parametrize(("distance", "then"), [("500 m", 7), ("1 km", 8), ("2 km", 11), ("3 km", 12)])
def test_the_network_raises_the_data_rate_after_twenty_frames(tmp_path: Path, distance: str, then: int) -> None:
    """Ratios over -117.03 dBm of noise: 9.06, 2.08, -4.91, -8.99 dB; SF12 needs -20 dB and 10 dB are kept.

    That leaves 19.06, 12.08, 5.09, 1.01 dB; a step for each 3 dB: five (all there are), four, one, none.
    """
    log = log_on_one_channel(world(tmp_path, 22 * 51, spreading_factor="adr", distance=distance, duty_cycle=1.0))
    assert log.frames is not None
    factors = (12 - log.frames.data_rate).tolist()
    assert factors == [12] * 20 + [then] * (1 if then <= 8 else 2)
    assert log.frames.bytes.sum() == 22 * 51


def test_who_is_out_of_range_sends_in_vain(tmp_path: Path) -> None:
    """20 km: -145.1 dBm, below the -142.5 dBm of SF12. All is sent once, and the request has no answer."""
    gone = row(world(tmp_path, 2 * 51, distance="20 km"))
    assert (gone["status"], gone["reason"]) == ("dropped", "lost on the uplink")
    assert (gone["frames"], gone["frames_lost"]) == (2, 2)
    assert (gone["bytes_up"], gone["bytes_up_lost"], gone["bytes_down"]) == (102, 102, 0)
    assert gone["airtime_s"] == pytest.approx(2 * 2.793472, abs=NANO)


def test_a_confirmed_frame_is_given_up_after_eight_times(tmp_path: Path) -> None:
    """US915: 0.370688 s, 2 s, a window of 47 ms and a pause of 1 to 3 s, which is waiting, seven times."""
    gone = row(world(tmp_path, 3 * 11, region="US915", distance="40 km", confirmed=True))
    assert (gone["status"], gone["reason"], gone["frames"]) == ("dropped", "lost on the uplink", 8)
    assert gone["uplink_service_s"] == pytest.approx(8 * 0.370688 + 7 * 2.047, abs=NANO)
    assert 7 * 1.0 < gone["uplink_wait_s"] < 7 * 3.0
    assert gone["uplink_wait_s"] != pytest.approx(7 * 2.0, abs=1e-3)  # not always the same pause


def test_a_picture_takes_two_hours(tmp_path: Path) -> None:
    """44 770 bytes at SF7: 185 frames of 0.399616 s, 73.93 s on the air.

    The plain rule says 184 x 39.9616 s. An hour holds 90 frames and 34.56 ms: the 91st starts 34.56 ms before the hour
    is over, and the 185th after two such turns and four off-times.
    """
    done = row(world(tmp_path, 44_770, spreading_factor=7))
    assert done["frames"] == 185
    assert done["airtime_s"] == pytest.approx(73.92896, abs=MICRO)
    took_s = done["uplink_wait_s"] + done["uplink_service_s"]
    assert took_s == pytest.approx(2 * 3599.96544 + 4 * 39.9616 + 0.399616, abs=MICRO)
    assert took_s == pytest.approx(184 * 39.9616 + 0.399616, rel=1e-3)
    link = LoraLink.model_validate({"region": "EU868", "distance": "1 km", "spreading_factor": 7})
    assert took_s == pytest.approx(predicted_uplink_s(link.parameters(), 44_770)[0], abs=MICRO)
    # the air, and the receive windows between the frames; all else is the duty cycle
    assert done["uplink_service_s"] == pytest.approx(73.92896 + 184 * 2.17, abs=MICRO)


@pytest.mark.parametrize(
    ("factor", "size_bytes", "in_hour"),
    [(7, 1, 776), (7, 10, 583), (9, 10, 174), (7, 51, 305), (10, 51, 51), (12, 51, 12), (12, 1, 31), (7, 242, 90)],
)
def test_messages_of_an_hour(tmp_path: Path, factor: int, size_bytes: int, in_hour: int) -> None:
    """The table of frame vectors under 1 %: 36 s of airtime hour after hour, and at most one more message."""
    document = world(tmp_path, size_bytes, spreading_factor=factor) | {"result_size": "0 B", "horizon": "3 h"}
    document["workload"]["requests"] = 3 * in_hour + 20
    rows = simulator.run(document).requests
    assert 0 <= (rows["status"] == "completed").sum() - 3 * in_hour <= 1


@pytest.mark.parametrize("load", [0.1, 0.3, 0.6])
def test_equal_devices_collide_as_in_pure_aloha(tmp_path: Path, load: float) -> None:
    """Abramson 1970: with load G on each of 8 channels, a frame gets through with probability exp(-2 G).

    Of 200 devices one does not collide with itself; windows of 2 s keep few messages waiting.
    """
    airtime_s, devices, channels = 0.399616, 200, 8
    rate = load * channels / (devices * airtime_s)
    document = world(tmp_path, 242, region="US915", spreading_factor=7) | {"count": devices, "result_size": "0 B"}
    document["workload"] = {"arrivals": "poisson", "rate": f"{rate!r} /s", "duration": f"{120 / rate!r} s"}
    rows = simulator.run(document).requests
    assert len(rows) > 20_000
    survive = 1 - rows["frames_lost"].sum() / rows["frames"].sum()
    assert survive == pytest.approx(np.exp(-2 * load * (devices - 1) / devices), abs=0.01)
