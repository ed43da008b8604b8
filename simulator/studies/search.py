"""Looking for a front in a grid that is too large to compute: NSGA-II, as Optuna has it.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002. A gene is the place on
an axis, one more gene is the policy; axes of numbers keep their order, others are categories. Computing a point yields
all of its policies, and everything that was computed counts for the front, whoever asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product

from simulator.errors import Problem, SweepError

Place = tuple[int, ...]
#: points -> for each the costs of its policies, None for a policy without values
Evaluate = Callable[[Sequence[Place]], Mapping[Place, Sequence[Sequence[float] | None]]]

#: individuals of one generation
POPULATION = 60
#: generations without a new point after which there is nothing left to find
_IDLE = 10
#: corners of the grid that the first generation holds
_CORNERS = 16


def search(
    sizes: Sequence[int], ordered: Sequence[bool], policies: int, evaluate: Evaluate, *, budget: int, seed: int
) -> int:
    """Evaluate those points of a grid that evolution leads to.

    Parameters
    ----------
    sizes : sequence of int
        Values of each axis.
    ordered : sequence of bool
        Whether an axis is one of numbers.
    policies : int
        Number of policies.
    evaluate : callable
        Computes points.
    budget : int
        Points to compute.
    seed : int

    Returns
    -------
    int
        Points that were computed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        hint = 'install it with: pip install "offload-sim[optimise]"; or take a grid of at most --budget points'
        raise SweepError(Problem("searching a large grid needs the package optuna", hint)) from error
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    genes: dict[str, BaseDistribution] = {
        f"axis{k}": IntDistribution(0, size - 1) if is_ordered else CategoricalDistribution(tuple(range(size)))
        for k, (size, is_ordered) in enumerate(zip(sizes, ordered, strict=True))
    }
    genes["policy"] = CategoricalDistribution(tuple(range(policies)))
    known = dict(evaluate(list(islice(_first(sizes), min(budget, _CORNERS)))))
    study = optuna.create_study(
        directions=["minimize"] * _width(known),
        sampler=optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed),
    )
    for place in known:
        study.enqueue_trial({f"axis{k}": value for k, value in enumerate(place)} | {"policy": 0})
    idle = 0
    while len(known) < budget and idle < _IDLE:
        trials = [study.ask(genes) for _ in range(POPULATION)]
        places = [tuple(trial.params[f"axis{k}"] for k in range(len(sizes))) for trial in trials]
        new = list(dict.fromkeys(place for place in places if place not in known))[: budget - len(known)]
        idle = 0 if new else idle + 1
        known |= evaluate(new)
        for trial, place in zip(trials, places, strict=True):
            values = known[place][trial.params["policy"]] if place in known else None
            if values is None or any(map(math.isnan, values)):
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, list(values))
    return len(known)


def _first(sizes: Sequence[int]) -> Iterator[Place]:
    """The middle of the grid, then its corners."""
    yield tuple(size // 2 for size in sizes)
    yield from dict.fromkeys(product(*(sorted({0, size - 1}) for size in sizes)))


def _width(evaluated: Mapping[Place, Sequence[Sequence[float] | None]]) -> int:
    widths = {len(values) for policies in evaluated.values() for values in policies if values is not None}
    if not widths:
        raise SweepError(Problem("no point that was tried has values", "sweep a part of the grid to see why"))
    return widths.pop()
