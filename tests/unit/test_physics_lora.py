"""Time on air against published values and an exact twin; range, capture and adaptive data rate."""

from __future__ import annotations

import math
from fractions import Fraction

import numba
import numpy as np
import pytest
from airtimes_published import DERIVED, PUBLISHED, rows
from hypothesis import given
from hypothesis import strategies as st
from numba.extending import register_jitable

from simulator.physics import lora
from simulator.physics.lora import (
    adapted_rate,
    bit_rate_bps,
    demodulation_limit_dbm,
    downlink_airtime_s,
    fastest_rate,
    frames_of,
    last_frame_bytes,
    needs_low_rate,
    path_loss_db,
    survives,
    symbol_s,
    time_on_air_s,
    uplink_airtime_s,
)

pytestmark = pytest.mark.engine_free

#: SX1301 at 125 kHz, SF12 to SF7
SENSITIVITY_DBM = (-142.5, -140.0, -137.5, -135.0, -132.5, -130.0)

factors = st.integers(5, 12)
bandwidths = st.sampled_from([7812.5, 10416.0, 62.5e3, 125e3, 250e3, 500e3])
flags = st.booleans()
frames = st.tuples(
    st.integers(0, 255), factors, bandwidths, st.integers(1, 4), st.integers(0, 65535), flags, flags, flags, flags
)


def exact_airtime_s(
    payload: int,
    factor: int,
    bandwidth_hz: float,
    coding_rate: int,
    preamble: int,
    explicit: bool,
    crc: bool,
    low_rate: bool,
    sx126x: bool,
) -> Fraction:
    """The formula of AN1200.13, in its own shape and in exact rationals; SF5 and SF6 of the SX126x as its driver."""
    is_new = sx126x and factor < 7
    implicit = 0 if explicit else 1
    if is_new:
        blocks = Fraction(8 * payload + 16 * crc - 4 * factor + 20 * explicit, 4 * factor)
    else:
        blocks = Fraction(8 * payload - 4 * factor + 28 + 16 * crc - 20 * implicit, 4 * (factor - 2 * low_rate))
    in_payload = 8 + max(math.ceil(blocks) * (coding_rate + 4), 0)
    in_preamble = preamble + Fraction(25 if is_new else 17, 4)
    return (in_preamble + in_payload) * Fraction(2**factor) / Fraction(bandwidth_hz)


@pytest.mark.parametrize("row", rows(PUBLISHED), ids=lambda row: "-".join(row[:9]))
def test_time_on_air_is_what_other_programs_say(row: list[str]) -> None:
    """42 vectors of four programs, to 0.01 ms; the symbols to the quarter."""
    factor, bandwidth, coding_rate, payload, preamble, explicit, crc, low_rate = map(int, row[:8])
    frame = (payload, factor, float(bandwidth), coding_rate, preamble, bool(explicit), bool(crc), bool(low_rate))
    airtime_s = time_on_air_s(*frame, row[8] == "sx126x")
    assert airtime_s * 1e3 == pytest.approx(float(row[10]), abs=0.01)
    assert airtime_s / symbol_s(factor, bandwidth) == pytest.approx(float(row[9]), abs=1e-9)


@pytest.mark.parametrize(
    ("frame", "expected_ms"),
    [
        ((1, 5, 500e3, 1, 2, True, False, False), 1.232),
        ((253, 5, 500e3, 1, 12, False, True, False), 34.192),
        ((253, 5, 125e3, 4, 12, False, True, False), 215.104),
    ],
)
def test_spreading_factor_5_of_the_older_family(frame: tuple[int, ...], expected_ms: float) -> None:
    """Worked by hand in the tests of micropython-lib: without the rules of the SX126x the same frames differ."""
    assert time_on_air_s(*frame, False) * 1e3 == pytest.approx(expected_ms, abs=0.01)


@pytest.mark.parametrize("row", rows(DERIVED), ids=lambda row: f"{row[-1]} SF{row[0]}")
def test_lorawan_frames_choose_the_parameters_of_lorawan(row: list[str]) -> None:
    """29 vectors: overhead, preamble, coding rate, checksum only on the uplink and the optimisation by itself."""
    factor, bandwidth, payload, crc = int(row[0]), float(row[1]), int(row[3]), row[6] == "1"
    airtime_s = (uplink_airtime_s if crc else downlink_airtime_s)(payload - 13, factor, bandwidth)
    assert airtime_s * 1e3 == pytest.approx(float(row[9]), abs=0.01)
    assert needs_low_rate(factor, bandwidth) == (row[7] == "1")


