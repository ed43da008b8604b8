"""Table of the figure radio_timeline: what the radio of one device does, for every policy, in a window to look at.

Shown is the first device of each of the first three groups that have a radio card, in the first replication. The
window is the same for all policies of a group. It begins where observation does (after the warm-up), or a little
before the radio first leaves its rest under any policy. It ends when under one of them the radio has been on the air a
dozen times and the tail after that is over; or at the end of the last tail, where no policy transfers that often. Its
length is rounded up, but never beyond the end of the run. A state whose power changes more often than a figure can
show has its mean power over a thousandth of the window.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.accounts.curve_columns import CURVE_COLUMNS
from simulator.accounts.energy import end_of_run_s
from simulator.accounts.timeline import ON_AIR, REST, Segments, radio_segments
from simulator.engines.log import RequestLog
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.workload import Workload

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES_ON_AIR = 12
#: requests that are looked at first, and how many times more then
_REQUESTS = 16
_MOST_GROUPS = 3
_STEPS = 1000
#: rest that is shown before the radio first wakes, as a share of what follows
_LEAD = 0.05


@dataclass(frozen=True, eq=False)
class _Run:
    """The radio of one group's first device under one policy, from the start of the observation as far as needed."""

    policy: str
    segments: Segments
    end_s: float

    @property
    def enough_s(self) -> float:
        """End of the dozenth time on the air and of its tail; infinite when it is not that often."""
        on_air = np.isin(self.segments.state, ON_AIR)
        last = np.flatnonzero(on_air & ~np.append(on_air[1:], False))
        if last.size < _TIMES_ON_AIR:
            return math.inf
        after = last[_TIMES_ON_AIR - 1] + 1
        over = np.flatnonzero(~_is_tail(self.segments.state[after:]))
        return float(np.append(self.segments.start_s[after:], self.segments.end_s[-1])[over[0] if over.size else -1])

    @property
    def wakes_s(self) -> float:
        """Instant at which the radio first leaves its rest; infinite when it never does."""
        awake = np.flatnonzero(~np.isin(self.segments.state, REST))
        return float(self.segments.start_s[awake[0]]) if awake.size else math.inf

    @property
    def rest_s(self) -> float:
        """Instant from which on the radio rests; minus infinity when it never does anything else."""
        awake = np.flatnonzero(~np.isin(self.segments.state, REST))
        return float(self.segments.end_s[awake[-1]]) if awake.size else -math.inf


class RadioTimelines:
    """Gathers what radios do while policies run, for the first replication.

    Parameters
    ----------
    system : System
    """

    def __init__(self, system: System) -> None:
        self._system = system
        with_card = [g for g, group in enumerate(system.groups) if group.radio is not None]
        self._runs: dict[int, list[_Run]] = {g: [] for g in with_card[:_MOST_GROUPS]}

    def note(self, plan: Plan, workload: Workload, log: RequestLog, replication: int) -> None:
        """Keep what the radios did under one policy; nothing is kept of later replications."""
        if replication > 0:
            return
        since = self._system.scenario.statistics.warmup
        end = end_of_run_s(plan, workload, log)
        if end <= since:
            return
        for g, runs in self._runs.items():
            device = self._system.groups[g].devices.start
            later = workload.arrival_s[(workload.device == device) & (workload.arrival_s > since)]
            requests, until = _REQUESTS, since
            # a long run need not be looked at to its end
            while until < end:
                until = min(end, float(later[requests])) if requests < later.size else end
                segments = radio_segments(self._system, plan, workload, log, device, end, until)
                run = _Run(plan.policy, segments.between(since, until), end)
                if since + rounded_up(run.enough_s - since) <= until:
                    break
                requests *= _REQUESTS
            runs.append(run)

    def tables(self, without: Container[str] = ()) -> dict[str, pa.Table]:
        """Table ``radio_timeline`` without some policies; none when no radio is ever on the air."""
        kept = {g: [run for run in runs if run.policy not in without] for g, runs in self._runs.items()}
        rows = [row for g, runs in kept.items() for row in _rows(self._system.groups[g].name, runs)]
        if not any(row["state"] in ON_AIR for row in rows):
            return {}
        import pyarrow as pa

        text = ("group", "policy", "state")
        columns = CURVE_COLUMNS["radio_timeline"]
        schema = pa.schema([(column, pa.string() if column in text else pa.float64()) for column in columns])
        return {"radio_timeline": pa.Table.from_pylist(rows, schema)}


def _rows(group: str, runs: list[_Run]) -> list[dict[str, str | float]]:
    """Segments of all policies in the window of a group."""
    if not runs:
        return []
    begin = runs[0].segments.start_s[0]
    stop = min(run.enough_s for run in runs)
    if math.isinf(stop):
        stop = max(run.rest_s for run in runs)
    run_end = max(run.end_s for run in runs)
    wakes = min(run.wakes_s for run in runs)
    if stop > wakes > begin + _LEAD * (stop - wakes):
        begin = wakes - _LEAD * (stop - wakes)
    stop = min(begin + rounded_up(stop - begin), run_end) if stop > begin else run_end
    rows: list[dict[str, str | float]] = []
    for run in runs:
        shown = run.segments.between(begin, stop).thinned((stop - begin) / _STEPS)
        columns = (shown.start_s.tolist(), shown.end_s.tolist(), shown.state.tolist(), shown.power_w.tolist())
        rows += [
            {"group": group, "policy": run.policy, "start_s": start, "end_s": end, "state": state, "power_w": power}
            for start, end, state, power in zip(*columns, strict=True)
        ]
    return rows


def _is_tail(state: np.ndarray) -> np.ndarray:
    return np.char.startswith(state, "tail")


def rounded_up(length_s: float) -> float:
    """A round length of at least so many seconds: halves, from 10 on whole, from 20 on fives, in s, min or h."""
    if math.isinf(length_s):
        return length_s
    unit = next((unit for unit in (3600.0, 60.0, 1.0) if unit <= length_s), 10.0 ** math.floor(math.log10(length_s)))
    number = length_s / unit
    step = 0.5 if number < 10 else 1.0 if number < 20 else 5.0
    return math.ceil(number / step) * step * unit
