"""A LoRaWAN link in a scenario: regions, range, predictions, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.errors import Problem
from simulator.links.lora import LoraLink
from simulator.links.lora_regions import REGIONS
from simulator.links.lora_times import MAX_FRAMES, check_message, predicted_uplink_s
from simulator.physics.duty import HOUR_S, earliest_start_s, off_time_s
from simulator.physics.lora import frames_of, last_frame_bytes, uplink_airtime_s
from simulator.scenario.mistakes import problems_of


def link(**fields: Any) -> LoraLink:
    return LoraLink.model_validate({"region": "EU868", "distance": "1 km", **fields})


def heard_at(**fields: Any) -> int:
    parameters = link(**fields).parameters()
    return parameters.data_rate_for(parameters.received_dbm)


def problems(**fields: Any) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        link(**fields)
    return problems_of(caught.value, LoraLink)


@pytest.mark.parametrize(
    ("region", "names", "factors", "most"),
    [
        ("EU868", "DR0 DR1 DR2 DR3 DR4 DR5", [12, 11, 10, 9, 8, 7], [51, 51, 51, 115, 242, 242]),
        ("US915", "DR0 DR1 DR2 DR3", [10, 9, 8, 7], [11, 53, 125, 242]),
    ],
)
def test_uplinks_of_the_regions(region: str, names: str, factors: list[int], most: list[int]) -> None:
    """LoRaWAN RP002-1.0.1, tables of data rates and of payloads without repeater."""
    uplinks = REGIONS[region].uplinks
    assert [rate.name for rate in uplinks] == names.split()
    assert [rate.spreading_factor for rate in uplinks] == factors
    assert [rate.most_bytes for rate in uplinks] == most
    assert {rate.bandwidth_hz for rate in uplinks} == {125e3}


def test_answers_of_the_regions() -> None:
    """Europe answers at the data rate of the uplink, then at SF12; the American band with 500 kHz."""
    europe, america = link().parameters(), link(region="US915").parameters()
    assert europe.rx1_sf.tolist() == europe.spreading_factor.tolist()
    assert europe.rx1_most_bytes.tolist() == europe.most_bytes.tolist()
    assert (europe.rx2_sf, europe.rx2_bandwidth_hz, europe.rx2_most_bytes) == (12, 125e3, 51)
    assert america.rx1_sf.tolist() == [10, 9, 8, 7]
    assert set(america.rx1_bandwidth_hz) == {500e3}
    assert set(america.rx1_most_bytes) == {242}
    assert (america.rx2_sf, america.rx2_bandwidth_hz, america.rx2_most_bytes) == (12, 500e3, 53)


def test_empty_windows_last_as_long_as_measured() -> None:
    """LoRaEnergySim by data rate; a window of 500 kHz as long as that of the 125 kHz symbol of its length."""
    assert link().parameters().window_s.tolist() == [0.170, 0.090, 0.047, 0.038, 0.021, 0.015]
    assert link().parameters().rx2_window_s == 0.170
    assert link(region="US915").parameters().window_s.tolist() == [0.021, 0.015, 0.015, 0.015]
    assert link(region="US915").parameters().rx2_window_s == 0.047


@pytest.mark.parametrize(
    ("fields", "bands", "duty_cycles"),
    [
        ({}, [3], [0.01]),
        ({"channels": 8}, [3, 5], [0.01, 0.01]),
        ({"channels": 8, "duty_cycle": 0.1}, [3, 5], [0.1, 0.1]),
        ({"region": "US915"}, [8], [1.0]),
        ({"region": "US915", "channels": 64}, [64], [1.0]),
    ],
)
def test_channels_lie_in_the_sub_bands_of_the_region(
    fields: dict[str, Any], bands: list[int], duty_cycles: list[float]
) -> None:
    """Europe: 868.1 to 868.5 and 867.1 to 867.9, 1 % each; no duty cycle in the American band."""
    parameters = link(**fields).parameters()
    assert np.bincount(parameters.band_of).tolist() == bands
    assert parameters.duty_cycle.tolist() == duty_cycles


@pytest.mark.parametrize(
    ("factor", "reach_km"),
    [(7, 10 ** (15.05 / 23.2)), (9, 10 ** (20.05 / 23.2)), (12, 10 ** (27.55 / 23.2))],
)
def test_each_spreading_factor_reaches_as_far_as_its_sensitivity(factor: int, reach_km: float) -> None:
    """14 dBm less 128.95 + 23.2 log10(km) meets -130, -135, -142.5 dBm: 4.45, 7.31, 15.4 km."""
    factors = [12, 11, 10, 9, 8, 7]
    within, beyond = heard_at(distance=f"{reach_km * 0.9999} km"), heard_at(distance=f"{reach_km * 1.0001} km")
    assert factors[within] == factor
    assert beyond == within - 1


@pytest.mark.parametrize("path_loss", ["oulu", "lorasim", "hata"])
@pytest.mark.parametrize("region", ["EU868", "US915"])
def test_distance_slows_a_link_and_loses_it_in_the_end(path_loss: str, region: str) -> None:
    """The data rate never rises with distance, passes every step, and is none at last."""
    steps = [heard_at(region=region, path_loss=path_loss, distance=f"{10 ** (k / 100)} m") for k in range(0, 600)]
    assert steps == sorted(steps, reverse=True)
    assert set(steps) == set(range(-1, len(REGIONS[region].uplinks)))


def test_transmit_power_moves_the_range() -> None:
    """10 dB less and the reach shrinks by 10 ** (10 / 23.2)."""
    assert (
        heard_at(distance="4.4 km") == heard_at(distance=f"{4.4 / 10 ** (10 / 23.2)} km", transmit_power="4 dBm") == 5
    )
    assert link(transmit_power="-2 dBm").parameters().transmit_dbm == -2


def test_who_chooses_the_data_rate() -> None:
    """Fixed whatever the distance; range takes what is heard; the network starts at the slowest and stops in time."""
    far = {"distance": "12 km"}
    fixed, ranged, adapted = (link(spreading_factor=choice, **far).parameters() for choice in (7, "range", "adr"))
    assert (fixed.fixed, ranged.fixed, adapted.fixed) == (5, -1, -1)
    assert [p.first_rate(p.received_dbm) for p in (fixed, ranged, adapted)] == [5, 1, 0]
    near = link(spreading_factor="adr", distance="1 km").parameters()
    # -114.95 dBm are 2.08 dB over the noise: SF12 has 12.08 dB to give away, four steps, and SF8 then 2.08 dB
    assert (near.first_rate(near.received_dbm), near.settled_rate(near.received_dbm)) == (0, 4)
    lost = link(distance="100 km").parameters()
    assert (lost.data_rate_for(lost.received_dbm), lost.first_rate(lost.received_dbm)) == (-1, 0)


def test_shadowing_is_the_only_thing_that_is_random() -> None:
    """Without it every device has the mean level; with it the levels have its mean and deviation."""
    assert not link().is_random
    shadowed = link(shadowing="7.8 dB")
    assert shadowed.is_random
    parameters = shadowed.parameters()
    levels = [parameters.draw_received_dbm(np.random.SeedSequence((5, device))) for device in range(4000)]
    # four standard errors: a fixed seed that fails one in ten thousand
    assert np.mean(levels) == pytest.approx(parameters.received_dbm, abs=4 * 7.8 / math.sqrt(4000))
    assert np.std(levels) == pytest.approx(7.8, rel=4 / math.sqrt(8000))
    assert parameters.draw_received_dbm(np.random.SeedSequence((5, 7))) == levels[7]


def test_the_mean_rate_is_that_of_full_frames() -> None:
    """SF7: 242 bytes in 0.399616 s of a share of 1 %; in two bands twice that; in the American band by the windows."""
    one_percent_bps = 242 * 8 / 39.9616
    assert link(spreading_factor=7).channel(None).mean_rate_bps == pytest.approx(one_percent_bps)
    assert link(spreading_factor=7, channels=8).channel(None).mean_rate_bps == pytest.approx(2 * one_percent_bps)
    american = link(region="US915", spreading_factor=7).channel(None)
    assert american.mean_rate_bps == pytest.approx(242 * 8 / (0.399616 + 2 + 0.047))


def test_each_device_has_the_mean_rate_of_its_level() -> None:
    """Drawn levels around the border between SF8 and SF9 give either of their rates, or a neighbour's."""
    shadowed = link(distance="6 km", shadowing="3 dB")
    rates = {shadowed.draw(None, np.random.SeedSequence(device)).mean_rate_bps for device in range(100)}
    assert rates <= {link(spreading_factor=factor).channel(None).mean_rate_bps for factor in range(7, 13)}
    assert len(rates) > 2


