"""Routes: what each option makes a request go through, as records that numba and Python read alike.

A route is a row of legs. A leg is a visit to one stage with its work, and the delay after it until the next queue is
reached, or the answer is there. Who cannot go on as its route says leaves it: for the row that takes over, or dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.plan.stages import FALLBACK, Stage

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: reason codes of a request, in the order of `REASON_NAMES`
NO_REASON, QUEUE_FULL, TURNED_BACK, INPUT_LOST, ANSWER_LOST, CLOUD_FULL, CLOUD_TURNED_BACK = range(7)
REASON_NAMES = (
    "",
    "edge queue full",
    "edge queue full, finished on the device",
    "lost on the uplink",
    "answer lost on the downlink",
    "cloud queue full",
    "cloud queue full, finished on the device",
)
#: reasons of a server for those that it has no room for: dropped, and finished on the device
FULL_REASONS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"edge": (QUEUE_FULL, TURNED_BACK), "cloud": (CLOUD_FULL, CLOUD_TURNED_BACK)}
)
#: of those that went back and finished on their devices
TURNED_BACK_REASONS = tuple(back for _, back in FULL_REASONS.values())
#: stands for no row
NO_ROW = -1

LEG = np.dtype(
    [
        ("work", np.float64),
        ("delay_s", np.float64),
        ("back_s", np.float64),
        ("full_row", np.int32),
        ("stage", np.int32),
        ("is_last", np.int8),
        ("loss", np.int8),
        ("full", np.int8),
    ],
    align=True,
)


class LegsAt(NamedTuple):
    """What the rows do at one stage, arrays of shape (rows,): whether they go there, and their delays from there."""

    is_met: Flags
    delay_s: Floats
    back_s: Floats


class Routes(NamedTuple):
    """Legs of all rows, end to end.

    Attributes
    ----------
    first : array of int, shape (rows + 1,)
        First leg of each row; the end of the last one.
    legs : array of records, shape (legs,)
        ``stage``: place in the stages of the plan. ``work``: seconds, or bits on a link. ``delay_s``: from the end of
        the leg until the next queue is reached, or the answer is on the device. ``is_last``. ``loss``: reason to drop a
        request of which bits got lost here, `NO_REASON` if it goes on without them. ``full_row``: row that takes over
        where there is no room for the request, `NO_ROW` if it is dropped; ``full``: reason for either; ``back_s``:
        delay until that row begins.
    """

    first: NDArray[np.int32]
    legs: NDArray[Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.first.size - 1

    def at(self, stage: int) -> LegsAt:
        """What the rows do at a stage."""
        row = np.repeat(np.arange(self.rows), np.diff(self.first))
        here = self.legs["stage"] == stage
        found = LegsAt(np.zeros(self.rows, dtype=bool), *np.zeros((2, self.rows)))
        found.is_met[row[here]] = True
        found.delay_s[row[here]], found.back_s[row[here]] = self.legs["delay_s"][here], self.legs["back_s"][here]
        return found

    def table(self, stage: int) -> tuple[Flags, Floats]:
        """Which rows visit a stage, and the work of all their visits; shape (rows,) each."""
        row = np.repeat(np.arange(self.rows), np.diff(self.first))
        here = self.legs["stage"] == stage
        visits = np.bincount(row[here], minlength=self.rows) > 0
        return visits, np.bincount(row[here], self.legs["work"][here], self.rows).astype(np.float64)

    def delays_s(self) -> Floats:
        """Sum of the delays after the legs of each row; shape (rows,)."""
        row = np.repeat(np.arange(self.rows), np.diff(self.first))
        return np.bincount(row, self.legs["delay_s"], self.rows).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Visits:
    """What the options do at one stage; all arrays have one shape, that of the options.

    Attributes
    ----------
    stage : Stage
    is_met : array of bool
        Which options go there.
    work : array
        Seconds, or bits on a link.
    delay_s : array
        From there until the next queue is reached, or the answer is on the device.
    loss : array of int
        Reason to drop a request of which bits got lost there.
    rest_s : array or None
        Time on the device of all that a request lacks when it finds no room at this server; None if it is dropped.
    back_s : array or None
        Delay until the device knows.
    """

    stage: Stage
    is_met: Flags
    work: Floats
    delay_s: Floats | None = None
    loss: NDArray[np.int8] | None = None
    rest_s: Floats | None = None
    back_s: Floats | None = None

    @property
    def travel_s(self) -> Floats:
        """The delay of those that go there, 0 of the others."""
        return np.where(self.is_met, 0.0 if self.delay_s is None else self.delay_s, 0.0)


def make_routes(visits: Sequence[Visits]) -> tuple[tuple[Stage, ...], Routes]:
    """Routes of all options, in the order of the stages, and after them the rows that take over.

    Returns
    -------
    tuple of Stage, Routes
        For each server that turns requests back there is a row more for each option.
    """
    options = visits[0].is_met.size
    legs = np.zeros((options, len(visits)), dtype=LEG)
    legs["full_row"] = NO_ROW
    others: list[Floats] = []
    for k, visit in enumerate(visits):
        column = legs[:, k]
        column["stage"], column["work"] = k, visit.work
        column["delay_s"] = 0.0 if visit.delay_s is None else visit.delay_s
        column["loss"] = NO_REASON if visit.loss is None else visit.loss
        dropped, back = FULL_REASONS.get(visit.stage.station, (NO_REASON, NO_REASON))
        column["full"] = dropped
        if visit.rest_s is not None and visit.back_s is not None:
            others.append(visit.rest_s)
            column["full_row"] = len(others) * options + np.arange(options)
            column["back_s"], column["full"] = visit.back_s, back
    has = np.stack([visit.is_met for visit in visits], axis=1)
    stages = tuple(visit.stage for visit in visits)
    parts, counts = [legs[has]], [has.sum(axis=1)]
    for rest_s in others:
        rest = np.zeros(options, dtype=LEG)
        rest["stage"], rest["work"], rest["full_row"] = len(stages), rest_s, NO_ROW
        parts.append(rest)
        counts.append(np.ones(options, dtype=np.int64))
    first = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(counts))))
    laid = np.concatenate(parts)
    laid["is_last"][first[1:] - 1] = 1
    return (*stages, FALLBACK) if others else stages, Routes(first.astype(np.int32), laid)
