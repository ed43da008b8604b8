"""Laws that hold for every run, on generated plans and workloads, in both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from generated import cases, remade, rest_s
from hypothesis import assume, given

from simulator.engines import fast, reference
from simulator.engines.log import COMPLETED, DROPPED, RequestLog
from simulator.physics.link import Channel, bits_sent
from simulator.plan.plan import Plan
from simulator.plan.routes import ANSWER_LOST, INPUT_LOST, QUEUE_FULL, TURNED_BACK
from simulator.workload import Workload

Run = Callable[[Plan, Workload], RequestLog]
engines = pytest.mark.parametrize("run", [reference.run, fast.run], ids=["reference", "fast"])
STAGES = ("device", "uplink", "edge", "downlink", "fallback")


def most_at_once(starts: np.ndarray, ends: np.ndarray) -> int:
    """Largest number of intervals [start, end) that are open at one instant; unfinished ones stay open."""
    ends = np.where(np.isnan(ends), np.inf, ends)
    open_at = [int(((starts <= start) & (start < ends)).sum()) for start in starts]
    return max(open_at, default=0)


@engines
@given(case=cases())
def test_instants_of_a_request_never_go_back(run: Run, case: tuple[Plan, Workload]) -> None:
    log = run(*case)
    path = np.column_stack(
        [case[1].arrival_s, *(part[stage] for stage in STAGES for part in (log.start_s, log.end_s)), log.finish_s]
    )
    for row in path:
        known = row[~np.isnan(row)]
        assert (np.diff(known) >= 0).all()


@engines
@given(case=cases())
def test_no_station_serves_more_than_it_can(run: Run, case: tuple[Plan, Workload]) -> None:
    """One request at a time on each processor, uplink and downlink; no more batches than workers."""
    plan, workload = case
    log = run(plan, workload)
    for device in range(plan.group_of.size):
        mine = workload.device == device
        first = mine & ~np.isnan(log.start_s["device"])
        second = mine & ~np.isnan(log.start_s["fallback"])
        starts = np.concatenate((log.start_s["device"][first], log.start_s["fallback"][second]))
        ends = np.concatenate((log.end_s["device"][first], log.end_s["fallback"][second]))
        assert most_at_once(starts, ends) <= 1
        for stage in ("uplink", "downlink"):
            begun = mine & ~np.isnan(log.start_s[stage])
            assert most_at_once(log.start_s[stage][begun], log.end_s[stage][begun]) <= 1
    leaders = np.flatnonzero(log.batch == np.arange(workload.size))
    assert most_at_once(log.start_s["edge"][leaders], log.end_s["edge"][leaders]) <= plan.servers["edge"].workers
    sizes = np.bincount(log.batch[log.batch >= 0], minlength=1)
    assert sizes.max(initial=0) <= plan.servers["edge"].max_batch


@engines
@given(case=cases())
def test_first_come_first_served_at_every_single_server(run: Run, case: tuple[Plan, Workload]) -> None:
    """Who joins a processor or a link earlier starts no later; of those who join together the smaller number."""
    plan, workload = case
    assume(not plan.servers["edge"].fallback)
    log = run(plan, workload)
    joined = {
        "device": np.where(plan.visits("device")[log.row], workload.arrival_s, np.nan),
        "uplink": np.where(plan.visits("device")[log.row], log.end_s["device"], workload.arrival_s),
        "downlink": log.end_s["edge"],
    }
    for stage, joins in joined.items():
        starts = log.start_s[stage]
        for device in range(plan.group_of.size):
            begun = np.flatnonzero((workload.device == device) & ~np.isnan(starts))
            order = np.lexsort((begun, joins[begun]))
            assert (np.diff(starts[begun][order]) >= 0).all()


@engines
@given(case=cases())
def test_every_transfer_carries_its_bits(run: Run, case: tuple[Plan, Workload]) -> None:
    """The rate integrated from start to end of a finished transfer is what was sent, repeated frames included."""
    plan, workload = case
    log = run(plan, workload)
    shares = np.zeros(workload.size, dtype=bool) if plan.cell_of is None else plan.cell_of[workload.device] >= 0
    for stage, link in plan.links.items():
        bits, channels = plan.work(stage), [link.channel(device) for device in range(plan.group_of.size)]
        starts, ends = log.start_s[stage], log.end_s[stage]
        sent = log.sent_bits[stage] if plan.counts_bits else bits[log.row]
        for i in np.flatnonzero(~np.isnan(ends) & ~shares):
            channel: Channel = channels[workload.device[i]]
            arrays = (channel.edges_s, channel.rates_bps, channel.cumulative_bits)
            begin = starts[i] + np.nan_to_num(log.wake_s[stage][i])
            assert bits_sent(begin, ends[i] - begin, *arrays) == pytest.approx(sent[i], abs=1e-9)


@engines
@given(case=cases(lossy=1.0))
def test_what_is_sent_is_delivered_or_lost(run: Run, case: tuple[Plan, Workload]) -> None:
    """Twin: send frame after frame in the order of the transfers, and look up which of them get through."""
    plan, workload = case
    log = run(plan, workload)
    for stage, bits, losses in (
        ("uplink", plan.work("uplink"), plan.links["uplink"].losses),
        ("downlink", plan.work("downlink"), plan.links["downlink"].losses),
    ):
        if losses is None:
            continue
        starts = log.start_s[stage]
        for device in range(plan.group_of.size):
            mine = np.flatnonzero((workload.device == device) & ~np.isnan(starts))
            k = losses.delivered_of[device]
            arrives = np.diff(losses.delivered[k]).astype(bool) if k >= 0 else np.ones(1, dtype=bool)
            transmission = 0
            for i in mine[np.lexsort((mine, starts[mine]))]:
                left, sent, lost = bits[log.row[i]], 0.0, 0.0
                while left > 0:
                    frame = min(left, losses.frame_bits[device])
                    sent += frame
                    through = arrives[transmission % arrives.size]
                    transmission += 1
                    lost += 0.0 if through else frame
                    left -= frame if through or not losses.retransmit[device] else 0.0
                assert (log.sent_bits[stage][i], log.lost_bits[stage][i]) == (sent, lost)
                reached = not np.isnan(log.start_s["edge"][i]) if stage == "uplink" else log.status[i] == COMPLETED
                spoilt = lost > 0 and not losses.retransmit[device]
                assert not (spoilt and reached) or (stage == "uplink" and plan.tolerates_loss[plan.group_of[device]])


@engines
@given(case=cases(shared=1.0))
def test_airtime_of_a_cell_is_shared_equally(run: Run, case: tuple[Plan, Workload]) -> None:
    """Between two instants each of n transfers gets one nth of the time, and it ends when it has got its airtime."""
    plan, workload = case
    assert plan.cell_of is not None
    log = run(plan, workload)
    rates = {
        name: np.array([link.channel(device).rates_bps[0] for device in range(plan.group_of.size)])
        for name, link in plan.links.items()
    }
    for cell in (0, 1):
        transfers = []
        for stage, rate_bps in rates.items():
            sent = log.sent_bits[stage]
            begin = log.start_s[stage] + np.nan_to_num(log.wake_s[stage])
            end = np.minimum(np.nan_to_num(log.end_s[stage], nan=np.inf), plan.horizon_s)
            for i in np.flatnonzero((plan.cell_of[workload.device] == cell) & (sent > 0)):
                if begin[i] <= plan.horizon_s:
                    left = np.nan_to_num(log.airtime_left_s[i]) if np.isnan(log.end_s[stage][i]) else 0
                    transfers.append((begin[i], end[i], sent[i] / rate_bps[workload.device[i]] - left))
        instants = np.unique([t for begin, end, _ in transfers for t in (begin, end)])
        for begin, end, airtime in transfers:
            given_s = 0.0
            for a, b in pairwise(instants.tolist()):
                if begin <= a and b <= end:
                    given_s += (b - a) / sum(other <= a and b <= over for other, over, _ in transfers)
            assert given_s == pytest.approx(airtime, abs=1e-9)


@engines
@given(case=cases())
def test_everything_twice_as_fast_is_over_in_half_the_time(run: Run, case: tuple[Plan, Workload]) -> None:
    """Halving every time and doubling every rate halves every instant, exactly, since halving is exact."""
    plan, workload = case

    def faster(channel: Channel) -> Channel:
        return Channel(channel.edges_s / 2, channel.rates_bps * 2)

    half = remade(
        plan,
        device_s=plan.work("device") / 2,
        edge_s=plan.work("edge") / 2,
        fallback_s=rest_s(plan) / 2,
        links={name: replace(link, channels=tuple(map(faster, link.channels))) for name, link in plan.links.items()},
        propagation_s=plan.propagation_s / 2,
        tail_ends_s=tuple(ends / 2 for ends in plan.tail_ends_s),
        wake_delays_s=tuple(delays / 2 for delays in plan.wake_delays_s),
        deadline_s=plan.deadline_s / 2,
        serving=replace(plan.servers["edge"], max_wait_s=plan.servers["edge"].max_wait_s / 2),
        horizon_s=plan.horizon_s / 2,
    )
    slow, quick = run(plan, workload), run(half, replace(workload, arrival_s=workload.arrival_s / 2))
    for stage in STAGES:
        for part in ("start_s", "end_s"):
            assert (getattr(slow, part)[stage] / 2).tobytes() == getattr(quick, part)[stage].tobytes()
    assert (slow.finish_s / 2).tobytes() == quick.finish_s.tobytes()


@engines
@given(case=cases())
def test_littles_law_over_a_whole_run(run: Run, case: tuple[Plan, Workload]) -> None:
    """The number of requests in the system, integrated by its steps, is the sum of their latencies."""
    plan, workload = case
    log = run(replace(plan, horizon_s=np.inf), workload)
    done = log.status == COMPLETED
    assume(done.any())
    instants = np.concatenate((workload.arrival_s[done], log.finish_s[done]))
    steps = np.concatenate((np.ones(done.sum()), -np.ones(done.sum())))
    order = np.argsort(instants, kind="stable")
    integral = np.cumsum(steps[order])[:-1] @ np.diff(instants[order])
    assert integral == pytest.approx((log.finish_s - workload.arrival_s)[done].sum(), abs=1e-9)


@engines
@given(case=cases())
def test_without_a_horizon_every_request_is_answered_or_dropped(run: Run, case: tuple[Plan, Workload]) -> None:
    """Only a full queue without a way back drops, and a link that does not repeat what it loses."""
    plan, workload = case
    log = run(replace(plan, horizon_s=np.inf), workload)
    assert np.isin(log.status, (COMPLETED, DROPPED)).all()
    assert (~np.isnan(log.finish_s) == (log.status == COMPLETED)).all()
    assert ((log.status == DROPPED) == np.isin(log.reason, (QUEUE_FULL, INPUT_LOST, ANSWER_LOST))).all()
    if plan.servers["edge"].fallback:
        assert (log.reason != QUEUE_FULL).all()
    else:
        assert (log.reason != TURNED_BACK).all()
