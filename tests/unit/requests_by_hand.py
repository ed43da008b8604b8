"""A requests table made without an engine: the columns of requests.parquet filled from a few numbers per policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

_TEXT = pa.dictionary(pa.int32(), pa.string())
_PARTS = (
    "device_wait_s",
    "device_service_s",
    "uplink_wait_s",
    "uplink_service_s",
    "edge_wait_s",
    "edge_service_s",
    "downlink_wait_s",
    "downlink_service_s",
    "propagation_s",
)
SCHEMA = pa.schema(
    [
        ("policy", _TEXT),
        ("replication", pa.int64()),
        ("device", pa.int64()),
        ("request", pa.int64()),
        ("sample", pa.int64()),
        ("status", _TEXT),
        ("reason", _TEXT),
        ("arrival_s", pa.float64()),
        ("finish_s", pa.float64()),
        ("latency_s", pa.float64()),
        ("deadline_s", pa.float64()),
        ("deadline_met", pa.bool_()),
        ("partition", _TEXT),
        ("exit", _TEXT),
        *((part, pa.float64()) for part in _PARTS[:-1]),
        ("propagation_s", pa.float64()),
        ("bytes_up", pa.float64()),
        ("bytes_down", pa.float64()),
        ("energy_compute_j", pa.float64()),
        ("energy_radio_j", pa.float64()),
        ("energy_idle_j", pa.float64()),
        ("energy_j", pa.float64()),
        ("correct", pa.bool_()),
    ]
)


def request(policy: str, number: int, arrival_s: float, latency_s: float | None, **columns: Any) -> dict[str, Any]:
    """One row; ``latency_s`` None makes a dropped request. Other columns by name."""
    done = latency_s is not None
    return {
        "policy": policy,
        "replication": 0,
        "device": 0,
        "request": number,
        "sample": number,
        "status": "completed" if done else "dropped",
        "reason": None if done else "queue full",
        "arrival_s": arrival_s,
        "finish_s": arrival_s + latency_s if done else None,
        "latency_s": latency_s,
        "deadline_s": None,
        "deadline_met": None,
        "partition": "output",
        "exit": None,
        **dict.fromkeys(_PARTS, 0.0 if done else None),
        "device_service_s": latency_s,
        "bytes_up": 0.0,
        "bytes_down": 0.0,
        "energy_compute_j": 1.0,
        "energy_radio_j": 0.0,
        "energy_idle_j": 0.0,
        "energy_j": 1.0,
        "correct": None,
        **columns,
    }


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of `request` as a table; a column ``group`` is kept if the rows have one."""
    schema = SCHEMA
    if rows and "group" in rows[0]:
        schema = schema.insert(3, pa.field("group", _TEXT))
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def generated(
    mean_latencies_s: Mapping[str, float],
    requests: int,
    *,
    seed: int = 1,
    replications: int = 1,
    groups: Sequence[str] = (),
    deadline_s: float | None = None,
    noise: float = 0.2,
) -> pa.Table:
    """Policies with random latencies around their means, the noise shared by all policies (common random numbers)."""
    count = requests * replications
    random = np.random.default_rng(seed)
    arrival = np.tile(np.arange(requests) * 0.1, replications)
    shared = np.exp(random.normal(0.0, noise, count))
    tables = []
    for number, (policy, mean) in enumerate(mean_latencies_s.items()):
        latency = mean * shared * np.exp(random.normal(0.0, noise / 4, count))
        fraction = random.dirichlet(np.full(len(_PARTS), 0.7 + number / 3))
        columns: dict[str, Any] = {
            "policy": pa.array([policy]).dictionary_encode().take(pa.array(np.zeros(count, np.int32))),
            "replication": np.repeat(np.arange(replications), requests),
            "device": np.zeros(count, np.int64),
            "request": np.tile(np.arange(requests), replications),
            "sample": np.tile(np.arange(requests), replications),
            "status": np.full(count, "completed"),
            "reason": pa.nulls(count, pa.string()),
            "arrival_s": arrival,
            "finish_s": arrival + latency,
            "latency_s": latency,
            "deadline_s": np.full(count, np.nan if deadline_s is None else deadline_s),
            "deadline_met": pa.nulls(count, pa.bool_()) if deadline_s is None else latency <= deadline_s,
            "partition": np.full(count, "output"),
            "exit": pa.nulls(count, pa.string()),
            **{part: latency * share for part, share in zip(_PARTS, fraction, strict=True)},
            "bytes_up": np.full(count, 44770.0),
            "bytes_down": np.full(count, 4000.0),
            "energy_compute_j": latency * 2,
            "energy_radio_j": latency * (1 + number) / 2,
            "energy_idle_j": latency / 4,
            "energy_j": latency * (2.25 + (1 + number) / 2),
            "correct": random.random(count) < 0.76,
        }
        fields = list(SCHEMA)
        if groups:
            columns["group"] = np.array(groups)[np.arange(count) % len(groups)]
            fields.insert(3, pa.field("group", _TEXT))
        arrays = [
            pa.array(columns[f.name], from_pandas=True)
            if not isinstance(columns[f.name], pa.Array)
            else columns[f.name]
            for f in fields
        ]
        arrays = [
            array
            if array.type == f.type
            else (array.dictionary_encode().cast(f.type) if f.type == _TEXT else array.cast(f.type))
            for array, f in zip(arrays, fields, strict=True)
        ]
        tables.append(pa.Table.from_arrays(arrays, schema=pa.schema(fields)))
    return pa.concat_tables(tables)


