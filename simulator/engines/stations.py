"""The stations of the reference engine: queues in front of servers, and the edge server with its batches.

A station knows its own queue and servers; what happens at a start or a completion is the engine's business.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

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

    def start(self) -> None:
        """Start the first waiting request."""
        self.free -= 1
        self.begin(heappop(self.waiting)[1])


class EdgeServer(Station):
    """Several workers that take batches from one queue of limited length, ordered by urgency."""

    def __init__(
        self, number: int, serving: ServingPlan, urgency: list[float], begin: Callable[[list[int]], None]
    ) -> None:
        self.number = number
        self.serving = serving
        self.urgency = urgency
        self.free = serving.workers
        self.begin_batch = begin
        self.queue: list[tuple[float, float, int]] = []
        self.by_age: list[tuple[float, int]] = []
        self.batched: set[int] = set()
        self.unfinished: dict[int, list[int]] = {}
        self.due = False

    @property
    def full(self) -> bool:
        """Whether a request that comes now finds no room."""
        return len(self.queue) >= self.serving.queue_limit

    def join(self, now_s: float, request: int) -> None:
        """Queue a request."""
        heappush(self.queue, (self.urgency[request], now_s, request))
        if self.serving.max_wait_s > 0:
            heappush(self.by_age, (now_s, request))

    def can_start(self, now_s: float) -> bool:
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

    def start(self) -> None:
        """Start a batch of the first waiting requests."""
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
