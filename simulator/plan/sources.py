"""What drawing the workload of a system needs."""

from __future__ import annotations

from simulator.plan.system import System
from simulator.workload import Source


def sources(system: System) -> list[Source]:
    """What drawing the workload of a system needs, one entry for each group."""
    return [
        Source(
            spec=group.workload,
            devices=group.devices,
            samples=0 if group.samples is None else group.samples.size,
            device_variability=group.card.variability,
            edge_variability=system.server.variability,
            base=system.base,
            horizon_s=system.horizon_s,
            cloud_variability=None if system.cloud is None else system.cloud.card.variability,
            has_cloud=system.cloud is not None,
        )
        for group in system.groups
    ]