@pytest.mark.parametrize(
    ("low_rate", "factors"), [(True, {(11, 125e3), (12, 125e3), (12, 250e3)}), (False, {(10, 125e3), (12, 500e3)})]
)
def test_the_optimisation_is_mandatory_for_symbols_of_more_than_16_ms(
    low_rate: bool, factors: set[tuple[int, float]]
) -> None:
    """16.384 ms at SF11 and 125 kHz; SX1276 datasheet."""
    assert {needs_low_rate(*factor) for factor in factors} == {low_rate}


@pytest.mark.parametrize(
    ("cases", "printed_ms"),
    [
        ([(12, 250e3), (10, 250e3), (8, 250e3)], [528.384, 132.096, 39.168]),
        ([(10, 125e3), (10, 250e3), (10, 500e3)], [264.192, 132.096, 66.048]),
    ],
)
def test_the_application_note_prints_these(cases: list[tuple[int, float]], printed_ms: list[float]) -> None:
    """AN1200.13, tables 2 and 3: 10 bytes, 4/6, no header, checksum, no optimisation."""
    times_ms = [time_on_air_s(10, *case, 2, 8, False, True, False, False) * 1e3 for case in cases]
    assert times_ms == pytest.approx(printed_ms, abs=0.01)


@given(frames)
def test_time_on_air_is_the_exact_value_rounded_once(frame: tuple) -> None:
    """The float nearest to the exact twin, for any parameters."""
    assert time_on_air_s(*frame) == float(exact_airtime_s(*frame))


@given(frames, st.integers(0, 4))
def test_more_of_anything_never_takes_less(frame: tuple, which: int) -> None:
    """Monotone in payload, coding rate, preamble, spreading factor and checksum."""
    payload, factor, bandwidth, coding_rate, preamble, explicit, _, low_rate, sx126x = frame
    payload, coding_rate, factor = min(payload, 254), min(coding_rate, 3), max(7, min(factor, 11))
    less = [payload, factor, bandwidth, coding_rate, preamble, explicit, False, low_rate, sx126x]
    more = list(less)
    place = (0, 1, 3, 4, 6)[which]
    more[place] = True if place == 6 else less[place] + 1
    assert time_on_air_s(*more) >= time_on_air_s(*less)


@pytest.mark.parametrize("bandwidth", [125e3, 250e3, 500e3])
def test_a_slower_spreading_factor_takes_longer_with_its_own_optimisation(bandwidth: float) -> None:
    """For every payload, through the steps at which the optimisation sets in."""
    for size in range(243):
        times = [uplink_airtime_s(size, factor, bandwidth) for factor in range(7, 13)]
        assert times == sorted(set(times))


@given(frames)
def test_half_the_bandwidth_takes_twice_as_long(frame: tuple) -> None:
    """Exactly, where the optimisation stays what it is."""
    payload, factor, bandwidth, *rest = frame
    assert time_on_air_s(payload, factor, bandwidth / 2, *rest) == 2 * time_on_air_s(*frame)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_frames_hold_the_message_and_none_is_empty(size: int, most: int) -> None:
    """Full frames and a last one of 1 to ``most`` bytes add up to the message."""
    count, last = frames_of(float(size), most), last_frame_bytes(float(size), most)
    assert max(count - 1, 0) * most + last == size
    assert 1 <= last <= most or (count, last, size) == (0, 0, 0)


def test_a_part_of_a_byte_is_a_byte() -> None:
    """Mean sizes of files need not be whole."""
    assert (frames_of(242.5, 242), last_frame_bytes(242.5, 242)) == (2, 1)


@pytest.mark.parametrize(
    ("preset", "distance_m", "expected_db"),
    [
        ((128.95, 1000.0, 2.32), 1000.0, 128.95),
        ((128.95, 1000.0, 2.32), 10_000.0, 128.95 + 23.2),
        ((127.41, 40.0, 2.08), 400.0, 127.41 + 20.8),
        ((127.5, 1000.0, 3.52), 100.0, 127.5 - 35.2),
        ((128.95, 1000.0, 2.32), 1e-6, 0.0),
    ],
)
def test_ten_times_the_distance_costs_ten_exponents(
    preset: tuple[float, float, float], distance_m: float, expected_db: float
) -> None:
    """Decimal logarithm; never a gain."""
    assert path_loss_db(distance_m, *preset) == pytest.approx(expected_db, abs=1e-9)


def test_capture_needs_six_decibels() -> None:
    """LoRaSim; at 6 dB the stronger survives, below both are lost."""
    assert [survives(-100.0, other) for other in (-106.0, -105.9, -100.0, -90.0)] == [True, False, False, False]


@given(st.floats(-160, 0))
def test_the_fastest_rate_that_is_heard(received_dbm: float) -> None:
    """Twin: of those whose sensitivity the level meets, the last."""
    heard = [k for k, limit in enumerate(SENSITIVITY_DBM) if limit <= received_dbm]
    assert fastest_rate(received_dbm, SENSITIVITY_DBM) == max(heard, default=-1)


