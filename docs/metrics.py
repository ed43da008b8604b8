"""``python docs/metrics.py``: writes docs/metrics.md, what every column of a summary is, from the table of metrics."""

from __future__ import annotations

import inspect
from pathlib import Path

from simulator.inference.metrics import METRICS, MORE, Metric
from simulator.inference.pareto import OBJECTIVES
from simulator.units import SI_UNIT

PAGE = Path(__file__).with_name("metrics.md")
_HEAD = """# Columns of a summary

One row of `summary.csv` for each policy (and group of a fleet, named in `group`), and of a sweep for each point.
Requests of the warm-up and of the cool-down are left out everywhere. An empty cell is a value that there is not.
`*_ci95_*` is the half-width of the 95 % interval of a mean, and `*_is_at_least` says that it is only a lower bound,
because the run is too short for its load. `condition` says why the means of a row are not compared with others.

| column | unit | | what it is |
|---|---|---|---|
"""


def page() -> str:
    """The text of the page."""
    lines = "".join(f"{_line(metric)}\n" for metric in METRICS)
    objectives = ", ".join(f"`{name}` (`{metric.name}`)" for name, metric in OBJECTIVES.items())
    return f"{_HEAD}{lines}\nObjectives of `optimise`: {objectives}.\n"


def _line(metric: Metric) -> str:
    names = ", ".join(f"`{column}`" for column in metric.columns)
    better = {"": "", MORE: "more is better"}.get(metric.better, "less is better")
    meaning = " ".join((inspect.getdoc(metric.of) or "").split())
    unit = SI_UNIT[metric.unit] if metric.is_quantity else metric.unit
    return f"| {names} | {unit} | {better} | {metric.title}. {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
