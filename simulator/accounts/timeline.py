"""State and power of a device's radio over time, from the instants of a run.

Follows the rules of `radio_energy`, so that power times time over the whole run is what the requests are charged plus
the idle energy. At any instant the radio transfers (``send``, ``receive``, or both), else wakes (``promotion``), else
is in a stage of its tail (``tail 1``, ``tail 2``, ...), else ``idle``. While it transfers, its power follows the rate
of the channel: a segment ends where the rate changes. In a shared cell, whose shares the log does not hold, each
transfer has its mean rate. A LoRa radio is in ``transmit`` while a frame is on the air, in ``receive`` while it
listens after it, else in ``sleep``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.accounts.radio_energy import Transfers, bits_of, transfers_of, windows_s
from simulator.arrays import Floats, Ints
from simulator.engines.log import RequestLog
from simulator.engines.media.frames import FrameLog
from simulator.links.lora_radio import LoraRadio
from simulator.links.radio import Radio
from simulator.physics.link import Channel
from simulator.physics.lora import RECEIVE_DELAY1_S, RECEIVE_DELAY2_S
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload

#: states of a radio; the stages of a tail follow, as many as its card has
_IDLE, _PROMOTION, _SEND, _RECEIVE, _BOTH, _TAIL = range(6)
_STATES = ("idle", "promotion", "send", "receive", "send+receive")
#: changes of rate in what is looked at, beyond which no figure could show them
_MOST_CHANGES = 1_000_000
#: states in which bits cross, and in which nothing is going on
ON_AIR = ("send", "receive", "send+receive", "transmit")
REST = ("idle", "sleep")


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of time in which neither state nor power of a radio change, in order, without gaps.

    Attributes
    ----------
    start_s, end_s, power_w : array, shape (n,)
    state : array of str, shape (n,)
    """

    start_s: Floats
    end_s: Floats
    state: NDArray[np.str_]
    power_w: Floats

    @property
    def energy_j(self) -> float:
        """Power times time over all segments."""
        return float((self.power_w * (self.end_s - self.start_s)).sum())

    def between(self, begin_s: float, stop_s: float) -> Segments:
        """The part of them that lies between two instants."""
        inside = (self.end_s > begin_s) & (self.start_s < stop_s)
        start, end = np.maximum(self.start_s[inside], begin_s), np.minimum(self.end_s[inside], stop_s)
        return Segments(start, end, self.state[inside], self.power_w[inside])

    def thinned(self, step_s: float) -> Segments:
        """Neighbours of one state that lie within one step joined into one with their mean power."""
        first, last = np.floor(self.start_s / step_s), np.floor(self.end_s / step_s)
        return self._joined((self.state[1:] != self.state[:-1]) | (first[:-1] != last[1:]))

    @classmethod
    def of(cls, edges_s: Floats, state: NDArray[np.str_], power_w: Floats) -> Segments:
        """From the states between neighbouring edges, with neighbours of one state and power joined."""
        borders = (state[1:] != state[:-1]) | (power_w[1:] != power_w[:-1])
        return cls(edges_s[:-1], edges_s[1:], state, power_w)._joined(borders)

    def _joined(self, is_border: NDArray[np.bool_]) -> Segments:
        """Neighbours without a border between them joined."""
        first = np.concatenate(([0], np.flatnonzero(is_border) + 1))
        start, end = self.start_s[first], np.append(self.start_s[first[1:]], self.end_s[-1])
        least, most = np.minimum.reduceat(self.power_w, first), np.maximum.reduceat(self.power_w, first)
        energy = np.add.reduceat(self.power_w * (self.end_s - self.start_s), first)
        # a power that does not change stays as it is, to the last bit
        power = np.where(least == most, least, energy / (end - start))
        return Segments(start, end, self.state[first], power)


