"""What the figures of a sweep show: one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Metric:
    """What a figure shows: column of the summary, column of its half-width, label, dimension (none for shares)."""

    column: str
    interval: str
    label: str
    dimension: str


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "latency": Metric("latency_mean_s", "latency_ci95_s", "Mean latency", "time"),
        "energy": Metric("energy_mean_j", "energy_ci95_j", "Energy per request", "energy"),
        "deadline_misses": Metric("deadline_miss_ratio", "", "Deadline misses", ""),
        "accuracy": Metric("accuracy", "", "Accuracy", ""),
    }
)
