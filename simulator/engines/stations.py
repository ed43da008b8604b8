"""The stations of the reference engine: queues in front of servers, and the edge server with its batches.

A station knows its own queue and servers; what happens at a start or a completion is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from simulator.physics.queueing import has_room
from simulator.plan.serving import ServingPlan


class Station:
    """A first-come first-served queue in front of one server."""

    def __init__(self, number: int, begin: Callable[[int], None]) -> None:
        self.number = number
        self.free = 1
        self.begin = begin
        self.waiting: list[tuple[float, int]] = []
        self.due = False

    def join(self, now_s: float, request: int) -> None:
        """Queue a request."""
        heappush(self.waiting, (now_s, request))

    def can_start(self, now_s: float) -> bool:  # noqa: ARG002
        """Whether a server is free for a request that waits."""
        return bool(self.free and self.waiting)

    def start(self, now_s: float) -> None:  # noqa: ARG002
        """Start the first waiting request."""
        self.free -= 1
        self.begin(heappop(self.waiting)[1])


class EdgeServer(Station):
    """Several workers that take batches from one queue of limited length, ordered by urgency.

    Who comes stands at the door until the completions of the instant are over, and then joins the queue as far as
    there is room, in the order of the queue.
    """

    def __init__(
        self,
        number: int,
        serving: ServingPlan,
        urgency: list[float],
        joined: Callable[[int], None],
        begin: Callable[[list[int]], None],
    ) -> None:
        self.number = number
        self.serving = serving
        self.urgency = urgency
        self.free = serving.workers
        self.joined = joined
        self.begin_batch = begin
        self.door: list[tuple[float, int]] = []
        self.queue: list[tuple[float, float, int]] = []
        self.by_age: list[tuple[float, int]] = []
        self.batched: set[int] = set()
        self.unfinished: dict[int, list[int]] = {}
        self.due = False

    @property
    def admits(self) -> bool:
        """Whether there is room for the first request at the door."""
        rules = self.serving
        return bool(self.door) and has_room(len(self.queue), self.free, rules.max_batch, rules.queue_limit)

    def join(self, now_s: float, request: int) -> None:  # noqa: ARG002
        """A request comes to the door."""
        heappush(self.door, (self.urgency[request], request))

    def admit(self, now_s: float) -> None:
        """Queue the first request at the door."""
        urgency, request = heappop(self.door)
        heappush(self.queue, (urgency, now_s, request))
        if self.serving.max_wait_s > 0:
            heappush(self.by_age, (now_s, request))
        self.joined(request)

    def can_start(self, now_s: float) -> bool:
        """Whether there is room for who is at the door, or a worker for a batch."""
        return self.admits or self.has_batch(now_s)

    def has_batch(self, now_s: float) -> bool:
        """Whether a worker is free for a batch that is full or has waited long enough."""
        if not (self.free and self.queue):
            return False
        return len(self.queue) >= self.serving.max_batch or now_s >= self.latest_start_s()

    def latest_start_s(self) -> float:
        """Instant at which the longest-waiting request has waited long enough."""
        if self.serving.max_wait_s <= 0:
            return 0.0
        while self.by_age[0][1] in self.batched:
            self.batched.remove(heappop(self.by_age)[1])
        return self.by_age[0][0] + self.serving.max_wait_s

    def start(self, now_s: float) -> None:
        """Let in who finds room, and start a batch of the first waiting requests if there is one."""
        while self.admits:
            self.admit(now_s)
        if self.has_batch(now_s):
            self.start_batch()

    def start_batch(self) -> None:
        """A worker takes the first waiting requests."""
        self.free -= 1
        batch = [heappop(self.queue)[2] for _ in range(min(self.serving.max_batch, len(self.queue)))]
        if self.serving.max_wait_s > 0:
            self.batched.update(batch)
        left = [len(batch)]
        self.unfinished.update(dict.fromkeys(batch, left))
        self.begin_batch(batch)

    def end(self, request: int) -> None:
        """One request of a batch completes; the last one frees the worker."""
        left = self.unfinished.pop(request)
        left[0] -= 1
        if not left[0]:
            self.free += 1


class Door(Station):
    """Who still stands at the door of the edge server when nothing else can happen at an instant is turned away."""

    def __init__(self, number: int, edge: EdgeServer, refuse: Callable[[int], None]) -> None:
        self.number = number
        self.edge = edge
        self.refuse = refuse
        self.due = False

    def can_start(self, now_s: float) -> bool:  # noqa: ARG002
        """Whether somebody stands there."""
        return bool(self.edge.door)

    def start(self, now_s: float) -> None:  # noqa: ARG002
        """Turn everybody away."""
        while self.edge.door:
            self.refuse(heappop(self.edge.door)[1])
