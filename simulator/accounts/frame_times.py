"""Which part of a request's time on a LoRaWAN link is service, from the frames of a run; the rest of it is waiting.

A message is served while one of its frames is on the air, and while the receive windows after a frame are open that
keep the next one from starting. What a frame waits for besides is waiting: the windows after the frames of others, the
duty cycle, and the pause before a lost frame is sent again. An answer is served while a part of it is on the air, and
while the device asks for a part: from the start of the empty frame until the part has ended, or for the time on air of
an empty frame that is lost.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Floats
from simulator.engines.log import RequestLog
from simulator.engines.media.frames import FrameLog
from simulator.physics.lora import RECEIVE_DELAY1_S, RECEIVE_DELAY2_S


def uplink_service_s(log: RequestLog) -> Floats:
    """Service of the message of each request, shape (requests,); of requests whose message has ended."""
    frames, requests = log.frames, log.row.size
    assert frames is not None
    of, message = frames.request, frames.bytes > 0
    service_s: Floats = np.bincount(of[message], (frames.end_s - frames.start_s)[message], requests).astype(float)
    # the windows after the last frame of a message keep nobody of it waiting
    last = np.full(requests, -1)
    last[of[message]] = np.flatnonzero(message)
    between = message & (last[of] != np.arange(of.size))
    service_s += np.bincount(of[between], _windows_s(frames)[between], requests)
    return service_s


def downlink_service_s(log: RequestLog, propagation_s: Floats) -> Floats:
    """Service of the answer to each request, shape (requests,); of requests whose answer has come.

    Parameters
    ----------
    log : RequestLog
    propagation_s : array, shape (requests,)
        To the device of each request.
    """
    frames, requests = log.frames, log.row.size
    assert frames is not None
    asks, answered = frames.bytes == 0, frames.answers >= 0
    part_s = np.where(frames.second_s > 0, frames.second_s, frames.first_s)
    service_s: Floats = np.bincount(frames.answers[answered], part_s[answered], requests).astype(float)
    # the server sends its part by the clock of the device, which hears it later
    until_s = RECEIVE_DELAY1_S - propagation_s[frames.request]
    asking_s = frames.end_s - frames.start_s + np.where(answered, until_s, 0.0)
    service_s += np.bincount(frames.request[asks], asking_s[asks], requests)
    return service_s


def _windows_s(frames: FrameLog) -> Floats:
    """From the end of each frame until its receive windows have closed."""
    second = RECEIVE_DELAY2_S + frames.second_s
    return np.where(frames.second_s > 0, second, RECEIVE_DELAY1_S + frames.first_s)
