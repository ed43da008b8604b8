"""Requests that count, by policy and group, as numpy arrays: what metrics, comparisons and figures start from.

A `Selection` keeps row numbers into the requests table in order of (replication, arrival), so that request *i* of one
policy is request *i* of every other policy (all policies see the same arrivals).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simulator.analysis.statistics import FloatArray, IntArray
from simulator.analysis.window import Window

#: a text column as numbers; few names, many requests
CodeArray = npt.NDArray[np.int32]


class RequestColumns:
    """Columns of a requests table as numpy arrays, each converted once and only when asked for.

    Parameters
    ----------
    table : pyarrow.Table or None
        None where every column that will be asked for is given as an array.
    floats : dict
        Numeric columns that are arrays already.
    codes : dict
        Text columns, as numbers and the values that they stand for.
    """

    def __init__(
        self,
        table: pa.Table | None,
        floats: dict[str, FloatArray] | None = None,
        codes: dict[str, tuple[CodeArray, list[str]]] | None = None,
    ) -> None:
        self._table = pa.table({}) if table is None else table
        self._floats = {} if floats is None else floats
        self._codes = {} if codes is None else codes

    def floats(self, name: str) -> FloatArray:
        """A numeric or boolean column as float64; missing values as NaN."""
        if name not in self._floats:
            column = self._table.column(name)
            if column.null_count == len(column):  # what no request has needs no room
                self._floats[name] = np.broadcast_to(np.float64(np.nan), len(column))
            else:
                self._floats[name] = pc.cast(column, pa.float64()).to_numpy()
        return self._floats[name]

    def has(self, name: str) -> bool:
        """Whether there is such a numeric column."""
        return name in self._floats or name in self._table.column_names

    def codes(self, name: str) -> tuple[CodeArray, list[str]]:
        """A text column as numbers of its distinct values, in the order of its dictionary, else of first appearance."""
        if name not in self._codes:
            column = self._table.column(name)
            if not pa.types.is_dictionary(column.type):
                column = pc.cast(column, pa.string()).dictionary_encode()
            encoded = column.unify_dictionaries().combine_chunks()
            if isinstance(encoded, pa.ChunkedArray):
                encoded = encoded.combine_chunks()
            numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
            values = encoded.dictionary.to_pylist()
            used = np.unique(numbers[numbers >= 0])
            renumbered = np.full(len(values) + 1, -1, dtype=np.int32)  # the last entry is where -1 leads
            renumbered[used] = np.arange(used.size)
            self._codes[name] = (renumbered[numbers], [values[code] for code in used])
        return self._codes[name]

    @cached_property
    def has_groups(self) -> bool:
        """Whether the fleet has more than one group."""
        return "group" in self._codes or "group" in self._table.column_names

    def is_value(self, name: str, value: str) -> npt.NDArray[np.bool_]:
        """Which rows of a text column hold a value."""
        numbers, values = self.codes(name)
        wanted = values.index(value) if value in values else -2
        return np.asarray(numbers == wanted)


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
    rows: IntArray

    def floats(self, name: str) -> FloatArray:
        """One numeric column of these requests, NaN where missing."""
        return self.columns.floats(name)[self.rows]

    def count(self, status: str) -> int:
        """Number of these requests with a status."""
        return int(self.columns.is_value("status", status)[self.rows].sum())

    @property
    def shares_idle_energy(self) -> bool:
        """Whether energy that no request caused is part of what these requests are charged."""
        return self.columns.has("energy_idle_j") and bool(self.floats("energy_idle_j").any())

    def completed(self, name: str) -> FloatArray:
        """One numeric column, NaN where the request is not completed."""
        done = self.columns.is_value("status", "completed")[self.rows]
        return np.where(done, self.floats(name), np.nan)


def policy_names(columns: RequestColumns) -> list[str]:
    """Policies in the order in which the table names them."""
    return columns.codes("policy")[1]


def group_names(columns: RequestColumns) -> list[str]:
    """Groups in the order in which the table names them; ``[""]`` when there is only one."""
    return columns.codes("group")[1] if columns.has_groups else [""]


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
