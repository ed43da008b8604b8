"""The chain of Gilbert and Elliott: a good and a bad state, one step per frame, a loss probability in each.

Sources: E. N. Gilbert, BSTJ 1960; E. O. Elliott, BSTJ 1963.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LossChain:
    """Probabilities per frame.

    Attributes
    ----------
    good_to_bad, bad_to_good : float
        Of going from one state to the other; the second is more than 0.
    loss_good, loss_bad : float
        Of losing the frame in either state.
    """

    good_to_bad: float
    bad_to_good: float
    loss_good: float
    loss_bad: float

    @property
    def loss_share(self) -> float:
        """Share of frames that is lost in the long run."""
        bad = self.good_to_bad / (self.good_to_bad + self.bad_to_good)
        return (1 - bad) * self.loss_good + bad * self.loss_bad

    @property
    def worst_tries(self) -> float:
        """Mean number of frames until one is not lost, from the worse of the states that occur; infinite for none."""
        stays_good, stays_bad = self.loss_good * (1 - self.good_to_bad), self.loss_bad * (1 - self.bad_to_good)
        falls, rises = self.loss_good * self.good_to_bad, self.loss_bad * self.bad_to_good
        # means from either state: good = 1 + stays_good good + falls bad, bad = 1 + stays_bad bad + rises good
        determinant = (1 - stays_good) * (1 - stays_bad) - falls * rises
        if determinant <= 0:
            return math.inf
        from_good, from_bad = (1 - stays_bad + falls) / determinant, (1 - stays_good + rises) / determinant
        return from_good if self.good_to_bad == 0 else max(from_good, from_bad)


def draw_losses(chain: LossChain, seeds: np.random.SeedSequence, frames: int) -> NDArray[np.bool_]:
    """Whether each of so many frames is lost, shape (frames,); the chain starts in its stationary distribution."""
    generator = np.random.Generator(np.random.PCG64(seeds))
    is_bad = generator.random() * (chain.good_to_bad + chain.bad_to_good) < chain.good_to_bad
    if chain.loss_good == chain.loss_bad:  # the state does not matter
        return generator.random(frames) < chain.loss_good
    states = _states(chain, is_bad, generator, frames)
    return generator.random(frames) < np.where(states, chain.loss_bad, chain.loss_good)


def _states(chain: LossChain, is_bad: bool, generator: np.random.Generator, frames: int) -> NDArray[np.bool_]:
    """Whether the chain is bad at each frame, from its state at the first: stays of geometric length in turn."""
    leaves = [chain.bad_to_good, chain.good_to_bad] if is_bad else [chain.good_to_bad, chain.bad_to_good]
    if chain.good_to_bad == 0:  # always good
        return np.zeros(frames, dtype=np.bool_)
    stays, covered = np.empty(0, dtype=np.int64), 0
    while covered < frames:
        turns = math.ceil((frames - covered) * leaves[0] * leaves[1] / sum(leaves)) + 1
        more = np.minimum(generator.geometric(leaves, (turns, 2)).ravel(), frames)
        stays = np.append(stays, more)
        covered = int(stays.sum())
    # turns alternate, and the one that covers the last frame is cut
    turns = int(np.searchsorted(np.cumsum(stays), frames)) + 1
    in_turn = (np.arange(turns) % 2 == 0) == is_bad
    return np.repeat(in_turn, stays[:turns])[:frames]


def delivered_counts(chain: LossChain, seeds: np.random.SeedSequence, transmissions: int) -> NDArray[np.int64]:
    """Running count of delivered transmissions, shape (k + 1,); at least one of them gets through.

    Parameters
    ----------
    chain : LossChain
        One that lets something through in the end, see `LossChain.worst_tries`.
    seeds : SeedSequence
        The same sequence gives the same losses.
    transmissions : int
        How many to draw; the count starts again after them.
    """
    lost = draw_losses(chain, seeds, transmissions)
    while lost.all():
        lost = draw_losses(chain, seeds, 2 * lost.size)
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(~lost)))
