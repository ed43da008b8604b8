"""What devices know when they decide anew for each request, and the decision; both engines use it.

**What stands at its own stations.** A device counts the work of all who stand at its processor and at its uplink. Who
is being served counts as a whole until it ends: how far a transfer has come it does not see. A message counts with its
bits, work with what is to be expected of a sample whose way out is not known yet.

**The rate of its uplink.** The bits of the last message over the time that they took, the promotion of the radio left
out and what was sent again counted in; known from the end of that transfer on. A transfer of no bits teaches nothing.
Before the first one the device believes in the mean rate of its link.

**News of servers.** When a worker takes a batch, the server writes on each of its requests how many are left waiting.
The device learns it with the answer, after the way back. Of all news of a server it keeps the freshest: an answer may
overtake another one. Before the first answer it takes the queue to be empty. Who is refused brings no news.

All of it changes at completions, so a decision knows those of its own instant, and none of a later one. Nothing of it
hangs on the order of the completions of an instant.

The functions are written in the subset of Python that numba compiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.records import INT, REAL, as_objects, table
from simulator.engines.steps import NOBODY
from simulator.plan.plan import Plan
from simulator.plan.rules import PER_BIT_S, PROCESSOR_S, SERVERS_S, TICKS_PER_BIT, TICKS_PER_S, UPLINK_S
from simulator.plan.stages import PROCESSOR, SERVER, Stage

Floats = NDArray[np.float64]

#: compiled code for runs that decide nothing anew is made with False here, and without the functions of this file
HAS_RULE = True
#: own stations of a device
OWN_PROCESSOR, OWN_UPLINK = range(2)


class Beliefs(NamedTuple):
    """What devices know, and what they decide by.

    Attributes
    ----------
    own : array of int, shape (stages,)
        Which of its own stations serves a stage, -1 for none.
    ticks : array of int, shape (legs,)
        See `simulator.plan.rules.Rule`.
    standing : array of int64, shape (2 devices,)
        Ticks of work at the processor and at the uplink of each device.
    devices : records, shape (devices,)
        ``rate_bps``, ``rate_s``: rate of the uplink as far as it is known, and since when. ``group``.
    heard : records, shape (devices, servers)
        ``waiting``: how many waited; ``since_s``: when.
    waiting : array of int, shape (servers x requests,)
    since_s : array of float, shape (servers x requests,)
        The same as it stands on a request that has been at a server.
    knows_s : array of float, shape (3 + servers,)
        What the device that decides knows, see `simulator.plan.rules`.
    first, constant_s, weights, each_s
        See `simulator.plan.rules.Rule`; all end to end.
    shift : array of int, shape (options,)
        From the row with which a request comes to that of an option.
    """

    own: Any
    ticks: Any
    standing: Any
    devices: Any
    heard: Any
    waiting: Any
    since_s: Any
    knows_s: Any
    first: Any
    constant_s: Any
    weights: Any
    each_s: Any
    shift: Any


def make_beliefs(plan: Plan, requests: int) -> Beliefs | tuple[()]:
    """What devices know before the first arrival; nothing where they decide nothing."""
    rule = plan.rule
    if rule is None:
        return ()
    devices, servers = plan.group_of.size, rule.each_s.shape[1]
    options = np.diff(rule.first)
    return Beliefs(
        own=np.array([_own_station(stage) for stage in plan.stages], dtype=np.int8),
        ticks=rule.ticks,
        standing=np.zeros(2 * devices, dtype=np.int64),
        devices=table(
            devices,
            rate_bps=(REAL, rule.mean_rate_bps[plan.group_of]),
            rate_s=(REAL, -np.inf),
            group=(INT, plan.group_of),
        ),
        heard=table((devices, servers), waiting=(INT, 0), since_s=(REAL, -np.inf)),
        waiting=np.zeros(servers * requests, dtype=np.int32),
        since_s=np.full(servers * requests, -np.inf),
        knows_s=np.zeros(SERVERS_S + servers),
        first=rule.first,
        constant_s=rule.constant_s,
        weights=rule.weights.ravel(),
        each_s=rule.each_s.ravel(),
        shift=rule.row - np.repeat(plan.chosen_row, options),
    )


def beliefs_in_objects(b: Beliefs) -> Beliefs:
    """The same for plain Python."""
    tables = {name: as_objects(getattr(b, name)) for name in ("devices", "heard")}
    return Beliefs(**tables, **{name: part.tolist() for name, part in b._asdict().items() if name not in tables})


def _own_station(stage: Stage) -> int:
    if stage.kind == PROCESSOR:
        return OWN_PROCESSOR
    return OWN_UPLINK if stage.station == "uplink" else -1


def settle(w: Any, request: int, now: float) -> None:
    """A request arrives: its device decides which row it takes."""
    device = w.traffic.device[request]
    look(w.beliefs, device, now)
    w.traffic.row[request] += w.beliefs.shift[decide(w.beliefs, w.beliefs.devices[device].group)]


def look(b: Any, device: int, now: float) -> None:
    """Bring together what a device knows; who waited at a server is being served since, for all that it knows."""
    known = b.devices[device]
    b.knows_s[PROCESSOR_S] = standing_s(b, device)
    b.knows_s[PER_BIT_S] = 1.0 / known.rate_bps
    b.knows_s[UPLINK_S] = standing_bits(b, device) / known.rate_bps
    servers = len(b.knows_s) - SERVERS_S
    for k in range(servers):
        news = b.heard[device][k]
        b.knows_s[SERVERS_S + k] = max(news.waiting * b.each_s[known.group * servers + k] - (now - news.since_s), 0.0)


def standing_s(b: Any, device: int) -> float:
    """Work that stands at the processor of a device."""
    return float(b.standing[2 * device + OWN_PROCESSOR] / TICKS_PER_S)


def standing_bits(b: Any, device: int) -> float:
    """Bits that stand at the uplink of a device."""
    return float(b.standing[2 * device + OWN_UPLINK] / TICKS_PER_BIT)


def decide(b: Any, group: int) -> int:
    """The option of a group with the least score; the earlier one wins a tie."""
    chosen = b.first[group]
    lowest = np.inf
    size = len(b.knows_s)
    for option in range(b.first[group], b.first[group + 1]):
        score = b.constant_s[option]
        for k in range(size):
            score += b.weights[size * option + k] * b.knows_s[k]
        if score < lowest:
            lowest = score
            chosen = option
    return int(chosen)


def note_come(w: Any, request: int) -> None:
    """A request has joined the queue of its leg."""
    b, number = w.beliefs, w.hall.at[request].leg
    station = b.own[w.legs[number].stage]
    if station >= 0:
        b.standing[2 * w.traffic.device[request] + station] += b.ticks[number]


def note_gone(w: Any, request: int, now: float) -> None:
    """The leg of a request is over."""
    b, number, device = w.beliefs, w.hall.at[request].leg, w.traffic.device[request]
    leg = w.legs[number]
    station = b.own[leg.stage]
    if station < 0:
        return
    b.standing[2 * device + station] -= b.ticks[number]
    if station == OWN_UPLINK and leg.work > 0:
        stage = w.stages[leg.stage]
        begin = float(w.book.block[stage.column, request])
        if stage.wake_column >= 0 and w.book.block[stage.wake_column, request] > 0:
            begin += float(w.book.block[stage.wake_column, request])
        if now > begin:
            b.devices[device].rate_bps = leg.work / (now - begin)
            b.devices[device].rate_s = now


def note_batch(w: Any, k: int, leader: int, now: float) -> None:
    """A worker of server k has taken a batch: its requests take along how many are left."""
    request = leader
    while request != NOBODY:
        w.beliefs.waiting[w.traffic.size * k + request] = w.hall.servers[k].waiting
        w.beliefs.since_s[w.traffic.size * k + request] = now
        request = w.hall.at[request].follower


def note_answer(w: Any, request: int) -> None:
    """An answer is on its device: it brings news of servers, of which the freshest is kept.

    Of two batches that were taken at one instant the later one left fewer.
    """
    b, device = w.beliefs, w.traffic.device[request]
    for k in range(len(b.knows_s) - SERVERS_S):
        known, place = b.heard[device][k], w.traffic.size * k + request
        waiting, since = b.waiting[place], b.since_s[place]
        if since > known.since_s or (since == known.since_s and waiting < known.waiting):
            known.waiting = waiting
            known.since_s = since


def servers_of(plan: Plan) -> list[str]:
    """Names of the servers in the order of `Beliefs.heard`."""
    return [stage.name for stage in plan.stages if stage.kind == SERVER and not stage.served_by]
