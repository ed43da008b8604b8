"""Requests that count, by policy and group, as numpy arrays: what metrics, comparisons and figures start from.

A `Selection` keeps row numbers into the requests table in order of (replication, arrival), so that request *i* of one
policy is request *i* of every other policy (all policies see the same arrivals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.accounts.request_columns import RequestColumns, group_names, policy_names
from simulator.accounts.window import Window
from simulator.arrays import Floats, Ints


@dataclass(frozen=True)
class Selection:
    """Requests of one policy (and of one group; ``""`` means of all groups) that count.

    Attributes
    ----------
    rows : int array, shape (requests,)
        Row numbers of the table in order of (replication, arrival, request).
    """

    columns: RequestColumns
    policy: str
    group: str
    rows: Ints

    def floats(self, name: str) -> Floats:
        """One numeric column of these requests, NaN where missing."""
        return self.columns.floats(name)[self.rows]

    def count(self, status: str) -> int:
        """Number of these requests with a status."""
        return int(self.columns.is_value("status", status)[self.rows].sum())

    @property
    def shares_idle_energy(self) -> bool:
        """Whether energy that no request caused is part of what these requests are charged."""
        return self.columns.has("energy_idle_j") and bool(self.floats("energy_idle_j").any())

    def completed(self, name: str) -> Floats:
        """One numeric column, NaN where the request is not completed."""
        done = self.columns.is_value("status", "completed")[self.rows]
        return np.where(done, self.floats(name), np.nan)


def select(columns: RequestColumns, window: Window, policy: str, group: str = "") -> Selection:
    """Requests of one policy that arrive inside the window."""
    chosen = columns.is_value("policy", policy) & window.holds(
        columns.floats("arrival_s"), columns.floats("replication")
    )
    if group:
        chosen &= columns.is_value("group", group)
    rows = np.flatnonzero(chosen)
    replication, arrival = columns.floats("replication")[rows], columns.floats("arrival_s")[rows]
    step = np.diff(replication)
    if not np.all((step > 0) | ((step == 0) & (np.diff(arrival) >= 0))):
        rows = rows[np.lexsort((columns.floats("request")[rows], arrival, replication))]
    return Selection(columns, policy, group, rows)


def select_all(columns: RequestColumns, window: Window) -> Iterator[Selection]:
    """One selection per policy and group, in table order."""
    for policy in policy_names(columns):
        for group in group_names(columns):
            yield select(columns, window, policy, group)
