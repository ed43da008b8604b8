"""The fast engine gives the same log as the readable one, bit for bit, and right engines are told from wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated import cases, lone_plan, lora_cases
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from simulator.engines import agenda, desk, fast, reference, serving
from simulator.engines.log import DROPPED, RequestLog
from simulator.engines.media import doors, lora_talk
from simulator.engines.media.frames import REQUEST
from simulator.engines.queues import leave_queue
from simulator.engines.serving import admits, has_batch
from simulator.engines.steps import FRAME_START, NOBODY, Step
from simulator.physics import queueing
from simulator.plan.plan import Plan
from simulator.plan.routes import NO_ROW
from simulator.plan.stages import SERVER
from simulator.workload import Workload

#: engines are named where they matter
pytestmark = pytest.mark.engine_free


def differences(one: RequestLog, other: RequestLog) -> list[str]:
    """Names of the columns whose bytes differ."""

    def content(log: RequestLog, name: str) -> bytes:
        column = getattr(log, name)
        return b"" if column is None else column.tobytes()

    names = ("row", "status", "reason", "batch", "block", "frames")
    return [name for name in names if content(one, name) != content(other, name)]


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
    monkeypatch.setattr(agenda, "DECISION", -(1 << 40))
    start_before_the_instant_is_over(monkeypatch)


def complete_in_reverse_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def at(calendar: agenda.Agenda, instant_s: float, priority: int, owner: int, callbacks: list) -> None:
        completion = priority == owner
        original(calendar, instant_s, -priority if completion else priority, owner, callbacks)

    original = agenda.Agenda.at
    monkeypatch.setattr(agenda.Agenda, "at", at)


def reverse_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those who join a processor or a link at one instant the larger number goes first."""

    def queue_up(station: Any, at: Any, request: int, now: float) -> None:
        line = [request]
        while station.head != NOBODY:
            line.append(leave_queue(station, at))
        joined = {other: now if other == request else at[other].joined_s for other in line}
        for place, other in enumerate(sorted(line, key=lambda other: (joined[other], -other))):
            original(station, at, other, place)  # places stand for instants, so that the order is this one
        for other in line:
            at[other].joined_s = joined[other]

    original = reference.queue_up
    monkeypatch.setattr(reference, "queue_up", queue_up)


def close_batches_one_early(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_batch(hall: Any, k: int) -> int:
        server = hall.servers[k]
        whole, server.max_batch = server.max_batch, max(1, server.max_batch - 1)
        leader = original(hall, k)
        server.max_batch = whole
        return leader

    original = reference.take_batch
    monkeypatch.setattr(reference, "take_batch", take_batch)


def start_before_the_instant_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def consider(run: reference.Run, number: int) -> None:
        station = run.stations[number]
        while station.free and (station.head != NOBODY or doors.wants(run.w, number)):
            run.start(number)

    def consider_server(run: reference.Run, k: int) -> None:
        while admits(run.w.hall, k) or has_batch(run.w.hall, k, run.agenda.now):
            run.start(run.w.hall.servers[k].station)

    monkeypatch.setattr(reference.Run, "consider", consider)
    monkeypatch.setattr(reference.Run, "consider_server", consider_server)


def time_out_only_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (desk, reference):
        monkeypatch.setattr(module, "has_batch", lambda hall, k, now: has_batch(hall, k, now - 1e-9))


def let_one_more_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "has_room", lambda *state: queueing.has_room(*state[:-1], state[-1] + 1))


def count_who_could_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those who wait count, idle workers or not."""
    monkeypatch.setattr(serving, "has_room", lambda waiting, _idle, _most, limit: waiting < limit)


def let_only_one_join_each_idle_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch that an idle worker gathers is forgotten."""
    monkeypatch.setattr(serving, "has_room", lambda waiting, idle, _, limit: waiting < idle + limit)


