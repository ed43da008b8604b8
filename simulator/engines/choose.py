"""Which engine runs: the one asked for, or the one that will be finished sooner.

The fast engine costs a start: numba is imported and machine code is read, or compiled when there is none yet. The
readable engine starts at once and needs a hundred times longer for a request. Both give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simulator.engines.forward import way_through
from simulator.engines.log import RequestLog
from simulator.errors import Problem, ScenarioError
from simulator.plan.plan import Plan
from simulator.workload import Workload

Engine = Callable[[Plan, Workload], RequestLog]

ENGINES = ("auto", "reference", "fast")
#: requests that the readable engine has done by the time the fast one has started; with and without stored code
START_IN_REQUESTS = {True: 60_000, False: 700_000}


def choose(wanted: str, requests: float, plans: Sequence[Plan]) -> tuple[str, Engine]:
    """Name and function of the engine that runs.

    Parameters
    ----------
    wanted : {"auto", "reference", "fast"}
    requests : float
        Requests over all policies and replications, see `effort`.
    plans : sequence of Plan
        What is to run.

    Raises
    ------
    ScenarioError
        When the fast engine is asked for what only the reference engine runs.
    """
    only_reference = [plan.policy for plan in plans if plan.online is not None]
    if only_reference and wanted == "fast":
        message = f"the fast engine cannot run {', '.join(only_reference)}: decided in Python for each request"
        raise ScenarioError(Problem(message, "use --engine reference, or auto"))
    if only_reference:
        wanted = "reference"
    if wanted == "auto":
        wanted = "fast" if requests > START_IN_REQUESTS[_is_compiled(plans)] else "reference"
    if wanted == "fast":
        from simulator.engines import fast

        return wanted, fast.run
    from simulator.engines import reference

    return wanted, reference.run


def effort(plans: Sequence[Plan], requests: int) -> float:
    """Work of so many requests under each plan, in requests; each frame that a LoRaWAN device sends counts as one."""
    return sum(requests * (1.0 + _frames(plan)) for plan in plans)


def _frames(plan: Plan) -> float:
    """Mean frames of a request, over all options, where its frames are simulated one by one."""
    if plan.lora is None:
        return 0.0
    most_bits = 8 * plan.lora.most_bytes[plan.lora.most_bytes > 0].min()
    first = (plan.chosen_row + plan.final).tolist()
    return float(np.mean(plan.work("uplink")[first] / most_bits))


def _is_compiled(plans: Sequence[Plan]) -> bool:
    """Whether machine code of all ways through the fast engine that the plans take lies in the cache beside it."""
    cache = Path(__file__).parent / "__pycache__"
    names = {"forward.pass_through" if way_through(plan) == "passes" else "loop.simulate" for plan in plans}
    return all(any(cache.glob(f"{name}-*.nbc")) for name in names)