def sent_frame_by_frame(parameters: Any, airtimes_s: list[float]) -> float:
    """Twin: send each frame in the next sub-band, as early as windows, off-time and the hour allow."""
    bands = parameters.duty_cycle.size
    past: list[list[tuple[float, float]]] = [[] for _ in range(bands)]
    free_s = 0.0
    for k, airtime_s in enumerate(airtimes_s):
        band, duty_cycle = k % bands, parameters.duty_cycle[k % bands]
        now_s = free_s
        if past[band]:
            start_s, last_s = past[band][-1]
            now_s = max(now_s, start_s + last_s + off_time_s(last_s, duty_cycle))
        starts, lasts = np.array(past[band]).reshape(-1, 2).T
        count = len(past[band])
        now_s = earliest_start_s(now_s, airtime_s, duty_cycle * HOUR_S, starts, lasts, count - 1, count)
        past[band].append((now_s, airtime_s))
        free_s = now_s + airtime_s + 2.0 + parameters.rx2_window_s
    return now_s + airtimes_s[-1]


@settings(max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 242),
    st.sampled_from(
        [
            {"spreading_factor": 12},
            {"spreading_factor": 7},
            {"spreading_factor": 12, "channels": 8},
            {"spreading_factor": 12, "duty_cycle": 0.0016},
            {"spreading_factor": 9, "duty_cycle": 0.4},
            {"spreading_factor": 9, "duty_cycle": 0.4, "channels": 8},
            {"spreading_factor": 10, "duty_cycle": 1},
            {"spreading_factor": 10, "region": "US915"},
        ]
    ),
)
def test_the_prediction_is_what_sending_frame_by_frame_takes(full: int, rest: int, fields: dict[str, Any]) -> None:
    """Closed form against the twin: full frames and a last one that is shorter, up to the slack of the duty cycle."""
    parameters = link(**fields).parameters()
    rate = parameters.fixed
    most, factor = int(parameters.most_bytes[rate]), int(parameters.spreading_factor[rate])
    size = float(full * most + min(rest, most))
    count = frames_of(size, most)
    airtimes_s = [uplink_airtime_s(most, factor, 125e3)] * (count - 1)
    airtimes_s.append(uplink_airtime_s(last_frame_bytes(size, most), factor, 125e3))
    seconds, airtime_s, frames = predicted_uplink_s(parameters, size)
    assert frames == count == full + 1
    assert airtime_s == pytest.approx(sum(airtimes_s))
    assert seconds == pytest.approx(sent_frame_by_frame(parameters, airtimes_s), abs=1e-5)


