"""The fast engine: the event loop of `engines.loop` and the passes of `engines.forward`, compiled and kept on disk.

It runs every plan and gives the same log as `engines.reference`, bit for bit. The functions of `physics` that it uses
are the same Python functions, compiled. The cache on disk is keyed by the source of all of them, so that a change
in any is never answered with old machine code. What a run does not need is not compiled for it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import CellType, FunctionType
from typing import Any

import numpy as np

from simulator.engines import deciding, forward, loop, queues, records, serving, steps, world
from simulator.engines.forward import pass_through
from simulator.engines.interrupts import interrupts_held_back
from simulator.engines.log import RequestLog, closed_log, columns_of, empty_book
from simulator.engines.loop import simulate
from simulator.engines.media import cells, doors, frames, lora_state, lora_talk, lorawan, own_channel
from simulator.physics import duty, link, lora, losses, queueing, rrc, sharing
from simulator.plan.plan import Plan
from simulator.workload import Workload

#: modules whose functions compiled code calls
_MODULES = (
    link,
    rrc,
    losses,
    queueing,
    sharing,
    lora,
    duty,
    queues,
    own_channel,
    cells,
    lora_state,
    lorawan,
    lora_talk,
    doors,
    serving,
    deciding,
    world,
    loop,
    forward,
)
#: ways through a run, compiled as they are: a function that only called one would be as much work again
_WAYS = {"events": simulate, "decisions": simulate, "passes": pass_through}


@cache
def _entry(name: str, has_lorawan: bool) -> Callable[..., Any]:
    """A compiled way through a run; the first call on a machine compiles it, later ones load it."""
    sources = "".join(inspect.getsource(module) for module in (*_MODULES, frames, steps, records))
    flags = {"HAS_LORAWAN": has_lorawan, "HAS_RULE": name == "decisions"}
    key = hashlib.sha256(f"{flags} {sources}".encode()).hexdigest()
    compiled: Callable[..., Any] = _compiled(_WAYS[name], flags, {}, key)
    return compiled


def _compiled(function: Any, flags: dict[str, bool], made: dict[Any, Any], key: str = "") -> Any:
    """A function for numba, and so all that it calls; ``made`` holds those that are there already.

    What has a key is kept on disk.

    Each gets a name space of its own in which the functions that it calls are compiled ones and the flags are set. One
    function is made of all: they pass tuples of tables, which would be copied at each call. No memory is taken in
    compiled code, so that none is counted; counting references would take ten times as long as the run.
    """
    import numba

    if function not in made:
        space = dict(function.__globals__)
        for name in function.__code__.co_names:
            value = space.get(name)
            if name in flags:
                space[name] = flags[name]
            elif isinstance(value, FunctionType) and inspect.getmodule(value) in _MODULES:
                space[name] = _compiled(value, flags, made)
        code, closure = function.__code__, function.__closure__
        if key:  # numba looks code on disk up by what a function is closed over, among others
            code, closure = code.replace(co_freevars=("key",)), (CellType(key),)
        own = FunctionType(code, space, function.__name__, None, closure)
        wrappers = {} if key else {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        made[function] = numba.njit(cache=bool(key), forceinline=not key, _nrt=False, **wrappers)(own)
    return made[function]


def run(plan: Plan, workload: Workload) -> RequestLog:
    """Run one policy over one workload.

    Parameters
    ----------
    plan : Plan
    workload : Workload

    Returns
    -------
    RequestLog
        Instants of every request, ordered by request number: the same as those of the reference engine.
    """
    with interrupts_held_back():
        return _run(plan, workload)


def _run(plan: Plan, workload: Workload) -> RequestLog:
    log = passed(plan, workload) if forward.way_through(plan) == "passes" else None
    return looped(plan, workload) if log is None else log


def looped(plan: Plan, workload: Workload) -> RequestLog:
    """The log of a run from event to event, as every plan can be run."""
    simulated = _entry("decisions" if plan.decides_anew else "events", plan.lora is not None)
    columns, rows = columns_of(plan), plan.rows(workload)
    book = empty_book(columns, workload.size)
    state = world.make_world(plan, workload, rows, columns, book)
    agenda = loop.make_agenda(state)
    while not simulated(state, agenda):
        state = doors.with_more_room(state)
    at = state.hall.at
    log = closed_log(plan, columns, book, rows, (at["status"], at["reason"], at["batch"]))
    return replace(log, frames=doors.frames_of(state))


def passed(plan: Plan, workload: Workload) -> RequestLog | None:
    """The log of a run without an event list; None where its order of events cannot be told so."""
    columns, rows = columns_of(plan), plan.rows(workload)
    book = empty_book(columns, workload.size)
    passage = forward.make_passage(plan, workload, rows, columns, book)
    if not _entry("passes", False)(passage):
        return None
    return closed_log(plan, columns, book, rows, (passage.status, np.zeros(rows.size), passage.batch))
