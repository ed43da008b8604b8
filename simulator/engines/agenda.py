"""The calendar of the readable engine: SimPy's, with absolute instants and the order of events at one instant."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

import simpy
from simpy.events import Event

#: added to the number of a shared medium, so that its end comes after the other completions of its instant
MEDIUM = 1 << 39
#: added to the request number of a decision, so that it comes after every completion of its instant
DECISION = 1 << 40
#: a time-out comes last: it only asks a server to look again
TIMEOUT = 2 << 40

Callbacks = list[Callable[[Any], None]]


class Moment(Event):
    """Something happens to one request, shared medium or server."""

    def __init__(self, agenda: Agenda, owner: int, callbacks: Callbacks) -> None:
        self.env = agenda
        self.callbacks = callbacks
        self.owner = owner
        self._ok = True
        self._value = None


class Agenda(simpy.Environment):
    """A SimPy environment that takes absolute instants, so that an arrival happens exactly when it was drawn."""

    def at(self, instant_s: float, priority: int, owner: int, callbacks: Callbacks) -> None:
        """Let something happen at an instant; at equal instants the smaller priority comes first."""
        heappush(self._queue, (instant_s, priority, next(self._eid), Moment(self, owner, callbacks)))  # type: ignore[misc]
