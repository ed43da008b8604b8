"""Cells whose airtime is shared: who transfers in which, and which transfer ends next. Both engines use it.

A cell keeps a heap of its transfers, ordered by the virtual time at which each ends (`simulator.physics.sharing`),
then by request number. An engine asks for the instant of the next end whenever somebody has come or gone; an instant
that it was told earlier is out of date then.

The functions are written in the subset of Python that numba compiles. A cell's state is a tuple of arrays: ``first``
(cells + 1,) bounds of its places; ``ends`` and ``requests`` (places,) the heaps; ``size``, ``virtual_s``, ``since_s``,
``due_s`` (cells,) number of transfers, virtual time, instant of that, instant of the next end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.queues import drop_first, push
from simulator.physics.sharing import next_end_s, virtual_at


def make_cells(cell_of: NDArray[np.int32]) -> Any:
    """Empty cells for devices of which each may send and receive at the same time; -1 stands for no cell."""
    members = np.bincount(cell_of[cell_of >= 0])
    cells = members.size
    first = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(2 * members)))
    places = int(first[-1])
    return (
        first,
        np.empty(places),
        np.empty(places, dtype=np.int64),
        np.zeros(cells, dtype=np.int64),
        np.zeros(cells),
        np.zeros(cells),
        np.full(cells, np.inf),
    )


def enter_cell(cells: Any, cell: int, now: float, airtime_s: float, request: int) -> float:
    """A transfer that needs so much airtime begins; returns the instant of the next end in the cell."""
    first, ends, requests, size, virtual_s, since_s, due_s = cells
    a, b = first[cell], first[cell + 1]
    virtual_s[cell] = virtual_at(now, virtual_s[cell], since_s[cell], size[cell])
    since_s[cell] = now
    push(ends[a:b], requests[a:b], size[cell], virtual_s[cell] + airtime_s, request)
    size[cell] += 1
    due_s[cell] = next_end_s(ends[a], virtual_s[cell], now, size[cell])
    return float(due_s[cell])


def leave_cell(cells: Any, cell: int, now: float) -> int:
    """The transfer that is due ends; returns its request, and ``due_s`` holds the instant of the next end."""
    first, ends, requests, size, virtual_s, since_s, due_s = cells
    a, b = first[cell], first[cell + 1]
    request = int(requests[a])
    virtual_s[cell] = ends[a]
    since_s[cell] = now
    drop_first(ends[a:b], requests[a:b], size[cell])
    size[cell] -= 1
    due_s[cell] = np.inf
    if size[cell] > 0:
        due_s[cell] = next_end_s(ends[a], virtual_s[cell], now, size[cell])
    return request


def airtime_left_s(cells: Any, now: float, left_s: Any) -> None:
    """Note the airtime that each unfinished transfer still needs at the end of a run, by request."""
    first, ends, requests, size, virtual_s, since_s, _ = cells
    for cell in range(size.size):
        virtual = virtual_at(now, virtual_s[cell], since_s[cell], size[cell])
        for k in range(first[cell], first[cell] + size[cell]):
            left_s[requests[k]] = max(ends[k] - virtual, 0.0)
