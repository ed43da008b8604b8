"""Decisions anew for each request: both engines agree, and a replay of the log comes to the same ones, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated import cases
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st
from replayed import Replay
from test_engines_agree import complete_in_reverse_order, differences
from test_routes_agree import routed

from simulator.engines import agenda, fast, observing, reference
from simulator.engines.deciding import note_answer
from simulator.engines.log import RequestLog
from simulator.engines.steps import IS_THERE, NOBODY
from simulator.physics.link import Channel
from simulator.plan.deciding import Basis, make_rule
from simulator.plan.medium import LinkPlan
from simulator.plan.plan import Plan
from simulator.plan.rules import SERVERS_S
from simulator.plan.serving import UNLIMITED, ServingPlan
from simulator.workload import Workload

#: engines are named where they matter
pytestmark = pytest.mark.engine_free

Case = tuple[Plan, Workload]


@st.composite
def contested(draw: Any) -> Case:
    """Fast links to a server of one or two workers, whose news decide; some requests arrive when an answer comes.

    Some requests take the server much longer than others, so that answers overtake each other.
    """
    plan, workload = draw(cases(lossy=0.0, shared=0.0, ruled=1.0).filter(lambda case: case[0].rule.row.size > 1))
    generator = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32 - 1))))
    of_each = np.zeros(plan.group_of.size, dtype=np.int32)
    weights = np.zeros_like(plan.rule.weights)
    weights[:, SERVERS_S:] = generator.integers(0, 2, (len(weights), 1))
    rule = replace(
        plan.rule,
        constant_s=generator.integers(0, 4, len(weights)) / 8,
        weights=weights,
        each_s=plan.rule.each_s * 0 + generator.integers(4, 17) / 8,
    )
    plan = replace(
        plan,
        rule=rule,
        links={name: LinkPlan((Channel.constant(64.0),), of_each) for name in plan.links},
        servers={"edge": ServingPlan(draw(st.integers(1, 2)), 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0]))},
        horizon_s=np.inf,
        order="arrival",
    )
    arrival_s = workload.arrival_s * draw(st.sampled_from([1.0, 4.0]))
    workload = replace(workload, edge_factor=generator.choice([0.25, 1.0, 8.0], workload.size))
    finish_s = reference.run(plan, replace(workload, arrival_s=arrival_s)).finish_s
    moved = (generator.random(workload.size) < 0.3) & ~np.isnan(finish_s)
    arrival_s = np.where(moved, generator.permutation(finish_s), arrival_s)
    arrival_s = np.where(np.isnan(arrival_s), workload.arrival_s, arrival_s)
    return plan, replace(workload, arrival_s=np.sort(arrival_s))


@settings(max_examples=1000)
@given(contested())
def test_both_engines_give_the_same_bytes_when_news_decide(case: Case) -> None:
    assert differences(reference.run(*case), fast.run(*case)) == []


@settings(max_examples=600)
@given(routed())
def test_both_engines_give_the_same_bytes_over_any_route(case: Case) -> None:
    """Two and three tiers, and stations that are visited again; each route is an option."""
    plan, workload = case
    rows, rates_bps = np.arange(plan.options, dtype=np.int32), dict.fromkeys(plan.links, 8.0)
    devices = plan.group_of.size
    free = replace(plan, taken=(None,) * devices, final=np.zeros(devices, dtype=np.int32))
    free = replace(free, rule=make_rule(free, [Basis(rows, np.ones(1), rates_bps)] * devices))
    assert differences(reference.run(free, workload), fast.run(free, workload)) == []


@settings(max_examples=1500)
@given(cases(ruled=1.0))
def test_both_engines_give_the_same_bytes(case: Case) -> None:
    assert differences(reference.run(*case), fast.run(*case)) == []


@settings(max_examples=800, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases(ruled=1.0))
def test_what_is_known_does_not_hang_on_the_order_of_an_instant(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as reversed_order:
        complete_in_reverse_order(reversed_order)
        readable = reference.run(*case)
    assert differences(readable, fast.run(*case)) == []


def with_what_was_known(plan: Plan, workload: Workload, monkeypatch: pytest.MonkeyPatch) -> tuple[RequestLog, Any]:
    """The log of the readable engine, and what the device of each request knew."""
    known: list[list[float]] = []

    def settle(w: Any, request: int, now: float) -> None:
        original(w, request, now)
        known.append(list(w.beliefs.knows_s))

    original = observing.settle
    with monkeypatch.context() as patch:
        patch.setattr(observing, "settle", settle)
        return reference.run(plan, workload), known


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.one_of(cases(ruled=1.0), contested()))
def test_a_replay_of_the_log_knows_and_decides_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is let in after a batch of no length at the same instant stands in no column, so there are none of these."""
    plan, workload = case
    assume(plan.servers["edge"].queue_limit == UNLIMITED or (plan.work("edge") > 0)[plan.visits("edge")].all())
    log, known = with_what_was_known(plan, workload, monkeypatch)
    replay = Replay(plan, workload, log)
    arrived = workload.arrival_s <= plan.horizon_s
    for request in np.flatnonzero(arrived).tolist():
        assert known[request] == replay.knows(request)
        assert log.row[request] == replay.decided(request)


def test_generated_devices_learn_and_change_their_minds() -> None:
    """Otherwise the comparisons above would say little."""
    options, rates, news = set(), set(), set()

    @settings(max_examples=60, phases=[Phase.generate], database=None)
    @given(cases(ruled=1.0))
    def look(case: Case) -> None:
        plan, workload = case
        log = reference.run(plan, workload)
        replay = Replay(plan, workload, log)
        for request in range(workload.size):
            options.add(int(log.row[request]) - replay.way(request))
            knows = replay.knows(request)
            rates.add(knows[1])
            news.add(knows[3])

    look()
    assert len(options) > 5
    assert len(rates) > 10
    assert len(news) > 5


