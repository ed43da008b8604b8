"""Memory that a run will need, estimated before anything is drawn, and refused when the machine does not have it.

The bytes were measured on whole runs (`benchmarks/run.py` prints them again): peak memory over rows, from 1e6 to 2e6
rows with a radio, and over frames of LoRaWAN, from 7e5 to 1.4e6. Left out are recorded arrivals, whose number only
their file knows (its size is limited instead), and limits of containers that the system does not tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.errors import Problem, ScenarioError
from simulator.physics.lora import frames_of
from simulator.plan.plan import Plan
from simulator.plan.system import System
from simulator.units import human

#: for each row of the table, its columns and what making them takes
ROW_BYTES = 650
#: for each frame of LoRaWAN
FRAME_BYTES = 250


def needed_bytes(system: System, plans: Sequence[Plan]) -> float:
    """Peak memory of a run with its whole table, beside the program itself."""
    total, frames_in_turn = 0.0, 0.0
    for g, group in enumerate(system.groups):
        requests = group.workload.expected_requests * len(group.devices) * system.scenario.statistics.replications
        for plan in plans:
            total += requests * ROW_BYTES
            if group.lora is not None:
                rules, choice = group.lora.parameters(), plan.choices[g]
                most_bytes = int(rules.most_bytes[rules.settled_rate(rules.received_dbm)])
                frames = [frames_of(size, most_bytes) for size in choice.table.bytes_up[choice.cut].tolist()]
                # frames are kept only while the requests of one replication and policy are being accounted for
                once = requests / system.scenario.statistics.replications
                frames_in_turn = max(frames_in_turn, once * float(np.array(frames) @ choice.shares))
    return total + frames_in_turn * FRAME_BYTES


def require_memory(system: System, plans: Sequence[Plan]) -> None:
    """Refuse a run that would end for want of memory.

    Raises
    ------
    ScenarioError
        With what it needs and what there is.
    """
    import psutil

    needed, free = needed_bytes(system, plans), float(psutil.virtual_memory().available)
    if needed > free:
        message = f"the run needs about {human(needed, 'size')} of memory, and {human(free, 'size')} are free"
        hint = "fewer requests, replications or policies; a sweep keeps no table and needs a fraction of it"
        raise ScenarioError(Problem(message, hint, ("workload",)))
