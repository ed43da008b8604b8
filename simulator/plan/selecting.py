"""What options are chosen by: their predicted scores, what they have to keep to, and why nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, ScenarioError
from simulator.physics.objectives import Limit, Selected, scores
from simulator.plan.candidates import Candidates
from simulator.plan.prediction import Prediction
from simulator.plan.stages import SERVER, THREE_TIERS
from simulator.plan.system import Group, System
from simulator.policies.objectives import Objective, Within
from simulator.units import human

Floats = NDArray[np.float64]

#: of the limits that a policy may name, the dimension in which a message shows them
_SHOWN = {"latency": "time", "energy": "energy"}


def crowds(system: System) -> dict[str, float]:
    """For each stage how many of its service times pass between two requests of a device, by the name of the stage.

    All devices share servers and the link to the cloud; a server has workers.
    """
    specs = {"edge": (system.scenario.serving, system.server)}
    if system.cloud is not None:
        specs["cloud"] = (system.cloud.serving, system.cloud.card)
    found = {}
    for stage in THREE_TIERS:
        workers = 1
        if stage.kind == SERVER and stage.name in specs:
            rules, card = specs[stage.name]
            workers = card.workers if rules.workers is None else rules.workers
        found[stage.name] = (system.devices if stage.shared else 1) / workers
    return found


def scored(prediction: Prediction, shares: Floats, objective: Objective, crowd: Mapping[str, float]) -> Floats:
    """What the best option minimises, in the mean over the ways out; one value for each option (and rate)."""
    stages = [prediction.expected(time_s * crowd[name], shares) for name, time_s in prediction.stages_s.items()]
    latency_s, energy_j = (prediction.expected(table, shares) for table in (prediction.latency_s, prediction.energy_j))
    return scores(objective if isinstance(objective, str) else dict(objective), latency_s, energy_j, stages)


def limits(within: Within | None, latency_s: Floats, energy_j: Floats, accuracy: Floats, sends: Floats) -> list[Limit]:
    """The limits of a policy; arrays have one value for each option (and rate).

    Parameters
    ----------
    within : Within or None
    latency_s, energy_j, accuracy : array
        As predicted; NaN where nobody knows the accuracy.
    sends : array
        1 where the raw input leaves the device, 0 elsewhere.
    """
    if within is None:
        return []
    found = []
    if within.latency is not None:
        found.append(Limit("latency", latency_s, within.latency))
    if within.energy is not None:
        found.append(Limit("energy", energy_j, within.energy))
    if within.accuracy is not None:
        found.append(Limit("accuracy", accuracy, within.accuracy, is_floor=True))
    if within.keep_input:
        found.append(Limit("keep_input", sends, 0.0))
    return found


def sends_input(table: Candidates) -> Floats:
    """1 for options that send the raw input, shape (options,)."""
    first = np.array([cut.layers == 0 for cut in table.cuts])
    return np.asarray(first & table.offloaded.any(axis=1), dtype=np.float64)


def accuracies(table: Candidates, group: Group, taken: NDArray[np.int64] | None, altered: float | None) -> Floats:
    """Accuracy of each option, shape (options,): by the group's records, else as published; NaN where it is not known.

    Parameters
    ----------
    table : Candidates
    group : Group
    taken : array of int, shape (samples,), or None
        Way out of each sample.
    altered : float or None
        What is left of it where a codec alters the features; NaN if nobody knows, None without such a codec.
    """
    plain = np.nan if group.profile.top1 is None else group.profile.top1
    if group.samples is not None:
        right = group.samples.correct
        way = np.full(len(right), right.shape[1] - 1) if taken is None else taken
        plain = float(right[np.arange(len(right)), way].mean())
    sends_features = np.array([cut.layers > 0 for cut in table.cuts]) & table.offloaded.any(axis=1)
    return np.where(sends_features, plain if altered is None else altered, plain)


def nothing_keeps(selected: Selected, what: str) -> ScenarioError:
    """Why nothing was selected, though something can run."""
    single = len(selected.unmet) == 1
    problems = []
    for unmet in selected.unmet:
        place = ("within", unmet.name)
        if unmet.name == "keep_input":
            message = f"no {what} keeps the input on the device"
            problems.append(Problem(message if single else f"{message} with the other limits", "", place))
            continue
        dimension = _SHOWN.get(unmet.name)
        asked, nearest = (
            "unknown" if np.isnan(value) else human(value, dimension) if dimension else f"{value:.1%}"
            for value in (unmet.asked, unmet.nearest)
        )
        bound = "at least" if unmet.name == "accuracy" else "at most"
        kept = "" if single else ", where the other limits are kept"
        message = f"no {what} has {unmet.name.replace('_', ' ')} {bound} {asked}{kept}"
        problems.append(Problem(message, f"the nearest is {nearest}", place))
    return ScenarioError(problems)


def noun(names: Sequence[str]) -> str:
    """What options are called in messages."""
    return "pair of cuts" if any(" > " in name for name in names) else "cut"
