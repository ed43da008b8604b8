"""Tables of records: arrays that compiled code reads, and the same as objects, which plain Python reads faster.

Both are used alike: ``table[k].field``. A table holds one sort of thing (stations, links, requests), so that what
belongs to one of them lies side by side in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: short names for the types of fields
INT, SMALL, FLAG, REAL = np.int32, np.int8, np.int8, np.float64
#: numbers that count through something long
LONG = np.int64


def table(count: int | tuple[int, ...], **columns: tuple[Any, Any]) -> np.ndarray[Any, Any]:
    """A table of records.

    Parameters
    ----------
    count : int or tuple of int
        How many records there are.
    **columns
        Type and value of each field; the value is one for all, or an array.
    """
    made = np.empty(count, dtype=np.dtype([(name, kind) for name, (kind, _) in columns.items()], align=True))
    for name, (_, value) in columns.items():
        made[name] = value
    return made


def as_objects(records: np.ndarray[Any, Any]) -> list[Any]:
    """The same records as mutable objects; lists of lists for tables of two dimensions."""
    names = records.dtype.names
    assert names is not None
    kind = type("Record", (), {"__slots__": names})

    def convert(part: np.ndarray[Any, Any]) -> list[Any]:
        if part.ndim > 1:
            return [convert(row) for row in part]
        made = []
        for values in part.tolist():
            one = kind()
            for name, value in zip(names, values, strict=True):
                setattr(one, name, value)
            made.append(one)
        return made

    return convert(records)
