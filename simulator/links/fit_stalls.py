"""Stalls of a measured rate: where they are, and which of them are alike.

A stall is a stretch whose samples together stay below a threshold and that no sample beside it could extend: a maximal
scoring subsequence of threshold minus rate (W. L. Ruzzo, M. Tompa, ISMB 1999). A flicker of rate in the middle of a
long outage does not end it; a single sample below the threshold is a stall of its own. The measurement is taken as a
ring, as it is replayed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats, Ints

#: stalls are alike if their lengths lie between the same two powers of this
_ALIKE = 3
#: most lengths that one kind of stall keeps apart
_MOST_LENGTHS = 24


@dataclass(frozen=True)
class Stretches:
    """Stalls of one kind: their first samples and lengths, in order of time."""

    firsts: Ints
    lengths: Ints

    def members(self, size: int) -> Ints:
        """The samples of all of them, on a ring of ``size`` samples."""
        offsets = np.arange(self.lengths.sum()) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        inside: Ints = (np.repeat(self.firsts, self.lengths) + offsets) % size
        return inside

    def distribution(self) -> tuple[list[int], Floats]:
        """Lengths and the share of stretches of each; neighbouring lengths as their mean where there are too many."""
        lengths, counts = np.unique(self.lengths, return_counts=True)
        parts = np.array_split(np.arange(lengths.size), min(lengths.size, _MOST_LENGTHS))
        means = [round(float(np.average(lengths[part], weights=counts[part]))) for part in parts]
        return means, np.array([counts[part].sum() for part in parts]) / counts.sum()


def find_stalls(rates: Floats, below_bps: float) -> Stretches:
    """All stalls of a ring of rates, at least one of which is above the threshold."""
    first = int(np.argmax(rates))
    scores = below_bps - np.roll(rates, -first)
    # samples of one sign can be taken as one
    cuts = np.concatenate(([0], np.flatnonzero(np.diff(scores > 0)) + 1, [scores.size]))
    sums = np.add.reduceat(scores, cuts[:-1])
    found = np.array(maximal(sums.tolist()), dtype=np.int64).reshape(-1, 2)
    starts, ends = cuts[found[:, 0]], cuts[found[:, 1]]
    return Stretches((starts + first) % rates.size, ends - starts)


def maximal(scores: list[float]) -> list[tuple[int, int]]:
    """First and end of each maximal scoring subsequence, in order."""
    done: list[tuple[int, int]] = []
    # first, end, sum of all scores before the first, sum of all scores before the end
    open_: list[tuple[int, int, float, float]] = []
    total = 0.0
    for place, score in enumerate(scores):
        before, total = total, total + score
        if score <= 0:
            continue
        first, low, high = place, before, total
        while True:
            k = len(open_) - 1
            while k >= 0 and open_[k][2] >= low:
                k -= 1
            if k < 0:
                # none begins lower: what came before can grow no more
                done += [(each[0], each[1]) for each in open_]
                open_ = [(first, place + 1, low, high)]
                break
            if open_[k][3] >= high:
                open_.append((first, place + 1, low, high))
                break
            first, low = open_[k][0], open_[k][2]
            del open_[k:]
    return done + [(each[0], each[1]) for each in open_]


def kinds(stalls: Stretches) -> list[Stretches]:
    """Stalls by their length: one kind for each pair of powers of `_ALIKE` between which there are any."""
    # lengths are whole: a power of 3 must not fall below itself by rounding
    exponents = np.floor(np.log(stalls.lengths) / np.log(_ALIKE) + 1e-9).astype(np.int64)
    return [Stretches(stalls.firsts[exponents == k], stalls.lengths[exponents == k]) for k in np.unique(exponents)]


def outage_lengths(rates: Floats, below_bps: float) -> Ints:
    """Lengths, in samples, of the stretches of a ring of rates that stay below a rate."""
    is_out = rates < below_bps
    if is_out.all():
        return np.array([rates.size])
    rolled = np.roll(is_out, -int(np.argmin(is_out)))
    edges = np.flatnonzero(np.diff(np.concatenate((rolled, [False])).astype(np.int8)))
    return edges[1::2] - edges[::2]
