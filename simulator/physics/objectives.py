"""Choosing among options: what the best one minimises, what it must keep to, and what cannot be kept to.

An option is a row of predicted costs. Objectives are the latency, the device's energy, their product (the energy-delay
product of Gonzalez and Horowitz, IEEE JSSC 1996), the slowest stage (the inverse of the rate at which a stream of
requests gets through), and any sum of those with weights. Costs are expectations where they are random; the product is
that of the expectations. A constraint is a limit on a column; whether a limit is kept is compared without tolerance.

Adding an option never makes the best one worse. A delay that all of some options pay alike never changes their order by
latency, by energy, by slowest stage or by a weighted sum; it may by the product, whose factors it adds to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.decide import best

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LATENCY, ENERGY, ENERGY_DELAY, THROUGHPUT = "latency", "energy", "energy_delay", "throughput"
OBJECTIVES = (LATENCY, ENERGY, ENERGY_DELAY, THROUGHPUT)


@dataclass(frozen=True)
class Limit:
    """What an option must not exceed.

    Attributes
    ----------
    name : str
    values : array, shape (options,)
        What each option has of it; NaN where that is not known, which keeps to no limit.
    most : float
    is_floor : bool
        Whether it is a least value instead, such as an accuracy.
    """

    name: str
    values: Floats
    most: float
    is_floor: bool = False

    @property
    def kept(self) -> Flags:
        """Which options keep to it."""
        return np.asarray(self.values >= self.most if self.is_floor else self.values <= self.most)

    def nearest(self, among: Flags) -> float:
        """The value that comes nearest to keeping it, among some options; NaN where none is known."""
        known = self.values[among & ~np.isnan(self.values)]
        if known.size == 0:
            return float("nan")
        return float(known.max() if self.is_floor else known.min())


@dataclass(frozen=True)
class Unmet:
    """A constraint that stands in the way.

    Attributes
    ----------
    name : str
    asked : float
        The limit.
    nearest : float
        What it would have to be for some option to keep to it and to the others that stand in the way.
    """

    name: str
    asked: float
    nearest: float


@dataclass(frozen=True)
class Selected:
    """The best option, or why there is none.

    Attributes
    ----------
    option : int
        -1 if there is none.
    unmet : tuple of Unmet
        The fewest constraints that no option keeps to together; with none of them but no option, none can run.
    """

    option: int
    unmet: tuple[Unmet, ...] = ()


def scores(
    objective: str | Mapping[str, float], latency_s: Floats, energy_j: Floats, stages_s: Sequence[Floats]
) -> Floats:
    """What the best option minimises, shape (options,).

    Parameters
    ----------
    objective : str or mapping of str to float
        One of `OBJECTIVES`, or the weight of each, at least 0, per unit of its score (second, joule, joule second).
    latency_s, energy_j : array, shape (options,)
        Predicted end-to-end latency, and energy of the device, of a request.
    stages_s : sequence of array
        Service times of every stage; stages with several servers as the time between two departures.
    """
    if not isinstance(objective, str):
        parts = [weight * scores(name, latency_s, energy_j, stages_s) for name, weight in objective.items()]
        return np.asarray(np.sum(parts, axis=0))
    if objective == THROUGHPUT:
        return np.asarray(np.max(np.stack(list(stages_s)), axis=0))
    return {LATENCY: latency_s, ENERGY: energy_j, ENERGY_DELAY: latency_s * energy_j}[objective]


def select(score: Floats, can_run: Flags, limits: Sequence[Limit] = ()) -> Selected:
    """The option with the smallest score of those that can run and keep to all limits; the earliest of equal ones.

    Where nothing keeps to all limits, the fewest of them that exclude each other are told, each with the value nearest
    to its limit among the options that keep to the others of these few. A single one that no option keeps to is that.

    Parameters
    ----------
    score : array, shape (options,)
    can_run : array of bool, shape (options,)
        What fits into memory, can be heard and so on: no constraint to bargain with.
    limits : sequence of Limit
    """
    allowed = _keeping(can_run, limits)
    if allowed.any():
        return Selected(best(score, allowed))
    if not can_run.any():
        return Selected(-1)
    for count in range(1, len(limits) + 1):
        for few in combinations(limits, count):
            if not _keeping(can_run, few).any():
                unmet = [(one, _keeping(can_run, [other for other in few if other is not one])) for one in few]
                return Selected(-1, tuple(Unmet(one.name, one.most, one.nearest(among)) for one, among in unmet))
    raise AssertionError("all limits together are such a few")


def _keeping(can_run: Flags, limits: Sequence[Limit]) -> Flags:
    return np.asarray(np.logical_and.reduce([can_run, *(limit.kept for limit in limits)]))
