"""How far the policies of a run are from what none can beat."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.units import human

if TYPE_CHECKING:
    from simulator.studies.result import Result

#: a distance that is worth a sentence
_NEAR = 0.005


def bound_sentences(result: Result) -> list[str]:
    """The bound of mean latency, and how far above it the policies are; nothing for fleets, whose groups differ."""
    rows = [row for row in result.summary_rows if _distance(row) is not None]
    if not rows or any("group" in row for row in rows):
        return []
    bounds = {human(row["latency_bound_s"], "time") for row in rows}
    if len(bounds) > 1:  # policies that answer other requests have other bounds
        return []
    shown = sorted((_distance(row) or 0.0, row["policy"]) for row in rows)
    far = ", ".join(
        f"{policy} {'is at it' if above < _NEAR else f'{100 * above:.0f} % above'}" for above, policy in shown
    )
    what = f"No choice of these options has a mean latency below {bounds.pop()}, even alone and with foresight"
    return [f"{what}: {far}."]


def _words(above: float) -> str:
    return "is at it" if above < _NEAR else f"{100 * above:.0f} % above"


def _distance(row: Mapping[str, Any]) -> float | None:
    """Mean latency over its bound, less 1; None where either is unknown, or means grow with the run."""
    bound, mean = row.get("latency_bound_s", math.nan), row["latency_mean_s"]
    if row["condition"] or not bound > 0 or math.isnan(mean):
        return None
    return float(mean / bound - 1)
