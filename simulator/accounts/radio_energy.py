"""Energy of the radios, from the instants of a run, and each request's part of it.

A radio is, at any instant, transferring, else waking, else in a tail stage, else idle. Transferring costs the active
power once, however many directions are in use, shared equally between the requests that use it, plus the energy of
each bit. Waking is charged to the request that it is for. The tail after a transfer is charged to the request that
caused it, and shared equally with the next one if that comes before the tail is over. Idle time is nobody's:
`energy` shares it among all requests of the device.

A LoRa radio sends, listens after its frames, and sleeps otherwise; both are charged to the request of the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats, Ints
from simulator.engines.log import RequestLog
from simulator.engines.media.frames import FrameLog
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import Radio
from simulator.physics.link import Channel, bits_sent
from simulator.physics.lora import RECEIVE_DELAY1_S, RECEIVE_DELAY2_S
from simulator.physics.power import overlap_s
from simulator.physics.rrc import stages_after, tail_j
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload

#: requests whose transfers are looked at together, rounded to devices: fresh memory for more would cost more time
_AT_ONCE = 100_000


@dataclass(frozen=True, eq=False)
class Transfers:
    """Transfers of one device in one direction, in order.

    Attributes
    ----------
    request : array of int, shape (n,)
    start_s, bits_from_s, end_s : array, shape (n,)
        Instants at which the radio was taken, bits began to flow, and the last one had left; none after the end of
        the run.
    bits : array, shape (n,)
        What is sent if nothing cuts it short.
    is_cut : array of bool, shape (n,)
        Whether the end of the run cuts it short.
    """

    request: Ints
    start_s: Floats
    bits_from_s: Floats
    end_s: Floats
    bits: Floats
    is_cut: NDArray[np.bool_]

    def part(self, which: slice | Ints) -> Transfers:
        """Some of them."""
        return Transfers(*(getattr(self, field.name)[which] for field in fields(self)))

    def by_start(self) -> Transfers:
        """The same in the order in which they started."""
        if (self.start_s[1:] >= self.start_s[:-1]).all():
            return self
        return self.part(np.argsort(self.start_s, kind="stable"))


@dataclass(frozen=True, eq=False)
class RadioEnergy:
    """What the radios drew.

    Attributes
    ----------
    caused_j : array, shape (requests,)
        Charged to each request.
    idle_j : array, shape (devices,)
        Drawn by each idle radio.
    """

    caused_j: Floats
    idle_j: Floats


def charge(system: System, plan: Plan, workload: Workload, log: RequestLog, run_end_s: float) -> RadioEnergy:
    """Charge every request with what its transfers make its device's radio draw.

    Parameters
    ----------
    system, plan, workload, log
        One policy over one workload.
    run_end_s : float
        End of the observation.
    """
    caused = np.zeros(workload.size)
    idle = np.zeros(system.devices)
    for group in system.groups:
        if isinstance(group.radio, LoraRadio) and group.lora is not None and log.frames is not None:
            transmit_w = group.radio.transmit_w(group.lora.transmit_power)
            charge_lora(caused, idle, group.devices, log.frames, group.radio, transmit_w, run_end_s)
    radio_of = {device: group.cellular for group in system.groups if group.cellular for device in group.devices}
    if radio_of:
        _charge_cellular(caused, idle, radio_of, plan, workload, log, run_end_s)
    return RadioEnergy(caused, idle)


def _charge_cellular(
    caused: Floats,
    idle: Floats,
    radio_of: Mapping[int, Radio],
    plan: Plan,
    workload: Workload,
    log: RequestLog,
    run_end_s: float,
) -> None:
    """Add what the radios with states drew for each request, and while they were idle."""
    # of the smallest type that holds all numbers: short numbers are sorted by counting
    numbers = workload.device.astype(np.min_scalar_type(idle.size))
    order = np.argsort(numbers, kind="stable")
    borders = np.append(0, np.cumsum(np.bincount(numbers, minlength=idle.size)))
    at_once = max(idle.size * _AT_ONCE // workload.size, 1)
    for first in range(0, idle.size, at_once):
        devices = np.arange(first, min(first + at_once, idle.size) + 1, dtype=numbers.dtype)
        requests = order[borders[first] : borders[devices[-1]]]
        ways = []
        for stage in ("uplink", "downlink"):
            moves = transfers_of(requests, plan, log, stage, run_end_s)
            ways.append((moves, np.searchsorted(numbers[moves.request], devices)))
        for k, device in enumerate(devices[:-1].tolist()):
            radio = radio_of.get(device)
            if radio is None:
                continue
            up, down = (moves.part(slice(begin[k], begin[k + 1])).by_start() for moves, begin in ways)
            idle[device] = _charge_device(caused, up, down, radio, run_end_s)
            up_bits = bits_of(up, plan, log, "uplink", device)
            down_bits = bits_of(down, plan, log, "downlink", device)
            np.add.at(caused, up.request, radio.uplink_energy_per_bit.value * up_bits)
            np.add.at(caused, down.request, radio.downlink_energy_per_bit.value * down_bits)


def transfers_of(requests: Ints, plan: Plan, log: RequestLog, stage: str, run_end_s: float) -> Transfers:
    """Transfers of at least one bit that have started, up to the end of the run: of some requests, in their order."""
    start = log.start_s[stage][requests]
    bits = plan.work(stage)[log.row[requests]]
    begun = np.flatnonzero(~np.isnan(start) & (bits > 0))
    if begun.size < requests.size:
        requests, start, bits = requests[begun], start[begun], bits[begun]
    end, wake = log.end_s[stage][requests], log.wake_s[stage][requests]
    is_cut = np.isnan(end)
    end[is_cut] = run_end_s
    wake[np.isnan(wake)] = 0.0  # without radio states the log holds no wake times
    if plan.counts_bits:
        bits = log.sent_bits[stage][requests]
    return Transfers(requests, start, np.minimum(start + wake, end), end, bits, is_cut)


def bits_of(transfers: Transfers, plan: Plan, log: RequestLog, stage: str, device: int) -> Floats:
    """Bits that really crossed, shape (n,): of a transfer that the end of the run cut, fewer than it was to carry."""
    cut = np.flatnonzero(transfers.is_cut)
    if not cut.size:
        return transfers.bits
    bits = transfers.bits.copy()
    channel = plan.links[stage].channel(device)
    if plan.cell_of is None or plan.cell_of[device] < 0:
        bits[cut] = _flown(transfers.part(cut), channel)
    else:
        # a transfer that has not entered its cell by the end of the run has sent nothing
        left = np.nan_to_num(log.airtime_left_s[transfers.request[cut]], nan=np.inf)
        bits[cut] = np.maximum(bits[cut] - left * channel.rates_bps[0], 0.0)
    return bits


def _flown(transfers: Transfers, channel: Channel) -> Floats:
    """Bits of transfers, counted from their time at the channel's rate."""
    begin_s = transfers.bits_from_s
    time_s = transfers.end_s - begin_s
    if channel.rates_bps.size == 1:
        bits: Floats = time_s * channel.rates_bps[0]
        return bits
    arrays = (channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    pairs = zip(begin_s.tolist(), time_s.tolist(), strict=True)
    return np.array([bits_sent(start, time, *arrays) for start, time in pairs])


def _charge_device(caused: Floats, up: Transfers, down: Transfers, radio: Radio, run_end_s: float) -> float:
    """Add what one radio drew for each request; returns what it drew while idle."""
    start = np.concatenate((up.start_s, down.start_s))
    if start.size == 0:
        return radio.idle_power.value * run_end_s
    order = np.argsort(start, kind="stable")
    request = np.concatenate((up.request, down.request))[order]
    start, end = start[order], np.concatenate((up.end_s, down.end_s))[order]
    last_end = np.maximum.accumulate(end)
    # only transfers that meet another one can share time with it
    late = np.flatnonzero(start[1:] < last_end[:-1])
    meets = np.zeros(start.size, dtype=bool)
    meets[order[late]] = meets[order[late + 1]] = True
    up_meets, down_meets = meets[: up.start_s.size], meets[up.start_s.size :]
    _charge_active(caused, up, down, np.flatnonzero(up_meets), radio)
    _charge_active(caused, down, up, np.flatnonzero(down_meets), radio)
    # the pause after each transfer, until the next one starts or the run ends; none while another one goes on
    pause = np.maximum(np.append(start[1:], run_end_s) - last_end, 0.0)
    whole = radio.tail_ends_s[-1] if radio.tail_ends_s.size else 0.0
    tail = tail_j(pause, radio.tail_ends_s, radio.tail_powers_w)
    causer = request[np.maximum.accumulate(np.where(last_end == end, np.arange(end.size), 0))]
    half = np.where(pause < whole, tail / 2, 0.0)
    half[-1] = 0.0  # nothing comes after the last tail
    np.add.at(caused, causer, tail - half)
    np.add.at(caused, request[1:], half[:-1])
    ends = np.sort(end, kind="stable")
    _charge_waking(caused, up, down, up_meets, ends, radio)
    _charge_waking(caused, down, up, down_meets, ends, radio)
    quiet = start[0] + np.maximum(pause - whole, 0.0).sum()
    return float(radio.idle_power.value * quiet)


def _charge_active(caused: Floats, mine: Transfers, other: Transfers, meets: Ints, radio: Radio) -> None:
    """Charge the time in which bits cross, half of it where the other direction transfers too."""
    alone = mine.end_s - mine.bits_from_s
    alone[meets] -= overlap_s(mine.bits_from_s[meets], mine.end_s[meets], other.bits_from_s, other.end_s) / 2
    np.add.at(caused, mine.request, radio.active_power.value * alone)


def _charge_waking(
    caused: Floats, mine: Transfers, other: Transfers, meets: NDArray[np.bool_], ends_s: Floats, radio: Radio
) -> None:
    """Charge promotions, but for the time in which the other direction transfers already."""
    woken = np.flatnonzero(mine.bits_from_s > mine.start_s)
    start, bits_from = mine.start_s[woken], mine.bits_from_s[woken]
    waking = bits_from - start
    met = np.flatnonzero(meets[woken])
    waking[met] -= overlap_s(start[met], bits_from[met], other.bits_from_s, other.end_s)
    # both directions may wait for the same promotion
    waking[met] -= overlap_s(start[met], bits_from[met], other.start_s, other.bits_from_s) / 2
    last = np.searchsorted(ends_s, start, side="right")
    quiet = start - np.where(last > 0, ends_s[np.maximum(last - 1, 0)], -np.inf)
    stages = stages_after(quiet, radio.tail_ends_s)
    np.add.at(caused, mine.request[woken], radio.wake_powers_w[stages] * waking)


def charge_lora(
    caused: Floats,
    idle: Floats,
    devices: range,
    frames: FrameLog,
    radio: LoraRadio,
    transmit_w: float,
    run_end_s: float,
) -> None:
    """Add what the LoRa radios of a group drew for each request, and while they slept."""
    mine = (frames.device >= devices.start) & (frames.device < devices.stop) & (frames.start_s < run_end_s)
    request, device = frames.request[mine], frames.device[mine]
    on_air_s = np.minimum(frames.end_s[mine], run_end_s) - frames.start_s[mine]
    first_s, second_s = windows_s(frames, run_end_s)
    listens_s = (first_s + second_s)[mine]
    np.add.at(caused, request, transmit_w * on_air_s + radio.receive_power.value * listens_s)
    awake_s = np.bincount(device - devices.start, on_air_s + listens_s, len(devices))
    idle[devices.start : devices.stop] = radio.sleep_power.value * (run_end_s - awake_s)


def windows_s(frames: FrameLog, run_end_s: float) -> tuple[Floats, Floats]:
    """Time that the receiver was on in the first and the second window after each frame, up to the end of the run."""
    first_s = np.minimum(frames.first_s, np.maximum(run_end_s - (frames.end_s + RECEIVE_DELAY1_S), 0.0))
    second_s = np.minimum(frames.second_s, np.maximum(run_end_s - (frames.end_s + RECEIVE_DELAY2_S), 0.0))
    return first_s, second_s
