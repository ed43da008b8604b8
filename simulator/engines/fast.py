"""The fast engine: the event loop of `engines.loop`, compiled by numba and kept on disk.

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
from types import FunctionType
from typing import Any

from simulator.engines import loop, queues, records, serving, steps, world
from simulator.engines.interrupts import interrupts_held_back
from simulator.engines.log import RequestLog, closed_log, columns_of, empty_book
from simulator.engines.media import cells, doors, frames, lora_talk, lorawan, own_channel
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
    lorawan,
    lora_talk,
    doors,
    serving,
    world,
    loop,
)

#: one function is made of all of them: they pass tuples of tables, which would be copied at each call. No memory is taken
#: in compiled code, so that nothing is counted; counting references would take ten times as long as the run
_OPTIONS = {"forceinline": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@cache
def _simulate(has_lorawan: bool) -> Callable[..., Any]:
    """The compiled event loop; the first call on a machine compiles it, later ones load it."""
    import numba

    sources = "".join(inspect.getsource(module) for module in (*_MODULES, frames, steps, records))
    fingerprint = int(hashlib.sha256(sources.encode()).hexdigest()[:12], 16)
    simulate = _compiled(loop.simulate, {"HAS_LORAWAN": has_lorawan}, {})

    # it closes over the fingerprint and the flag, which numba makes a part of the key of its cache
    @numba.njit(cache=True, _nrt=False)
    def run_events(state, agenda):  # type: ignore[no-untyped-def]
        return fingerprint > 0 and (has_lorawan or not has_lorawan) and simulate(state, agenda)

    compiled: Callable[..., Any] = run_events
    return compiled


def _compiled(function: Any, flags: dict[str, bool], made: dict[Any, Any]) -> Any:
    """A function for numba, and so all that it calls; ``made`` holds those that are there already.

    Each gets a name space of its own in which the functions that it calls are compiled ones and the flags are set.
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
        own = FunctionType(function.__code__, space, function.__name__)
        made[function] = numba.njit(**_OPTIONS)(own)
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
    simulate = _simulate(plan.lora is not None)
    columns, rows = columns_of(plan), plan.rows(workload)
    book = empty_book(columns, workload.size)
    state = world.make_world(plan, workload, rows, columns, book)
    agenda = loop.make_agenda(state)
    while not simulate(state, agenda):
        state = state._replace(lora=lorawan.with_room(state.lora))
    at = state.hall.at
    log = closed_log(plan, columns, book, rows, (at["status"], at["reason"], at["batch"]))
    if plan.lora is None:
        return log
    return replace(log, frames=frames.FrameLog(state.lora.frames[: state.lora.frame_count[0]]))
