"""Columns of a requests table as numpy arrays: what summaries, comparisons and figures start from."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from simulator.arrays import Floats

#: columns without which a table of requests says nothing; every result has them, the others came with versions
REQUIRED = ("policy", "replication", "request", "status", "arrival_s", "finish_s", "latency_s")
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
        floats: dict[str, Floats] | None = None,
        codes: dict[str, tuple[CodeArray, list[str]]] | None = None,
    ) -> None:
        self._table = pa.table({}) if table is None else table
        self._floats = {} if floats is None else floats
        self._codes = {} if codes is None else codes

    def floats(self, name: str) -> Floats:
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
            used = np.flatnonzero(np.bincount(numbers + 1, minlength=len(values) + 1)[1:])
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


def policy_names(columns: RequestColumns) -> list[str]:
    """Policies in the order in which the table names them."""
    return columns.codes("policy")[1]


def group_names(columns: RequestColumns) -> list[str]:
    """Groups in the order in which the table names them; ``[""]`` when there is only one."""
    return columns.codes("group")[1] if columns.has_groups else [""]
