"""Columns of the tables that figures are drawn from and that the requests do not hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: tables that figures are drawn from and that the requests do not hold, with their columns
CURVE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rate_sweep": ("group", "uplink_rate_bps", "policy", "latency_s", "energy_j"),
        "rate_sweep_crossovers": ("group", "metric", "rate_bps", "from_policy", "to_policy"),
        "layer_times": ("group", "layer", "device_s", "edge_s", "cut_bytes", "taken_by"),
        "cut_stages": (
            *("group", "cut", "device_s", "uplink_s", "edge_s", "backhaul_up_s", "cloud_s", "backhaul_down_s"),
            *("downlink_s", "propagation_s", "latency_s", "energy_j", "cut_bytes", "taken_by"),
        ),
        "radio_timeline": ("group", "policy", "start_s", "end_s", "state", "power_w"),
    }
)
