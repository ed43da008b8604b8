"""The order of a region, the branches of a block: dynamic programming over the sets of units that have run.

Only sets count of which no other unit could run without adding to what is alive; between two of them lies a unit that
adds, and all that can run behind it without adding. `ordering` says which order is the best one. Left out: where more
than `WIDTH` sets of one size compete, only those with the least crossing bytes are followed; a region of more than
`LARGEST` units, such as a loop over time, keeps the order in which it is written.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

from simulator.profiling.partition import fewest_bytes
from simulator.profiling.trunk import Trunk

#: sets of units of one size that are followed, and units beyond which none are
WIDTH, LARGEST = 32, 256


#: bytes, and number of tensors
_Alive = tuple[int, int]


@dataclass(frozen=True)
class _Step:
    """A unit that runs, and what is alive behind it."""

    unit: int
    alive: _Alive


@dataclass(frozen=True, eq=False)
class _Move:
    """Steps from a state to the next.

    Attributes
    ----------
    steps : tuple of _Step
    done : int
        What has run behind them.
    least : float
        The least bytes alive behind a step, the end of the region aside, where every order has the same.
    cost : int
        Bytes alive over multiply-accumulates.
    """

    steps: tuple[_Step, ...]
    done: int
    least: float
    cost: int


@dataclass(frozen=True, eq=False)
class _Way:
    """An order of the units of a state: its last move, and the way to where that begins."""

    before: _Way | None
    move: _Move
    cost: int


@dataclass(eq=False)
class _State:
    """A set of units that have run, of which the others can only run by adding bytes.

    Attributes
    ----------
    done : int
        The set, a bit for each unit.
    alive : (int, int)
        Bytes and tensors behind it.
    ready : list of int
        Units that can run.
    moves : list of _Move
        What follows if one of them does.
    ways : dict of bool to _Way
        The best order that has passed the least crossing bytes, and the best that has not.
    """

    done: int
    alive: _Alive
    ready: list[int]
    moves: list[_Move] = field(default_factory=list)
    ways: dict[bool, _Way] = field(default_factory=dict)


class Region:
    """The search for the order of a region; its units are numbered from 0 as they stand."""

    def __init__(self, trunk: Trunk, region: range) -> None:
        self._trunk, self._first = trunk, region.start
        self._macs = trunk.macs[region.start : region.stop]
        self._looks = trunk.looks[region.start : region.stop]
        self._whole, self._is_last = (1 << len(region)) - 1, region.stop == len(trunk.units)
        self._needs = [0] * len(region)
        self._users: list[set[int]] = [set() for _ in region]
        for unit, number in enumerate(region):
            for source in trunk.reads[number]:
                maker = trunk.unit_of[source] - region.start
                if 0 <= maker != unit:
                    self._needs[unit] |= 1 << maker
                    self._users[maker].add(unit)
        touched = [{*trunk.units[number], *trunk.reads[number]} for number in region]
        roots = [{trunk.root[tensor] for tensor in tensors} for tensors in touched]
        self._readers: dict[int, int] = {}
        for tensor in (tensor for root in set().union(*roots) for tensor in trunk.trees[root]):
            later = {min(k, region.stop) for k in trunk.readers.get(tensor, ()) if k >= region.start}
            self._readers[tensor] = sum(1 << k - region.start for k in later)
        # most tensors have no views: they are alive with all of their bytes or not at all
        self._viewed = [sorted(root for root in some if len(trunk.trees[root]) > 1) for some in roots]
        self._made, self._freed = list[_Alive](), list[list[tuple[int, int]]]()
        for unit, number in enumerate(region):
            plain = [tensor for tensor in sorted(touched[unit]) if len(trunk.trees[trunk.root[tensor]]) == 1]
            made = [k for k in plain if k in trunk.units[number] and self._readers[k] & ~(1 << unit)]
            self._made.append((sum(trunk.sizes[k] for k in made), len(made)))
            self._freed.append([(self._readers[k], trunk.sizes[k]) for k in plain if k not in trunk.units[number]])
        self._known: dict[tuple[int, ...], _Alive] = {}

    def order(self) -> list[int]:
        """The units in the order in which they run, as the trunk numbers them."""
        if len(self._needs) == 1 or len(self._needs) > LARGEST:
            return list(range(self._first, self._first + len(self._needs)))
        best, least = self._search()
        ends = self._ends() if self._is_last else []
        if len(ends) > 1 and ends[0][0][0] < least:
            self._hold_back(ends[0][-1])
            best, _ = self._search()
        written = self._as_written()
        chosen = written if self._cuts(written) == self._cuts(best) else best
        return [step.unit + self._first for step in chosen]

    def _search(self) -> tuple[list[_Step], float]:
        """The best order, and the least bytes alive on the way."""
        begin, first = self._settled(0, (0, 0), self._begin(), [])
        states = self._explored(begin)
        least = min(move.least for move in (first, *(move for state in states.values() for move in state.moves)))
        begin.ways[first.least == least] = _Way(None, first, first.cost)
        for state in states.values():
            for move in state.moves:
                if move.done in states:
                    self._follow(state, move, states[move.done].ways, least)
        last = states[self._whole].ways
        return _steps(last[max(last)]), least

    def _ends(self) -> list[tuple[_Alive, tuple[Any, ...], str, int]]:
        """Results that nobody reads, by what they need if they come last."""
        ends = [unit for unit, users in enumerate(self._users) if not users]
        return sorted((self._before(unit), self._looks[unit], self._places[unit], unit) for unit in ends)

    def _before(self, unit: int) -> _Alive:
        """What is alive, more than at first, where all but one unit have run."""
        done, alive = 0, (0, 0)
        for other in range(len(self._needs)):
            if other != unit:
                done, alive, _ = self._run(done, alive, (), other)
        return alive

    def _hold_back(self, last: int) -> None:
        """A unit waits for all others."""
        self._needs[last] = self._whole & ~(1 << last)
        for unit, users in enumerate(self._users):
            if unit != last:
                users.add(last)

    def _begin(self) -> list[int]:
        return [unit for unit, needs in enumerate(self._needs) if not needs]

    def _as_written(self) -> list[_Step]:
        done, alive, ready, steps = 0, (0, 0), self._begin(), list[_Step]()
        for unit in range(len(self._needs)):
            done, alive, ready = self._run(done, alive, ready, unit)
            steps.append(_Step(unit, alive))
        return steps

    def _cuts(self, steps: Sequence[_Step]) -> set[tuple[int, _Alive]]:
        """What cuts behind these steps show: the work before them, and what is alive."""
        work = accumulate(self._macs[step.unit] for step in steps)
        return {(macs, step.alive) for macs, step in zip(work, steps, strict=True)}

    def _explored(self, begin: _State) -> dict[int, _State]:
        """All states in the order of their sizes, or the most promising ones of each size."""
        waiting = {begin.done.bit_count(): {begin.done: begin}}
        kept: dict[int, _State] = {}
        while waiting:
            level = waiting.pop(min(waiting)).values()
            for state in self._promising(list(level)):
                kept[state.done] = state
                for unit in state.ready:
                    done, alive, ready = self._run(state.done, state.alive, state.ready, unit)
                    target, move = self._settled(done, alive, ready, [_Step(unit, alive)])
                    waiting.setdefault(target.done.bit_count(), {}).setdefault(target.done, target)
                    state.moves.append(move)
        return kept

    def _promising(self, level: list[_State]) -> list[_State]:
        if len(level) <= WIDTH:
            return level
        level.sort(key=lambda one: one.alive)
        last = level[WIDTH - 1].alive
        equal = sorted((one for one in level if one.alive == last), key=lambda one: (self._mark(one.done), one.done))
        return ([one for one in level if one.alive < last] + equal)[:WIDTH]

    def _mark(self, done: int) -> int:
        """A number that tells sets apart whatever the order in which they are written."""
        return sum(int(self._places[unit], 16) for unit in range(len(self._needs)) if done >> unit & 1)

    def _follow(self, state: _State, move: _Move, ways: dict[bool, _Way], least: float) -> None:
        """Take a move from a state, and keep the way that it makes if it is the best one."""
        for has_met, way in state.ways.items():
            mine, met = _Way(way, move, way.cost + move.cost), has_met or move.least == least
            if met not in ways or self._is_better(mine, ways[met]):
                ways[met] = mine

    def _is_better(self, mine: _Way, other: _Way) -> bool:
        if mine.cost != other.cost:
            return mine.cost < other.cost
        return self._signs(mine) < self._signs(other)

    def _signs(self, way: _Way) -> tuple[list[tuple[Any, ...]], list[int]]:
        """What decides between ways of the same cost: what a cut shows, and then what was written first."""
        steps = _steps(way)
        return [(step.alive, self._looks[step.unit]) for step in steps], [step.unit for step in steps]

    def _settled(self, done: int, alive: _Alive, ready: Sequence[int], steps: Sequence[_Step]) -> tuple[_State, _Move]:
        """Run what adds nothing, that which frees most first, as long as there is any; with the steps before."""
        taken = list(steps)
        while True:
            free = [(added, self._looks[unit], unit) for unit in ready if (added := self._added(done, unit))[0] <= 0]
            if not free:
                break
            best = min(free)
            equal = [one[2] for one in free if one[:2] == best[:2]]
            unit = best[2] if len(equal) == 1 else min(equal, key=lambda one: (self._places[one], one))
            done, alive, ready = self._run(done, alive, ready, unit)
            taken.append(_Step(unit, alive))
        cost = sum(self._macs[step.unit] * step.alive[0] for step in taken)
        inner = taken[:-1] if done == self._whole else taken
        least = min((step.alive[0] for step in inner), default=math.inf)
        return _State(done, alive, list(ready)), _Move(tuple(taken), done, least, cost)

    def _run(self, done: int, alive: _Alive, ready: Sequence[int], unit: int) -> tuple[int, _Alive, list[int]]:
        """What has run, what is alive and what can run once a unit has run."""
        added = self._added(done, unit)
        done |= 1 << unit
        freed = [user for user in self._users[unit] if not self._needs[user] & ~done]
        return done, (alive[0] + added[0], alive[1] + added[1]), sorted({*ready, *freed} - {unit})

    def _added(self, done: int, unit: int) -> _Alive:
        """Bytes and tensors that are alive behind a unit less those before it."""
        size, tensors = self._made[unit]
        waiting = ~(done | 1 << unit)
        for readers, freed in self._freed[unit]:
            if not readers & waiting:
                size, tensors = size - freed, tensors - 1
        for root in self._viewed[unit]:
            before, after = self._alive(root, done), self._alive(root, ~waiting)
            size, tensors = size + after[0] - before[0], tensors + after[1] - before[1]
        return size, tensors

    def _alive(self, root: int, done: int) -> _Alive:
        """The fewest bytes from which all can be viewed that is still read of one piece of memory."""
        live = tuple(tensor for tensor in self._trunk.trees[root] if self._is_live(tensor, done))
        if live not in self._known:
            self._known[live] = fewest_bytes(set(live), self._trunk.parents, self._trunk.sizes)
        return self._known[live]

    def _is_live(self, tensor: int, done: int) -> bool:
        maker = self._trunk.unit_of[tensor] - self._first
        return (maker < 0 or bool(done >> maker & 1)) and bool(self._readers[tensor] & ~done)

    @cached_property
    def _places(self) -> list[str]:
        """What tells units of the same look apart: what they read and who reads it, step by step over the region."""
        mine, classes = [repr(look) for look in self._looks], 0
        while len(set(mine)) > classes:
            classes = len(set(mine))
            mine = [hashlib.sha256(repr(self._around(unit, mine)).encode()).hexdigest() for unit in range(len(mine))]
        return mine

    def _around(self, unit: int, known: Sequence[str]) -> tuple[Any, ...]:
        """A unit with all that it shares a tensor with."""
        trunk, number = self._trunk, unit + self._first

        def tensor(index: int) -> tuple[Any, ...]:
            later = [k - self._first for k in trunk.readers.get(index, ()) if k >= self._first]
            readers = sorted(known[k] if k < len(known) else "" for k in later)
            maker = trunk.unit_of[index] - self._first
            return trunk.sizes[index], readers, known[maker] if maker >= 0 else ""

        made = [tensor(index) for index in trunk.units[number]]
        return (
            known[unit],
            made,
            sorted(tensor(index) for index in trunk.reads[number] if index not in trunk.units[number]),
        )


def _steps(way: _Way) -> list[_Step]:
    moves: list[_Move] = []
    last: _Way | None = way
    while last is not None:
        moves.append(last.move)
        last = last.before
    return [step for move in reversed(moves) for step in move.steps]
