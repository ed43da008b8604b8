"""What an option is predicted to cost before it runs: the sum over what it visits, without queues and without others.

A transfer takes what it takes in the mean over the instants at which it can meet the link (`simulator.plan.exchange`).
Frames that are sent again are counted with their mean number; a shared cell is taken to be empty. A LoRaWAN link is
predicted frame by frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
from numpy.typing import NDArray

from simulator.links.lora_parameters import LoraParameters
from simulator.links.lora_radio import LoraRadio
from simulator.links.lora_times import MAX_FRAMES, check_message, predicted_openings_s, predicted_uplink_s, windows_s
from simulator.physics import decide
from simulator.physics.lora import (
    RECEIVE_DELAY1_S,
    RECEIVE_DELAY2_S,
    downlink_airtime_s,
    frames_of,
    last_frame_bytes,
    uplink_airtime_s,
)
from simulator.plan.candidates import Candidates
from simulator.plan.routes import Visits
from simulator.plan.stages import BACKHAUL_UP, DEVICE, LINK
from simulator.plan.system import Group
from simulator.plan.visits import visits_of
from simulator.units import human

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted mean cost of every option, without queues; arrays of shape (options, ways out).

    Attributes
    ----------
    stages_s : mapping of str to array
        Time at each stage, by its name; that of a radio link includes its waking.
    propagation_s : array
        Of all links together.
    latency_s, energy_j : array
    """

    stages_s: Mapping[str, Floats]
    propagation_s: Floats
    latency_s: Floats
    energy_j: Floats

    def expected(self, table: Floats, shares: Floats) -> Floats:
        """Mean over the ways out, weighted with the share of samples that takes each; shape (cuts,)."""
        return table @ shares


def predict(table: Candidates, group: Group, uplink_rate_bps: Floats | None = None) -> Prediction:
    """Score every candidate.

    Parameters
    ----------
    table : Candidates
    group : Group
    uplink_rate_bps : array, shape (n,), optional
        Mean rates of the uplink to assume instead of its own, for each of which everything is predicted: all of its
        rates change by the same factor. A LoRaWAN link knows its own times.

    Returns
    -------
    Prediction
        With n as the first axis of all that depends on the rate, if there are such rates.
    """
    scale = 1.0 if uplink_rate_bps is None else uplink_rate_bps[:, None, None] / group.uplink.mean_rate_bps
    visits = visits_of(table, group, scale=scale)
    propagation_s = sum((visit.travel_s for visit in visits), np.zeros(table.device_s.shape))
    beyond_s = {visit.stage.name: _mean_s(visit, group) for visit in visits if _is_beyond(visit)}
    served_s = sum(beyond_s.values(), np.zeros(table.device_s.shape))
    if group.lora is not None:
        return _over_lora(table, group, group.lora.parameters(), beyond_s, served_s, propagation_s)
    bits_up = table.bytes_up * 8 / group.delivered_up
    bits_down = table.bytes_down * 8 / group.delivered_down
    sends, answered = bits_up > 0, bits_down > 0
    elsewhere_s = served_s + propagation_s
    # an answer counts when it is sent, before it is there
    after_s = np.where(answered, visits[-1].travel_s, elsewhere_s)
    awaited_s = elsewhere_s - after_s
    waking_up_s, waking_down_s, resting_j = np.zeros((3, *bits_up.shape))
    states, waking = group.radio_states, None
    if states is not None:
        waking = states.wakings(awaited_s, sends, answered)
        waking_up_s, waking_down_s = waking.up_s, waking.down_s
    up_s, down_s = group.exchange.times_s(bits_up / scale, awaited_s + waking_down_s, bits_down)
    if states is not None and waking is not None:
        pauses = awaited_s, after_s
        resting_j = waking.energy_j + states.resting_j(waking, table.device_s, up_s + down_s, *pauses, sends)
    radio = group.cellular
    waking_s = waking_up_s + waking_down_s
    latency = decide.latency_s(table.device_s, waking_s + up_s, served_s, down_s, propagation_s)
    energy = decide.energy_j(
        table.device_s,
        bits_up,
        up_s,
        bits_down,
        down_s,
        waking_s + elsewhere_s,
        resting_j,
        group.card.active_w,
        group.card.idle_w,
        radio.active_power.value if radio else 0.0,
        radio.uplink_energy_per_bit.value if radio else 0.0,
        radio.downlink_energy_per_bit.value if radio else 0.0,
    )
    stages_s = _in_order(table.device_s, waking_up_s + up_s, beyond_s, waking_down_s + down_s)
    return Prediction(stages_s, propagation_s, latency, energy)


