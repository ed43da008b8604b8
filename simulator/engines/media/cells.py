"""Cells whose airtime is shared: who transfers in which, and which transfer ends next. Both engines use it.

A cell keeps a heap of its transfers, ordered by the virtual time at which each ends (`simulator.physics.sharing`),
then by request number. An engine asks for the instant of the next end whenever somebody has come or gone; an instant
that it was told earlier is out of date then.

The functions are written in the subset of Python that numba compiles.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.queues import drop_first, push
from simulator.engines.records import INT, REAL, table
from simulator.physics.sharing import next_end_s, virtual_at


class Cells(NamedTuple):
    """State of all cells.

    Attributes
    ----------
    cells : records, shape (cells,)
        ``size``: transfers that are going on. ``virtual_s``, ``since_s``: virtual time, and the instant of that.
        ``due_s``: instant of the next end.
    ends : array of float, shape (cells, places)
    requests : array of int, shape (cells, places)
        Heaps.
    airtime_s : array of float, shape (requests,)
        Airtime of the transfer that a request has begun.
    """

    cells: Any
    ends: NDArray[np.float64]
    requests: NDArray[np.int64]
    airtime_s: NDArray[np.float64]


def make_cells(cell_of: NDArray[Any], requests: int) -> Cells:
    """Empty cells for devices of which each may send and receive at the same time; -1 stands for no cell."""
    members = np.bincount(cell_of[cell_of >= 0])
    count, places = members.size, 2 * int(members.max(initial=0))
    return Cells(
        table(count, virtual_s=(REAL, 0.0), since_s=(REAL, 0.0), due_s=(REAL, np.inf), size=(INT, 0)),
        np.empty((count, places)),
        np.empty((count, places), dtype=np.int64),
        np.empty(requests if count else 0),
    )


def enter_cell(state: Any, number: int, now: float, request: int) -> float:
    """A transfer that needs its airtime begins; returns the instant of the next end in the cell."""
    cell, ends = state.cells[number], state.ends[number]
    cell.virtual_s = virtual_at(now, cell.virtual_s, cell.since_s, cell.size)
    cell.since_s = now
    push(ends, state.requests[number], cell.size, cell.virtual_s + state.airtime_s[request], request)
    cell.size += 1
    cell.due_s = next_end_s(ends[0], cell.virtual_s, now, cell.size)
    return float(cell.due_s)


def leave_cell(state: Any, number: int, now: float) -> int:
    """The transfer that is due ends; returns its request, and ``due_s`` holds the instant of the next end."""
    cell, ends, requests = state.cells[number], state.ends[number], state.requests[number]
    request = int(requests[0])
    cell.virtual_s = ends[0]
    cell.since_s = now
    drop_first(ends, requests, cell.size)
    cell.size -= 1
    cell.due_s = np.inf
    if cell.size > 0:
        cell.due_s = next_end_s(ends[0], cell.virtual_s, now, cell.size)
    return request


def note_airtime_left(state: Any, left_s: Any, now: float) -> None:
    """Note the airtime that each unfinished transfer still needs at the end of a run, by request."""
    for number in range(len(state.cells)):
        cell = state.cells[number]
        virtual = virtual_at(now, cell.virtual_s, cell.since_s, cell.size)
        for k in range(cell.size):
            left_s[state.requests[number, k]] = max(state.ends[number, k] - virtual, 0.0)
