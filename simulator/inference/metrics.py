"""Every number that a summary says of a policy, one line each.

Columns of summary.csv and of sweeps, the tables that are printed, the figures of a sweep, the objectives of an
optimisation, and docs/metrics.md follow from `METRICS`. Requests of the warm-up and of the cool-down (see `window`) are
left out of all of them; what is not known is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from simulator.arrays import Floats
from simulator.inference.selection import Selection
from simulator.inference.statistics import percentiles

#: units that are no dimension of `simulator.units.UNITS`
COUNT, SHARE, NUMBER, TEXT = "count", "share", "number", "text"
LESS, MORE = "less", "more"
#: what bounds are called where metrics say what they need
BOUNDS = "bounds"
#: columns of a summary that every result ever had, and without which it says nothing
REQUIRED = ("policy", "requests", "completed", "dropped", "censored")


@dataclass(frozen=True)
class RunFacts:
    """What the requests table cannot tell about one policy (and group).

    Attributes
    ----------
    utilisation : mapping of str to float
        Busy share of each station by its stage, 0 to 1.
    bounds : tuple of float, or None
        What mean latency and mean energy cannot be below; None where nobody asked.
    top1 : float or None
        Published top-1 accuracy of the model as a fraction, for requests without a known answer.
    offered_load : float
        Of the busiest station on the way; NaN where it is not known before the run.
    busiest_station : str
        Which one that is.
    overload : str
        Why there is no steady state; empty where there is one.
    short : str
        Why the run is too short for its load to support an interval; empty otherwise.
    """

    utilisation: Mapping[str, float] = field(default_factory=dict)
    bounds: tuple[float, float] | None = None
    top1: float | None = None
    offered_load: float = math.nan
    busiest_station: str = ""
    overload: str = ""
    short: str = ""

    def has(self, name: str) -> bool:
        """Whether there is such a stage, or such bounds."""
        return name in self.utilisation or (name == BOUNDS and self.bounds is not None)


@dataclass(frozen=True)
class Subject:
    """What a metric is computed from: the requests of one policy (and group) that count, and what else is known.

    Attributes
    ----------
    requests : Selection
    known : RunFacts
    observed_s : float
        Simulated time that counts, over all replications.
    """

    requests: Selection
    known: RunFacts = RunFacts()
    observed_s: float = 0.0

    @cached_property
    def latency_s(self) -> Floats:
        """Latency of each request, NaN where it is not completed."""
        return self.requests.completed("latency_s")

    @cached_property
    def latency_percentiles_s(self) -> Mapping[int, float]:
        """Percentiles of the latency of completed requests."""
        return dict(zip((50, 95, 99), percentiles(self.latency_s, (50, 95, 99)), strict=True))


@dataclass(frozen=True)
class Metric:
    """One number of a summary.

    Attributes
    ----------
    name : str
        Its column.
    unit : str
        Dimension of `simulator.units.UNITS` (the column is in SI units), or `COUNT`, `SHARE`, `NUMBER`, `TEXT`.
    title : str
        What people call it.
    better : str
        `LESS`, `MORE`, or empty where neither is.
    of : callable
        Its value for a `Subject`; of a mean with an interval, the value of each request, NaN where one has none. Its
        docstring says what it is.
    interval : str
        Column of the half-width of the 95 % interval; empty where the metric is no mean.
    place : int
        Place among the columns of printed tables, 0 for none.
    key : str
        Name of its figure of a sweep, and of the objective; empty for neither.
    weight : str
        Column with which groups of a fleet are weighted in an objective; empty where it is none.
    heading : str
        Of its column in a table of 80 characters; the title in small letters if left out.
    has_idle : bool
        Whether energy that no request caused is part of it.
    needs : str
        Stage, or `BOUNDS`, without which nobody has it; empty where everybody does.
    """

    name: str
    unit: str
    title: str
    better: str
    of: Callable[[Subject], Any]
    interval: str = ""
    place: int = 0
    key: str = ""
    weight: str = ""
    heading: str = ""
    has_idle: bool = False
    needs: str = ""

    @property
    def bound(self) -> str:
        """Column that says whether the interval is only a lower bound."""
        return self.interval and f"{self.interval.rpartition('_')[0]}_is_at_least"

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns of summary.csv."""
        return (self.name, self.interval, self.bound) if self.interval else (self.name,)

    @property
    def sign(self) -> int:
        """1 where less is better, -1 where more is."""
        return -1 if self.better == MORE else 1

    @property
    def is_quantity(self) -> bool:
        """Whether it has a physical unit."""
        return self.unit not in (COUNT, SHARE, NUMBER, TEXT)


