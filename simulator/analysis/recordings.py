"""How much of a recording a run has seen, so that nobody takes a stretch of it for all of it.

A run sees a recording from the first to the last arrival of the devices that follow it. Replications begin at
instants of their own, unless the scenario fixes them, so that many short ones see all of it; one does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from simulator import units
from simulator.analysis.result import Result
from simulator.links.trace import TraceLink
from simulator.plan.system import System


def seen_recordings(system: System, table: pa.Table) -> list[dict[str, Any]]:
    """For each group and direction that follows a recording, its length and the share that one replication sees.

    Parameters
    ----------
    system : System
    table : pyarrow.Table
        One row per request, columns as in requests.parquet.
    """
    seen = []
    for group in system.groups:
        for kind, channel in ((group.uplink_kind, group.uplink), (group.downlink_kind, group.downlink)):
            if isinstance(kind, TraceLink) and channel.rates_bps.size > 1:
                lasts_s = float(channel.edges_s[-1])
                share = seen_share(_longest_s(table, group.devices), lasts_s)
                start = None if kind.start is None else units.exact(kind.start, "time")
                told = {"recording": kind.trace, "lasts_s": lasts_s, "seen_share": share}
                seen.append({"group": group.name, **told} | ({} if start is None else {"start": start}))
    return seen


def seen_share(run_s: float, recording_s: float) -> float:
    """Share of a recording that a run of some length sees; it starts again when it ends."""
    return min(run_s / recording_s, 1.0)


def recording_sentences(result: Result) -> list[str]:
    """What one replication saw of each recording, or all replications where they begin at the same instant."""
    several = len({row["group"] for row in result.manifest.get("recordings", ())}) > 1
    return list(dict.fromkeys(_sentences(result, several)))


def _sentences(result: Result, several: bool) -> Iterator[str]:
    replications = result.scenario.get("statistics", {}).get("replications", 1)
    for row in result.manifest.get("recordings", ()):
        if replications > 1 and "start" not in row:
            continue
        who = "The one replication" if replications == 1 else "Every replication"
        where = f", group {row['group']}," if several else ""
        text = f"{who}{where} saw {_part(row['seen_share'])} of the recording {row['recording']}"
        if row["seen_share"] < 1:
            text += f" ({units.human(row['lasts_s'], 'time')})"
            if "start" in row:
                text += f", from {row['start']} on: without a start each replication begins elsewhere"
            else:
                text += ": use replications, which begin elsewhere"
        yield f"{text}."


def _part(share: float) -> str:
    if share == 1:
        return "all"
    return f"{100 * share:.2g} %" if share >= 0.01 else "less than 1 %"


def _longest_s(table: pa.Table, devices: range) -> float:
    """Longest time from the first to the last arrival at some devices in one replication."""
    device, arrival_s, replication = (
        table[name].to_numpy(zero_copy_only=False) for name in ("device", "arrival_s", "replication")
    )
    mine = (device >= devices.start) & (device < devices.stop)
    arrival_s, replication = arrival_s[mine], replication[mine]
    spans = [np.ptp(arrival_s[replication == k]) for k in np.unique(replication)]
    return float(max(spans, default=0.0))
