"""What every engine obeys and what it hands back.

**The event-order rule.** At one instant: all completions (in order of request number), then decisions (in order of
request number), then starts (in order of station number; within a station in queue order). A start of zero length
completes before the next start of that instant. The end of a propagation delay counts as a completion, and so does a
request's turning back from a full queue. Stations are numbered in the order in which a request meets them
(`simulator.plan.stages`). Queue order is time joined, then request number; at a server its
urgency comes first.

**Batches.** An idle worker of a server takes up to ``max_batch`` waiting requests in queue order, as soon as
that many wait or the longest-waiting one has waited ``max_wait_s``; a request that joins at that very instant is in.
All requests of a batch complete at the same instant.

**A full queue.** A request that reaches a server stands at its door until nothing but starts is left at this instant.
When the server's turn comes, who is at the door joins the queue, in its order, while there is room: the queue is full
for a request that could neither start at that instant, nor join a batch that an idle worker gathers, nor find one of
``queue_limit`` places to wait (`simulator.physics.queueing`). Who is still at the door when all starts of the instant
are over, those of all stations, is dropped, or turns back and finishes on its device.

**Decisions anew for each request.** Who waits when a request arrives is counted in the same way: who could not start
then. What a device knows changes at completions, of which the answer on the device is then one of its own: a decision
sees those of its instant, and what the requests before it have decided (`simulator.engines.deciding`).

**A lossy link.** The bits of a transfer are those of all its transmissions. What does not get through counts where
the last bit arrives: a request without all of its input is dropped there unless its model tolerates that, and so is
one without its answer.

**LoRa.** A device's uplink holds a message until its last frame has ended. The answer does not use the downlink's
queue: its parts come in the receive windows of the device's frames, whatever these carry, and of the empty frames by
which a device asks when no message waits for its uplink (`simulator.engines.media.lorawan`). Each frame's start is an
event; an empty frame gives way to a message that has come by then.

**A shared cell.** A transfer of at least one bit enters its cell when its bits can flow, and ends when the cell has
given it its airtime (`simulator.engines.media.cells`). The end of a transfer in a cell comes after the other
completions of its instant, in order of cell.

**A radio that wakes.** A transfer of at least one bit starts when its link takes the request; bits flow after the
promotion that the time since the radio's last transfer asks for (`simulator.physics.rrc`). Both directions of a device
share its radio.

**Arithmetic.** An end is ``now + service``, an arrival at the far side ``now + propagation``, a time-out ``joined +
max_wait_s``, in double precision. The service of a batch is the sum of its requests' times in queue order, divided by
their number, times the batch factor.

Engines emit instants and decisions only; energy, deadlines and metrics are computed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engines.media.frames import FrameLog
from simulator.plan.plan import Plan
from simulator.plan.stages import LINK, Stage

#: status codes of a request, in the order of `STATUS_NAMES`
COMPLETED, DROPPED, CENSORED = 0, 1, 2
STATUS_NAMES = ("completed", "dropped", "censored")
#: stands for a column that is not kept
NO_COLUMN = -1

Instants = NDArray[np.float64]

#: doubles in a page of memory, and by how many the columns of a log are shifted against it
_PAGE, _STAGGER = 512, 40


class Columns(NamedTuple):
    """Which columns a log has.

    Attributes
    ----------
    start : tuple of int
        For each stage that of its start; its end is the next one.
    wake, bits : tuple of int
        For each stage that of its radio's wake time, and the first of those of its bits (sent, lost, missing);
        `NO_COLUMN` where they are not kept.
    left : int
        Airtime that is left at the end of the run.
    finish : int
    """

    start: tuple[int, ...]
    wake: tuple[int, ...]
    bits: tuple[int, ...]
    left: int
    finish: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.finish + 1


class Book(NamedTuple):
    """A log as engines write it.

    Attributes
    ----------
    block : array of float, shape (columns, at least the number of requests)
    finish, left : int
        See `Columns`.
    """

    block: Instants
    finish: int
    left: int


@dataclass(frozen=True, eq=False)
class RequestLog:
    """What happened to every request of one run; NaN where a request did not come.

    Attributes
    ----------
    stages : tuple of Stage
    row : array of int32, shape (requests,)
        Option that the request took.
    status, reason : array of int8, shape (requests,)
        `COMPLETED`, `DROPPED` or `CENSORED`; why, where there is something to say (`simulator.plan.routes`).
    batch : array of int32, shape (requests,)
        Number of the first request of its last batch at a server; -1 where there was none.
    columns : Columns
    block : array of float, shape (columns, requests)
    frames : FrameLog or None
        Frames of LoRa devices; None without such devices.
    """

    stages: tuple[Stage, ...]
    row: NDArray[np.int32]
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    batch: NDArray[np.int32]
    columns: Columns
    block: Instants
    frames: FrameLog | None = None

    @property
    def finish_s(self) -> Instants:
        """Instant at which the answer is on the device."""
        return self._column(self.columns.finish)

    @property
    def airtime_left_s(self) -> Instants:
        """What a transfer in a shared cell still needed at the end of the run."""
        return self._column(self.columns.left)

    @cached_property
    def start_s(self) -> ByStage:
        """Start at each stage, by its name."""
        return self._by_stage(self.columns.start, 0)

    @cached_property
    def end_s(self) -> ByStage:
        """End at each stage, by its name; the last bit of a transfer arrives one propagation delay later."""
        return self._by_stage(self.columns.start, 1)

    @cached_property
    def wake_s(self) -> ByStage:
        """Part of the time on each link that the radio spent waking, before any bit could flow."""
        return self._by_stage(self.columns.wake, 0)

    @cached_property
    def sent_bits(self) -> ByStage:
        """What a transfer sends, repeated frames included; only where that is not the same for all of an option."""
        return self._by_stage(self.columns.bits, 0)

    @cached_property
    def lost_bits(self) -> ByStage:
        """How much of what was sent is lost."""
        return self._by_stage(self.columns.bits, 1)

    @cached_property
    def missing_bits(self) -> ByStage:
        """What has not got through in the end."""
        return self._by_stage(self.columns.bits, 2)

    def _column(self, number: int) -> Instants:
        """A column; one number seen many times if it is not kept."""
        return np.broadcast_to(np.nan, self.row.size) if number < 0 else self.block[number]

    def _by_stage(self, first: tuple[int, ...], part: int) -> ByStage:
        places = {stage.name: k for stage, k in zip(self.stages, first, strict=True) if k >= 0}
        return ByStage({name: self.block[k + part] for name, k in places.items()}, self._column(NO_COLUMN))


class ByStage(dict[str, Instants]):
    """Columns by the name of a stage; NaN for a stage that no request goes through, or that keeps none."""

    def __init__(self, columns: dict[str, Instants], nothing: Instants) -> None:
        super().__init__(columns)
        self._nothing = nothing

    def __missing__(self, name: str) -> Instants:
        return self._nothing


def columns_of(plan: Plan) -> Columns:
    """The columns that a run of a plan fills."""
    made = 2 * len(plan.stages)
    groups: list[tuple[int, ...]] = []
    for width, is_kept in ((1, plan.wakes), (3, plan.counts_bits)):
        numbers = []
        for stage in plan.stages:
            kept = stage.kind == LINK and stage.has_radio and is_kept
            numbers.append(made if kept else NO_COLUMN)
            made += width * kept
        groups.append(tuple(numbers))
    left = NO_COLUMN if plan.cell_of is None else made
    start = tuple(range(0, 2 * len(plan.stages), 2))
    return Columns(start, groups[0], groups[1], left, made + (left >= 0))


def empty_book(columns: Columns, requests: int) -> Book:
    """A book in which nothing has happened yet."""
    # columns a few cache lines apart modulo the page: columns that all begin on a page border would fight for the same
    # lines of the cache, and a run would take half as long again
    stride = requests + (_STAGGER - requests) % _PAGE
    return Book(np.full((columns.width, stride), np.nan), columns.finish, columns.left)


def closed_log(plan: Plan, columns: Columns, book: Book, rows: NDArray[np.int32], ends: Sequence[Any]) -> RequestLog:
    """The log of a finished run; ``ends`` holds status, reason and batch of all requests."""
    status, reason, batch = ends
    return RequestLog(
        stages=plan.stages,
        row=rows,
        status=np.array(status, dtype=np.int8),
        reason=np.array(reason, dtype=np.int8),
        batch=np.array(batch, dtype=np.int32),
        columns=columns,
        block=book.block[:, : rows.size],
    )
