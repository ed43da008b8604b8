"""How much of a recording a run has seen, so that nobody takes a stretch of it for all of it.

A run sees a recording from the first to the last arrival of the devices that follow it. Replications begin at
instants of their own, unless the scenario fixes them, so that many short ones see all of it; one does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from simulator import units
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


def _longest_s(table: pa.Table, devices: range) -> float:
    """Longest time from the first to the last arrival at some devices in one replication."""
    device, arrival_s, replication = (
        table[name].to_numpy(zero_copy_only=False) for name in ("device", "arrival_s", "replication")
    )
    mine = (device >= devices.start) & (device < devices.stop)
    arrival_s, replication = arrival_s[mine], replication[mine]
    spans = [np.ptp(arrival_s[replication == k]) for k in np.unique(replication)]
    return float(max(spans, default=0.0))
