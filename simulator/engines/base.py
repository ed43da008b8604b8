"""What every engine obeys and what it hands back.

**The event-order rule.** At one instant: all completions (in order of request number), then decisions (in order of
request number), then starts (in order of station number; within a station in queue order). A start of zero length
completes before the next start of that instant. The end of a propagation delay counts as a completion, and so does a
request's turning back from a full queue. Stations are numbered: device processors, uplinks, the edge server,
downlinks. Queue order is time joined, then request number; at the edge server its urgency comes first.

**Batches.** An idle worker of the edge server takes up to ``max_batch`` waiting requests in queue order, as soon as
that many wait or the longest-waiting one has waited ``max_wait_s``; a request that joins at that very instant is in.
All requests of a batch complete at the same instant.

**A full queue.** A request that reaches the edge stands at the door until nothing but starts is left at this instant.
When the edge's turn comes, who is at the door joins the queue, in its order, while there is room: the queue is full
for a request that could neither start at that instant, nor join a batch that an idle worker gathers, nor find one of
``queue_limit`` places to wait (`simulator.physics.queueing`). Who is still at the door when all starts of the instant
are over, those of the downlinks too, is dropped, or turns back and finishes on its device.

**What a policy sees** is counted in the same way: who waits when its request arrives is who could not start then.

**A lossy link.** The bits of a transfer are those of all its transmissions. What does not get through counts where
the last bit arrives: a request without all of its input is dropped there unless its model tolerates that, and so is
one without its answer.

**LoRa.** A device's uplink holds a message until its last frame has ended. The answer does not use the downlink's
queue: its parts come in the receive windows of the device's frames, whatever these carry, and of the empty frames by
which a device asks when no message waits for its uplink (`simulator.engines.lorawan`). Each frame's start is an event;
an empty frame gives way to a message that has come by then.

**A shared cell.** A transfer of at least one bit enters its cell when its bits can flow, and ends when the cell has
given it its airtime (`simulator.engines.cells`). The end of a transfer in a cell comes after the other completions of
its instant, in order of cell.

**A radio that wakes.** A transfer of at least one bit starts when its link takes the request; bits flow after the
promotion that the time since the radio's last transfer asks for (`simulator.physics.rrc`). Both directions of a device
share its radio.

**Arithmetic.** An end is ``now + service``, an arrival at the far side ``now + propagation``, a time-out ``joined +
max_wait_s``, in double precision. The service of a batch is the sum of its requests' times in queue order, divided by
their number, times the batch factor.

Engines emit instants and decisions only; energy, deadlines and metrics are computed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engines.frames import FrameLog
from simulator.plan.plan import Plan

#: status codes of a request, in the order of `STATUS_NAMES`
COMPLETED, DROPPED, CENSORED = 0, 1, 2
STATUS_NAMES = ("completed", "dropped", "censored")
#: reason codes, in the order of `REASON_NAMES`
NO_REASON, QUEUE_FULL, TURNED_BACK, INPUT_LOST, ANSWER_LOST = range(5)
REASON_NAMES = (
    "",
    "edge queue full",
    "edge queue full, finished on the device",
    "lost on the uplink",
    "answer lost on the downlink",
)

Instants = NDArray[np.float64]

#: doubles in a page of memory, and by how many the columns of a log are shifted against it
_PAGE, _STAGGER = 512, 40


@dataclass(frozen=True, eq=False)
class RequestLog:
    """Instants of every request of one run; NaN where a request did not come.

    All arrays have shape (requests,) and are ordered by request number.

    Attributes
    ----------
    row : array of int32
        Row of the plan's option table that the request took.
    status, reason : array of int8
        `COMPLETED`, `DROPPED` or `CENSORED`; why, where there is something to say.
    batch : array of int32
        Request number of the first request of its batch at the edge; -1 where there was none.
    device_start_s, device_end_s : array of float
        Start and end on the device processor.
    uplink_start_s, uplink_end_s : array of float
        Start and end of sending; the last bit arrives one propagation delay later.
    edge_start_s, edge_end_s : array of float
        Start and end on the edge server.
    downlink_start_s, downlink_end_s : array of float
        Start and end of sending the answer.
    fallback_start_s, fallback_end_s : array of float
        Start and end of the rest on the device processor, after a full queue.
    uplink_wake_s, downlink_wake_s : array of float
        Part of the time on the link that the radio spent waking, before any bit could flow.
    uplink_sent_bits, uplink_lost_bits, downlink_sent_bits, downlink_lost_bits : array of float
        What a transfer sends, repeated frames included, and how much of it is lost; only where that is not the same
        for all requests of an option.
    uplink_missing_bits, downlink_missing_bits : array of float
        What has not got through in the end.
    airtime_left_s : array of float
        What a transfer in a shared cell still needed at the end of the run.
    finish_s : array of float
        Instant at which the answer is on the device.
    frames : FrameLog or None
        Frames of LoRa devices; None without such devices.
    """

    row: NDArray[np.int32]
    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    batch: NDArray[np.int32]
    device_start_s: Instants
    device_end_s: Instants
    uplink_start_s: Instants
    uplink_end_s: Instants
    edge_start_s: Instants
    edge_end_s: Instants
    downlink_start_s: Instants
    downlink_end_s: Instants
    fallback_start_s: Instants
    fallback_end_s: Instants
    uplink_wake_s: Instants
    downlink_wake_s: Instants
    uplink_sent_bits: Instants
    uplink_lost_bits: Instants
    uplink_missing_bits: Instants
    downlink_sent_bits: Instants
    downlink_lost_bits: Instants
    downlink_missing_bits: Instants
    airtime_left_s: Instants
    finish_s: Instants
    frames: FrameLog | None = None

    @classmethod
    def empty(cls, rows: NDArray[np.int32], plan: Plan) -> RequestLog:
        """A log in which nothing has happened yet.

        Parameters
        ----------
        rows : array of int32
            Row of the plan's option table that each request takes.
        plan : Plan
            Says which columns can stay empty.
        """
        other = ("row", "status", "reason", "batch", "frames")
        names = [field.name for field in fields(cls) if field.name not in other]
        unused = [] if plan.serving.fallback else ["fallback_start_s", "fallback_end_s"]
        unused += [] if plan.wakes else ["uplink_wake_s", "downlink_wake_s"]
        unused += [] if plan.counts_bits else [name for name in names if name.endswith("_bits")]
        unused += [] if plan.cell_of is not None else ["airtime_left_s"]
        used = [name for name in names if name not in unused]
        # one block, with the columns a few cache lines apart modulo the page: columns that all begin on a page border
        # would fight for the same lines of the cache, and a run would take half as long again
        stride = rows.size + (_STAGGER - rows.size) % _PAGE
        block = np.full(stride * len(used), np.nan)
        instants: dict[str, Any] = {name: block[k * stride : k * stride + rows.size] for k, name in enumerate(used)}
        # a column that stays empty is one number seen many times
        instants |= {name: np.broadcast_to(np.nan, rows.size) for name in unused}
        return cls(
            row=rows,
            status=np.full(rows.size, CENSORED, dtype=np.int8),
            reason=np.full(rows.size, NO_REASON, dtype=np.int8),
            batch=np.full(rows.size, -1, dtype=np.int32),
            **instants,
        )