@settings(max_examples=300)
@given(case=cases())
def test_the_rule_of_one_option_is_the_plan_without_a_rule(case: Case) -> None:
    """Bytes of either engine are those of the way without decisions."""
    plan, workload = case
    shares = np.ones(plan.final[0] + 1) / (plan.final[0] + 1)
    bases = [Basis(np.array([row], dtype=np.int32), shares, dict.fromkeys(plan.links, 1.0)) for row in plan.chosen_row]
    fixed = replace(plan, rule=make_rule(plan, bases))
    without = fast.run(plan, workload)
    assert differences(without, fast.run(fixed, workload)) == []
    assert differences(without, reference.run(fixed, workload)) == []


def decide_before_completions(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arrival is decided on what was known before the completions of its instant; starts keep their place."""
    monkeypatch.setattr(agenda, "DECISION", -(1 << 40))


def learn_from_an_answer_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device knows what the answer tells when it is sent, not when it has come."""

    def expect(run: reference.Run, request: int, what: int, when_s: float) -> None:
        original(run, request, what, when_s)
        if what == IS_THERE:
            note_answer(run.w, request)

    original = reference.Run.expect
    monkeypatch.setattr(reference.Run, "expect", expect)


def learn_from_an_answer_a_moment_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an answer tells is known only after the decisions of its instant."""

    def answered(run: reference.Run, request: int, now: float) -> None:
        unknown.append((now, request))
        run.block[run.book.finish, request] = now
        run.at[request].status = 0

    def arrive(run: reference.Run, moment: agenda.Moment) -> None:
        for k in [k for k, (when, _) in enumerate(unknown) if when < run.agenda.now][::-1]:
            note_answer(run.w, unknown.pop(k)[1])
        original(run, moment)

    def begin(run: reference.Run, plan: Plan, workload: Workload) -> None:
        unknown.clear()
        made(run, plan, workload)

    unknown: list[tuple[float, int]] = []
    original, made = reference.Run.arrive, reference.Run.__init__
    monkeypatch.setattr(reference.Run, "__init__", begin)
    monkeypatch.setattr(reference.Run, "arrive", arrive)
    monkeypatch.setattr(reference.Run, "answered", answered)


def count_the_batch_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def note_batch(w: Any, k: int, leader: int, now: float) -> None:
        server, size, request = w.hall.servers[k], 0, leader
        while request != NOBODY:
            size, request = size + 1, w.hall.at[request].follower
        server.waiting += size
        original(w, k, leader, now)
        server.waiting -= size

    original = reference.note_batch
    monkeypatch.setattr(reference, "note_batch", note_batch)


def keep_the_news_that_came_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """However old they are, so that an answer that was overtaken replaces what is known."""

    def note_answer_anyway(w: Any, request: int) -> None:
        if w.beliefs.since_s[request] > -np.inf:
            w.beliefs.heard[w.traffic.device[request]][0].since_s = -np.inf
        note_answer(w, request)

    monkeypatch.setattr(reference, "note_answer", note_answer_anyway)


def let_those_in_service_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is being served stands there no longer."""

    def begin(run: reference.Run, request: int) -> None:
        leg, device = run.at[request].leg, run.device[request]
        run.w.beliefs.standing[2 * device + run.w.beliefs.own[run.legs[leg].stage]] -= run.w.beliefs.ticks[leg]
        original(run, request)

    def note_gone(w: Any, request: int, now: float) -> None:
        before = list(w.beliefs.standing)
        learn(w, request, now)
        w.beliefs.standing[:] = before

    original, learn = reference.Run.begin, reference.note_gone
    monkeypatch.setattr(reference.Run, "begin", begin)
    monkeypatch.setattr(reference, "note_gone", note_gone)


def count_waking_as_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    def note_gone(w: Any, request: int, now: float) -> None:
        column = w.stages[1].wake_column
        kept = w.book.block[column, request] if column >= 0 else 0.0
        if column >= 0:
            w.book.block[column, request] = 0.0
        original(w, request, now)
        if column >= 0:
            w.book.block[column, request] = kept

    original = reference.note_gone
    monkeypatch.setattr(reference, "note_gone", note_gone)


Mutate = Callable[[pytest.MonkeyPatch], None]
MUTANTS: list[Mutate] = [
    decide_before_completions,
    count_the_batch_as_waiting,
    let_those_in_service_go,
    count_waking_as_sending,
]
OF_NEWS: list[Mutate] = [
    learn_from_an_answer_on_its_way,
    learn_from_an_answer_a_moment_late,
    keep_the_news_that_came_last,
]


@pytest.mark.parametrize(
    ("mutate", "strategy"), [*((one, cases(ruled=1.0)) for one in MUTANTS), *((one, contested()) for one in OF_NEWS)]
)
def test_a_wrong_engine_is_caught(
    mutate: Mutate, strategy: st.SearchStrategy[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within as many generated cases as the comparisons above run, a case shows each mutant."""
    find(strategy, lambda case: fast.run(*case) is not None, settings=settings(phases=[Phase.generate]))
    mutate(monkeypatch)

    def shows(case: Case) -> bool:
        return bool(differences(reference.run(*case), fast.run(*case)))

    find(strategy, shows, settings=settings(max_examples=1000, phases=[Phase.generate], database=None))