def turn_away_before_the_completions_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes is let in or refused at once, so that it matters whether a worker is free before or afterwards."""

    def join(run: reference.Run, request: int) -> None:
        original(run, request)
        stage = run.stages[run.leg(request).stage]
        if stage.kind == SERVER:
            if admits(run.w.hall, stage.place):
                serving.enter(run.w.hall, stage.place, serving.leave_door(run.w.hall, stage.place), run.agenda.now)
                run.await_batch(stage.place)
            run.turn_away(stage.place)

    original = reference.Run.join
    monkeypatch.setattr(reference.Run, "join", join)


def let_in_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the smaller number goes in first, urgent or not."""

    def leave_door(hall: Any, k: int) -> int:
        others = sorted(original(hall, k) for _ in range(hall.servers[k].at_door))
        for other in others[1:]:
            serving.come(hall, k, other, hall.at[other].joined_s)
        return others[0]

    original = serving.leave_door
    monkeypatch.setattr(reference, "leave_door", leave_door)


def take_another_row_after_a_full_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is turned back starts its route anew instead of taking the row that takes over."""

    def turn_away(run: reference.Run, k: int) -> None:
        rows = {r: run.first_leg[r] for r in range(len(run.at)) if run.leg(r).full_row != NO_ROW}
        original(run, k)
        for request, leg in rows.items():
            if run.at[request].reason and run.leg(request).full_row == NO_ROW and run.at[request].status != DROPPED:
                run.at[request].leg = leg

    original = reference.Run.turn_away
    monkeypatch.setattr(reference.Run, "turn_away", turn_away)


def start_a_frame_while_an_answer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def goes_on(w: Any, request: int, device: int, what: int, now: float) -> Step:
        if what == FRAME_START:
            for radio in w.lora.devices:
                radio.ready_s = 0.0
        return original(w, request, device, what, now)

    original = doors.goes_on
    monkeypatch.setattr(doors, "goes_on", goes_on)


def ask_before_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without giving way to them, which would never end."""
    ask_while_a_message_waits(monkeypatch)

    def start(run: reference.Run, number: int) -> None:
        if number < len(run.stations) and run.stations[number].free and doors.wants(run.w, number):
            run.is_due[number] = False
            run.stations[number].free -= 1
            run.expect(*doors.starts(run.w, number, run.agenda.now))
        else:
            original(run, number)

    original = reference.Run.start
    monkeypatch.setattr(reference.Run, "start", start)


def ask_while_a_message_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planned empty frame does not give way to a message that has come meanwhile."""

    def goes_on(w: Any, request: int, device: int, what: int, now: float) -> Step:
        if what != FRAME_START:
            return original(w, request, device, what, now)
        station = w.hall.stations[w.lora.station + device]
        head, station.head = station.head, NOBODY
        done = original(w, request, device, what, now)
        station.head = head
        return done

    original = doors.goes_on
    monkeypatch.setattr(doors, "goes_on", goes_on)


def bring_answers_with_their_own_frames_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def send_answer(lora: Any, book: Any, request: int, device: int, now: float) -> float:
        if lora.frames[lora.devices[device].row, REQUEST] == request:
            return original(lora, book, request, device, now)
        return np.inf

    original = lora_talk.send_answer
    monkeypatch.setattr(lora_talk, "send_answer", send_answer)


def note_an_answer_after_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_comes(lora: Any, book: Any, request: int, device: int, now: float, bits: float) -> Step:
        return original(lora._replace(horizon_s=np.inf), book, request, device, now, bits)

    original = doors.answer_comes
    monkeypatch.setattr(doors, "answer_comes", answer_comes)


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
    take_another_row_after_a_full_queue,
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
    for case in (cases(), lora_cases()):  # what is compiled is not to be changed
        find(case, lambda case: fast.run(*case) is not None, settings=settings(phases=[Phase.generate]))
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
    waiting = (readable.end_s["uplink"][:, None] <= 1.0) & (readable.start_s["edge"][:, None] > 1.0)
    assert waiting.sum() > 64