@dataclass(frozen=True, eq=False)
class _Way:
    """Transfers of one direction and what they draw beside the power that both directions share.

    Attributes
    ----------
    transfers : Transfers
    energy_per_bit_j : float
    rates : Channel or array, shape (transfers,)
        Rate over time, or the mean rate of each transfer where others share the medium.
    """

    transfers: Transfers
    energy_per_bit_j: float
    rates: Channel | Floats

    def changes_s(self) -> Floats:
        """Instants at which power or state may change."""
        moves = self.transfers
        instants = np.concatenate((moves.start_s, moves.bits_from_s, moves.end_s))
        if not isinstance(self.rates, Channel) or self.rates.rates_bps.size == 1:
            return instants
        first, count = _changes_inside(self.rates, moves)
        of = np.repeat(np.arange(count.size), count)
        number = first[of] + np.arange(of.size) - np.repeat(np.cumsum(count) - count, count)
        lap, segment = np.divmod(number, self.rates.rates_bps.size)
        return np.append(instants, lap * self.rates.edges_s[-1] + self.rates.edges_s[segment])

    def rate_bps(self, transfer: Ints, at_s: Floats) -> Floats:
        """Rate of the transfer that each instant lies in, 0 for none."""
        if isinstance(self.rates, Channel):
            edges = self.rates.edges_s
            here: Floats = self.rates.rates_bps[np.searchsorted(edges[:-1], at_s % edges[-1], side="right") - 1]
        else:
            here = np.append(self.rates, 0.0)[transfer]
        return np.where(transfer >= 0, here, 0.0)


def radio_segments(
    system: System, plan: Plan, workload: Workload, log: RequestLog, device: int, run_end_s: float, until_s: float
) -> Segments:
    """What the radio of a device does, from 0 to an instant.

    Parameters
    ----------
    system, plan, workload, log
        One policy over one workload.
    device : int
        Of a group that has a radio card.
    run_end_s : float
        End of the observation.
    until_s : float
        Greater than 0, at most the end of the observation.
    """
    group = system.groups[plan.group_of[device]]
    if isinstance(group.radio, LoraRadio):
        assert group.lora is not None
        assert log.frames is not None
        transmit_w = group.radio.transmit_w(group.lora.transmit_power)
        return _lora_states(group.radio, transmit_w, log.frames, device, run_end_s, until_s)
    radio = group.radio
    assert radio is not None
    arrived = np.searchsorted(workload.arrival_s, until_s, side="right")
    mine = np.flatnonzero(workload.device[:arrived] == device)
    up = transfers_of(mine, plan, log, "uplink", run_end_s).by_start()
    down = transfers_of(mine, plan, log, "downlink", run_end_s).by_start()
    ways = (
        _Way(up, radio.uplink_energy_per_bit.value, _rates(up, plan, log, "uplink", device)),
        _Way(down, radio.downlink_energy_per_bit.value, _rates(down, plan, log, "downlink", device)),
    )
    return _states(radio, ways, until_s)


def _rates(transfers: Transfers, plan: Plan, log: RequestLog, stage: str, device: int) -> Channel | Floats:
    """Rate of a device's channel; the mean rate of each transfer in a shared cell, or where rates change too often."""
    if plan.cell_of is None or plan.cell_of[device] < 0:
        channel = plan.links[stage].channel(device)
        if _changes_inside(channel, transfers)[1].sum() <= _MOST_CHANGES:
            return channel
    time_s = transfers.end_s - transfers.bits_from_s
    bits = bits_of(transfers, plan, log, stage, device)
    return np.divide(bits, time_s, out=np.zeros(time_s.size), where=time_s > 0)


def _changes_inside(channel: Channel, transfers: Transfers) -> tuple[Ints, Ints]:
    """For each transfer, the number of the first change of rate after its first bit, and how many until its end.

    Changes are numbered from time 0 on, over all laps of the trace.
    """
    period, segments = channel.edges_s[-1], channel.rates_bps.size

    def after(at_s: Floats) -> Ints:
        laps = np.floor(at_s / period)
        inside = np.searchsorted(channel.edges_s[:-1], at_s - laps * period, side="right")
        numbers: Ints = (laps * segments).astype(np.int64) + inside
        return numbers

    first = after(transfers.bits_from_s)
    return first, np.maximum(after(transfers.end_s) - first, 0)


