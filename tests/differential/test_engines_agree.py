"""The fast engine gives the same log as the readable one, bit for bit, and right engines are told from wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from heapq import heappop, heappush

import numpy as np
import pytest
from generated import cases, lora_cases
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from simulator.engines import fast, lora_network, reference, stations
from simulator.engines.base import RequestLog
from simulator.physics.link import Channel
from simulator.plan.plan import Plan
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.workload import Workload


def differences(one: RequestLog, other: RequestLog) -> list[str]:
    """Names of the columns whose bytes differ."""

    def content(log: RequestLog, name: str) -> bytes:
        column = getattr(log, name)
        return b"" if column is None else column.tobytes()

    return [f.name for f in fields(RequestLog) if content(one, f.name) != content(other, f.name)]


@settings(max_examples=1500)
@given(cases())
def test_both_engines_give_the_same_bytes(case: tuple[Plan, Workload]) -> None:
    plan, workload = case
    assert differences(reference.run(plan, workload), fast.run(plan, workload)) == []


@settings(max_examples=800)
@given(lora_cases())
def test_both_engines_give_the_same_bytes_over_lora(case: tuple[Plan, Workload]) -> None:
    """What they share, the rules of a device, has laws of its own; this is about the events around them."""
    assert differences(reference.run(*case), fast.run(*case)) == []


def decide_before_completions(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arrival is decided, and what it makes possible started, before the completions of its instant.

    Deciding early alone cannot show while decisions do not look at the state of the stations.
    """
    monkeypatch.setattr(reference, "_DECISION", -(1 << 40))
    start_before_the_instant_is_over(monkeypatch)


def complete_in_reverse_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(agenda: reference.Agenda, instant_s: float, priority: int, request: int, callbacks: list) -> None:
        completion = priority == request
        original(agenda, instant_s, -priority if completion else priority, request, callbacks)

    original = reference.Agenda.at
    monkeypatch.setattr(reference.Agenda, "at", at)


def reverse_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    def join(station: stations.Station, now_s: float, request: int) -> None:
        heappush(station.waiting, (now_s, -request))

    def start(station: stations.Station) -> None:
        station.free -= 1
        station.begin(-heappop(station.waiting)[1])

    monkeypatch.setattr(stations.Station, "join", join)
    monkeypatch.setattr(stations.Station, "start", start)


def close_batches_one_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(edge: stations.EdgeServer) -> None:
        whole = edge.serving
        edge.serving = replace(whole, max_batch=max(1, whole.max_batch - 1))
        original(edge)
        edge.serving = whole

    original = stations.EdgeServer.start
    monkeypatch.setattr(stations.EdgeServer, "start", start)


def start_before_the_instant_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def consider(run: reference.Run, station: stations.Station) -> None:
        while station.can_start(run.agenda.now):
            station.start()

    monkeypatch.setattr(reference.Run, "consider", consider)


def time_out_only_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def latest_start_s(edge: stations.EdgeServer) -> float:
        return original(edge) + 1e-9

    original = stations.EdgeServer.latest_start_s
    monkeypatch.setattr(stations.EdgeServer, "latest_start_s", latest_start_s)


def let_one_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(edge: stations.EdgeServer) -> bool:
        return len(edge.queue) > edge.serving.queue_limit

    monkeypatch.setattr(stations.EdgeServer, "full", property(full))


def start_a_frame_while_an_answer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_frame(network: lora_network.LoraNetwork, moment: reference.Moment) -> None:
        network.radios.ready_s[:] = 0.0
        original(network, moment)

    original = lora_network.LoraNetwork.start_frame
    monkeypatch.setattr(lora_network.LoraNetwork, "start_frame", start_frame)


def ask_before_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(network: lora_network.LoraNetwork, request: int) -> None:
        station = network.run.uplinks[network.run.device[request]]
        network.asking.add(request)
        station.join(-1.0, request)
        network.run.consider(station)

    monkeypatch.setattr(lora_network.LoraNetwork, "ask", ask)