def test_nothing_takes_no_time() -> None:
    """An empty message has no frames."""
    assert predicted_uplink_s(link().parameters(), 0.0) == (0.0, 0.0, 0)


def test_a_message_of_gigabytes_is_refused_with_what_it_would_take() -> None:
    """4 GB at SF7: 16 528 926 frames, 39.9616 s apart: 7645 days, and a little more for whole frames in each hour."""
    parameters = link(spreading_factor=7).parameters()
    assert check_message(parameters, MAX_FRAMES * 242.0) is None
    said = check_message(parameters, 4e9)
    assert said is not None
    assert said.startswith("4.00 GB over LoRa are 16,528,926 frames at SF7, 7,6")
    assert said.endswith("days on a quiet link; at most 100,000 frames are simulated")
    assert check_message(parameters, MAX_FRAMES * 242.0 + 1) is not None


@pytest.mark.parametrize(
    ("fields", "place", "message", "hint"),
    [
        ({"spreading_factor": 13}, "spreading_factor", "13 is not a spreading factor", "write 7 to 12, range or adr"),
        ({"spreading_factor": 6}, "spreading_factor", "6 is not a spreading factor", "7 to 12"),
        ({"spreading_factor": 7.0}, "spreading_factor", "7.0 is not a spreading factor", "7 to 12"),
        ({"spreading_factor": "SF7"}, "spreading_factor", '"SF7" is not a spreading factor', "7 to 12"),
        ({"spreading_factor": [7]}, "spreading_factor", "a list is not a spreading factor", "7 to 12"),
        (
            {"region": "US915", "spreading_factor": 12},
            "spreading_factor",
            "US915 has no uplink of SF12 at 125 kHz",
            "write one of 7, 8, 9, 10, range or adr",
        ),
        ({"region": "EU686"}, "region", '"EU686" is not a choice here', "did you mean EU868?"),
        ({"path_loss": "olu"}, "path_loss", '"olu" is not a choice here', "did you mean oulu?"),
        ({"distance": "0 km"}, "distance", '"0 km" must be more than zero', "1.5 km"),
        ({"distance": "-1 km"}, "distance", '"-1 km" must be more than zero', "1.5 km"),
        ({"distance": "2"}, "distance", '"2" has no unit', "1.5 km"),
        ({"distance": 2}, "distance", "2 has no unit", "1.5 km"),
        ({"distance": math.nan}, "distance", "nan is not a length", "1.5 km"),
        ({"distance": "1e400 km"}, "distance", "is not a finite length", "1.5 km"),
        ({"shadowing": "-3 dB"}, "shadowing", '"-3 dB" must be zero or more', "6 dB"),
        ({"transmit_power": "25 mW"}, "transmit_power", 'unit "mW"', "units of signal level: dBm"),
        ({"transmit_power": "20 dBm"}, "transmit_power", "20 dBm is more than EU868 allows", "at most 14 dBm"),
        (
            {"transmit_power": "27 dBm", "region": "US915"},
            "transmit_power",
            "27 dBm is more than US915 allows",
            "at most 21 dBm with 8 channels",
        ),
        ({"duty_cycle": 0}, "duty_cycle", "0 must be more than 0", ""),
        ({"duty_cycle": 2}, "duty_cycle", "2 must be 1.0 or less", ""),
        ({"duty_cycle": math.nan}, "duty_cycle", "nan must be", ""),
        ({"duty_cycle": "1 %"}, "duty_cycle", '"1 %" is not a number', ""),
        ({"channels": 5}, "channels", "EU868 has no plan of 5 channels", "write 3 or 8"),
        ({"channels": 8.0}, "channels", "8.0 is not a whole number", ""),
        ({"losses": {"share": 0.1}}, "losses", "frames of LoRa have no losses of their own", "leave losses out"),
        (
            {"duty_cycle": 0.0005, "spreading_factor": 12},
            "duty_cycle",
            "a duty cycle of 0.0005 allows 1.80 s in an hour, a frame of 51 bytes at SF12 takes 2.79 s",
            "write at least 0.00078",
        ),
        ({"duty_cycle": 0.0005, "spreading_factor": "adr"}, "duty_cycle", "at SF12 takes 2.79 s", "0.00078"),
        ({"duty_cycle": 0.0005, "shadowing": "3 dB"}, "duty_cycle", "at SF12 takes 2.79 s", "0.00078"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(fields: dict[str, Any], place: str, message: str, hint: str) -> None:
    """The field, the value and what would be right."""
    (problem,) = problems(**fields)
    assert problem.path[0] == place
    assert message in problem.message
    assert hint in problem.hint


def test_the_least_duty_cycle_that_is_named_is_enough() -> None:
    """And a share that holds the frames of the data rate in use is taken, whatever slower ones would need."""
    assert link(spreading_factor=12, duty_cycle=0.00078)
    assert link(spreading_factor=7, duty_cycle=0.00012)
    assert link(distance="1 km", duty_cycle=0.00012)


def test_all_mistakes_with_the_region_are_told_at_once() -> None:
    """Spreading factor and number of channels."""
    found = problems(region="US915", spreading_factor=12, channels=3)
    assert [problem.path for problem in found] == [("spreading_factor",), ("channels",)]


def test_a_link_that_is_written_out_reads_back() -> None:
    """All quantities keep their units."""
    before = link(
        transmit_power="-2.5 dBm", shadowing="7.8 dB", distance="750 m", spreading_factor="adr", confirmed=True
    )
    assert LoraLink.model_validate(before.model_dump(mode="json")) == before
