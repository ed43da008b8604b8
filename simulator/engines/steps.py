"""What comes next for a request, as numbers that engines and media share."""

from __future__ import annotations

from typing import NamedTuple

#: what a request's next event is: its service ends; its leg is over, and its station free already; it reaches its next
#: queue; it arrives, but not all of its bits
END, IS_OVER, REACH, LOSE = range(4)
#: the answer is on the device: an event of its own only where the device learns from it
IS_THERE = 8
#: events of media: bits can flow in a shared cell; a LoRa frame may start, has ended; a part of an answer is there
ENTERS, FRAME_START, FRAME_END, ANSWER_END = range(4, 8)

#: what has become of a transfer: it goes on by itself; something more happens to it; it is over; it is given up
WAITS, AGAIN, OVER, GONE = 0, 1, 2, 3
#: stands for no request, and for no station
NOBODY = -1


class Step(NamedTuple):
    """What a medium wants of an engine after one of its events.

    Attributes
    ----------
    outcome : int
        `WAITS`, `AGAIN`, `OVER` or `GONE`: of the transfer to which the event belongs.
    what : int
    when_s : float
        The next event of that transfer, where the outcome is `AGAIN`.
    other : int
        Who has an event besides: a request, or the number of requests plus that of a cell; `NOBODY` if nobody has.
    other_what : int
    other_s : float
    freed : int
        Station that is free again; `NOBODY` for none.
    looks : int
        Station that may be able to start something; `NOBODY` for none.
    """

    outcome: int
    what: int
    when_s: float
    other: int
    other_what: int
    other_s: float
    freed: int
    looks: int
