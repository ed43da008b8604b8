"""What is known before a run that its reader should know: for `check`, `explain` and the cautions of the report."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.inference.incomplete import incomplete
from simulator.inference.saturation import Loads, nearly_full, overloaded
from simulator.plan.futile import futile
from simulator.plan.plan import Plan
from simulator.plan.radio_range import outside_fit
from simulator.plan.system import System


def foreseen(system: System, plans: Sequence[Plan], loads: Loads) -> list[str]:
    """Cautions, one sentence each.

    Parameters
    ----------
    system : System
    plans : sequence of Plan
    loads : Loads
        See `saturation.loads_of`.
    """
    return [*incomplete(plans), *nearly_full(loads), *futile(system, plans), *outside_fit(system, plans)]


def warnings(system: System, plans: Sequence[Plan], loads: Loads) -> list[str]:
    """The cautions, and before them what the report of a run says in its own sentences: who has no steady state."""
    return [*overloaded(loads), *foreseen(system, plans, loads)]
