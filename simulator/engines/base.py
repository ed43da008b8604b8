"""What every engine obeys and what it hands back.

**The event-order rule.** At one instant: all completions (in order of request number), then decisions (in order of
request number), then starts (in order of station number; within a station in queue order). A start of zero length
completes before the next start of that instant. The end of a propagation delay counts as a completion, and so does a
request's turning back from a full queue. Stations are numbered: device processors, uplinks, the edge server,
downlinks. Queue order is time joined, then request number; at the edge server its urgency comes first.

**Batches.** An idle worker of the edge server takes up to ``max_batch`` waiting requests in queue order, as soon as
that many wait or the longest-waiting one has waited ``max_wait_s``; a request that joins at that very instant is in.
All requests of a batch complete at the same instant.

**A full queue.** A request that reaches the edge while ``queue_limit`` requests wait there is dropped, or turns back
and finishes on its device.

**Arithmetic.** An end is ``now + service``, an arrival at the far side ``now + propagation``, a time-out ``joined +
max_wait_s``, in double precision. The service of a batch is the sum of its requests' times in queue order, divided by
their number, times the batch factor.

Engines emit instants and decisions only; energy, deadlines and metrics are computed afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

#: status codes of a request, in the order of `STATUS_NAMES`
COMPLETED, DROPPED, CENSORED = 0, 1, 2
STATUS_NAMES = ("completed", "dropped", "censored")
#: reason codes, in the order of `REASON_NAMES`
NO_REASON, QUEUE_FULL, TURNED_BACK = 0, 1, 2
REASON_NAMES = ("", "edge queue full", "edge queue full, finished on the device")

Instants = NDArray[np.float64]


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
    finish_s : array of float
        Instant at which the answer is on the device.
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
    finish_s: Instants

    @classmethod
    def empty(cls, rows: NDArray[np.int32], fallback: bool) -> RequestLog:
        """A log in which nothing has happened yet; ``fallback`` says whether a request may turn back."""
        codes = ("row", "status", "reason", "batch")
        unused = () if fallback else ("fallback_start_s", "fallback_end_s")
        instants = {
            # a column that stays empty is one number seen many times
            field.name: np.broadcast_to(np.nan, rows.size) if field.name in unused else np.full(rows.size, np.nan)
            for field in fields(cls)
            if field.name not in codes
        }
        return cls(
            row=rows,
            status=np.full(rows.size, CENSORED, dtype=np.int8),
            reason=np.full(rows.size, NO_REASON, dtype=np.int8),
            batch=np.full(rows.size, -1, dtype=np.int32),
            **instants,
        )