def rate_curves(groups: Sequence[str] = ("devices",)) -> dict[str, pa.Table]:
    """Curves of three policies whose latencies cross at 2 and 20 Mbit/s and whose energies cross at 5 Mbit/s.

    In every further group the rates are ten times those of the group before.
    """
    curves, changes = [], []
    for number, group in enumerate(groups):
        rows, crossovers = _rate_curves()
        faster = 10**number
        curves += [{"group": group, **row, "uplink_rate_bps": row["uplink_rate_bps"] * faster} for row in rows]
        changes += [{"group": group, **row, "rate_bps": row["rate_bps"] * faster} for row in crossovers]
    return {"rate_sweep": pa.Table.from_pylist(curves), "rate_sweep_crossovers": pa.Table.from_pylist(changes)}


def _rate_curves() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rates = np.geomspace(1e5, 1e8, 61)
    latency = {"local": 0.6 + 0 * rates, "split": 0.5 + 2e5 / rates, "edge": 0.41 + 2e6 / rates}
    energy = {"local": 2.0 + 0 * rates, "split": 2.1 + 2e5 / rates, "edge": 1.0 + 5e6 / rates}
    rows = [
        {"uplink_rate_bps": float(rate), "policy": policy, "latency_s": float(delay), "energy_j": float(spent)}
        for policy in latency
        for rate, delay, spent in zip(rates, latency[policy], energy[policy], strict=True)
    ]
    crossovers = [
        {"metric": "latency_s", "rate_bps": 2e6, "from_policy": "local", "to_policy": "split"},
        {"metric": "latency_s", "rate_bps": 2e7, "from_policy": "split", "to_policy": "edge"},
        {"metric": "energy_j", "rate_bps": 5e6, "from_policy": "local", "to_policy": "edge"},
    ]
    return rows, crossovers


def radio_timeline(policies: Sequence[str], groups: Sequence[str] = ("devices",)) -> dict[str, pa.Table]:
    """Ten seconds of an LTE radio; it rests under the first policy, and power grows from one to the next.

    In every further group everything takes ten times as long.
    """
    rows = []
    for number, group in enumerate(groups):
        for watts, policy in enumerate(policies):
            steps = [(1.0, "idle", 0.02), (1.25, "promotion", 1.2), (2.0, "send", 1.0 + watts), (2.5, "send", 2.0)]
            steps += [(2.75, "send+receive", 3.0), (3.0, "receive", 0.5), (5.0, "tail 1", 1.1), (7.0, "tail 2", 0.9)]
            start = 0.0
            for end, state, power in [*(steps if watts else []), (10.0, "idle", 0.02)]:
                stop = end * 10.0**number
                row = {"group": group, "policy": policy, "start_s": start, "end_s": stop}
                rows.append(row | {"state": state, "power_w": power})
                start = stop
    return {"radio_timeline": pa.Table.from_pylist(rows)}


def cut_costs(policies: Sequence[str], groups: Sequence[str] = ("devices",)) -> dict[str, pa.Table]:
    """Forty layers in four modules that halve in size while they slow down; policies take the cuts in turn.

    In every further group everything takes ten times as long.
    """
    layers, cuts = [], []
    for number, group in enumerate(groups):
        slower = 10.0**number
        for k in range(41):
            name = f"module{(k - 1) // 10}.layer{k}" if k else "input as jpeg"
            times = {"device_s": 1e-3 * k * slower, "edge_s": 1e-5 * k * slower}
            size = {"cut_bytes": 0.0 if k == 40 else 1e6 / 2 ** (k // 10)}
            taken = ", ".join(policies[k // 8 :: 6]) if k % 8 == 0 else ""
            layers.append({"group": group, "layer": name, **times, **size, "taken_by": taken})
            if k % 8 == 0:
                stages = {f"{stage}_s": (k + place) * 1e-3 * slower for place, stage in enumerate(_STAGES)}
                total = {"latency_s": sum(stages.values()), "energy_j": 1.0}
                cuts.append({"group": group, "cut": name, **stages, **total, **size, "taken_by": taken})
    return {"layer_times": pa.Table.from_pylist(layers), "cut_stages": pa.Table.from_pylist(cuts)}


_STAGES = ("device", "uplink", "edge", "backhaul_up", "cloud", "backhaul_down", "downlink", "propagation")
