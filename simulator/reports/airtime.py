"""What a shared medium makes of the requests, in sentences: frames of LoRaWAN and their time, the fill of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import units
from simulator.arrays import Floats
from simulator.studies.result import Result


def frame_sentences(result: Result) -> list[str]:
    """One sentence for each policy, and group, that sent LoRaWAN frames."""
    if "frames" not in result.table.column_names:
        return []
    sent = result.table.filter(pc.greater(result.table["frames"], 0))
    if "group" not in sent.column_names:
        return [_on_air(policy, mine) for policy, mine in _by(sent, "policy")]
    groups = _by(sent, "group")
    return [_on_air(f"{policy}, group {name}", mine) for name, group in groups for policy, mine in _by(group, "policy")]


def _on_air(who: str, mine: pa.Table) -> str:
    frames, lost, airtime_s, service_s, wait_s = (
        _floats(mine, name) for name in ("frames", "frames_lost", "airtime_s", "uplink_service_s", "uplink_wait_s")
    )
    on_air = units.human(airtime_s.mean(), "time")
    text = f"LoRa, {who}: a request takes {frames.mean():.4g} frames and {on_air} on the air"
    if not np.isnan(service_s).all():
        in_all, waits = (units.human(float(np.nanmean(times)), "time") for times in (wait_s + service_s, wait_s))
        text += f"; its uplink takes {in_all}, of which it waits {waits} for the duty cycle and for others"
    return f"{text}. {100 * lost.sum() / frames.sum():.1f} % of the frames are lost."


def cell_sentences(result: Result) -> list[str]:
    """For each shared cell and each policy that uses it, how full it is from the first request to the last answer."""
    common = result.scenario.get("link", {})
    links = {group["name"]: group.get("link") or common for group in result.scenario.get("fleet") or ()}
    links = links or {"": common}
    cells: dict[str, list[str]] = {}
    for group, link in links.items():
        if link.get("cell"):
            cells.setdefault(link["cell"], []).append(group)
    return [
        f"Cell {cell}, {policy}: {_percent(share)} % of the airtime is used."
        for cell, groups in cells.items()
        for policy, mine in _by(result.table, "policy")
        if (share := _fill(result, mine, {group: links[group] for group in groups})) > 0
    ]


def _fill(result: Result, mine: pa.Table, links: Mapping[str, Mapping[str, Any]]) -> float:
    """Share of a cell's airtime that the finished transfers of one policy took."""
    ends = np.nanmax(np.stack([_floats(mine, "arrival_s"), _floats(mine, "finish_s")]), axis=0)
    replication = _floats(mine, "replication").astype(np.int64)
    horizon_s = result.scenario.get("horizon")
    last_s = [ends[replication == k].max() for k in np.unique(replication)]
    observed_s = sum(last_s) if horizon_s is None else units.parse(horizon_s, "time") * len(last_s)
    used_s = 0.0
    for group, link in links.items():
        theirs = mine.filter(pc.equal(mine["group"].cast(pa.string()), group)) if "group" in mine.column_names else mine
        for way, size in (("uplink", "bytes_up"), ("downlink", "bytes_down")):
            finished = ~np.isnan(_floats(theirs, f"{way}_service_s"))
            used_s += 8 * _floats(theirs, size)[finished].sum() / units.parse(link[way]["rate"], "bit rate")
    return used_s / observed_s if observed_s > 0 else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.095 else f"{100 * share:.2g}"


def _by(table: pa.Table, column: str) -> Iterator[tuple[str, pa.Table]]:
    names = table[column].cast(pa.string())
    for name in pc.unique(names).to_pylist():
        yield name, table.filter(pc.equal(names, name))


def _floats(table: pa.Table, name: str) -> Floats:
    column: Floats = table[name].cast(pa.float64()).to_numpy()
    return column
