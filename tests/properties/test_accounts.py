"""Accounts add up: latency from its parts, energy from its states; on small scenarios through the ordinary path."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import card, chain, radio, scenario, trace

import simulator
from simulator.accounts.energy import attribute, end_of_run_s
from simulator.engines import reference
from simulator.physics.link import bits_sent
from simulator.plan.channels import with_drawn_channels
from simulator.plan.prepare import prepare
from simulator.plan.sources import sources
from simulator.scenario.load import load_scenario
from simulator.workload import draw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that the generated scenarios refer to."""
    place = tmp_path_factory.mktemp("world")
    chain(place, {"head": 3000, "tail": 40}, input_bytes=8000, heads={"head": "exit_1"})
    times = {"head": "30 ms", "exit_1": "4 ms", "tail": "70 ms"}
    card(place, "device", "device", times, variability={"distribution": "exponential"})
    curve = {"fixed": "60 ms", "per_item": "40 ms"}
    card(place, "server", "server", {"head": "2 ms", "exit_1": "1 ms", "tail": "7 ms"}, batching=curve)
    trace(place, [(0.0, 2e5), (0.5, 0.0), (0.8, 1e6), (2.0, 5e4)])
    radio(place)
    slow = ("150 ms", "1.2 W")
    card(place, "other", "device", {"head": "50 ms", "exit_1": "1 ms", "tail": "20 ms"}, idle="0.4 W", active="5 W")
    radio(place, name="cellular", promotion=slow, tail=[("400 ms", "1.1 W"), ("900 ms", "0.7 W", "50 ms", "0.9 W")])
    rows = "".join(f"{k},{k / 20},{k % 2},1\n" for k in range(20))
    (place / "samples.csv").write_text("# model: chain\nsample,entropy_1,correct_1,correct_final\n" + rows)
    return place


POLICIES: list[dict[str, Any]] = [
    {"kind": "local"},
    {"kind": "edge", "encoding": "uint8"},
    {"kind": "split", "at": "head"},
    {"kind": "early_exit", "thresholds": [0.4]},
    {"kind": "early_exit", "thresholds": [0.4], "at": "head", "name": "exit and split"},
]
SERVINGS: list[dict[str, Any]] = [
    {},
    {"max_batch": 3, "max_wait": "20 ms"},
    {"queue_limit": 1},
    {"queue_limit": 1, "when_full": "local"},
]
changes = {
    "seed": st.integers(0, 1000),
    "count": st.integers(1, 4),
    "serving": st.sampled_from(SERVINGS),
    "horizon": st.sampled_from([None, "1.5 s", "4 s"]),
    "rate": st.sampled_from(["3 /s", "12 /s", "40 /s"]),
    "arrivals": st.sampled_from(["periodic", "poisson"]),
    "radio": st.sampled_from(["radio", "cellular"]),
    "medium": st.sampled_from(["trace", "trace", "cell"]),
    "losses": st.sampled_from([None, None, {"share": 0.2}, {"good_to_bad": 0.1, "bad_to_good": 0.2}]),
    "retransmit": st.booleans(),
}


def document(
    folder: Path,
    rate: str,
    arrivals: str,
    radio: str,
    medium: str,
    losses: dict[str, Any] | None,
    retransmit: bool,
    **values: Any,
) -> dict[str, Any]:
    """A scenario with every policy, a radio and sample records; over a trace, or in a cell that two groups share."""
    lossy = {} if losses is None else {"losses": losses | {"frame": "500 B", "retransmit": retransmit}}
    link: dict[str, Any] = {
        "uplink": {"trace": str(folder / "trace.csv")} | lossy,
        "downlink": {"rate": "100 kbit/s"} | lossy,
        "propagation": "11 ms",
        "radio": str(folder / f"{radio}.yaml"),
    }
    if medium == "cell":
        link |= {"uplink": {"rate": "600 kbit/s"} | lossy, "cell": "hall"}
        slower = link | {"uplink": {"rate": "200 kbit/s"}, "radio": str(folder / "radio.yaml")}
        other = {"name": "other", "count": 2, "device": str(folder / "other.yaml"), "link": slower}
        values["fleet"] = [{"name": "some", "count": values.pop("count")}, other]
    workload = {"arrivals": arrivals, "rate": rate, "duration": "3 s", "samples": str(folder / "samples.csv")}
    files = (str(folder / name) for name in ("chain.json", "device.yaml", "server.yaml"))
    return scenario(*files, link=link, workload=workload, policies=POLICIES, **values)


@given(**changes)
def test_latency_is_the_sum_of_its_parts(folder: Path, **values: Any) -> None:
    """Waits, services and propagation of every completed request add up to its latency, to 1e-9 s."""
    rows = simulator.run(document(folder, **values)).requests
    done = rows[rows["status"] == "completed"]
    parts = [name for name in rows.columns if name.endswith(("_wait_s", "_service_s"))] + ["propagation_s"]
    assert np.allclose(done[parts].sum(axis=1), done["latency_s"], rtol=0, atol=1e-9)
    assert np.array_equal(done["finish_s"] - done["arrival_s"], done["latency_s"])


