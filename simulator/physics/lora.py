"""Time on air, range and capture of LoRa, and the frames of LoRaWAN.

Time on air as Semtech's application note AN1200.13 (2013) and the SX1276 datasheet give it; spreading factors 5 and 6
of the SX126x as its driver computes them. LoRaWAN adds 13 bytes to each frame (header 1, address 4, control 1,
counter 2, port 1, integrity code 4), 8 symbols of preamble, an explicit header, coding rate 4/5, and a checksum on the
uplink only. Capture after LoRaSim (Bor et al., MSWiM 2016): of two frames with one spreading factor on one channel
that overlap, one survives if it is 6 dB stronger.

Left out: different spreading factors disturb each other a little (they are taken as orthogonal), a gateway decodes at
most eight frames at once, frames that overlap in the first symbols of a preamble only can both survive, and a gateway
hears nothing while it sends and has a duty cycle of its own.

The functions take plain numbers and sequences and use only loops and arithmetic, so that they can be compiled.
"""

from __future__ import annotations

import math

from simulator.physics.link import Floats

#: symbols longer than this need the low data rate optimisation (SX1276 datasheet)
LONGEST_SYMBOL_S = 0.016
#: bytes that LoRaWAN adds to the payload of an application
OVERHEAD_BYTES = 13
PREAMBLE_SYMBOLS = 8
#: LoRaWAN's coding rate 4/5, as `time_on_air_s` counts them
CODING_RATE = 1
#: a frame survives another one that is this much weaker (LoRaSim)
CAPTURE_DB = 6.0
#: receive windows open this long after the end of an uplink frame (LoRaWAN 1.0.2, class A)
RECEIVE_DELAY1_S = 1.0
RECEIVE_DELAY2_S = 2.0
#: pause before a confirmed frame without an answer is sent again, give or take, and how often it is sent at most
RETRANSMIT_TIMEOUT_S = 2.0
RETRANSMIT_SPREAD_S = 1.0
MOST_TRANSMISSIONS = 8
#: noise that a receiver at room temperature hears in each hertz, and what its own electronics add to it (AN1200.13)
NOISE_DBM_PER_HZ = -174.0
NOISE_FIGURE_DB = 6.0
#: signal-to-noise ratio that is demodulated at SF7, and what each further spreading factor gains (SX1276 datasheet,
#: table 13; demodulationFloor in core/band/adr.go of The Things Network's server, version 2)
DEMODULATION_SF7_DB = -7.5
DEMODULATION_STEP_DB = -2.5
#: frames that a network wants to have received before it changes a data rate, the margin that it keeps, and the margin
#: that one step of the data rate takes: Semtech's recommended algorithm of 2016 as in ns-3 (signetlabdei/lorawan,
#: adr-component.cc). The Things Network's server has the same algorithm; its margin can be set, 15 dB if it is not
ADR_FRAMES = 20
ADR_MARGIN_DB = 10.0
ADR_STEP_DB = 3.0


def symbol_s(spreading_factor: int, bandwidth_hz: float) -> float:
    """Duration of one symbol."""
    return 2.0**spreading_factor / bandwidth_hz


def needs_low_rate(spreading_factor: int, bandwidth_hz: float) -> bool:
    """Whether the low data rate optimisation is mandatory: at 125 kHz for SF11 and SF12, at 250 kHz for SF12."""
    return symbol_s(spreading_factor, bandwidth_hz) > LONGEST_SYMBOL_S


