"""A model as a chain: the cuts at which one tensor is all that comes later needs.

Between two such cuts lies a stage, whatever its graph. A request may go from machine to machine at each of them any
number of times: what crosses is that tensor, and nothing that was sent before is needed again. At other cuts it may be,
so that sending all live tensors anew at each switch would cost too much.
Leaves out early exits, and results that are made before the last stage and would have to come back on their own.
"""

from __future__ import annotations

import numpy as np

from simulator.arrays import Floats
from simulator.profiling.model import ModelProfile
from simulator.profiling.partition import CutPoint


def chain_cuts(profile: ModelProfile) -> tuple[CutPoint, ...]:
    """Cut points behind which one tensor or none is needed, from ``input`` to ``output``; one more than stages."""
    cuts = profile.cut_points
    inner = tuple(cut for cut in cuts[1:-1] if cut.layers and cut.tensors == 1)
    return (cuts[0], *inner, cuts[-1])


def stage_sums(profile: ModelProfile, values: Floats) -> Floats:
    """Sum of a value of each layer, such as its time, over the layers of each stage; shape (stages,).

    Parameters
    ----------
    profile : ModelProfile
    values : array, shape (layers of the graph,)
    """
    until = np.concatenate((np.zeros(1), np.cumsum(values[list(profile.trunk)])))
    return np.diff(until[[cut.layers for cut in chain_cuts(profile)]])
