"""What an importer hands back: rates, round-trip times or LoRaWAN frames, with a report of what was done to them.

Every importer turns its file into one `ImportedTrace`. Nothing is dropped, moved or doubted without a `Finding` that
counts it and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.arrays import Floats, Ints
from simulator.physics.link import Channel

Direction = Literal["uplink", "downlink", "round trip", "unknown"]

#: gaps of the frame counter above this count as a restart of the device
COUNTER_RESTART = 500


@dataclass(frozen=True)
class Finding:
    """One thing that an importer did or noticed.

    Attributes
    ----------
    action : str
        ``dropped``, ``changed``, ``kept`` (doubtful, nothing done) or ``noted`` (about the file as a whole).
    count : int
        Rows, frames or runs concerned; 0 for what is noted.
    what : str
        What they are and why, starting with their noun: ``"rows: filling of the socket buffer of the sender"``.
    """

    action: Literal["dropped", "changed", "kept", "noted"]
    count: int
    what: str

    def __str__(self) -> str:
        if not self.count:
            return f"{self.action}: {self.what}"
        noun, _, rest = self.what.partition(" ")
        if self.count == 1:
            noun = f"{noun.removesuffix(':').removesuffix('s')}{':' if noun.endswith(':') else ''}"
        return f"{self.action} {self.count} {noun} {rest}"


@dataclass(frozen=True, eq=False)
class RateSeries:
    """Rates over time, each holding for its own interval.

    Attributes
    ----------
    times_s, ends_s : array of float, shape (n,)
        Start and end of the interval of each sample, in order, the first start 0; between the end of one and the
        start of the next the link carried nothing (a stall, of which there is no sample).
    rates_bps : array of float, shape (n,)
    run_starts : tuple of int
        Index of the first sample of each separate measurement that was laid end to end; the first is 0.
    """

    times_s: Floats
    ends_s: Floats
    rates_bps: Floats
    run_starts: tuple[int, ...] = (0,)

    @property
    def step_s(self) -> float:
        """Median length of the intervals."""
        return float(np.median(self.ends_s - self.times_s))

    @property
    def duration_s(self) -> float:
        """From the start of the first interval to the end of the last."""
        return float(self.ends_s[-1] - self.times_s[0])

    def channel(self) -> Channel:
        """The series as a channel, its stalls as rate 0."""
        edges, rates = [float(self.times_s[0])], []
        for start, end, rate in zip(self.times_s, self.ends_s, self.rates_bps, strict=True):
            if start > edges[-1]:
                edges.append(float(start))
                rates.append(0.0)
            edges.append(float(end))
            rates.append(float(rate))
        return Channel(np.array(edges) - edges[0], np.array(rates))


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """Answers to pings.

    Attributes
    ----------
    rtt_s : array of float, shape (n,)
        Round-trip time of each answer, in order.
    answered : array of bool, shape (sent,), or None
        Whether each ping was answered; None if the file does not number its pings.
    step_s : float or None
        Time between two pings, if the file tells.
    """

    rtt_s: Floats
    answered: NDArray[np.bool_] | None
    step_s: float | None


@dataclass(frozen=True, eq=False)
class Frames:
    """LoRaWAN frames, one entry each, in order of time.

    Attributes
    ----------
    times_s : array of float, shape (n,)
        Seconds since the first frame.
    counters : array of int, shape (n,)
        Frame counter of the sender.
    spreading_factor : array of int, shape (n,)
        0 for FSK.
    nominal_bps : array of float, shape (n,)
        Nominal bit rate of the data rate in use.
    rssi_dbm, snr_db : array of float, shape (n,)
        At the gateway listed first; NaN where the file has none.
    """

    times_s: Floats
    counters: Ints
    spreading_factor: Ints
    nominal_bps: Floats
    rssi_dbm: Floats
    snr_db: Floats

    def delivered(self) -> list[NDArray[np.bool_]]:
        """For each stretch between two restarts of the counter, whether each frame sent in it arrived.

        A step back, or forward by more than `COUNTER_RESTART`, is a restart. Repeated counters are one frame.
        """
        steps = np.diff(self.counters)
        cuts = np.flatnonzero((steps < 0) | (steps > COUNTER_RESTART)) + 1
        stretches = []
        for part in np.split(self.counters, cuts):
            arrived = np.zeros(int(part[-1] - part[0]) + 1, dtype=np.bool_)
            arrived[part - part[0]] = True
            stretches.append(arrived)
        return stretches


@dataclass(frozen=True, eq=False)
class ImportedTrace:
    """One measurement file, read.

    Attributes
    ----------
    file : str
        Path of the file.
    format : str
        Name of its format.
    content : RateSeries, RoundTrips or Frames
    direction : str
        As far as the file, or the run summary beside it, tells.
    technology : str
        Radio technology if the file tells; else empty.
    findings : tuple of Finding
    """

    file: str
    format: str
    content: RateSeries | RoundTrips | Frames
    direction: Direction = "unknown"
    technology: str = ""
    findings: tuple[Finding, ...] = ()