def _states(radio: Radio, ways: tuple[_Way, _Way], until_s: float) -> Segments:
    """Segments of a radio that wakes, transfers and falls asleep."""
    ends = np.sort(np.concatenate([way.transfers.end_s for way in ways]))
    tails = (ends[:, None] + radio.tail_ends_s).ravel()
    edges = np.unique(np.concatenate(([0.0, until_s], tails, *(way.changes_s() for way in ways))))
    edges = edges[edges <= until_s]
    middle = (edges[:-1] + edges[1:]) / 2

    stage = _stage(radio, middle, ends)
    state = np.where(stage < radio.tail_ends_s.size, _TAIL + stage, _IDLE)
    power = np.append(radio.tail_powers_w, radio.idle_power.value)[stage]
    wakers, waking_w = np.zeros(middle.size), np.zeros(middle.size)
    flows, flowing_w = [], np.full(middle.size, radio.active_power.value)
    for way in ways:
        moves = way.transfers
        waking = _which(moves.start_s, moves.bits_from_s, middle)
        wakers += waking >= 0
        waking_w[waking >= 0] += radio.wake_powers_w[_stage(radio, moves.start_s, ends)[waking[waking >= 0]]]
        flowing = _which(moves.bits_from_s, moves.end_s, middle)
        flows.append(flowing >= 0)
        flowing_w += way.energy_per_bit_j * way.rate_bps(flowing, middle)
    # two transfers that wait for the same promotion are charged half of it each
    power = np.where(wakers > 0, waking_w / np.maximum(wakers, 1), power)
    state = np.where(wakers > 0, _PROMOTION, state)
    up, down = flows
    power = np.where(up | down, flowing_w, power)
    state = np.where(up | down, np.where(up & down, _BOTH, np.where(up, _SEND, _RECEIVE)), state)
    names = np.array([*_STATES, *(f"tail {k + 1}" for k in range(radio.tail_ends_s.size))])
    return Segments.of(edges, names[state], power)


def _lora_states(
    radio: LoraRadio, transmit_w: float, frames: FrameLog, device: int, run_end_s: float, until_s: float
) -> Segments:
    """Segments of a LoRa radio, which sleeps between its frames and the windows after them."""
    mine = frames.device == device
    start, end = frames.start_s[mine], frames.end_s[mine]
    first_s, second_s = (window_s[mine] for window_s in windows_s(frames, run_end_s))
    first, second = end + RECEIVE_DELAY1_S, end + RECEIVE_DELAY2_S
    edges = np.concatenate(([0.0, until_s], start, end, first, first + first_s, second, second + second_s))
    edges = np.unique(edges)
    edges = edges[edges <= until_s]
    middle = (edges[:-1] + edges[1:]) / 2
    sending = _which(start, end, middle) >= 0
    receiving = (_which(first, first + first_s, middle) >= 0) | (_which(second, second + second_s, middle) >= 0)
    power = np.where(sending, transmit_w, np.where(receiving, radio.receive_power.value, radio.sleep_power.value))
    return Segments.of(edges, np.where(sending, "transmit", np.where(receiving, "receive", "sleep")), power)


def _which(start_s: Floats, end_s: Floats, at_s: Floats) -> Ints:
    """Number of the interval that each instant lies in, -1 for none; the intervals are in order and do not overlap."""
    number = np.searchsorted(start_s, at_s, side="right") - 1
    return np.where((number >= 0) & (at_s < np.append(end_s, -np.inf)[number]), number, -1)


def _stage(radio: Radio, at_s: Floats, ends_s: Floats) -> Ints:
    """Stage of the tail that each instant would find the radio in if nothing went on; their number means idle."""
    before = np.searchsorted(ends_s, at_s, side="right") - 1
    quiet = at_s - np.append(ends_s, -np.inf)[before]
    stage: Ints = np.searchsorted(radio.tail_ends_s, quiet, side="right")
    return stage