def _is_beyond(visit: Visits) -> bool:
    """Whether a stage lies behind the link of the device."""
    return not visit.stage.has_radio and visit.stage is not DEVICE


def _mean_s(visit: Visits, group: Group) -> Floats:
    """Mean time of the visits to a stage behind the link of the device."""
    if visit.stage.kind != LINK:
        return visit.work
    assert group.cloud is not None
    exchange = group.cloud.exchange
    return (exchange.up if visit.stage is BACKHAUL_UP else exchange.down)(visit.work)


def _in_order(device_s: Floats, up_s: Floats, beyond_s: Mapping[str, Floats], down_s: Floats) -> dict[str, Floats]:
    """Times by stage, in the order in which a request meets them."""
    return {"device": device_s, "uplink": up_s, **beyond_s, "downlink": down_s}


def too_long(table: Candidates, group: Group) -> tuple[str, ...]:
    """For each cut, why its link cannot carry it, or the answer; empty where it can."""
    if group.lora is None:
        return ("",) * len(table.cuts)
    rules = group.lora.parameters()
    most = int(rules.rx1_most_bytes[rules.settled_rate(rules.received_dbm)])
    return tuple(
        check_message(rules, float(up.max())) or _check_answer(float(down.max()), most)
        for up, down in zip(table.bytes_up, table.bytes_down, strict=True)
    )


def out_of_range(table: Candidates, group: Group) -> NDArray[np.bool_]:
    """Which cuts send something that nobody hears: they can run, but cannot be anyone's best; shape (cuts,)."""
    if group.lora is None:
        return np.zeros(len(table.cuts), dtype=bool)
    rules = group.lora.parameters()
    heard = bool(rules.received_dbm >= rules.sensitivity_dbm[rules.settled_rate(rules.received_dbm)])
    unheard = table.offloaded & (not heard)
    return np.asarray(unheard.any(axis=1))


def _check_answer(size_bytes: float, most_bytes: int) -> str:
    parts = frames_of(size_bytes, most_bytes)
    if parts <= MAX_FRAMES:
        return ""
    answer = f"an answer of {human(size_bytes, 'size')} over LoRa has {parts:,} parts, each of which is asked for"
    return f"{answer}; at most {MAX_FRAMES:,} are simulated"


def _over_lora(
    table: Candidates,
    group: Group,
    rules: LoraParameters,
    beyond_s: Mapping[str, Floats],
    served_s: Floats,
    propagation_s: Floats,
) -> Prediction:
    """Prediction for a quiet LoRaWAN link whose device has its hour's airtime left, at its settled data rate.

    With shadowing it is the mean over the devices that the gateway hears.
    """
    up_s, down_s, on_air_s, listens_s = np.zeros((4, *table.bytes_up.shape))
    awaited_s = served_s + (propagation_s - np.where(table.offloaded, 2 * group.propagation_s, 0.0))
    for cell in map(tuple, np.argwhere(table.offloaded).tolist()):
        sizes = float(table.bytes_up[cell]), float(table.bytes_down[cell])
        for share, heard in rules.heard():
            found = _exchange(heard, *sizes, float(awaited_s[cell]), group.propagation_s)
            for values, value in zip((up_s, down_s, on_air_s, listens_s), found, strict=True):
                values[cell] += share * value
    latency = decide.latency_s(table.device_s, up_s, served_s, down_s, propagation_s)
    energy = group.card.active_w * table.device_s + group.card.idle_w * (latency - table.device_s)
    if isinstance(group.radio, LoraRadio):
        energy = energy + group.radio.transmit_w(rules.transmit_dbm) * on_air_s
        energy = energy + group.radio.receive_power.value * listens_s
        energy = energy + group.radio.sleep_power.value * np.maximum(latency - on_air_s - listens_s, 0.0)
    return Prediction(_in_order(table.device_s, up_s, beyond_s, down_s), propagation_s, latency, energy)


