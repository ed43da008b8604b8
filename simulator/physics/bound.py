"""What no policy can beat: each request alone on the idle system, on the option that is best for it.

Latency. A request that nobody is in the way of never waits, and begins each visit at its earliest instant. That this is
also its earliest finish needs two things of every station: its service is never shorter than alone, and who begins
later does not end earlier. Both hold for processors, for servers without batches, and for links that carry bits at a
rate over time: the end of a transfer solves ``carried(end) = carried(start) + bits``, which grows with the start (the
service curve of a work-conserving server: Le Boudec and Thiran, "Network Calculus", 2001, section 1.3). By induction
over the visits the finish alone is a lower bound whatever the others do, in whatever order stations serve, and however
a medium is shared. So is the least over all options that any policy has, and the mean of the least over the same
requests. Who turns back before a full server and finishes on the device has done all of the device's work by then, so
the option that runs everything there covers this way too and must be among them. What would break it is left out, each
of which only lengthens a visit:

- waking a radio: others may keep it awake;
- frames that are sent again: what is lost depends on how many frames others have sent before;
- the gathering of batches. A batch takes its factor times the mean of what its requests take alone, so a long request
  gets shorter beside short ones: see `shortest_service_s`.

A policy that drops the slow requests has a lower mean over the completed ones: compare it over the requests that it
completed (`mean_over`), or with what any so many requests take at least (`mean_of_fewest`).

Energy. A transfer that begins later may meet a better rate and be shorter, so its time on air is bounded by its bits at
the best rate of its channel. Both directions of a radio share its active power while both are in use. What a device
draws while nothing happens it draws for the whole observation, whichever policy it has: over all requests, if all are
completed, the mean is at least idle power times span over their number, and the mean of the least energy above it
(`above_idle_j`, `mean_energy_j`). For some of the requests only (drops, warm-up, a horizon that cuts some off) the
bound is what each is charged at least (`caused_j`), without a share of the idle energy, which depends on the others.
Tails and promotions are left out: others may share them.

Met on an idle system: latency, where no radio wakes and no frame is lost; energy, where also no answer takes time on
air.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def shortest_service_s(work_s: Floats, least_work_s: float, batch_factor: Floats) -> Floats:
    """The shortest time in which a server may serve a request, whatever it is batched with.

    A batch of b requests takes ``factor(b)`` times the mean of their works. The others of the batch have at least the
    least work of all.

    Parameters
    ----------
    work_s : array
        What requests take alone.
    least_work_s : float
        At most any work that the server is given.
    batch_factor : array, shape (max_batch + 1,)
        Time of a batch of b requests over the time of one; entry 0 is not used, entry 1 is 1.
    """
    sizes = np.arange(1, batch_factor.size)
    slope, offset = batch_factor[1:] / sizes, batch_factor[1:] * (sizes - 1) / sizes * least_work_s
    shortest = np.asarray(work_s, dtype=np.float64)
    for share, more_s in zip(slope[1:].tolist(), offset[1:].tolist(), strict=True):
        shortest = np.minimum(shortest, share * work_s + more_s)
    return shortest


def above_idle_j(
    device_s: Floats,
    air_up_s: Floats,
    bits_up: Floats,
    bits_down: Floats,
    active_w: Floats | float,
    idle_w: Floats | float,
    radio_active_w: Floats | float,
    radio_idle_w: Floats | float,
    up_j_per_bit: Floats | float,
    down_j_per_bit: Floats | float,
) -> Floats:
    """The least that requests add to what their devices draw idle; arrays that go together.

    Parameters
    ----------
    device_s : array
        Time computing.
    air_up_s : array
        Least time sending. Time receiving is left out: another request may be sending meanwhile, at the same power.
    bits_up, bits_down : array
    active_w, idle_w, radio_active_w, radio_idle_w : array or float
        Power of processor and radio; none is below the idle ones.
    up_j_per_bit, down_j_per_bit : array or float
    """
    computing = (active_w - idle_w) * device_s
    return computing + (radio_active_w - radio_idle_w) * air_up_s + up_j_per_bit * bits_up + down_j_per_bit * bits_down


def caused_j(
    device_s: Floats,
    air_up_s: Floats,
    air_down_s: Floats,
    bits_up: Floats,
    bits_down: Floats,
    active_w: Floats | float,
    radio_active_w: Floats | float,
    up_j_per_bit: Floats | float,
    down_j_per_bit: Floats | float,
) -> Floats:
    """The least that requests are charged with; parameters as in `above_idle_j`.

    While both directions of a radio are in use, a request is charged half of the active power.
    """
    on_air = radio_active_w * (air_up_s + air_down_s) / 2
    return active_w * device_s + on_air + up_j_per_bit * bits_up + down_j_per_bit * bits_down


def mean_energy_j(above_j: Floats, idle_w: Floats, span_s: float) -> float:
    """Mean energy that no policy is below that completes all requests.

    Parameters
    ----------
    above_j : array, shape (requests,)
        Least of `above_idle_j` over the options of each.
    idle_w : array, shape (devices,)
        Power of each device that has a request, radio included, while nothing happens.
    span_s : float
        Length of the observation: the horizon, or what no run ends before.
    """
    return float((idle_w.sum() * span_s + above_j.sum()) / above_j.size)


def mean_over(least: Floats, counted: Flags) -> float:
    """Mean of the bounds of the requests that a policy completed; NaN if it completed none."""
    return float(least[counted].mean()) if counted.any() else float("nan")


def mean_of_fewest(least: Floats, completed: int) -> float:
    """What the mean over any so many completed requests is at least: that of the smallest bounds.

    Parameters
    ----------
    least : array, shape (requests,)
        Bound of each request.
    completed : int
        At least 1.
    """
    return float(np.sort(least)[:completed].mean())
