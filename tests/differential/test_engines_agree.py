"""The fast engine gives the same log as the readable one, bit for bit, and right engines are told from wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from heapq import heappop, heappush

import numpy as np
import pytest
from generated import cases, lone_plan, lora_cases
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from simulator.engines import fast, lora_network, reference, stations
from simulator.engines.log import RequestLog
from simulator.engines.media.frames import REQUEST
from simulator.physics import queueing
from simulator.plan.plan import Plan
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

    def start(station: stations.Station, now_s: float) -> None:
        station.free -= 1
        station.begin(-heappop(station.waiting)[1])

    monkeypatch.setattr(stations.Station, "join", join)
    monkeypatch.setattr(stations.Station, "start", start)


def close_batches_one_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_batch(edge: stations.EdgeServer) -> None:
        whole = edge.serving
        edge.serving = replace(whole, max_batch=max(1, whole.max_batch - 1))
        original(edge)
        edge.serving = whole

    original = stations.EdgeServer.start_batch
    monkeypatch.setattr(stations.EdgeServer, "start_batch", start_batch)


def start_before_the_instant_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def consider(run: reference.Run, station: stations.Station) -> None:
        while station.can_start(run.agenda.now):
            station.start(run.agenda.now)

    monkeypatch.setattr(reference.Run, "consider", consider)


def time_out_only_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def latest_start_s(edge: stations.EdgeServer) -> float:
        return original(edge) + 1e-9

    original = stations.EdgeServer.latest_start_s
    monkeypatch.setattr(stations.EdgeServer, "latest_start_s", latest_start_s)


def let_one_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stations, "has_room", lambda *state: queueing.has_room(*state[:-1], state[-1] + 1))


def count_who_could_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those who wait count, idle workers or not."""
    monkeypatch.setattr(stations, "has_room", lambda waiting, _idle, _most, limit: waiting < limit)


def let_only_one_join_each_idle_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch that an idle worker gathers is forgotten."""
    monkeypatch.setattr(stations, "has_room", lambda waiting, idle, _, limit: waiting < idle + limit)


def turn_away_before_the_completions_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes is let in or refused at once, so that it matters whether a worker is free before or afterwards."""

    def join(edge: stations.EdgeServer, now_s: float, request: int) -> None:
        original(edge, now_s, request)
        if edge.admits:
            edge.admit(now_s)

    def reach_edge(run: reference.Run, moment: reference.Moment) -> None:
        whole(run, moment)
        run.door.start(run.agenda.now)

    original, whole = stations.EdgeServer.join, reference.Run.reach_edge
    monkeypatch.setattr(stations.EdgeServer, "join", join)
    monkeypatch.setattr(reference.Run, "reach_edge", reach_edge)


def let_in_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the smaller number goes in first, urgent or not."""

    def join(edge: stations.EdgeServer, now_s: float, request: int) -> None:
        heappush(edge.door, (0.0, request))

    def admit(edge: stations.EdgeServer, now_s: float) -> None:
        others = edge.door
        request = heappop(others)[1]
        edge.door = [(edge.urgency[request], request)]
        original(edge, now_s)
        edge.door = others

    original = stations.EdgeServer.admit
    monkeypatch.setattr(stations.EdgeServer, "join", join)
    monkeypatch.setattr(stations.EdgeServer, "admit", admit)


def start_a_frame_while_an_answer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_frame(network: lora_network.LoraNetwork, moment: reference.Moment) -> None:
        network.radios.ready_s[:] = 0.0
        original(network, moment)

    original = lora_network.LoraNetwork.start_frame
    monkeypatch.setattr(lora_network.LoraNetwork, "start_frame", start_frame)


def ask_before_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without giving way to them, which would never end."""
    ask_while_a_message_waits(monkeypatch)

    def start(uplink: lora_network.LoraUplink, now_s: float) -> None:
        if uplink.network.has_to_ask(uplink.device):
            uplink.free -= 1
            uplink.network.ask(uplink.device)
        else:
            original(uplink, now_s)

    original = lora_network.LoraUplink.start
    monkeypatch.setattr(lora_network.LoraUplink, "start", start)


def ask_while_a_message_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planned empty frame does not give way to a message that has come meanwhile."""

    def start_frame(network: lora_network.LoraNetwork, moment: reference.Moment) -> None:
        station = network.run.uplinks[network.run.device[moment.request]]
        waiting, station.waiting = station.waiting, []
        original(network, moment)
        station.waiting = waiting

    original = lora_network.LoraNetwork.start_frame
    monkeypatch.setattr(lora_network.LoraNetwork, "start_frame", start_frame)


def bring_answers_with_their_own_frames_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def send_answer(network: lora_network.LoraNetwork, request: int) -> None:
        row = network.radios.row[network.run.device[request]]
        if network.frames[row, REQUEST] == request:
            original(network, request)

    original = lora_network.LoraNetwork.send_answer
    monkeypatch.setattr(lora_network.LoraNetwork, "send_answer", send_answer)


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
    reverse_ties,
    close_batches_one_early,
    start_before_the_instant_is_over,
    time_out_only_afterwards,
    let_one_more_wait,
    count_who_could_start,
    let_only_one_join_each_idle_worker,
    turn_away_before_the_completions_are_over,
    let_in_by_number,
]
OVER_LORA: list[Mutate] = [
    complete_in_reverse_order,
    reverse_ties,
    start_a_frame_while_an_answer_comes,
    ask_before_those_who_wait,
    ask_while_a_message_waits,
    bring_answers_with_their_own_frames_only,
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


@settings(max_examples=800, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_it_does_not_matter_in_which_order_an_instant_is_worked_off(
    case: tuple[Plan, Workload], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completions of one instant in reverse order, arrivals at the edge server among them, change nothing."""
    with monkeypatch.context() as reversed_order:
        complete_in_reverse_order(reversed_order)
        readable = reference.run(*case)
    assert differences(readable, fast.run(*case)) == []


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
