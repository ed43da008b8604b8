"""What a radio does around a message and its answer in the mean: promotions, tails, idle time.

Before a message the radio has been quiet for the gap since the last request, less the pause in which that one awaited
its answer and less its promotions, as if its transfers themselves took no time. So the state in which a message finds
the radio does not depend on the rate of the link, and a faster link is never predicted to be later; what is left out
is a share of the requests of the order of the link's utilisation, as queues are. While the answer is awaited the radio
falls asleep as far as it gets, and again after the last transfer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.links.radio import Radio
from simulator.physics.rrc import tail_j
from simulator.plan.gaps import Gaps

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: the chain of states is followed for 2 to this power of requests: longer than any run
_DOUBLINGS = 30


@dataclass(frozen=True, eq=False)
class Wakings:
    """Promotions of one request; k states, the last is idle.

    Attributes
    ----------
    up_s, down_s, energy_j : array, shape (cuts, ways out)
        Mean time before either transfer, and energy of both.
    shares : array, shape (k, cuts, ways out)
        How often a message finds the radio in each state.
    """

    up_s: Floats
    down_s: Floats
    energy_j: Floats
    shares: Floats


@dataclass(frozen=True, eq=False)
class RadioStates:
    """A radio whose device asks again after some gaps.

    Attributes
    ----------
    radio : Radio
    gaps : Gaps
        Between two requests of the device.
    """

    radio: Radio
    gaps: Gaps

    def wakings(self, awaited_s: Floats, sends: Flags, answered: Flags) -> Wakings:
        """Promotions before a message and before its answer.

        Parameters
        ----------
        awaited_s : array, shape (cuts, ways out)
            From the end of the message until the answer is sent, or until there is nothing more to wait for.
        sends, answered : array of bool, shape (cuts, ways out)
            Whether there is a message, and whether there is an answer.
        """
        delays_s, powers_w = self.radio.wake_delays_s, self.radio.wake_powers_w
        between = np.searchsorted(self.radio.tail_ends_s, awaited_s, side="right")
        down_s = np.where(answered, delays_s[between], 0.0)
        shares = self._shares(awaited_s + down_s)
        up_s, up_j = (np.where(sends, np.tensordot(each, shares, 1), 0.0) for each in (delays_s, delays_s * powers_w))
        return Wakings(up_s, down_s, up_j + down_s * powers_w[between], shares)

    def _shares(self, busy_s: Floats) -> Floats:
        """How often messages find the radio in each state, shape (k, cuts, ways out).

        A chain from request to request, for a promotion shortens the pause after it: over gaps that never change the
        radio may well be asleep before every other request.
        """
        begins_s = np.concatenate((np.zeros(1), self.radio.tail_ends_s))
        states = begins_s.size
        # rows: the state before the last request
        reached = self.gaps.at_least(busy_s[..., None, None] + self.radio.wake_delays_s[:, None] + begins_s)
        reached[..., 0] = 1.0
        step = reached - np.concatenate((reached[..., 1:], np.zeros((*busy_s.shape, states, 1))), axis=-1)
        # the mean over requests of a chain that may alternate is that of one that rests half the time
        step = (step + np.eye(states)) / 2
        for _ in range(_DOUBLINGS):
            step = step @ step
            step /= step.sum(axis=-1, keepdims=True)
        # the first request of a run finds the radio idle
        return np.moveaxis(step[..., -1, :], -1, 0)

    def resting_j(
        self, waking: Wakings, device_s: Floats, transfers_s: Floats, awaited_s: Floats, after_s: Floats, sends: Flags
    ) -> Floats:
        """Energy of tails and of idle time: in the request's own pauses, and in the one before the next message.

        The radio is idle while the device computes, unless it is still falling asleep.

        Parameters
        ----------
        waking, awaited_s, sends
            What `wakings` took and gave.
        device_s, transfers_s : array, shape (cuts, ways out)
            Time computing, and time on the air.
        after_s : array, shape (cuts, ways out)
            From the last transfer until the request is done.
        """
        ends_s, powers_w = self.radio.tail_ends_s, self.radio.tail_powers_w
        whole_s = float(ends_s[-1]) if ends_s.size else 0.0
        tails_j = tail_j(awaited_s.ravel(), ends_s, powers_w).reshape(awaited_s.shape)
        idle_s = np.maximum(awaited_s - whole_s, 0.0) + np.maximum(after_s - whole_s, 0.0)
        for share, delay_s in zip(waking.shares, self.radio.wake_delays_s, strict=True):
            from_s = transfers_s + awaited_s + waking.down_s + delay_s
            begin_s = 0.0
            for end_s, power_w in zip(ends_s.tolist(), powers_w.tolist(), strict=True):
                tails_j = tails_j + share * power_w * self._within(from_s + begin_s, from_s + end_s)
                begin_s = end_s
            idle_s = idle_s + share * self._within(from_s + whole_s, from_s + whole_s + device_s)
        idle_w = self.radio.idle_power.value
        return np.where(sends, tails_j + idle_w * idle_s, idle_w * device_s)

    def _within(self, from_s: Floats, to_s: Floats) -> Floats:
        """Mean part of the gaps between two times."""
        return self.gaps.mean_up_to(to_s) - self.gaps.mean_up_to(from_s)