@given(**changes)
def test_delivered_bytes_are_sent_less_lost(folder: Path, **values: Any) -> None:
    """What a lossy link delivers with retransmission is the message; without it, what is sent is the message."""
    sent = simulator.run(document(folder, **values | {"losses": {"share": 0.3}})).requests
    message = simulator.run(document(folder, **values | {"losses": None})).requests
    assert not {"bytes_up_lost", "bytes_down_lost"} & set(message.columns)
    assert (sent["bytes_up_lost"] >= 0).all()
    spare = sent["bytes_up_lost"] if values["retransmit"] else 0.0
    assert np.array_equal(sent["bytes_up"] - spare, message["bytes_up"])
    assert (sent["bytes_up_lost"] <= sent["bytes_up"]).all()
    answered = (sent["status"] == "completed") & (message["status"] == "completed")
    same = answered & (sent["reason"] == message["reason"])
    spare_down = sent["bytes_down_lost"] if values["retransmit"] else 0.0
    assert np.array_equal((sent["bytes_down"] - spare_down)[same], message["bytes_down"][same])


@given(**changes)
def test_charges_add_up_to_power_times_time(folder: Path, **values: Any) -> None:
    """Twin: walk each device's states from instant to instant and add power times time."""
    system, plans = prepare(load_scenario(document(folder, **values)))
    plans = with_drawn_channels(plans, system, 0)
    workload = draw(sources(system), values["seed"], 0)
    for plan in plans:
        log = reference.run(plan, workload)
        end = end_of_run_s(plan, workload, log)
        charged = attribute(system, plan, workload, log).total_j
        for device in range(system.devices):
            mine = workload.device == device
            if mine.any():
                walked = walked_j(system, plan, workload, log, device, end)
                assert charged[mine].sum() == pytest.approx(walked, rel=1e-9, abs=1e-9)


def airtime_until(plan: Any, workload: Any, log: Any, cell: int, end: float) -> Any:
    """What each transfer that a shared cell has had from the start would have got of its airtime by an instant."""
    begins, ends = [], []
    for stage, bits in (("uplink", plan.work("uplink")), ("downlink", plan.work("downlink"))):
        begin = log.start_s[stage] + np.nan_to_num(log.wake_s[stage])
        over = np.where(np.isnan(log.end_s[stage]), end, log.end_s[stage])
        shares = (plan.cell_of[workload.device] == cell) & (bits[log.row] > 0) & (begin < end)
        begins.append(begin[shares])
        ends.append(over[shares])
    begin, over = np.concatenate(begins), np.concatenate(ends)
    instants = np.unique(np.concatenate((begin, over, [0.0])))
    at_once = [((begin <= a) & (b <= over)).sum() for a, b in pairwise(instants)]
    given_s = np.concatenate(([0.0], np.cumsum(np.diff(instants) / np.maximum(at_once, 1))))
    return lambda instant: float(np.interp(instant, instants, given_s))


def walked_j(system: Any, plan: Any, workload: Any, log: Any, device: int, end: float) -> float:
    """Energy of one device by walking through its states."""
    mine = workload.device == device

    def intervals(stage: str) -> list[tuple[float, float]]:
        starts, ends = log.start_s[stage][mine], log.end_s[stage][mine]
        known = ~np.isnan(starts)
        return list(zip(starts[known].tolist(), np.where(np.isnan(ends), end, ends)[known].tolist(), strict=True))

    def bits_from(stage: str) -> list[float]:
        starts, wakes = log.start_s[stage][mine], log.wake_s[stage][mine]
        known = ~np.isnan(starts)
        return (starts[known] + np.nan_to_num(wakes[known])).tolist()

    group = system.groups[plan.group_of[device]]
    card_, radio_ = group.card, group.radio
    computing = intervals("device") + intervals("fallback")
    up = [(a, min(b, c), c) for (a, c), b in zip(intervals("uplink"), bits_from("uplink"), strict=True)]
    down = [(a, min(b, c), c) for (a, c), b in zip(intervals("downlink"), bits_from("downlink"), strict=True)]
    transfers = up + down
    tail_ends = radio_.tail_ends_s.tolist()

    def radio_w(at: float) -> float:
        if any(b <= at < c for _, b, c in transfers):
            return radio_.active_power.value
        ends = [c for a, _, c in transfers if c <= at]
        waking = [a for a, b, _ in transfers if a <= at < b]
        quiet = (waking[0] if waking else at) - max(ends, default=-np.inf)
        stage = sum(quiet >= tail_end for tail_end in tail_ends)
        if waking:
            return radio_.wake_powers_w[stage]
        return radio_.tail_powers_w[stage] if stage < len(tail_ends) else radio_.idle_power.value

    instants = {0.0, end, *(t for pair in computing for t in pair), *(t for three in transfers for t in three)}
    instants |= {c + tail_end for _, _, c in transfers for tail_end in tail_ends if c + tail_end < end}
    total = 0.0
    for start, stop in pairwise(sorted(instants)):
        middle = (start + stop) / 2
        at_work = any(a <= middle < b for a, b in computing)
        total += (stop - start) * ((card_.active_w if at_work else card_.idle_w) + radio_w(middle))
    for way, channel, each in (
        (up, plan.links["uplink"].channel(device), radio_.uplink_energy_per_bit.value),
        (down, plan.links["downlink"].channel(device), radio_.downlink_energy_per_bit.value),
    ):
        arrays = (channel.edges_s, channel.rates_bps, channel.cumulative_bits)
        if plan.cell_of is None:
            total += sum(each * bits_sent(begin, stop - begin, *arrays) for _, begin, stop in way)
        else:
            given_by = airtime_until(plan, workload, log, plan.cell_of[device], end)
            total += sum(each * channel.rates_bps[0] * (given_by(stop) - given_by(begin)) for _, begin, stop in way)
    return total