def note_an_answer_after_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(network: lora_network.LoraNetwork, request: int) -> None:
        horizon, network.run.horizon_s = network.run.horizon_s, np.inf
        original(network, request)
        network.run.horizon_s = horizon

    original = lora_network.LoraNetwork.answer
    monkeypatch.setattr(lora_network.LoraNetwork, "answer", answer)


Mutate = Callable[[pytest.MonkeyPatch], None]
MUTANTS: list[Mutate] = [
    decide_before_completions,
    complete_in_reverse_order,
    reverse_ties,
    close_batches_one_early,
    start_before_the_instant_is_over,
    time_out_only_afterwards,
    let_one_more_wait,
]
OVER_LORA: list[Mutate] = [
    complete_in_reverse_order,
    reverse_ties,
    start_a_frame_while_an_answer_comes,
    ask_before_those_who_wait,
    note_an_answer_after_the_horizon,
]


@pytest.mark.parametrize(
    ("mutate", "strategy"), [*((one, cases()) for one in MUTANTS), *((one, lora_cases()) for one in OVER_LORA)]
)
def test_a_wrong_engine_is_caught(
    mutate: Mutate, strategy: st.SearchStrategy[tuple[Plan, Workload]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within as many generated cases as the comparisons above run, a case shows each mutant."""
    mutate(monkeypatch)

    def shows(case: tuple[Plan, Workload]) -> bool:
        return bool(differences(reference.run(*case), fast.run(*case)))

    find(strategy, shows, settings=settings(max_examples=800, phases=[Phase.generate]))


@pytest.mark.parametrize("order", ["deadline", "priority"])
def test_long_queues_in_order_of_urgency_agree(order: str) -> None:
    """Two hundred requests wait at once, more than the fast engine has room for at first."""
    count = 300
    generator = np.random.Generator(np.random.PCG64(7))
    groups = 3
    plan = replace(
        lone_plan(groups),
        deadline_s=np.array([5.0, 1.0, 3.0]),
        priority=np.array([2.0, 0.0, 1.0]),
        order=order,
    )
    arrival = np.sort(generator.integers(0, 8, count) / 8)
    device = generator.integers(0, groups, count).astype(np.int32)
    by_number = np.lexsort((device, arrival))
    ones = np.ones(count)
    workload = Workload(arrival[by_number], device[by_number], np.zeros(count, dtype=np.int64), ones, ones)
    readable, quick = reference.run(plan, workload), fast.run(plan, workload)
    assert differences(readable, quick) == []
    waiting = (readable.uplink_end_s[:, None] <= 1.0) & (readable.edge_start_s[:, None] > 1.0)
    assert waiting.sum() > 64


def lone_plan(groups: int) -> Plan:
    """One device for each group; an instant uplink, one worker that takes 1/8 s."""
    channel = Channel.constant(1.0)
    index = np.arange(groups, dtype=np.int32)
    return Plan(
        policy="edge",
        choices=(),
        device_s=np.zeros(groups),
        bits_up=np.zeros(groups),
        edge_s=np.full(groups, 0.125),
        bits_down=np.zeros(groups),
        on_device=np.zeros(groups, dtype=bool),
        offloaded=np.ones(groups, dtype=bool),
        fallback_s=np.zeros(groups),
        partition=("input",) * groups,
        exit=("final",) * groups,
        chosen_row=index,
        final=np.zeros(groups, dtype=np.int32),
        taken=(None,) * groups,
        group_of=index,
        uplink=(channel,) * groups,
        downlink=(channel,) * groups,
        uplink_of=index,
        downlink_of=index,
        propagation_s=np.zeros(groups),
        tail_ends_s=(np.empty(0),) * groups,
        wake_delays_s=(np.zeros(1),) * groups,
        deadline_s=np.full(groups, np.inf),
        priority=np.zeros(groups),
        order="arrival",
        serving=ServingPlan(1, 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0])),
        horizon_s=np.inf,
        tolerates_loss=np.zeros(groups, dtype=bool),
    )
