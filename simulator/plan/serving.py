"""How the edge server takes requests from its queue: workers, batches, limits and order, as numbers for an engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: a queue limit that no run reaches
UNLIMITED = 1 << 60


@dataclass(frozen=True, eq=False)
class ServingPlan:
    """Rules of the edge server.

    Attributes
    ----------
    workers : int
        Batches that are computed at once.
    max_batch : int
        Most requests in one batch.
    max_wait_s : float
        Longest time that a request waits for its batch to fill while a worker is idle.
    queue_limit : int
        Most requests that wait; `UNLIMITED` for no limit.
    fallback : bool
        Whether a request that finds the queue full finishes on its device; it is dropped otherwise.
    batch_factor : array, shape (max_batch + 1,)
        Time of a batch of b requests over the time of one; entry 1 is 1.
    """

    workers: int
    max_batch: int
    max_wait_s: float
    queue_limit: int
    fallback: bool
    batch_factor: NDArray[np.float64]

    @property
    def plain(self) -> bool:
        """Whether the server is a first-come queue without batches and limit."""
        return self.max_batch == 1 and self.queue_limit >= UNLIMITED

    @classmethod
    def one_by_one(cls, workers: int) -> ServingPlan:
        """One request at a time for each worker, no limits."""
        return cls(workers, 1, 0.0, UNLIMITED, False, np.array([0.0, 1.0]))