def _mean(values: Floats) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else math.nan


def requests(of: Subject) -> int:
    """Requests that count."""
    return len(of.requests.rows)


def completed(of: Subject) -> int:
    """Requests with an answer."""
    return of.requests.count("completed")


def dropped(of: Subject) -> int:
    """Requests that were given up: refused by a full queue, or lost."""
    return of.requests.count("dropped")


def censored(of: Subject) -> int:
    """Requests that were in flight at the horizon."""
    return of.requests.count("censored")


def deadline_misses(of: Subject) -> float:
    """(Completed late + dropped + censored) / requests with a deadline."""
    with_deadline = ~np.isnan(of.requests.floats("deadline_s"))
    if not with_deadline.any():
        return math.nan
    missed = of.requests.completed("deadline_met") != 1.0
    return float(missed[with_deadline].mean())


def latency(of: Subject) -> Floats:
    """From arrival to answer, over completed requests."""
    return of.latency_s


def latency_p50(of: Subject) -> float:
    """Half of the completed requests have less."""
    return of.latency_percentiles_s[50]


def latency_p95(of: Subject) -> float:
    """95 % of the completed requests have less latency."""
    return of.latency_percentiles_s[95]


def latency_p99(of: Subject) -> float:
    """99 % of the completed requests have less latency."""
    return of.latency_percentiles_s[99]


def energy(of: Subject) -> Floats:
    """Of the device, over all requests: what was spent on one that was dropped later was spent all the same."""
    return of.requests.floats("energy_j")


def bytes_up(of: Subject) -> float:
    """What a request sends, over all requests that have the value."""
    return _mean(of.requests.floats("bytes_up"))


def accuracy(of: Subject) -> float:
    """Share of correct answers among completed requests whose answer is known, else the published top-1.

    Less what the profile says that lost bytes cost.
    """
    kept: Floats | float = 1.0
    if of.requests.columns.has("accuracy_kept"):
        kept = of.requests.completed("accuracy_kept")
    known = _mean(of.requests.completed("correct") * kept)
    if math.isnan(known) and of.known.top1 is not None and of.requests.count("completed"):
        return of.known.top1 * _mean(np.atleast_1d(kept))
    return known


def throughput(of: Subject) -> float:
    """Completed requests per second of observed time.

    That runs from the end of the warm-up to the beginning of the cool-down, else to the horizon, or to the last
    completion of the policy's run where there is neither.
    """
    return of.requests.count("completed") / of.observed_s if of.observed_s > 0 else math.nan


def utilisation_device(of: Subject) -> float:
    """Busy time of processors / (devices x observed time)."""
    return of.known.utilisation.get("device", math.nan)


def utilisation_uplink(of: Subject) -> float:
    """Busy time of uplinks / (devices x observed time)."""
    return of.known.utilisation.get("uplink", math.nan)


def utilisation_edge(of: Subject) -> float:
    """Busy time of workers / (workers x observed time); a batch counts once."""
    return of.known.utilisation.get("edge", math.nan)


def utilisation_backhaul_up(of: Subject) -> float:
    """Busy time of the link to the cloud / observed time."""
    return of.known.utilisation.get("backhaul_up", math.nan)


def utilisation_cloud(of: Subject) -> float:
    """As that of the edge; only with a cloud."""
    return of.known.utilisation.get("cloud", math.nan)


def utilisation_backhaul_down(of: Subject) -> float:
    """Busy time of the link from the cloud / observed time."""
    return of.known.utilisation.get("backhaul_down", math.nan)


def offered_load(of: Subject) -> float:
    """Of the station on the way that is asked for most; empty for a policy that decides anew for each request."""
    return of.known.offered_load