def _exchange(
    rules: LoraParameters, bytes_up: float, bytes_down: float, awaited_s: float, propagation_s: float
) -> tuple[float, float, float, float]:
    """A message and its answer: in a receive window after the last frame, and what is left of it asked for.

    Returns
    -------
    up_s, down_s : float
        Until the last bit of the message, and from the server's answer to its last bit.
    on_air_s, listens_s : float
        Airtime of all frames, and time in their receive windows.
    """
    rate = rules.settled_rate(rules.received_dbm)
    factor, bandwidth_hz, most = (
        int(rules.rx1_sf[rate]),
        float(rules.rx1_bandwidth_hz[rate]),
        rules.rx1_most_bytes[rate],
    )
    up_s, on_air_s, frames = predicted_uplink_s(rules, bytes_up)
    empty_s = float(rules.window_s[rate]) + rules.rx2_window_s
    if rules.confirmed:
        empty_s = downlink_airtime_s(0, factor, bandwidth_hz)
    listens_s = frames * empty_s
    if bytes_down <= 0:
        return up_s, 0.0, on_air_s, listens_s
    # all instants from here on are counted from the end of the last frame, at the device
    ready_s = propagation_s + awaited_s
    known_s, closed_s, left = ready_s, windows_s(rules, rate) if frames else 0.0, math.ceil(bytes_down)
    end_s = ready_s
    if frames and ready_s <= RECEIVE_DELAY1_S - propagation_s:
        size = min(left, int(most))
        part_s = downlink_airtime_s(size, factor, bandwidth_hz)
        end_s = closed_s = RECEIVE_DELAY1_S + part_s
        known_s, left, listens_s = end_s - propagation_s, left - size, listens_s - empty_s + part_s
    elif frames and ready_s <= RECEIVE_DELAY2_S - propagation_s and not rules.confirmed:
        size = min(left, rules.rx2_most_bytes)
        part_s = downlink_airtime_s(size, rules.rx2_sf, rules.rx2_bandwidth_hz)
        end_s = closed_s = RECEIVE_DELAY2_S + part_s
        known_s, left, listens_s = end_s - propagation_s, left - size, listens_s - rules.rx2_window_s + part_s
    asks = frames_of(left, int(most))
    if asks > 0:
        asking_s = uplink_airtime_s(0, int(rules.spreading_factor[rate]), float(rules.bandwidth_hz[rate]))
        full_s = downlink_airtime_s(int(most), factor, bandwidth_hz)
        last_s = downlink_airtime_s(last_frame_bytes(left, int(most)), factor, bandwidth_hz)
        opens_s = [opens_s - up_s for opens_s in predicted_openings_s(rules, bytes_up)]
        silence_s = asking_s / float(rules.duty_cycle[0])
        start_s = _last_ask_s(max(known_s, closed_s), asks, asking_s + RECEIVE_DELAY1_S + full_s, silence_s, opens_s)
        end_s = start_s + asking_s + RECEIVE_DELAY1_S + last_s
        on_air_s += asks * asking_s
        listens_s += (asks - 1) * full_s + last_s
    return up_s, end_s - propagation_s - ready_s, on_air_s, listens_s


def _last_ask_s(from_s: float, asks: int, cycle_s: float, silence_s: float, opens_s: list[float]) -> float:
    """When the last of some frames starts that ask for an answer, each in the sub-band that opens first.

    Parameters
    ----------
    from_s : float
        When the first may start.
    asks : int
    cycle_s : float
        From one to the next, as far as the receive windows are concerned.
    silence_s : float
        From one to the next in the same sub-band.
    opens_s : list of float
        When each sub-band opens, in order.
    """
    bands = len(opens_s)
    # after a few turns they only repeat
    turns = max(asks - 1 - 3 * bands, 0) // bands
    start_s = from_s
    for _ in range(asks - turns * bands):
        start_s = max(from_s, opens_s[0])
        heapreplace(opens_s, start_s + silence_s)
        from_s = start_s + cycle_s
    return start_s + turns * max(silence_s, bands * cycle_s)
