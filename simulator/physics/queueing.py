"""When a queue of limited length is full.

Rule of the project (its design, section 4, rule 4): a queue is full for a request that could neither start at that
instant nor find a place to wait. An idle worker that gathers a batch counts as one that could start: who joins its
batch needs no place. With ``queue_limit`` 0 and batches of one this is Erlang's loss system M/M/c/c (Erlang 1917).

What is counted must be counted when the rest of an instant has been worked off: after its completions.
"""

from __future__ import annotations


def left_waiting(waiting: int, idle_workers: int, max_batch: int) -> int:
    """How many of those who wait need a place to wait: those who do not fit into the batches of idle workers."""
    return max(waiting - idle_workers * max_batch, 0)


def has_room(waiting: int, idle_workers: int, max_batch: int, queue_limit: int) -> bool:
    """Whether one more request could start, join a batch that an idle worker gathers, or find a place to wait.

    Parameters
    ----------
    waiting : int
        Requests in the queue, those of batches that idle workers gather included.
    idle_workers : int
    max_batch : int
        Most requests in one batch.
    queue_limit : int
        Places to wait.
    """
    return left_waiting(waiting + 1, idle_workers, max_batch) <= queue_limit
