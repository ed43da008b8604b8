"""The frames that LoRaWAN devices send, as an engine logs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COLUMNS = (
    "request",
    "device",
    "start_s",
    "end_s",
    "channel",
    "data_rate",
    "bytes",
    "lost",
    "first_s",
    "second_s",
    "answers",
)
REQUEST, DEVICE, START_S, END_S, CHANNEL, DATA_RATE, BYTES, LOST, FIRST_S, SECOND_S, ANSWERS = range(len(COLUMNS))
FRAME_COLUMNS = len(COLUMNS)


class FrameLog:
    """Frames of one run in the order in which they started.

    Parameters
    ----------
    table : array of float, shape (n, columns)

    Attributes
    ----------
    request, device : array of int, shape (n,)
        What the frame is for, and who sends it.
    start_s, end_s : array of float
        First and last instant on the air; the last may lie after the end of the run.
    channel, data_rate, bytes : array of int
        Where and how it was sent, and the bytes of the application in it; 0 bytes when a device asks for an answer.
    lost : array of bool
        Whether the gateway did not receive it: out of range, or in a collision. False while it is on the air.
    first_s, second_s : array of float
        Time that the receiver is on in either receive window after it; 0 while it is on the air.
    answers : array of int
        Request of which an answer, or a part of it, comes in one of these windows; -1 for none.
    """

    def __init__(self, table: Floats) -> None:
        self.table = table
        self.request, self.device = table[:, REQUEST].astype(np.int64), table[:, DEVICE].astype(np.int64)
        self.start_s, self.end_s = table[:, START_S], table[:, END_S]
        self.first_s, self.second_s = table[:, FIRST_S], table[:, SECOND_S]
        self.channel, self.data_rate = table[:, CHANNEL].astype(np.int64), table[:, DATA_RATE].astype(np.int64)
        self.bytes, self.lost = table[:, BYTES].astype(np.int64), table[:, LOST] > 0
        self.answers = table[:, ANSWERS].astype(np.int64)

    def tobytes(self) -> bytes:
        """The table as bytes, to compare runs."""
        return self.table.tobytes()
