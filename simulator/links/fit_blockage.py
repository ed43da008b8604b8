"""Fitting a link of two states, clear and blocked, to a measured series: blocked is every rate below a threshold.

Mean durations are the most likely ones for exponential intervals of which some begin before a run or outlast it: all
time in a state over the number of its observed ends. Whatever lowers the rate counts as a blockage, and none shorter
than the step can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.errors import Problem, TraceError
from simulator.links.blockage import BlockageLink
from simulator.links.fit import on_regular_grid, rounded
from simulator.links.importers.model import RateSeries
from simulator.units import exact, human


def fit_blockage(series: RateSeries, below_bps: float) -> BlockageLink:
    """The link whose mean rates and mean durations are those of a series.

    Parameters
    ----------
    series : RateSeries
    below_bps : float
        Rate below which the link counts as blocked.

    Raises
    ------
    TraceError
        If no blockage was seen to end, or none to begin.
    """
    runs, step = on_regular_grid(series)
    blocked = [run < below_bps for run in runs]
    begun, ended = blockages(blocked)
    pooled = np.concatenate(runs)
    if not begun or not ended:
        spans = (
            f"rates lie between {human(float(pooled.min()), 'bit rate')} and {human(float(pooled.max()), 'bit rate')}"
        )
        what = f"the rate never {'falls' if not begun else 'rises'} through {human(below_bps, 'bit rate')} within a run"
        raise TraceError(Problem(what, f"{spans}: take a threshold between them"))
    is_blocked = np.concatenate(blocked)
    time_blocked_s = float(is_blocked.sum()) * step
    return BlockageLink.model_validate(
        {
            "clear": exact(rounded(pooled[~is_blocked].mean()), "bit rate"),
            "blocked": exact(rounded(pooled[is_blocked].mean()), "bit rate"),
            "mean_clear": exact(rounded((pooled.size * step - time_blocked_s) / begun), "time"),
            "mean_blocked": exact(rounded(time_blocked_s / ended), "time"),
        }
    )


def blockages(blocked: Sequence[np.ndarray]) -> tuple[int, int]:
    """How many blockages begin and how many end inside the runs; True stands for a blocked step."""
    begun = sum(int((~run[:-1] & run[1:]).sum()) for run in blocked)
    ended = sum(int((run[:-1] & ~run[1:]).sum()) for run in blocked)
    return begun, ended