def busiest_station(of: Subject) -> str:
    """Which station that is."""
    return of.known.busiest_station


def latency_bound(of: Subject) -> float:
    """What no policy's mean over these completed requests is below: the best option of each, alone and foreseen."""
    return of.known.bounds[0] if of.known.bounds else math.nan


def energy_bound(of: Subject) -> float:
    """What no policy's mean energy over these requests is below, likewise."""
    return of.known.bounds[1] if of.known.bounds else math.nan


# fmt: off
METRICS = (
    Metric("requests", COUNT, "Requests", "", requests),
    Metric("completed", COUNT, "Completed", "", completed),
    Metric("dropped", COUNT, "Dropped", "", dropped, place=6),
    Metric("censored", COUNT, "Censored", "", censored, place=7),
    Metric("deadline_miss_ratio", SHARE, "Deadline misses", LESS, deadline_misses, place=5, key="deadline_misses",
           heading="deadline\nmisses"),
    Metric("latency_mean_s", "time", "Mean latency", LESS, latency, "latency_ci95_s", 1, "latency", "completed"),
    Metric("latency_p50_s", "time", "Median latency", LESS, latency_p50),
    Metric("latency_p95_s", "time", "95th percentile", LESS, latency_p95, place=2, heading="p95"),
    Metric("latency_p99_s", "time", "99th percentile", LESS, latency_p99),
    Metric("energy_mean_j", "energy", "Energy per request", LESS, energy, "energy_ci95_j", 3, "energy", "requests",
           heading="energy", has_idle=True),
    Metric("bytes_up_mean", NUMBER, "Bytes up", "", bytes_up),
    Metric("accuracy", SHARE, "Accuracy", MORE, accuracy, place=4, key="accuracy", weight="completed"),
    Metric("throughput_rps", NUMBER, "Throughput", MORE, throughput),
    Metric("utilisation_device", SHARE, "Utilisation of devices", "", utilisation_device),
    Metric("utilisation_uplink", SHARE, "Utilisation of uplinks", "", utilisation_uplink),
    Metric("utilisation_edge", SHARE, "Utilisation of the edge", "", utilisation_edge),
    Metric("utilisation_backhaul_up", SHARE, "Utilisation of the link to the cloud", "", utilisation_backhaul_up,
           needs="backhaul_up"),
    Metric("utilisation_cloud", SHARE, "Utilisation of the cloud", "", utilisation_cloud, needs="cloud"),
    Metric("utilisation_backhaul_down", SHARE, "Utilisation of the link from the cloud", "", utilisation_backhaul_down,
           needs="backhaul_down"),
    Metric("offered_load", NUMBER, "Offered load", "", offered_load),
    Metric("busiest_station", TEXT, "Busiest station", "", busiest_station),
    Metric("latency_bound_s", "time", "Bound of latency", "", latency_bound, needs=BOUNDS),
    Metric("energy_bound_j", "energy", "Bound of energy", "", energy_bound, needs=BOUNDS),
)
# fmt: on
_COLUMNS = ("policy", *(column for metric in METRICS for column in metric.columns), "condition")
_OF_STAGES = frozenset(column for metric in METRICS if metric.needs for column in metric.columns)
#: columns of every summary.csv in order; ``group`` follows ``policy`` when there is more than one
SUMMARY_COLUMNS = tuple(column for column in _COLUMNS if column not in _OF_STAGES)
#: what is estimated with an interval and compared between policies, by column
MEANS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in METRICS if metric.interval})
#: what tables print, in order
PRINTED = tuple(sorted((metric for metric in METRICS if metric.place), key=lambda metric: metric.place))
#: what figures of a sweep show, by name
KEYED: Mapping[str, Metric] = MappingProxyType({metric.key: metric for metric in PRINTED if metric.key})


def summary_columns(present: Collection[str]) -> tuple[str, ...]:
    """Columns of a summary, with those that only some systems have where they are present."""
    return tuple(column for column in _COLUMNS if column not in _OF_STAGES or column in present)


def lacking(columns: Iterable[str]) -> list[str]:
    """Columns that a summary cannot do without, and that are not among these."""
    present = set(columns)
    return [name for name in REQUIRED if name not in present]
