"""What a run yields: the requests, what they add up to, and how it came about.

Its folder is written by `simulator.studies.store` and read back by `simulator.studies.loading`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from simulator.accounts.request_columns import RequestColumns, policy_names
from simulator.accounts.window import Window
from simulator.inference.comparability import reasons_by_metric
from simulator.inference.comparison import DIFFERENCE_COLUMNS, difference_rows
from simulator.inference.metrics import RunFacts
from simulator.inference.summary import summarise
from simulator.studies.drawing import NO_FIGURES, Drawing, FigureMethods
from simulator.units import human

if TYPE_CHECKING:
    import pandas as pd

#: what the manifest of a result folder says it is
FORMAT = "offload-sim result 1"
#: files that every result folder holds beside the manifest
DATA_FILES = ("requests.parquet", "summary.csv", "differences.csv")
#: requests below which nobody takes the end of a run for its usual course
_MANY = 10


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Outcome of one scenario.

    Attributes
    ----------
    name : str
        Name of the scenario.
    scenario : dict
        The scenario as resolved.
    table : pyarrow.Table
        One row per request and policy, columns as in requests.parquet.
    summary_rows, difference_rows : tuple of dict
        Rows of summary.csv and differences.csv.
    manifest : dict
        Scenario, hashes, seed, versions, cautions: how this result came about.
    curves : mapping of str to pyarrow.Table
        Tables of `CURVE_COLUMNS`, those that were computed; ``radio_timeline`` only where a radio was used.
    directory : Path or None
        Folder that holds this result.
    drawing : Drawing
        Who draws its figures.
    """

    name: str
    scenario: Mapping[str, Any]
    table: pa.Table
    summary_rows: tuple[dict[str, Any], ...]
    difference_rows: tuple[dict[str, Any], ...]
    manifest: Mapping[str, Any]
    curves: Mapping[str, pa.Table] = field(default_factory=lambda: MappingProxyType({}))
    directory: Path | None = None
    drawing: Drawing = NO_FIGURES

    @property
    def summary(self) -> pd.DataFrame:
        """One row per policy (and group), columns as in summary.csv."""
        import pandas as pd

        return pd.DataFrame(list(self.summary_rows))

    @property
    def differences(self) -> pd.DataFrame:
        """Paired differences of every policy from the best one, per metric (and group)."""
        import pandas as pd

        return pd.DataFrame(list(self.difference_rows), columns=list(DIFFERENCE_COLUMNS))

    @property
    def requests(self) -> pd.DataFrame:
        """One row per request and policy, columns as in requests.parquet (a copy: `table` is the original)."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    @property
    def plot(self) -> FigureMethods:
        """Figures: ``result.plot.latency_cdf()`` and so on, each a matplotlib Figure."""
        return self.drawing.methods(self)

    @property
    def warmup_s(self) -> float:
        """Requests that arrive earlier are in `table` but in no summary and no figure."""
        return float(self.manifest.get("warmup_s", 0.0))

    @property
    def window(self) -> Window:
        """Which requests of `table` count in the summary and in figures."""
        ends = self.manifest.get("first_run_out_s", ())
        return Window(self.warmup_s, tuple(math.inf if end is None else float(end) for end in ends))

    def __repr__(self) -> str:
        policies = ", ".join(dict.fromkeys(row["policy"] for row in self.summary_rows))
        place = f" in {self.directory}" if self.directory else ""
        return (
            f"<Result of {self.name}{place}: {self.table.num_rows} requests under {policies}; .summary .requests .plot>"
        )


def build_result(
    name: str,
    scenario: Mapping[str, Any],
    table: pa.Table,
    facts: Mapping[tuple[str, str], RunFacts],
    *,
    manifest: Mapping[str, Any],
    curves: Mapping[str, pa.Table],
    warmup_s: float,
    batches: int,
    horizon_s: float | None = None,
    until_s: Sequence[float] = (),
    ended: Mapping[str, str] = MappingProxyType({}),
    drawing: Drawing = NO_FIGURES,
) -> Result:
    """A result from a finished run: computes the summary and the paired differences.

    Parameters
    ----------
    name, scenario, table, manifest, curves, drawing
        As in `Result`; the manifest gains ``name``, ``scenario``, ``warmup_s``, ``left_out`` (requests of the warm-up
        and of the cool-down), further ``cautions`` and, where there is a cool-down, ``first_run_out_s`` of each
        replication.
    facts, warmup_s, batches, horizon_s, until_s, ended
        As in `summary.summarise`.
    """
    window = Window.of(warmup_s, until_s)
    columns = RequestColumns(table)
    summary = summarise(
        columns,
        facts,
        warmup_s=warmup_s,
        batches=batches,
        horizon_s=horizon_s,
        until_s=window.until_s,
        ended=ended,
    )
    outlasting = [] if horizon_s is not None else _outlasting(table)
    full = {
        **manifest,
        "name": name,
        "scenario": scenario,
        "warmup_s": warmup_s,
        "left_out": _left_out(columns, window),
        "cautions": [*manifest.get("cautions", ()), *summary.cautions, *outlasting],
    }
    if window.until_s:
        full["first_run_out_s"] = [end if math.isfinite(end) else None for end in window.until_s]
    differences = difference_rows(
        columns,
        warmup_s=warmup_s,
        batches=batches,
        until_s=window.until_s,
        short={key: fact.short for key, fact in facts.items() if fact.short},
        reasons=reasons_by_metric(scenario, summary.rows),
    )
    return Result(name, scenario, table, summary.rows, differences, full, curves, drawing=drawing)


def _left_out(columns: RequestColumns, window: Window) -> dict[str, int]:
    """Requests that were simulated and count nowhere, over all replications."""
    policies = policy_names(columns)
    if not policies:
        return {"warmup": 0, "cool_down": 0}
    mine = columns.is_value("policy", policies[0])
    early = columns.floats("arrival_s")[mine] < window.warmup_s
    outside = ~window.holds(columns.floats("arrival_s")[mine], columns.floats("replication")[mine])
    return {"warmup": int(early.sum()), "cool_down": int((outside & ~early).sum())}


def _outlasting(table: pa.Table) -> list[str]:
    """Policies whose last answer comes long after the last request, in a run that nothing ends before."""
    shown = table.select(["policy", "finish_s", "arrival_s"]).unify_dictionaries()
    ends = shown.group_by("policy").aggregate([("finish_s", "max"), ("arrival_s", "max"), ("policy", "count")])
    said = []
    for row in ends.to_pylist():
        last_s, arrived_s = row["finish_s_max"], row["arrival_s_max"]
        if row["policy_count"] >= _MANY and last_s is not None and last_s > 2 * arrived_s:
            wait = human(last_s - arrived_s, "time")
            text = (
                f"{row['policy']}: without a horizon the run goes on for {wait} after the last request, and that time"
            )
            said.append(f"{text} counts in idle energy, throughput and utilisation: set a horizon")
    return said
