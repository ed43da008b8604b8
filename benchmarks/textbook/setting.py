"""The numbers of the textbook models; each reads those that it needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Devices, requests of each, and the times of the stations.

    Attributes
    ----------
    devices, requests, rate_per_s
        Number of devices; number and rate of the requests of each.
    device_s, uplink_s, edge_s, downlink_s, propagation_s
        Service times of the stations, and the delay between device and server either way.
    rest_s
        Time on the device of what the server would compute.
    workers
        Servers of the edge.
    input_uplink_s, whole_edge_s
        As ``uplink_s`` and ``edge_s`` where nothing runs on the device.
    promotion_s, tail_s
        What a sleeping radio needs to wake, and how long it stays awake after a transfer: the numbers of `wifi`.
    max_batch, max_wait_s, batch_fixed_s, batch_item_s
        Size of a full batch, how long a request waits for it to fill, and the time of a batch: a fixed part and a part
        for each request, together ``edge_s`` for one.
    queue_limit
        Requests that may wait at the server.
    backhaul_s, backhaul_down_s, backhaul_propagation_s, cloud_s, cloud_workers
        The link from the edge to the cloud, one way, the other way, and its delay; the cloud.
    """

    devices: int = 10
    requests: int = 10_000
    rate_per_s: float = 30.0
    device_s: float = 0.010
    uplink_s: float = 0.016
    edge_s: float = 0.010
    downlink_s: float = 0.004
    propagation_s: float = 0.005
    rest_s: float = 0.030
    workers: int = 4
    input_uplink_s: float = 0.064
    whole_edge_s: float = 0.012
    promotion_s: float = 0.0791
    tail_s: float = 0.2381
    max_batch: int = 8
    max_wait_s: float = 0.020
    batch_fixed_s: float = 0.003
    batch_item_s: float = 0.002
    queue_limit: int = 4
    backhaul_s: float = 0.001
    backhaul_down_s: float = 0.0002
    backhaul_propagation_s: float = 0.020
    cloud_s: float = 0.010
    cloud_workers: int = 8