#: signal-to-noise ratios of the SX1276 datasheet and of The Things Network's server, SF12 to SF7
NEEDED_DB = (-20.0, -17.5, -15.0, -12.5, -10.0, -7.5)
#: -174 dBm in each hertz, 125 000 of them (50.97 dB), and 6 dB of the receiver
NOISE_DBM = -117.031


@pytest.mark.parametrize(("factor", "needed_db"), [*zip(range(12, 6, -1), NEEDED_DB, strict=True)])
def test_the_limit_of_demodulation_is_the_published_ratio_above_the_noise(factor: int, needed_db: float) -> None:
    """-117.03 dBm of noise at 125 kHz; at 500 kHz it is 6.02 dB more."""
    assert demodulation_limit_dbm(factor, 125e3) == pytest.approx(NOISE_DBM + needed_db, abs=1e-3)
    assert demodulation_limit_dbm(factor, 500e3) == pytest.approx(NOISE_DBM + 6.0206 + needed_db, abs=1e-3)


@pytest.mark.parametrize(
    ("rate", "snr_db", "expected"),
    [
        (0, 4.5, 4),  # 24.5 dB above SF12, 14.5 to give away: 4 steps of 3
        (4, 4.5, 5),  # 14.5 dB above SF8, 4.5 to give away
        (4, 2.9, 4),  # 12.9 dB above SF8, 2.9 to give away: it stays at SF8
        (3, 0.4, 3),  # 12.9 dB above SF9
        (0, -7.1, 0),  # 2.9 dB to give away
        (0, -6.9, 1),
        (0, 62.5, 5),
        (3, -28.0, 3),  # the network never lowers it
    ],
)
def test_the_network_raises_the_rate_by_one_for_every_three_decibels(rate: int, snr_db: float, expected: int) -> None:
    """Semtech's recommended algorithm with a margin of 10 dB, worked by hand in signal-to-noise ratios."""
    limits = [demodulation_limit_dbm(factor, 125e3) for factor in range(12, 6, -1)]
    assert adapted_rate(rate, NOISE_DBM + snr_db, limits) == expected


def steps_of_the_things_network(snr_db: float) -> int:
    """Twin in the words of core/band/adr.go: margin over the floor of the data rate, a step of it for each 3 dB.

    It is applied until nothing changes, from DR0 on; where the network would lower the transmit power it stops.
    """
    data_rate = 0
    while True:
        margin = snr_db - NEEDED_DB[data_rate] - 10.0
        nsteps = int(margin / 3.0)
        if nsteps <= 0 or data_rate == 5:
            return data_rate
        while nsteps > 0 and data_rate < 5:
            data_rate, nsteps = data_rate + 1, nsteps - 1


@pytest.mark.parametrize("snr_db", np.arange(-25.0, 16.0, 0.7).tolist())
def test_it_stops_where_the_things_network_stops(snr_db: float) -> None:
    """SF8 or SF9 for ratios around 0 dB, where a gateway's best sensitivity would have allowed SF7."""
    limits = [demodulation_limit_dbm(factor, 125e3) for factor in range(12, 6, -1)]
    rate = 0
    while (faster := adapted_rate(rate, NOISE_DBM + snr_db, limits)) > rate:
        rate = faster
    assert rate == steps_of_the_things_network(snr_db)
    assert rate < 5 or snr_db >= 3.0


def test_compiled_functions_give_the_same_bits() -> None:
    """Every frame of a sample, compiled and interpreted."""
    for name in ("symbol_s", "needs_low_rate", "time_on_air_s", "uplink_airtime_s", "frames_of", "fastest_rate"):
        register_jitable(getattr(lora, name))
    for name in ("downlink_airtime_s", "last_frame_bytes", "adapted_rate", "bit_rate_bps", "survives"):
        register_jitable(getattr(lora, name))
    limits = np.array(SENSITIVITY_DBM)

    def all_of(size: int, factor: int, bandwidth_hz: float, level_dbm: float) -> tuple[float, ...]:
        return (
            uplink_airtime_s(size, factor, bandwidth_hz),
            downlink_airtime_s(size, factor, bandwidth_hz),
            time_on_air_s(size, factor, bandwidth_hz, 2, 8, False, True, False, True),
            bit_rate_bps(factor, bandwidth_hz, 1),
            frames_of(size * 7.25, 51),
            last_frame_bytes(size * 7.25, 51),
            fastest_rate(level_dbm, limits),
            adapted_rate(1, level_dbm, limits),
            survives(level_dbm, -120.0),
        )

    compiled = numba.njit(all_of)
    for case in [
        (size, factor, bw, -150.0 + size) for size in (0, 9, 51) for factor in (5, 7, 12) for bw in (125e3, 5e5)
    ]:
        assert compiled(*case) == all_of(*case)