def time_on_air_s(
    payload_bytes: int,
    spreading_factor: int,
    bandwidth_hz: float,
    coding_rate: int,
    preamble_symbols: int,
    explicit_header: bool,
    crc: bool,
    low_rate: bool,
    sx126x: bool,
) -> float:
    """Time on air of one frame, the float nearest to the exact value.

    Parameters
    ----------
    payload_bytes : int
        Bytes of the physical payload, headers of LoRaWAN included.
    spreading_factor : int
        5 to 12; 6 with an SX127x has no explicit header.
    bandwidth_hz : float
    coding_rate : int
        1 for 4/5 to 4 for 4/8.
    preamble_symbols : int
        Programmed symbols, without the 4.25 (6.25) that the radio adds.
    explicit_header, crc, low_rate : bool
        ``low_rate`` is the low data rate optimisation, see `needs_low_rate`.
    sx126x : bool
        Whether the radio is an SX126x, which makes a difference for spreading factors 5 and 6 only.

    Returns
    -------
    float
        Seconds.
    """
    bits = 8 * payload_bytes - 4 * spreading_factor + 8
    if crc:
        bits += 16
    if explicit_header:
        bits += 20
    bits_per_block = 4 * spreading_factor
    if low_rate:
        bits_per_block = 4 * (spreading_factor - 2)
    quarters = 17
    if sx126x and spreading_factor <= 6:
        bits -= 8
        bits_per_block = 4 * spreading_factor
        quarters = 25
    blocks = -(-bits // bits_per_block)
    symbols = preamble_symbols + 8 + max(blocks, 0) * (coding_rate + 4)
    quarters += 4 * symbols
    return quarters * 2.0**spreading_factor / (4.0 * bandwidth_hz)


def uplink_airtime_s(app_bytes: int, spreading_factor: int, bandwidth_hz: float) -> float:
    """Time on air of a LoRaWAN uplink that carries ``app_bytes`` of an application."""
    low_rate = needs_low_rate(spreading_factor, bandwidth_hz)
    payload = app_bytes + OVERHEAD_BYTES
    return time_on_air_s(
        payload, spreading_factor, bandwidth_hz, CODING_RATE, PREAMBLE_SYMBOLS, True, True, low_rate, False
    )


def downlink_airtime_s(app_bytes: int, spreading_factor: int, bandwidth_hz: float) -> float:
    """Time on air of a LoRaWAN downlink, which has no checksum, that carries ``app_bytes`` of an application."""
    low_rate = needs_low_rate(spreading_factor, bandwidth_hz)
    payload = app_bytes + OVERHEAD_BYTES
    return time_on_air_s(
        payload, spreading_factor, bandwidth_hz, CODING_RATE, PREAMBLE_SYMBOLS, True, False, low_rate, False
    )


def bit_rate_bps(spreading_factor: int, bandwidth_hz: float, coding_rate: int) -> float:
    """Rate of the bits inside a frame, before preamble, header and pauses."""
    return spreading_factor * bandwidth_hz * 4.0 / ((4.0 + coding_rate) * 2.0**spreading_factor)


def frames_of(size_bytes: float, most_bytes: int) -> int:
    """Frames that a message takes when each carries at most ``most_bytes`` of it; none for an empty message."""
    return math.ceil(size_bytes / most_bytes)


def last_frame_bytes(size_bytes: float, most_bytes: int) -> int:
    """Bytes of a message in the last of its frames; the frames before it are full."""
    return math.ceil(size_bytes) - max(frames_of(size_bytes, most_bytes) - 1, 0) * most_bytes


def path_loss_db(distance_m: float, reference_loss_db: float, reference_m: float, exponent: float) -> float:
    """Log-distance path loss, never below zero.

    Parameters
    ----------
    distance_m : float
        More than zero; distances shorter than the reference are extrapolated.
    reference_loss_db, reference_m : float
        Loss at the reference distance.
    exponent : float
        2 in free space.
    """
    return max(reference_loss_db + 10.0 * exponent * math.log10(distance_m / reference_m), 0.0)


def survives(mine_dbm: float, other_dbm: float) -> bool:
    """Whether a frame survives another one that overlaps it with its spreading factor and channel (capture)."""
    return mine_dbm - other_dbm >= CAPTURE_DB


def fastest_rate(received_dbm: float, sensitivity_dbm: Floats) -> int:
    """Index of the fastest data rate that is heard, -1 if none is; data rates are sorted slowest first."""
    for k in range(len(sensitivity_dbm) - 1, -1, -1):
        if received_dbm >= sensitivity_dbm[k]:
            return k
    return -1


def demodulation_limit_dbm(spreading_factor: int, bandwidth_hz: float) -> float:
    """Level at which the signal-to-noise ratio is the least that a spreading factor is demodulated at.

    Networks judge a link by this ratio. It is not the level that the best gateways still receive.
    """
    noise_dbm = NOISE_DBM_PER_HZ + 10.0 * math.log10(bandwidth_hz) + NOISE_FIGURE_DB
    return noise_dbm + DEMODULATION_SF7_DB + DEMODULATION_STEP_DB * (spreading_factor - 7)


def adapted_rate(data_rate: int, received_dbm: float, demodulation_dbm: Floats) -> int:
    """Data rate that the network sets when it has received `ADR_FRAMES` more frames at ``data_rate``.

    The recommended algorithm: the margin is what the strongest of these frames had above the signal-to-noise ratio that
    its data rate needs, less `ADR_MARGIN_DB`; each `ADR_STEP_DB` of it raises the data rate by one. It never lowers the
    data rate; what it would do to the transmit power once the fastest is reached is left out, and so is that a gateway
    reports no ratio above 10 dB or so.

    Parameters
    ----------
    data_rate : int
    received_dbm : float
        Level of the strongest of these frames.
    demodulation_dbm : sequence of float
        `demodulation_limit_dbm` of each data rate, slowest first.
    """
    steps = math.floor((received_dbm - demodulation_dbm[data_rate] - ADR_MARGIN_DB) / ADR_STEP_DB)
    return min(data_rate + max(steps, 0), len(demodulation_dbm) - 1)
