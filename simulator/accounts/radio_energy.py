"""Energy of the radios, from the instants of a run, and each request's part of it.

A radio is, at any instant, transferring, else waking, else in a tail stage, else idle. Transferring costs the active
power once, however many directions are in use, shared equally between the requests that use it, plus the energy of
each bit. Waking is charged to the request that it is for. The tail after a transfer is charged to the request that
caused it, and shared equally with the next one if that comes before the tail is over. Idle time is nobody's:
`energy` shares it among all requests of the device.

A LoRa radio sends, listens after its frames, and sleeps otherwise; both are charged to the request of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from simulator.physics.rrc import stage_after, tail_j
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload


@dataclass(frozen=True, eq=False)
class Transfers:
    """Transfers of one device in one direction, in order.

    Attributes
    ----------
    request : array of int, shape (n,)
    start_s, bits_from_s, end_s : array, shape (n,)
        Instants at which the radio was taken, bits began to flow, and the last one had left; none after the end of
        the run.
    """

    request: Ints
    start_s: Floats
    bits_from_s: Floats
    end_s: Floats


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
    order = np.argsort(workload.device, kind="stable")
    borders = np.searchsorted(workload.device[order], np.arange(system.devices + 1))
    bits_up, bits_down = plan.work("uplink"), plan.work("downlink")
    for group in system.groups:
        if isinstance(group.radio, LoraRadio) and group.lora is not None and log.frames is not None:
            transmit_w = group.radio.transmit_w(group.lora.transmit_power)
            charge_lora(caused, idle, group.devices, log.frames, group.radio, transmit_w, run_end_s)
        if group.cellular is None:
            continue
        for device in group.devices:
            mine = order[borders[device] : borders[device + 1]]
            up = transfers_of(mine, bits_up, log, "uplink", run_end_s)
            down = transfers_of(mine, bits_down, log, "downlink", run_end_s)
            idle[device] = _charge_device(caused, up, down, group.cellular, run_end_s)
            up_bits = bits_of(up, plan, log, "uplink", device)
            down_bits = bits_of(down, plan, log, "downlink", device)
            caused[up.request] += group.cellular.uplink_energy_per_bit.value * up_bits
            caused[down.request] += group.cellular.downlink_energy_per_bit.value * down_bits
    return RadioEnergy(caused, idle)


def transfers_of(mine: Ints, bits: Floats, log: RequestLog, stage: str, run_end_s: float) -> Transfers:
    """Transfers of at least one bit that have started, up to the end of the run."""
    start, wake, end = (part[stage][mine] for part in (log.start_s, log.wake_s, log.end_s))
    begun = ~np.isnan(start) & (bits[log.row[mine]] > 0)
    mine, start, wake, end = mine[begun], start[begun], wake[begun], end[begun]
    by_start = np.argsort(start, kind="stable")
    mine, start, wake, end = mine[by_start], start[by_start], wake[by_start], end[by_start]
    end = np.where(np.isnan(end), run_end_s, end)
    # without radio states the log holds no wake times
    return Transfers(mine, start, np.minimum(start + np.nan_to_num(wake), end), end)


def bits_of(transfers: Transfers, plan: Plan, log: RequestLog, stage: str, device: int) -> Floats:
    """Bits that really crossed, shape (n,): those that were sent, of a transfer that the end of the run cut fewer."""
    channel = plan.links[stage].channel(device)
    request = transfers.request
    bits: Floats = log.sent_bits[stage][request] if plan.counts_bits else plan.work(stage)[log.row[request]]
    cut = np.isnan(log.end_s[stage][request])
    if not cut.any():
        return bits
    if plan.cell_of is None or plan.cell_of[device] < 0:
        bits[cut] = _flown(transfers, channel, cut)
    else:
        # a transfer that has not entered its cell by the end of the run has sent nothing
        left = np.nan_to_num(log.airtime_left_s[request[cut]], nan=np.inf)
        bits[cut] = np.maximum(bits[cut] - left * channel.rates_bps[0], 0.0)
    return bits


def _flown(transfers: Transfers, channel: Channel, cut: NDArray[np.bool_]) -> Floats:
    """Bits of some transfers, counted from their time at the channel's rate."""
    begin_s = transfers.bits_from_s[cut]
    time_s = transfers.end_s[cut] - begin_s
    if channel.rates_bps.size == 1:
        bits: Floats = time_s * channel.rates_bps[0]
        return bits
    arrays = (channel.edges_s, channel.rates_bps, channel.cumulative_bits)
    pairs = zip(begin_s.tolist(), time_s.tolist(), strict=True)
    return np.array([bits_sent(start, time, *arrays) for start, time in pairs])


def _charge_device(caused: Floats, up: Transfers, down: Transfers, radio: Radio, run_end_s: float) -> float:
    """Add what one radio drew for each request; returns what it drew while idle."""
    for one, other in ((up, down), (down, up)):
        together = overlap_s(one.bits_from_s, one.end_s, other.bits_from_s, other.end_s)
        caused[one.request] += radio.active_power.value * (one.end_s - one.bits_from_s - together / 2)
    start = np.concatenate((up.start_s, down.start_s))
    if start.size == 0:
        return radio.idle_power.value * run_end_s
    order = np.argsort(start, kind="stable")
    request = np.concatenate((up.request, down.request))[order]
    start, end = start[order], np.concatenate((up.end_s, down.end_s))[order]
    last_end = np.maximum.accumulate(end)
    # the pause after each transfer, until the next one starts or the run ends; none while another one goes on
    pause = np.maximum(np.append(start[1:], run_end_s) - last_end, 0.0)
    whole = radio.tail_ends_s[-1] if radio.tail_ends_s.size else 0.0
    tail = tail_j(pause, radio.tail_ends_s, radio.tail_powers_w)
    is_last = last_end == end
    causer = request[np.maximum.accumulate(np.where(is_last, np.arange(end.size), 0))]
    shared = (pause < whole) & (np.arange(pause.size) < pause.size - 1)
    np.add.at(caused, causer, np.where(shared, tail / 2, tail))
    np.add.at(caused, np.append(request[1:], request[-1:]), np.where(shared, tail / 2, 0.0))
    _charge_waking(caused, up, down, radio)
    _charge_waking(caused, down, up, radio)
    quiet = start[0] + np.maximum(pause - whole, 0.0).sum()
    return float(radio.idle_power.value * quiet)


def _charge_waking(caused: Floats, mine: Transfers, other: Transfers, radio: Radio) -> None:
    """Charge promotions, but for the time in which the other direction transfers already."""
    waking = mine.bits_from_s - mine.start_s
    if not waking.any():
        return
    waking = waking - overlap_s(mine.start_s, mine.bits_from_s, other.bits_from_s, other.end_s)
    # both directions may wait for the same promotion
    waking = waking - overlap_s(mine.start_s, mine.bits_from_s, other.start_s, other.bits_from_s) / 2
    ends = np.sort(np.concatenate((mine.end_s, other.end_s)))
    last = np.searchsorted(ends, mine.start_s, side="right")
    quiet = mine.start_s - np.where(last > 0, ends[np.maximum(last - 1, 0)], -np.inf)
    stages = [stage_after(pause, radio.tail_ends_s) for pause in quiet.tolist()]
    # a transfer that needed no promotion spent no time waking, whatever its stage
    caused[mine.request] += radio.wake_powers_w[stages] * waking


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
